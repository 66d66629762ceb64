"""Runs of inside pixels: where each row of a strip enters and leaves the areas to outline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.legend import NODATA

Levels = NDArray[np.uint8]
Integers = NDArray[np.int64]

_CHUNK = 1 << 20  # pixels looked at together: they and what is made of them stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Left and right edges of inside runs, row by row and from left to right: even ones left, odd ones right.

    Args:
        row: (n,) the row of pixels.
        col: (n,) 0..width; the edge lies between the pixels col - 1 and col.
    """

    row: Integers
    col: Integers

    def __len__(self) -> int:
        return len(self.col)

    @property
    def is_left(self) -> NDArray[np.bool_]:
        left = np.zeros(len(self), bool)
        left[::2] = True
        return left

    @property
    def run_lengths(self) -> Integers:
        """Pixels of each run, (n / 2,)."""
        return self.col[1::2] - self.col[::2]


def padded(above: Levels, levels: Levels) -> Levels:
    """(height + 1, width + 2): the row above a strip, the strip, and nodata beside them."""
    height, width = levels.shape
    canvas = np.empty((height + 1, width + 2), np.uint8)
    canvas[0] = above
    canvas[1:, 0] = canvas[1:, -1] = NODATA
    canvas[1:, 1:-1] = levels
    return canvas


def runs(canvas: Levels, weights: Levels, k: int, first_row: int) -> tuple[Edges, Integers]:
    """Edges of all runs with k <= level < 255, and the sum of `weights` inside each run.

    Args:
        canvas: what `padded` made of a strip; its first row is not looked at.
        weights: (height, width), levels summed over each run.
        k: 1..254.
        first_row: of the strip.
    """
    height, width = weights.shape
    step = max(1, _CHUNK // (width + 2))
    where, sums = [], []
    for top in range(0, height, step):
        rows = canvas[1 + top : 1 + top + step]
        inside = (rows - np.uint8(k)) < np.uint8(NODATA - k)  # unsigned: levels below k wrap round to large ones
        changes = np.flatnonzero(inside[:, 1:] != inside[:, :-1])
        where.append(changes + top * (width + 1))
        if len(changes):
            lengths = changes[1::2] - changes[::2]
            starts = np.cumsum(lengths) - lengths
            sums.append(np.add.reduceat(weights[top : top + step][inside[:, 1:-1]], starts, dtype=np.int64))
    row, col = np.divmod(np.concatenate(where), width + 1)
    return Edges(row + first_row, col), np.concatenate([np.empty(0, np.int64), *sums])
