"""OwnGrid: the way back from the working grid to the pixels of the scene's files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array, Block
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.resample import resampled, support
from geounet.io.source import Source, pieces
from geounet.legend import NODATA
from geounet.working import Resampling, WorkingGrid

_PIECE = 4 << 20  # working pixels of one reading


@dataclass(frozen=True, slots=True, eq=False)
class OwnGrid:
    """The scene's own pixels under what is seen of its working grid.

    Args:
        source: the files' pixels; of a mosaic, on the grid of its first sheet.
        grid: how the working grid lies on them; it must differ from their own.
        view: the working pixels that are seen.
    """

    source: Source
    grid: WorkingGrid
    view: Window

    @property
    def _place(self) -> Window:
        """What is seen, in pixels of the source."""
        return self.grid.made_of(self.view).within(self.source.frame.window)

    @property
    def frame(self) -> Frame:
        return self.source.frame.crop(self._place)

    def windows(self, largest: int) -> Iterator[Window]:
        """The frame in windows of about `largest` pixels whose edges lie on blocks of the (first) file."""
        for piece in pieces(self._place, self.source.block_shape, largest):
            yield piece.seen_from(self._place)

    def valid(self, window: Window) -> Block:
        """Where the files have data, (1, height, width) bool.

        Raises:
            SceneError: a part of a file that cannot be read.
        """
        place = self._place
        self.source.forget(window.row + place.row)
        _, valid = self.source.decode(window.placed_at(place))
        return Block(window, valid[None])

    def brought_back(self, window: Window, read: Callable[[Window], Block]) -> tuple[Array, NDArray[np.bool_]]:
        """Values (bands, height, width) float64 on a window of the frame, and where they are known (height, width).

        They are bilinear where the scene's pixels are the finer ones, else averages; known where working pixels that
        are known cover at least half of a pixel.

        Args:
            read: gives a window of the working pixels that are seen, (bands, h, w); nodata in the first band counts
                for all.
        """
        rows, cols = self._axes
        down = support(rows, window.row, window.height, self.view.height)
        across = support(cols, window.col, window.width, self.view.width)
        needed = Window(down.first, across.first, down.count, across.count)
        blocks = (read(piece) for piece in pieces(needed, (1, 1), _PIECE))
        chunks = ((b.window.row, b.window.col, b.values, b.values[0] != NODATA) for b in blocks)
        return resampled(chunks, down, across, np.dtype("float64"))

    @property
    def _axes(self) -> tuple[Resampling, Resampling]:
        """How rows and columns of the frame lie on the working pixels that are seen."""
        rows, cols, place, view = self.grid.rows, self.grid.cols, self._place, self.view
        assert rows is not None, "nothing is resampled"
        assert cols is not None, "nothing is resampled"
        return (
            rows.cropped(view.row, view.height).inverted(place.row, place.height),
            cols.cropped(view.col, view.width).inverted(place.col, place.width),
        )
