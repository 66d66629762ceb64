"""Fields: which area each pixel of a raster belongs to, and where the line between two areas runs."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geounet.legend import NODATA
from geounet.polygons.runs import Areas, Integers, Levels

Fractions = NDArray[np.float64]


class Field(Protocol):
    """How the pixels of a canvas are read: (bands, rows, columns) uint8, with 255 for nodata in band 1.

    Args:
        several: whether there are several areas, so that lines between them part.
        halfway: whether the line lies half-way between all pixels, and vertices on the way from one turn of it to the
            next say nothing.
    """

    @property
    def several(self) -> bool: ...

    @property
    def halfway(self) -> bool: ...

    def areas(self, canvas: Levels) -> Areas:
        """Number of the area that each pixel belongs to, 0 for none, (rows, columns); False and True where all is one.

        Nodata belongs to none.
        """
        ...

    def weights(self, canvas: Levels) -> Levels | None:
        """What is summed over the pixels of a part, (rows, columns); None where nothing is."""
        ...

    def crossings(self, canvas: Levels, before: Integers, after: Integers) -> Fractions:
        """Where the line lies between pixels of two areas: above 0, the centre of the one before, and below 1.

        The same to the last bit, whichever area is outlined.

        Args:
            canvas: (bands, pixels), flat.
            before, after: (n,) places of neighbouring pixels, neither of them nodata.
        """
        ...


@dataclass(frozen=True, slots=True)
class Level:
    """One area of levels k to 254, whose outline follows the level k - 1/2.

    Args:
        k: 1..254.
    """

    k: int

    @property
    def several(self) -> bool:
        return False

    @property
    def halfway(self) -> bool:
        return False

    def __post_init__(self) -> None:
        assert 1 <= self.k < NODATA, self.k

    def areas(self, canvas: Levels) -> Areas:
        # unsigned: levels below k wrap round to large ones
        inside: Areas = (canvas[0] - np.uint8(self.k)) < np.uint8(NODATA - self.k)
        return inside

    def weights(self, canvas: Levels) -> Levels:
        levels: Levels = canvas[0]
        return levels

    def crossings(self, canvas: Levels, before: Integers, after: Integers) -> Fractions:
        first, second = canvas[0, before].astype(np.float64), canvas[0, after].astype(np.float64)
        fractions: Fractions = (first - self.k + 0.5) / (first - second)
        return fractions


@dataclass(frozen=True, slots=True)
class Only:
    """The area of one class id alone, of whose probability nothing is known: half-way between the pixels' centres."""

    class_id: int

    @property
    def several(self) -> bool:
        return False

    @property
    def halfway(self) -> bool:
        return True

    def areas(self, canvas: Levels) -> Areas:
        inside: Areas = canvas[0] == self.class_id
        return inside

    def weights(self, canvas: Levels) -> None:
        return None

    def crossings(self, canvas: Levels, before: Integers, after: Integers) -> Fractions:
        return np.full(len(before), 0.5)


@dataclass(frozen=True, slots=True)
class Classes:
    """An area for each class id 1 to 254 in band 1; band 1 + c is the probability of class c, where there are bands.

    The line between two classes runs where both are equally probable (that of the background is what the others
    leave), and half-way between the pixels where a probability is unknown. It depends on the two pixels and their two
    classes alone: so it is the same line for both.
    """

    @property
    def several(self) -> bool:
        return True

    @property
    def halfway(self) -> bool:
        return False  # of borders each vertex tells between which pixels they pass

    def areas(self, canvas: Levels) -> Areas:
        areas: Areas = np.maximum(canvas[0] + np.uint8(1), 1) - np.uint8(1)  # 255 wraps round to 0
        return areas

    def weights(self, canvas: Levels) -> Levels | None:
        if len(canvas) == 1:
            return None
        own: Levels = np.zeros_like(canvas[0])
        for class_id, levels in enumerate(canvas[1:], 1):
            np.copyto(own, levels, where=(canvas[0] == class_id) & (levels != NODATA))  # what is unknown counts as 0
        return own

    def crossings(self, canvas: Levels, before: Integers, after: Integers) -> Fractions:
        if len(canvas) == 1:
            return np.full(len(before), 0.5)
        first, second = canvas[0, before], canvas[0, after]
        lead = _lead(canvas, before, first, second) + 0.5  # a half, as if nothing had been rounded to a tie
        lag = _lead(canvas, after, second, first) + 0.5
        known = np.maximum(first, second) < len(canvas)
        return np.where(known, lead / (lead + lag), 0.5)


def _lead(canvas: Levels, pixel: Integers, own: Levels, other: Levels) -> Fractions:
    """By how many levels a pixel's own class is more probable than another; 0 where it is not."""
    bands = canvas[:, pixel].astype(np.float64)
    bands[0] = np.maximum(0, NODATA - 1 - bands[1:].sum(axis=0))
    last, which = len(bands) - 1, np.arange(len(pixel))
    return np.maximum(0, bands[np.minimum(own, last), which] - bands[np.minimum(other, last), which])
