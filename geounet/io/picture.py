"""A small picture of a part of a scene, in strips of rows: memory stays flat whatever its size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.grid import Window
from geounet.io.scene import Scene

_STEPS = 8  # a picture is smaller by whole eighths: strips of so many rows then begin on whole rows of the files
_ROWS = 128  # of a strip
_MOST_LOOKS = 4  # at an axis of a pixel of the picture; more are no better to look at


@dataclass(frozen=True, slots=True)
class Smaller:
    """How a window of a scene's own pixels becomes a picture of `height` by `width`, `factor` times smaller."""

    window: Window
    factor: float

    @classmethod
    def of(cls, window: Window, largest: int) -> "Smaller":
        """With no side above `largest`, or no smaller than the window where that is small enough.

        >>> Smaller.of(Window(0, 0, 9000, 100), 4096).shape
        (4000, 45)
        """
        return cls(window, max(1.0, math.ceil(_STEPS * max(window.shape) / largest) / _STEPS))

    @property
    def shape(self) -> tuple[int, int]:
        return math.ceil(self.window.height / self.factor), math.ceil(self.window.width / self.factor)

    def strips(self) -> Iterator[tuple[slice, Window]]:
        """Rows of the picture, and the part of the window that they show."""
        height = self.shape[0]
        for row in range(0, height, _ROWS):
            rows = slice(row, min(row + _ROWS, height))
            top, bottom = int(rows.start * self.factor), min(int(rows.stop * self.factor), self.window.height)
            yield rows, Window(top, 0, bottom - top, self.window.width).placed_at(self.window)


def averaged(scene: Scene, smaller: Smaller) -> Iterator[tuple[slice, Array, NDArray[np.bool_]]]:
    """Strips of the picture: rows, mean values (bands, h, w) float32, and where there are any (h, w).

    Of files with overviews these are read; up to 16 pixels, spread evenly, make a pixel of the picture. What cannot be
    read is not valid.
    """
    looks = min(math.ceil(smaller.factor), _MOST_LOOKS)
    for rows, window in smaller.strips():
        shape = rows.stop - rows.start, smaller.shape[1]
        pixels, valid = scene.spread_over(window, (shape[0] * looks, shape[1] * looks))
        yield rows, *_means(pixels, valid, shape, looks)


def nearest(scene: Scene, smaller: Smaller) -> Iterator[tuple[slice, Array, NDArray[np.bool_]]]:
    """Strips of the picture as `averaged` gives them, but of single pixels, as classes need it, in their own type."""
    for rows, window in smaller.strips():
        yield rows, *scene.spread_over(window, (rows.stop - rows.start, smaller.shape[1]))


def _means(
    pixels: Array, valid: NDArray[np.bool_], shape: tuple[int, int], looks: int
) -> tuple[Array, NDArray[np.bool_]]:
    """Means of squares of `looks` by `looks` pixels over those that are valid."""
    total: Array = np.zeros((len(pixels), *shape), np.float32)
    count: Array = np.zeros(shape, np.float32)
    for down in range(looks):
        for across in range(looks):
            known = valid[down::looks, across::looks]
            total += np.where(known, pixels[:, down::looks, across::looks], 0)
            count += known
    return total / np.maximum(count, 1), count > 0
