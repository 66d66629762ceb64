"""Scores of validation: what is pooled, and what decides between weights."""

import numpy as np
import pytest

from geounet.legend import CONTACT, IGNORE
from geounet.nn.chip_store import VOID
from geounet.nn.score import scored_contact
from geounet.nn.tally import Tally

LABELS = np.array([[[1, CONTACT, 1, 0, IGNORE, VOID]]], dtype="uint8")


def strip(*contact: int) -> np.ndarray:
    """Of a window that is building up to its fourth pixel, with these levels of contact."""
    building = np.array([254, 254, 254, 20, 254, 254], dtype="uint8")
    return np.stack([building >= 127, building, np.array(contact)]).astype("uint8")[None, :, None]


@pytest.mark.parametrize(
    ("contact", "iou"),
    [((0, 64, 0, 0, 254, 254), 1.0), ((0, 63, 0, 0, 0, 0), 0.0), ((64, 64, 0, 20, 0, 0), 0.5)],
    ids=["found, and none where it is ignored", "too faint", "found beside it too, and outside of buildings"],
)
def test_contact_is_scored_by_the_rule_that_takes_buildings_apart(contact: tuple[int, ...], iou: float) -> None:
    found = scored_contact(LABELS, strip(*contact))
    assert found.pixels == 4
    assert found.score == iou


def test_of_two_models_as_good_at_buildings_the_better_one_at_contact_has_more_merit() -> None:
    buildings, none = np.array([[[5, 1], [1, 5]]]), np.zeros((1, 2, 2), np.int64)
    good, bad = (np.array([[[9, 0], [2 - right, right]]]) for right in (2, 1))
    merits = [Tally(buildings, contact).merit for contact in (good, bad)]
    assert merits[0] == pytest.approx((5 / 7 + 1) / 2)
    assert merits[1] == pytest.approx((5 / 7 + 0.5) / 2)
    assert Tally(buildings, none).merit == pytest.approx(5 / 7)
    assert Tally(none, none).merit is None
