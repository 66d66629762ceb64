"""Tally: what a validation counted, in groups of places, and whether it is clearly worse than another.

A score of few windows hangs on which windows they are: another building more or less among them moves it by more than a
hundred steps of training do. Two looks at the same windows are compared place by place, so that it counts whether most
of them agree.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.metrics import Confusion
from geounet.nn.score import scored, scored_contact

GROUPS = 24
_CELL = 256  # pixels a side that count together: a neighbourhood
_APART = 5  # groups from the first of one batch to that of the next
_ERRORS = 2.0  # standard errors: of two that are alike, one in forty is clearly worse

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Pixels counted by truth and answer in each group of places.

    Args:
        classes: (groups, classes, classes) int64.
        contact: (groups, 2, 2) int64, in contact or not; 0 for a model without it.
    """

    classes: Counts
    contact: Counts

    @classmethod
    def empty(cls, classes: int) -> "Tally":
        return cls(np.zeros((GROUPS, classes, classes), np.int64), np.zeros((GROUPS, 2, 2), np.int64))

    def count(self, labels_NHW: Array, strips_NFHW: Array, batch: int, *, contact: bool) -> None:
        """Add the pixels of a batch, whose number tells which groups its places fall into.

        Args:
            labels_NHW: uint8 class ids.
            strips_NFHW: answers, as `geounet.nn.answer.strips` makes them.
            contact: whether contact is learned.
        """
        count, height, width = labels_NHW.shape
        rows, cols = range(0, height, _CELL), range(0, width, _CELL)
        cells = ((n, slice(r, r + _CELL), slice(c, c + _CELL)) for n in range(count) for r in rows for c in cols)
        for number, (n, row, col) in enumerate(cells):
            group = (_APART * batch + number) % GROUPS
            labels, strips = labels_NHW[n : n + 1, row, col], strips_NFHW[n : n + 1, :, row, col]
            self.classes[group] += scored(labels, strips[:, 0], self.classes.shape[1]).counts
            if contact:
                self.contact[group] += scored_contact(labels, strips).counts

    def without(self, group: int) -> "Tally":
        """All groups but one."""
        return Tally(np.delete(self.classes, group, 0), np.delete(self.contact, group, 0))

    @property
    def confusion(self) -> Confusion:
        """Of all groups together."""
        return Confusion(self.classes.sum(axis=0))

    @property
    def confusion_of_contact(self) -> Confusion:
        """Of all groups together."""
        return Confusion(self.contact.sum(axis=0))

    @property
    def merit(self) -> float | None:
        """By which weights are chosen: the classes' mean IoU, and as much contact's where the truth has it."""
        scores = [score for score in (self.confusion.score, self.confusion_of_contact.score) if score is not None]
        return sum(scores) / len(scores) if scores else None


def is_clearly_worse(tally: Tally, other: Tally) -> bool:
    """Whether a validation scored less than another of the same places by more than two standard errors.

    The standard error is that of the difference, by the delete-a-group jackknife; where there is one group alone it is
    taken for 0, and so is what has no score.

    Source: Kott (2001), "The Delete-a-Group Jackknife", Journal of Official Statistics 17, with groups of one cell each
    where there are few.
    """
    seen = np.flatnonzero(tally.classes.any(axis=(1, 2))).tolist()
    gains = np.array([_gain(tally.without(group), other.without(group)) for group in seen])
    error = math.sqrt((len(gains) - 1) * float(np.var(gains))) if len(gains) > 1 else 0.0
    return _gain(tally, other) < -_ERRORS * error


def _gain(tally: Tally, other: Tally) -> float:
    return (tally.merit or 0.0) - (other.merit or 0.0)
