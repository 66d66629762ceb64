"""Resampling to the working grid, or back: separable weights, so that a pixel's value depends on its place alone.

Down: the average of the area a working pixel covers. Up: bilinear between pixel centres. Weights are whole numbers
(fractions of a pixel), and sums of whole numbers are exact in float64 in any order: whatever window asks for an integer
scene's pixel gets the same value. On the way back the two grids change places: what is called a working pixel here is
then the scene's.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from geounet.block import Array
from geounet.working import Resampling

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Weights of scene pixels `first` .. `first + count` in a run of working pixels.

    `weights` and `cover` are sparse (working pixels, count) float64 matrices of whole numbers: how much of a value each
    scene pixel gives, and how much of the working pixel's area, of `full` in all, it covers. Averages take the one for
    the other.
    """

    first: int
    count: int
    weights: sparse.csr_array
    cover: sparse.csr_array
    full: int


def support(axis: Resampling, start: int, count: int, length: int) -> Support:
    """How working pixels `start` .. `start + count` of an axis are made from the scene's `length` pixels."""
    steps = axis.steps
    ratio, offset = int(axis.ratio * steps), int(axis.start * steps)
    left = np.arange(start, start + count) * ratio + offset
    cover = _within(length, *_area(left, ratio, steps))
    # of the pixels that a working pixel covers none is too far from its centre for a weight
    shares = cover if ratio >= steps else _within(length, *_bilinear(2 * left + ratio, steps))
    first = int(shares.cols.min()) if shares.cols.size else 0
    used = int(shares.cols.max()) + 1 - first if shares.cols.size else 1
    weights = shares.matrix(first, (count, used))
    return Support(first, used, weights, weights if shares is cover else cover.matrix(first, (count, used)), ratio)


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    """What scene pixels `cols` give to working pixels `rows`, both (n,)."""

    rows: Array
    cols: Array
    amounts: Array

    def matrix(self, first: int, shape: tuple[int, int]) -> sparse.csr_array:
        return sparse.csr_array((self.amounts.astype("float64"), (self.rows, self.cols - first)), shape=shape)


def _within(length: int, rows: Array, cols: Array, amounts: Array) -> _Shares:
    """The shares above 0 of pixels that the scene has."""
    inside = (cols >= 0) & (cols < length) & (amounts > 0)
    return _Shares(rows[inside], cols[inside], amounts[inside])


def _area(left: NDArray[np.int64], ratio: int, steps: int) -> tuple[Array, Array, Array]:
    """(working pixel, scene pixel, overlap) for intervals [left, left + ratio), in `steps` of a scene pixel."""
    reach = np.arange(ratio // steps + 2)
    cols = left[:, None] // steps + reach
    begin = np.maximum(left[:, None], cols * steps)
    end = np.minimum(left[:, None] + ratio, (cols + 1) * steps)
    rows = np.broadcast_to(np.arange(len(left))[:, None], cols.shape)
    return rows.ravel(), cols.ravel(), np.maximum(end - begin, 0).ravel()


def _bilinear(centre: NDArray[np.int64], steps: int) -> tuple[Array, Array, Array]:
    """(working pixel, scene pixel, weight out of 2 steps) for centres given in half `steps` of a scene pixel."""
    from_first = centre - steps  # scene pixel 0 has its centre at `steps` half steps
    col, fraction = from_first // (2 * steps), from_first % (2 * steps)
    rows = np.arange(len(centre))
    return (
        np.concatenate([rows, rows]),
        np.concatenate([col, col + 1]),
        np.concatenate([2 * steps - fraction, fraction]),
    )


def resampled(
    chunks: Iterable[tuple[int, int, Array, Array]], rows: Support, cols: Support, dtype: np.dtype[np.generic]
) -> tuple[Array, NDArray[np.bool_]]:
    """Working pixels (bands, rows, cols) in `dtype`, and where they are valid (rows, cols).

    A working pixel is the weighted mean of its valid scene pixels, and valid where they cover at least half of it.

    Args:
        chunks: (first row, first column, pixels (bands, h, w), valid (h, w)) of the scene; together they cover what
            `rows` and `cols` ask for, once.
    """
    total: Floats | None = None
    shape = rows.weights.shape[0], cols.weights.shape[0]
    weight, covered = np.zeros(shape), np.zeros(shape)
    for row, col, pixels, valid in chunks:
        if total is None:
            total = np.zeros((len(pixels), *shape))
        height, width = valid.shape
        above, beside = (
            slice(row - rows.first, row - rows.first + height),
            slice(col - cols.first, col - cols.first + width),
        )
        down, across = rows.weights[:, above], cols.weights[:, beside]
        touched = _touched(down)
        into = _touched(across)
        down, across = down[touched], across[into]
        for band, values in enumerate(pixels):
            seen = values.astype("float64") if valid.all() else np.where(valid, values, 0).astype("float64")
            total[band, touched, into] += _apply(down, seen, across)
        known = valid.astype("float64")
        weight[touched, into] += _apply(down, known, across)
        covered[touched, into] += _apply(rows.cover[touched, above], known, cols.cover[into, beside])
    assert total is not None, "a window inside the scene has pixels"
    good = covered * 2 >= rows.full * cols.full
    total /= np.maximum(weight, 1)
    if np.issubdtype(dtype, np.integer):
        np.rint(total, out=total)
    np.copyto(total, 0, where=~good)
    return total.astype(dtype, copy=False), good


def _touched(weights: sparse.csr_array) -> slice:
    """The run of working pixels that a chunk has a share in."""
    used = np.flatnonzero(np.diff(weights.indptr))
    return slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 0)


def _apply(down: sparse.csr_array, values: Floats, across: sparse.csr_array) -> Floats:
    return np.asarray((across @ np.ascontiguousarray((down @ values).T)).T)
