"""Average precision of polygons that were found with a confidence, as COCO has it.

Lin et al. (2014), "Microsoft COCO: Common Objects in Context"; cocoeval.py: detections choose in the order of their
confidence, and precision is read at 101 values of recall. There is no limit to how many are found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.objects import Numbers, one_to_one

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of IoU
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Polygons that were found, and the pairs (n,) of a true and a found one with an IoU of 0.5 or more.

    Args:
        confidence: (found,) each polygon's.
        truth_counts, found_counts: (truth,) and (found,) whether a polygon counts; finding one that does not is neither
            right nor wrong, as of COCO's crowds.
        truth, found, iou: of the pairs.
    """

    confidence: NDArray[np.float64]
    truth_counts: NDArray[np.bool_]
    found_counts: NDArray[np.bool_]
    truth: Numbers
    found: Numbers
    iou: NDArray[np.float64]

    def average_precision(self, least_iou: float) -> float | None:
        """The mean of the precision over recall; None where there is nothing to find."""
        there = int(self.truth_counts.sum())
        if not there:
            return None
        order = np.lexsort((self.truth, -self.iou, ~self.truth_counts[self.truth], self.found, -self._of_pairs))
        order = order[self.iou[order] >= least_iou]
        kept = order[one_to_one(self.truth[order], self.found[order])]
        right = np.zeros(len(self.confidence), bool)
        right[self.found[kept]] = self.truth_counts[self.truth[kept]]
        unmatched = np.ones(len(self.confidence), bool)
        unmatched[self.found[kept]] = False
        listed = right | (unmatched & self.found_counts)
        ranked = np.flatnonzero(listed)
        ranked = ranked[np.argsort(-self.confidence[ranked], kind="stable")]
        return _mean_precision(right[ranked], there)

    @property
    def _of_pairs(self) -> NDArray[np.float64]:
        return self.confidence[self.found]


def _mean_precision(right: NDArray[np.bool_], there: int) -> float:
    """Of (n,) claims in the order of their confidence, with so many true objects."""
    if not len(right):
        return 0.0
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(hits / there, _RECALLS, side="left")
    return float(np.append(precision, 0.0)[places].mean())
