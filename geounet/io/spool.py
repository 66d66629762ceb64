"""Spooled: a source that cannot be read in pieces cheaply, what was decoded of it kept on disk for a while.

Of a file in strips every part of a map would decode whole strips; of one that is read from its start (PNG), all that
lies above; of large blocks, the same blocks again. What is kept is raw, and no more than the rows that one row of
parts needs.
"""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from geounet.block import Array
from geounet.files import translated
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.derived import Derived
from geounet.io.source import Decoded, Source, blocks_of, piece_shape

log = logging.getLogger(__name__)

_SIDE = 512  # pixels: of smaller blocks few are shared by two parts
_SMALL = 32 << 20  # bytes: a smaller file is decoded again in no time
_PIECE = 16 << 20  # bytes that are decoded at once, if a block is no larger


class Spooled(Derived):
    """A source whose pixels are decoded once as long as they are asked for from top to bottom.

    See `geounet.io.source.Source`. A small picture of it is not made of what is kept.

    Attributes:
        has_written: whether anything was kept so far.
    """

    def __init__(self, source: Source, folder: Path):
        super().__init__(source)
        self._folder = folder
        self._piece = piece_shape(source.block_shape, _PIECE // _pixel_bytes(source))
        self._kept: dict[Window, Path] = {}
        self.has_written = False
        self.block_shape = (1, 1)

    @property
    def frame(self) -> Frame:
        return self._source.frame

    @property
    def reference(self) -> Frame:
        return self._source.reference

    @property
    def extents(self) -> list[Window]:
        return list(self._source.extents)

    def decode(self, window: Window, shape: tuple[int, int] | None = None) -> Decoded:
        """Pixels of a window and where they are valid.

        Raises:
            SceneError: a part of the file that cannot be read.
            OutputError: no room for what is to be kept.
        """
        if shape is not None:
            return self._source.decode(window, shape)
        pieces = (block.within(self.frame.window) for block in blocks_of(window, self._piece))
        return self._joined(window, pieces, self._read)

    def forget(self, row: int) -> None:
        for piece in [piece for piece in self._kept if piece.row + piece.height <= row]:
            self._kept.pop(piece).unlink(missing_ok=True)

    def _read(self, piece: Window) -> Decoded:
        """A piece, mapped from the disk: only what is taken of it comes to memory."""
        shape = (len(self.bands.numbers), *piece.shape)
        if piece not in self._kept:
            self._kept[piece] = self._written(piece)
        path, behind = self._kept[piece], int(np.prod(shape)) * self.dtype.itemsize
        values: Array = np.memmap(path, self.dtype, "r", shape=shape)
        return values, np.memmap(path, bool, "r", offset=behind, shape=piece.shape)

    def _written(self, piece: Window) -> Path:
        values, valid = self._source.decode(piece)
        path = self._folder / f"r{piece.row:07d}c{piece.col:07d}.raw"
        with translated(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            self.has_written = True
            with path.open("wb") as file:  # not through a map: a full disk would end the process without a word
                file.write(np.ascontiguousarray(values).data)
                file.write(np.ascontiguousarray(valid).data)
        return path


@contextmanager
def spooling(folder: Path | None) -> Iterator[Callable[[Source], Source]]:
    """What puts a spool in a folder before a source that needs one; the folder is taken away at the end."""

    made: list[Spooled] = []

    def spooled(source: Source) -> Source:
        if folder is None or not _is_costly(source):
            return source
        if not made:
            log.info("%s is costly to read in pieces: what is decoded is kept on disk for a while", source.paths[0])
        made.append(Spooled(source, folder / str(len(made))))
        return made[-1]

    try:
        yield spooled
    finally:
        if folder is not None and any(one.has_written for one in made):  # else it may be another job's
            shutil.rmtree(folder, ignore_errors=True)


def _is_costly(source: Source) -> bool:
    return max(source.block_shape) > _SIDE and source.frame.window.area * _pixel_bytes(source) > _SMALL


def _pixel_bytes(source: Source) -> int:
    return len(source.bands.numbers) * source.dtype.itemsize
