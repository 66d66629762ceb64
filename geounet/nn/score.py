"""Scores of validation: pooled over all pixels, so that an empty window is worth nothing and costs nothing."""

from dataclasses import dataclass

import numpy as np

from geounet.block import Array
from geounet.legend import CONTACT, IGNORE
from geounet.nn.chip_store import VOID


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pixels counted by true class (rows) and answered class (columns): `counts` is (classes, classes) int64."""

    counts: Array

    @classmethod
    def empty(cls, classes: int) -> "Confusion":
        return cls(np.zeros((classes, classes), dtype=np.int64))

    @classmethod
    def of(cls, truth: Array, answer: Array, classes: int) -> "Confusion":
        """The counts of pixels whose truth is a class; contact between buildings is building, as in the maps."""
        truth = scored_truth(truth, classes)
        counts = truth < classes
        pairs = classes * truth[counts].astype(np.intp) + answer[counts]
        return cls(np.bincount(pairs, minlength=classes**2).reshape(classes, classes))

    def __add__(self, other: "Confusion") -> "Confusion":
        return Confusion(self.counts + other.counts)

    @property
    def iou(self) -> tuple[float | None, ...]:
        """Intersection over union of each class, 0..1; None where neither truth nor answer has the class."""
        both = np.diag(self.counts)
        either = self.counts.sum(0) + self.counts.sum(1) - both
        return tuple(float(b / e) if e else None for b, e in zip(both, either, strict=True))

    @property
    def score(self) -> float | None:
        """Mean IoU of the foreground classes that the truth has; None where it has none."""
        there = self.counts.sum(1)[1:] > 0
        found = [iou for iou, known in zip(self.iou[1:], there, strict=True) if known and iou is not None]
        return float(np.mean(found)) if found else None

    @property
    def pixels(self) -> int:
        return int(self.counts.sum())


def scored_truth(labels: Array, classes: int) -> Array:
    """Labels as they are scored: contact is class 1 where that is the one foreground class, else it is ignored."""
    truth = np.where(labels == VOID, IGNORE, labels)
    contact: int = 1 if classes == 2 else IGNORE
    scored: Array = np.where(labels == CONTACT, contact, truth).astype(np.uint8)
    return scored
