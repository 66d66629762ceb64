"""Files and folders that bear their final name only when they are whole."""

import errno
import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import overload

from geounet.errors import OutputError, SettingsError

StrPath = str | os.PathLike[str]
"""What a file or folder may be given as."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_ELSEWHERE = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    errno.ENAMETOOLONG,
)  # fmt: skip
_UNFINISHED, _REPLACED = ".unfinished", ".replaced"  # endings of a folder that is made, and of the one before it


@overload
def as_path(path: StrPath) -> Path: ...
@overload
def as_path(path: None) -> None: ...
def as_path(path: StrPath | None) -> Path | None:
    """The path that is meant by a string, or anything that stands for one.

    Raises:
        SettingsError: its bytes are no UTF-8, which GDAL and GeoPackages need.
    """
    if path is None:
        return None
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode(errors="replace")
        raise SettingsError(f"{shown} has a name that is no UTF-8; rename it, or the folder above it") from error
    return Path(path)


def as_paths(paths: StrPath | Iterable[StrPath]) -> list[Path]:
    """One path or many.

    >>> [path.name for path in as_paths("maps/a.tif")], len(as_paths(["a.tif", Path("b.tif")]))
    (['a.tif'], 2)
    """
    return [as_path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder and with the same ending; what is there at the end is renamed to `path`.

    Raises:
        OutputError: the folder cannot be written, or the disk is full. Nothing is left behind.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    unfinished = Path(name)
    try:
        with translated(path):
            os.close(handle)
            unfinished.chmod(0o666 & ~_umask())
            yield unfinished
            sync(unfinished)
            unfinished.replace(path)
            sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Keeps other processes from writing a file, and takes away what those left that were killed while they did.

    Raises:
        OutputError: another process is writing it, or there can be no such file.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with held(path.with_name(f".{path.name}.lock"), path):
        stem, random = re.escape(path.stem), r"-\w{8}"
        beside = rf"\.{stem}{random}{re.escape(path.suffix)}(-journal|-wal|-shm)?"  # and what SQLite keeps beside one
        folder = rf"\.\.{stem}{random}{re.escape(path.suffix)}{random}"
        for hidden in path.parent.glob(f".*{glob.escape(path.stem)}-*"):
            if re.fullmatch(beside, hidden.name):
                hidden.unlink(missing_ok=True)
            elif re.fullmatch(folder, hidden.name):
                shutil.rmtree(hidden, ignore_errors=True)
        yield


@contextmanager
def whole_folder(path: Path, *, overwrite: bool, marker: str) -> Iterator[Path]:
    """A temporary folder beside `path` that is renamed to it at the end.

    Args:
        marker: a file by which a folder of this kind is known: no other is ever replaced.

    Raises:
        OutputError: `path` exists and may not be overwritten, its parent cannot be written, or another process is
            making the same folder.
    """
    refuse_existing(path, overwrite=overwrite, marker=marker)
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with held(path.with_name(f".{path.name}.lock"), path):
        _sweep(path)  # nobody else makes it: these are of processes that were killed
        with translated(path):
            unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", suffix=_UNFINISHED, dir=path.parent))
        try:
            with translated(path):
                unfinished.chmod(0o777 & ~_umask())
                yield unfinished
                if path.exists():  # it stays whole until the new one is
                    path.replace(unfinished.with_suffix(_REPLACED))
                unfinished.replace(path)
        finally:
            _sweep(path)


def refuse_source(path: Path, sources: Iterable[Path | None]) -> None:
    """Nothing, or an OutputError where `path` is one of the files that are read, which it would replace."""
    with translated(path, "looked at"):
        for source in sources:
            if source is not None and path.exists() and source.exists() and path.samefile(source):
                raise OutputError(f"{path} is what is read, too; choose another --out")


def refuse_existing(path: Path, *, overwrite: bool, marker: str | None = None) -> None:
    """Nothing, or an OutputError where `path` is there and not to be overwritten.

    Args:
        marker: of a folder: a file without which it is not ours, and is left alone whatever was asked for.
    """
    with translated(path):
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return
        if not overwrite:
            raise OutputError(f"{path} exists already; choose another --out, or give --overwrite")
        if marker is not None and not (path / marker).exists():
            raise OutputError(f"{path} holds other things (there is no {marker} in it); choose another --out")


@contextmanager
def held(lock: Path, what: Path) -> Iterator[None]:
    """Keeps other processes from writing `what`; a process that is killed lets go of it.

    There is no lock where none can be had: in a folder that cannot be written, as its job will say, or on a file system
    that knows none.

    Raises:
        OutputError: another process holds it.
    """
    try:
        handle = _locked(lock)
    except BlockingIOError:
        raise OutputError(f"{what} is being written by another process; wait for it, or choose another --out") from None
    except (ImportError, OSError):
        handle = None
    try:
        yield
    finally:
        with suppress(OSError):
            lock.unlink()
        if handle is not None:
            os.close(handle)


def _locked(path: Path) -> int:
    """The handle of a file that only this process holds.

    Raises:
        ImportError: Windows, which locks otherwise.
        OSError: it cannot be made or locked; a BlockingIOError where another process holds it.
    """
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(handle).st_nlink:  # it was taken away by the one who held it until now
            raise BlockingIOError
    except OSError:
        os.close(handle)
        raise
    return handle


def _sweep(path: Path) -> None:
    """Take away the hidden folders from which `path` was, or was to be, made."""
    for hidden in path.parent.iterdir():
        if hidden.suffix in (_UNFINISHED, _REPLACED) and re.fullmatch(
            rf"\.{re.escape(path.name)}-\w{{8}}", hidden.stem
        ):
            shutil.rmtree(hidden, ignore_errors=True)


@contextmanager
def translated(path: Path, doing: str = "written") -> Iterator[None]:
    """Turns an operating system's error while `path` is written, or read, into an OutputError."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise OutputError(f"{path} cannot be {doing} ({words}); {advice(error)}") from error


