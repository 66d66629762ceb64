"""What a network sees beyond the edge of the data: the mirror image of what lies inside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """Pixels of a window that hold others: of the rectangle `into`, those `chosen`, copied from `rows` and `cols`."""

    into: Window
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    chosen: NDArray[np.bool_]


def copies_around(window: Window, extents: Extents, reach: int) -> list[Copy]:
    """How the pixels of a window that no extent covers are filled: each from the extent nearest to it, mirrored.

    Of extents equally near the first counts. More than `reach` pixels from any nothing is filled, so that an extent
    far away changes nothing.
    """
    away = np.full(window.shape, np.inf, dtype="float32")  # squares of distances
    for extent in extents.near(window):
        inside = extent.within(window).seen_from(window)
        away[inside.rows, inside.cols] = 0
    if not away.any():
        return []
    owner = np.full(window.shape, -1, dtype="int32")
    near = [(i, e, e.grown(reach).within(window)) for i, e in enumerate(extents.near(window, reach))]
    for i, extent, into in near:
        here = into.seen_from(window)
        if not away[here.rows, here.cols].any():  # neighbours are all around
            continue
        down = _beyond(into.row, into.height, extent.row, extent.height)
        across = _beyond(into.col, into.width, extent.col, extent.width)
        distance = np.add.outer(down, across)
        closer = distance < away[here.rows, here.cols]
        np.copyto(away[here.rows, here.cols], distance, where=closer)
        owner[here.rows, here.cols][closer] = i
    copies = []
    for i, extent, into in near:
        here = into.seen_from(window)
        chosen = owner[here.rows, here.cols] == i
        if chosen.any():
            rows = extent.row + mirrored(into.row - extent.row, into.height, extent.height)
            cols = extent.col + mirrored(into.col - extent.col, into.width, extent.width)
            copies.append(Copy(into, rows, cols, chosen))
    return copies


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


def _beyond(start: int, count: int, first: int, length: int) -> NDArray[np.float32]:
    """Square of the distance from each pixel of a run to an interval of the axis."""
    at = np.arange(start, start + count)
    apart = np.maximum(0, np.maximum(first - at, at - (first + length - 1)))
    return (apart * apart).astype("float32")
