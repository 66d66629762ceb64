"""Runs of pixels of one area: where each row of a strip enters and leaves the areas to outline."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from geounet.legend import NODATA

Levels = NDArray[np.uint8]
Areas = NDArray[np.uint8] | NDArray[np.bool_]
Integers = NDArray[np.int64]

_CHUNK = 1 << 20  # pixels looked at together: they and what is made of them stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Left and right edges of runs, row by row and from left to right: even ones left, odd ones right.

    Args:
        row: (n,) the row of pixels.
        col: (n,) 0..width; the edge lies between the pixels col - 1 and col.
        area: (n,) uint8, number of the area that the run belongs to.
    """

    row: Integers
    col: Integers
    area: Levels

    @classmethod
    def none(cls) -> "Edges":
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))

    def __len__(self) -> int:
        return len(self.col)

    @classmethod
    def joined(cls, several: "list[Edges]") -> "Edges":
        return cls(*(np.concatenate([getattr(edges, f.name) for edges in several]) for f in fields(cls)))

    def __getitem__(self, which: Integers) -> "Edges":
        return Edges(self.row[which], self.col[which], self.area[which])

    @property
    def is_left(self) -> NDArray[np.bool_]:
        left = np.zeros(len(self), bool)
        left[::2] = True
        return left

    @property
    def run_lengths(self) -> Integers:
        """Pixels of each run, (n / 2,)."""
        return self.col[1::2] - self.col[::2]


def padded(above: Levels, values: Levels) -> Levels:
    """(bands, height + 1, width + 2): the row above a strip, the strip, and nodata beside them."""
    bands, height, width = values.shape
    canvas = np.empty((bands, height + 1, width + 2), np.uint8)
    canvas[:, 0] = above
    canvas[:, 1:, 0] = canvas[:, 1:, -1] = NODATA
    canvas[:, 1:, 1:-1] = values
    return canvas


def runs(
    canvas: Levels, areas_of: Callable[[Levels], Areas], weights_of: Callable[[Levels], Levels | None], first_row: int
) -> tuple[Edges, Integers]:
    """Edges of all runs of a strip, and the sum of the weights inside each run.

    Args:
        canvas: what `padded` made of the strip; its first row is not looked at.
        areas_of, weights_of: of rows of the canvas, (rows, columns), as in `geounet.polygons.field`.
        first_row: of the strip.
    """
    height, width = canvas.shape[1] - 1, canvas.shape[2]
    step = max(1, _CHUNK // width)
    found, sums = [], [np.empty(0, np.int64)]
    for top in range(1, height + 1, step):
        rows = canvas[:, top : top + step]
        areas = areas_of(rows)
        edges = _edges(areas, first_row + top - 1)
        if len(edges):
            sums.append(_sums(edges, areas, weights_of(rows)))
        found.append(edges)
    return Edges.joined(found), np.concatenate(sums)


def _sums(edges: Edges, areas: Areas, weights: Levels | None) -> Integers:
    """The sum of the weights inside each run."""
    if weights is None:
        return np.zeros(len(edges) // 2, np.int64)
    sums: Integers = np.add.reduceat(
        weights[areas != 0], np.cumsum(edges.run_lengths) - edges.run_lengths, dtype=np.int64
    )
    return sums


def _edges(areas: Areas, first_row: int) -> Edges:
    """Edges of the runs in some rows, whose first and last pixels belong to no area."""
    row, before = np.divmod(np.flatnonzero(areas[:, 1:] != areas[:, :-1]), areas.shape[1] - 1)
    entered, left = areas[row, before + 1].astype(np.uint8), areas[row, before].astype(np.uint8)
    starts, ends = np.flatnonzero(entered), np.flatnonzero(left)
    order = np.stack([starts, ends], axis=1).ravel()
    return Edges(row[order] + first_row, before[order], np.repeat(entered[starts], 2))
