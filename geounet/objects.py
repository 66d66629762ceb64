"""Polygons found against polygons that are there: which of them stand for the same object."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Geometries

LEAST_IOU = 0.5  # with it a polygon has one counterpart at most, as long as polygons of one kind do not overlap
_MOST_OF_IT = 0.5  # share of a polygon's area from which another one holds it


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Which polygons of two sets stand for the same objects.

    Args:
        truth, found: numbers of polygons there are.
        pairs: (n, 2) int64, indices of a true polygon and of the one found for it.
        iou: (n,) intersection over union of each pair, from 0.5 to 1.
        merged: found polygons that hold most of two or more true ones.
        split: true polygons that hold most of two or more found ones.
    """

    truth: int
    found: int
    pairs: NDArray[np.int64]
    iou: NDArray[np.float64]
    merged: int
    split: int

    @property
    def precision(self) -> float | None:
        return len(self.pairs) / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        return len(self.pairs) / self.truth if self.truth else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where there is neither truth nor anything found."""
        return 2 * len(self.pairs) / (self.truth + self.found) if self.truth + self.found else None

    @property
    def matched_iou(self) -> float | None:
        """Mean IoU of the pairs."""
        return float(self.iou.mean()) if len(self.iou) else None


def matched(truth: Geometries, found: Geometries, least_iou: float = LEAST_IOU) -> Matching:
    """The true polygons and those found for them, one to one, the best first.

    Args:
        truth, found: (n,) valid polygons in one CRS.
    """
    one, other = shapely.STRtree(found).query(truth, predicate="intersects") if len(found) else np.empty((2, 0), int)
    common = shapely.area(shapely.intersection(truth[one], found[other]))
    true_area, found_area = shapely.area(truth), shapely.area(found)
    iou = common / (true_area[one] + found_area[other] - common)
    order = np.lexsort((other, one, -iou))
    order = order[iou[order] >= least_iou]
    kept = order[_one_to_one(one[order], other[order])]
    return Matching(
        truth=len(truth),
        found=len(found),
        pairs=np.stack([one[kept], other[kept]], axis=1).astype(np.int64),
        iou=iou[kept],
        merged=_holding_several(other[common > _MOST_OF_IT * true_area[one]]),
        split=_holding_several(one[common > _MOST_OF_IT * found_area[other]]),
    )


def _one_to_one(one: NDArray[np.int64], other: NDArray[np.int64]) -> list[int]:
    """Places in a list of pairs, best first, that use no polygon twice."""
    taken_one: set[int] = set()
    taken_other: set[int] = set()
    places = []
    for place, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        if a not in taken_one and b not in taken_other:
            places.append(place)
            taken_one.add(a)
            taken_other.add(b)
    return places


def _holding_several(holders: NDArray[np.int64]) -> int:
    return int((np.bincount(holders, minlength=1) > 1).sum())