def advice(error: BaseException) -> str:
    """What to do when a file cannot be written.

    >>> advice(OSError(errno.EROFS, "Read-only file system"))
    'choose another --out'
    """
    number = error.errno if isinstance(error, OSError) else None  # GDAL's errors have numbers of their own
    if number in _ELSEWHERE:
        return "choose another --out"
    go_on = "make room and run the same command again"
    is_full = number in _FULL or "disk is full" in str(error)  # SQLite's words for it
    return go_on if is_full else f"{go_on}, or choose another --out"


def beside(source: Path | str, ending: str) -> Path:
    """A name made from a file's and an ending: in its folder, or in the working folder for one read from elsewhere.

    >>> str(beside("/maps/ortho.tif", "_map")), str(beside("https://a.example/ortho.tif", "_map"))
    ('/maps/ortho_map', 'ortho_map')
    """
    path = Path(source)
    return Path(path.stem + ending) if is_remote(source) else path.with_name(path.stem + ending)


def is_remote(source: Path | str) -> bool:
    """Whether a name is a URL, or a file in one of GDAL's virtual file systems."""
    return re.match(r"[a-z][a-z0-9]+:/|/vsi", str(source)) is not None


def identity(path: Path | str) -> dict[str, object]:
    """What tells a file from another without reading it: its name, size and time; of no file, the whole text."""
    file = Path(path)
    with translated(file, "looked at"):
        stat = file.stat() if file.is_file() else None
    return {
        "name": file.name if stat else str(path),
        "bytes": stat.st_size if stat else None,
        "modified_ns": stat.st_mtime_ns if stat else None,
    }


def sync(path: Path) -> None:
    """Bring a file or folder to the disk, so that a rename never outruns its contents."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # Windows opens no folder
        return
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
