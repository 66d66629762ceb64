"""What probabilities are worth: precision and recall at every threshold, and whether 0.9 is right 90 % of the time.

Reliability and its error after Guo et al. (2017), "On Calibration of Modern Neural Networks"; Brier (1950).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.metrics import PixelCounts
from geounet.rule import LEVELS

BINS = 10


@dataclass(frozen=True, eq=False)
class LevelCounts:
    """Pixels of each level q of probability: of the building, (255,) int64, and of anything else."""

    building: NDArray[np.int64]
    other: NDArray[np.int64]

    @classmethod
    def none(cls) -> "LevelCounts":
        return cls(np.zeros(LEVELS + 1, np.int64), np.zeros(LEVELS + 1, np.int64))

    @classmethod
    def of(cls, levels: Array, building: NDArray[np.bool_], scored: NDArray[np.bool_]) -> "LevelCounts":
        """The counts of the pixels that are scored and have a level (0..254)."""
        known = scored & (levels <= LEVELS)
        return cls(*(np.bincount(levels[known & one], minlength=LEVELS + 1) for one in (building, ~building)))

    def __add__(self, other: "LevelCounts") -> "LevelCounts":
        return LevelCounts(self.building + other.building, self.other + other.other)

    def at(self, k: int) -> PixelCounts:
        """What is counted where a pixel is building from level k on."""
        true_positive, false_positive = int(self.building[k:].sum()), int(self.other[k:].sum())
        return PixelCounts(
            true_positive,
            false_positive,
            int(self.building.sum()) - true_positive,
            int(self.other.sum()) - false_positive,
        )

    def best(self) -> int | None:
        """The level k with the highest IoU, which has the highest F1 as well: F1 = 2 IoU / (1 + IoU).

        Of several alike the one in the middle; None where there is no building.
        """
        if not self.building.any():
            return None
        ious = np.array([self.at(k).iou for k in range(1, LEVELS + 1)])
        highest = np.flatnonzero(ious == ious.max())
        return 1 + int(highest[len(highest) // 2])

    @property
    def brier(self) -> float | None:
        """Mean squared distance of probability and truth."""
        p, total = np.arange(LEVELS + 1) / LEVELS, int((self.building + self.other).sum())
        return float((self.building * (1 - p) ** 2 + self.other * p**2).sum() / total) if total else None

    def reliability(self) -> "Reliability":
        """Of the pixels."""
        p = np.arange(LEVELS + 1) / LEVELS
        return Reliability.of(p, self.building, self.building + self.other)


def threshold_of(k: int) -> float:
    """A threshold with three digits from which `rule.cut_level` makes k.

    >>> threshold_of(127), threshold_of(1)
    (0.5, 0.003)
    """
    return (1000 * k // LEVELS) / 1000


@dataclass(frozen=True, eq=False)
class Reliability:
    """Ten bins of probability: how many there are (10,), their mean probability, the share that is right; NaN: none."""

    count: NDArray[np.int64]
    claimed: NDArray[np.float64]
    right: NDArray[np.float64]

    @classmethod
    def of(cls, probability: NDArray[np.float64], right: Array, count: Array | None = None) -> "Reliability":
        """Of some claims: the probability of each, 0..1, and how many of `count` (one each) were right."""
        many = np.ones(len(probability)) if count is None else count
        bins = np.minimum((probability * BINS).astype(int), BINS - 1)
        total, claimed, true = (
            np.bincount(bins, weights=weights, minlength=BINS) for weights in (many, many * probability, right)
        )
        with np.errstate(invalid="ignore"):
            return cls(total.astype(np.int64), claimed / total, true / total)

    @property
    def error(self) -> float | None:
        """Expected calibration error: the mean distance of claim and truth, bins weighed by what is in them."""
        total = self.count.sum()
        return float(np.nansum(self.count * np.abs(self.claimed - self.right)) / total) if total else None
