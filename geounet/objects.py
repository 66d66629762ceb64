"""Polygons found against polygons that are there: which of them stand for the same object."""

from collections.abc import Callable
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


Numbers = NDArray[np.integer]  # of polygons
Wanted = Callable[[Geometries, Geometries], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Pairs of a true polygon and one found that have an area in common, and that area, (n,) each."""

    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    common: NDArray[np.float64]

    def __getitem__(self, which: NDArray[np.bool_]) -> "Overlaps":
        return Overlaps(self.truth[which], self.found[which], self.common[which])


def overlaps(truth: Geometries, found: Geometries, wanted: Wanted | None = None) -> Overlaps:
    """The pairs of valid polygons in one CRS that overlap.

    Args:
        wanted: says which of the pairs that may overlap, (n,) polygons each, are looked at; None: all.
    """
    if not len(truth) or not len(found):
        return Overlaps(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    one, other = shapely.STRtree(found).query(truth)
    if wanted is not None:
        chosen = wanted(truth[one], found[other])
        one, other = one[chosen], other[chosen]
    common = shapely.area(shapely.intersection(truth[one], found[other]))
    return Overlaps(one, other, common)[common > 0]


def matched(truth: Geometries, found: Geometries, least_iou: float = LEAST_IOU) -> Matching:
    """The true polygons and those found for them, one to one, the best first.

    Args:
        truth, found: (n,) valid polygons in one CRS.
    """
    both = overlaps(truth, found)
    true_area, found_area = shapely.area(truth), shapely.area(found)
    iou = both.common / (true_area[both.truth] + found_area[both.found] - both.common)
    kept = best_pairs(both.truth, both.found, iou, least_iou)
    return Matching(
        truth=len(truth),
        found=len(found),
        pairs=np.stack([both.truth[kept], both.found[kept]], axis=1).astype(np.int64),
        iou=iou[kept],
        merged=_holding_several(both.found[holds_most(both.common, true_area[both.truth])]),
        split=_holding_several(both.truth[holds_most(both.common, found_area[both.found])]),
    )


def holds_most(common: NDArray[np.float64], area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether what a polygon has in common with another one is more than half of it."""
    return common > _MOST_OF_IT * area


def best_pairs(
    truth: Numbers, found: Numbers, iou: NDArray[np.float64], least_iou: float = LEAST_IOU
) -> NDArray[np.int64]:
    """Places of the pairs that are kept one to one, the best first; of equal ones that of the first polygons."""
    order = np.lexsort((found, truth, -iou))
    order = order[iou[order] >= least_iou]
    return order[one_to_one(truth[order], found[order])]


def one_to_one(one: Numbers, other: Numbers) -> NDArray[np.int64]:
    """Places in a list of pairs, best first, that use no polygon twice."""
    if not len(one):
        return np.empty(0, np.int64)
    lonely = (np.bincount(one)[one] == 1) & (np.bincount(other)[other] == 1)  # as all but few are
    chosen = lonely.copy()
    taken_one: set[int] = set()
    taken_other: set[int] = set()
    for place in np.flatnonzero(~lonely).tolist():
        a, b = int(one[place]), int(other[place])
        if a not in taken_one and b not in taken_other:
            chosen[place] = True
            taken_one.add(a)
            taken_other.add(b)
    return np.flatnonzero(chosen)


def _holding_several(holders: NDArray[np.int64]) -> int:
    return int((np.bincount(holders, minlength=1) > 1).sum())
