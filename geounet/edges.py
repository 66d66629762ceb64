"""What pixels hold beyond the edge of the data: the mirror image of what lies inside."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.grid import Window


class Extents:
    """Rectangles that files fill, in their order; many of them are looked through at once."""

    def __init__(self, windows: Sequence[Window]):
        self._windows = windows
        self._edges = np.array([(w.row, w.col, w.row + w.height, w.col + w.width) for w in windows]).reshape(-1, 4)

    def __len__(self) -> int:
        return len(self._windows)

    def near(self, window: Window, margin: int = 0) -> list[Window]:
        """Those that come closer than `margin` pixels to a window, or into it."""
        top, left, bottom, right = self._edges.T
        around = window.grown(margin)
        meets = (top < around.rows.stop) & (bottom > around.row) & (left < around.cols.stop) & (right > around.col)
        return [self._windows[i] for i in np.flatnonzero(meets).tolist()]


def mirrored(start: int, count: int, length: int) -> NDArray[np.int64]:
    """Pixels of an axis for an interval that may leave it, mirrored at its edges with the edge pixel repeated.

    >>> mirrored(-3, 8, 4).tolist()
    [2, 1, 0, 0, 1, 2, 3, 3]
    """
    index = np.arange(start, start + count) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def taken(values: Array, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Array:
    """Those rows and columns of `values` (bands, h, w), which `mirrored` chose."""
    taken = np.empty((len(values), len(rows), len(cols)), values.dtype)
    for to_row, from_row in _runs(rows):
        for to_col, from_col in _runs(cols):
            taken[:, to_row, to_col] = values[:, from_row, from_col]  # ten times as fast as by lists of indices
    return taken


def _runs(index: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Where stretches of a mirrored axis lie in the outcome, and what they are of the axis, upward or downward.

    >>> list(_runs(np.array([1, 0, 0, 1, 2])))
    [(slice(0, 2, None), slice(1, None, -1)), (slice(2, 5, None), slice(0, 3, 1))]
    """
    done = 0
    for run in np.split(index, np.flatnonzero(np.diff(index) == 0) + 1):
        first, last = int(run[0]), int(run[-1])
        step = 1 if last >= first else -1
        yield slice(done, done + len(run)), slice(first, last + step if last + step >= 0 else None, step)
        done += len(run)
