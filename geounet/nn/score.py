"""Scores of validation: pooled over all pixels, so that an empty window is worth nothing and costs nothing."""

import numpy as np

from geounet.block import Array
from geounet.legend import CONTACT, IGNORE
from geounet.metrics import Confusion
from geounet.nn.chip_store import VOID
from geounet.rule import in_contact


def scored(labels: Array, answer: Array, classes: int) -> Confusion:
    """The counts of pixels whose label is a class; contact between buildings is building, as in the maps."""
    return Confusion.of(scored_truth(labels, classes), answer, classes)


def scored_truth(labels: Array, classes: int) -> Array:
    """Labels as they are scored: contact is class 1 where that is the one foreground class, else it is ignored."""
    truth = np.where(labels == VOID, IGNORE, labels)
    contact: int = 1 if classes == 2 else IGNORE
    found: Array = np.where(labels == CONTACT, contact, truth).astype(np.uint8)
    return found


def scored_contact(labels: Array, strip: Array) -> Confusion:
    """Pixels in contact or not, 1 or 0, in truth and by the rule that takes buildings apart.

    Args:
        labels: (n, height, width).
        strip: (n, 3, height, width): class, level of the building, level of contact.
    """
    found = (strip[:, 0] == 1) & in_contact(strip[:, 1], strip[:, 2])
    truth = np.where((labels == VOID) | (labels == IGNORE), IGNORE, labels == CONTACT)
    return Confusion.of(truth.astype(np.uint8), found.astype(np.uint8), 2)
