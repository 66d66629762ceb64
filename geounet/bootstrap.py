"""Intervals of scores by block bootstrap: squares of ground are drawn anew, with all that lies in them.

After Künsch (1989), "The jackknife and the bootstrap for general stationary observations", in the plane: neighbouring
pixels and houses are right or wrong together, so that pixels drawn one by one would promise far too much.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.grid import Window

Sums = Mapping[str, NDArray[np.float64]]  # of what is counted, by its name

LEVEL, RESAMPLES, SEED = 0.95, 1000, 0
_USUAL = 100.0  # metres of a block's side: houses of one street
_USUAL_PIXELS = 256  # of a scene without CRS
_LEAST_PIXELS = 32
_FEWEST, _MOST = 30, 4096  # blocks: fewer say little, more are not needed


@dataclass(frozen=True, slots=True)
class Blocks:
    """Squares of `side` pixels over a raster of `rows` and `cols` of them."""

    side: int
    rows: int
    cols: int

    @classmethod
    def over(cls, height: int, width: int, pixel: float | None) -> "Blocks":
        """Squares of 100 m over a raster; smaller ones where there would be less than 30, larger ones beyond 4,096.

        Args:
            pixel: metres of a pixel's side; None without CRS, where a block has 256 pixels.

        >>> Blocks.over(4096, 8192, 0.1)
        Blocks(side=1000, rows=5, cols=9)
        """
        side = _USUAL_PIXELS if pixel is None else max(_LEAST_PIXELS, round(_USUAL / pixel))

        def count(side: int) -> int:
            return math.ceil(height / side) * math.ceil(width / side)

        while count(side) < _FEWEST and side // 2 >= _LEAST_PIXELS:
            side //= 2
        while count(side) > _MOST:
            side *= 2
        return cls(side, math.ceil(height / side), math.ceil(width / side))

    def __len__(self) -> int:
        return self.rows * self.cols

    def at(self, cols: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """The block of each place, given in pixels; a place outside belongs to the nearest one."""
        row = (rows // self.side).astype(np.int64).clip(0, self.rows - 1)
        col = (cols // self.side).astype(np.int64).clip(0, self.cols - 1)
        numbers: NDArray[np.int64] = row * self.cols + col
        return numbers

    def within(self, window: Window) -> Iterator[tuple[int, Window]]:
        """The blocks that a window meets: the number of each, and what of the window lies in it."""
        for row in range(window.row // self.side, -(-window.rows.stop // self.side)):
            for col in range(window.col // self.side, -(-window.cols.stop // self.side)):
                block = Window(row * self.side, col * self.side, self.side, self.side)
                yield row * self.cols + col, block.within(window)


def intervals(
    sums: Sums, figures: Callable[[Sums], Mapping[str, NDArray[np.float64]]]
) -> dict[str, tuple[float, float] | None]:
    """The interval of each figure that holds 95 % of what resampled blocks give; None where they often give nothing.

    Args:
        sums: what was counted in each block, (blocks,) each.
        figures: figures (n,) of n sums each; NaN where there is none.
    """
    there = np.any([np.asarray(column) != 0 for column in sums.values()], axis=0)
    count = int(there.sum())
    if count < 2:
        return dict.fromkeys(figures({name: np.zeros(1) for name in sums}))
    drawn = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    resampled = {name: drawn @ np.asarray(column, dtype=float)[there] for name, column in sums.items()}
    ends = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
    found: dict[str, tuple[float, float] | None] = {}
    for name, values in figures(resampled).items():
        known = values[np.isfinite(values)]
        low, high = np.percentile(known, ends) if len(known) > RESAMPLES // 2 else (np.nan, np.nan)
        found[name] = (float(low), float(high)) if np.isfinite(low) else None
    return found
