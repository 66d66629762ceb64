"""Files and folders that bear their final name only when they are whole."""

import os
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
def whole_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary folder beside `path` that is renamed to it at the end.

    Raises:
        OutputError: `path` exists and may not be overwritten, or its parent cannot be written.
    """
    refuse_existing(path, overwrite=overwrite)
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        unfinished.chmod(0o777 & ~_umask())
    try:
        with translated(path):
            yield unfinished
            if path.exists():
                shutil.rmtree(path)
            unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Nothing, or an OutputError where `path` is there and not to be overwritten."""
    if overwrite or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    raise OutputError(f"{path} exists already; choose another --out, or give --overwrite")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns an operating system's error while writing `path` into an OutputError."""
    try:
        yield
    except OSError as error:
        words = error.strerror or str(error)
        raise OutputError(f"{path} cannot be written ({words}); choose another --out or make room") from error


def identity(path: Path | str) -> dict[str, object]:
    """What tells a file from another without reading it: its name, and size and time where it lies on disk."""
    path = Path(path)
    stat = path.stat() if path.is_file() else None
    return {
        "name": path.name,
        "bytes": stat.st_size if stat else None,
        "modified_ns": stat.st_mtime_ns if stat else None,
    }


def sync(path: Path) -> None:
    """Bring a file or folder to the disk, so that a rename never outruns its contents."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
