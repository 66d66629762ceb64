"""Scores of a map against labels, from counts that are pooled over all pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array


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
    """Pixels counted by true class (rows) and predicted class (columns): `counts` is (classes, classes) int64."""

    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, classes: int) -> "Confusion":
        return cls(np.zeros((classes, classes), dtype=np.int64))

    @classmethod
    def of(cls, truth: Array, predicted: Array, classes: int) -> "Confusion":
        """The counts of the pixels where both are a class; what is ignored or has no data is left out.

        >>> Confusion.of(np.uint8([0, 1, 255, 0]), np.uint8([1, 1, 1, 255]), 2).of_class(1).iou
        0.5
        """
        seen = (truth < classes) & (predicted < classes)
        pairs = classes * truth[seen].astype(np.intp) + predicted[seen]
        return cls(np.bincount(pairs, minlength=classes**2).reshape(classes, classes))

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.counts + other.counts)

    @property
    def pixels(self) -> int:
        return int(self.counts.sum())

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union of each class; None where neither truth nor prediction has it."""
        return tuple(self.of_class(id_).iou for id_ in range(len(self.counts)))

    @property
    def score(self) -> float | None:
        """Mean IoU of the foreground classes that the truth has; None where it has none."""
        there = self.counts.sum(axis=1)[1:] > 0
        found = [iou for iou, known in zip(self.iou[1:], there, strict=True) if known and iou is not None]
        return float(np.mean(found)) if found else None

    def of_class(self, id_: int) -> PixelCounts:
        """One class against all others."""
        true_positive = int(self.counts[id_, id_])
        false_negative = int(self.counts[id_].sum()) - true_positive
        false_positive = int(self.counts[:, id_].sum()) - true_positive
        rest = self.pixels - true_positive - false_negative - false_positive
        return PixelCounts(true_positive, false_positive, false_negative, rest)
