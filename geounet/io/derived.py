"""Derived: what a source that is made of another one has from it."""

from collections.abc import Callable, Iterable

import numpy as np

from geounet.block import Array
from geounet.grid import Window
from geounet.io.bands import Bands
from geounet.io.source import Decoded, Source


class Derived:
    """Bands, types and names of the source below; see `geounet.io.source.Source`."""

    def __init__(self, source: Source):
        self._source = source

    @property
    def bands(self) -> Bands:
        return self._source.bands

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self._source.dtype

    @property
    def stored_dtype(self) -> np.dtype[np.generic]:
        return self._source.stored_dtype

    @property
    def decoded(self) -> int:
        return self._source.decoded

    @property
    def paths(self) -> list[str]:
        return list(self._source.paths)

    @property
    def identity(self) -> list[dict[str, object]]:
        return self._source.identity

    def _joined(self, window: Window, pieces: Iterable[Window], read: Callable[[Window], Decoded]) -> Decoded:
        """Pixels (bands, h, w) of a window and where they are valid (h, w), out of pieces that may reach beyond it."""
        pixels: Array = np.zeros((len(self.bands.numbers), *window.shape), dtype=self.dtype)
        valid = np.zeros(window.shape, dtype=bool)
        for piece in pieces:
            inside = piece.within(window)
            seen, into = inside.seen_from(piece), inside.seen_from(window)
            values, known = read(piece)
            pixels[:, into.rows, into.cols] = values[:, seen.rows, seen.cols]
            valid[into.rows, into.cols] = known[seen.rows, seen.cols]
        return pixels, valid
