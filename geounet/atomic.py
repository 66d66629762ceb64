"""Nothing half-written ever bears its final name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geounet.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what is written there is flushed to disk and renamed when the block ends well.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path} cannot be written ({reason}); check the folder and its space") from error
    finally:
        temporary.unlink(missing_ok=True)
