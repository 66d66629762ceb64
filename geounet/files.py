"""Files and folders that bear their final name only when they are whole."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geounet.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder and with the same ending; what is there at the end is renamed to `path`.

    Raises:
        OutputError: the folder cannot be written, or the disk is full. Nothing is left behind.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        unfinished = Path(name)
        unfinished.chmod(0o666 & ~_umask())
    try:
        with translated(path):
            yield unfinished
            sync(unfinished)
            unfinished.replace(path)
            sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, overwrite: bool, marker: str) -> Iterator[Path]:
    """A temporary folder beside `path` that is renamed to it at the end.

    Args:
        marker: a file by which a folder of this kind is known: no other is ever replaced.

    Raises:
        OutputError: `path` exists and may not be overwritten, or its parent cannot be written.
    """
    refuse_existing(path, overwrite=overwrite, marker=marker)
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        unfinished.chmod(0o777 & ~_umask())
    replaced = unfinished.with_name(unfinished.name + "-replaced")
    try:
        with translated(path):
            yield unfinished
            if path.exists():  # it stays whole until the new one is
                path.replace(replaced)
            unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


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
def translated(path: Path, doing: str = "written") -> Iterator[None]:
    """Turns an operating system's error while `path` is written, or read, into an OutputError."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise OutputError(f"{path} cannot be {doing} ({words}); choose another --out or make room") from error


def beside(source: Path | str, ending: str) -> Path:
    """A name made from a file's and an ending: in its folder, or in the working folder for one read from elsewhere.

    >>> str(beside("/maps/ortho.tif", "_map")), str(beside("https://a.example/ortho.tif", "_map"))
    ('/maps/ortho_map', 'ortho_map')
    """
    path = Path(source)
    is_remote = re.match(r"[a-z][a-z0-9]+:/|/vsi", str(source)) is not None
    return Path(path.stem + ending) if is_remote else path.with_name(path.stem + ending)


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
