"""Scores of a map against labels, from counts that are pooled over all pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.legend import NODATA


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Pixels of one class against all others: true and false positives and negatives."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def iou(self) -> float | None:
        """Intersection over union; None where neither map nor labels have the class: an empty scene is no success."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    @property
    def precision(self) -> float | None:
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float | None:
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float | None:
        twice = 2 * self.true_positive
        return _ratio(twice, twice + self.false_positive + self.false_negative)

    @property
    def accuracy(self) -> float | None:
        return _ratio(self.true_positive + self.true_negative, self.total)

    @property
    def iou_two_channel(self) -> float | None:
        """IoU over the two one-hot channels together, accuracy / (2 - accuracy), as several tutorials print it.

        It is high where there is little to find: 15 % buildings and an answer without any make 0.74.
        """
        return None if self.accuracy is None else self.accuracy / (2 - self.accuracy)

    @property
    def total(self) -> int:
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pixels by (label, prediction), (classes, classes) int64."""

    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> "Confusion":
        return cls(np.zeros((classes, classes), dtype="int64"))

    def plus(self, labels: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> "Confusion":
        """With more pixels added; those that are ignored or have no data are left out, other ids must be classes.

        >>> Confusion.empty(2).plus(np.uint8([0, 1, 255]), np.uint8([1, 1, 1])).of_class(1).iou
        0.5
        """
        classes = len(self.counts)
        seen = (labels != NODATA) & (predicted != NODATA)
        pairs = labels[seen].astype("int64") * classes + predicted[seen]
        return Confusion(self.counts + np.bincount(pairs, minlength=classes**2).reshape(classes, classes))

    def of_class(self, id_: int) -> PixelCounts:
        true_positive = int(self.counts[id_, id_])
        false_negative = int(self.counts[id_].sum()) - true_positive
        false_positive = int(self.counts[:, id_].sum()) - true_positive
        rest = int(self.counts.sum()) - true_positive - false_negative - false_positive
        return PixelCounts(true_positive, false_positive, false_negative, rest)
