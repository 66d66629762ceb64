"""Thresholds and reliability, against counting one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geounet.calibration import LevelCounts, Reliability, threshold_of
from geounet.legend import NODATA
from geounet.rule import LEVELS, cut_level

pixels = st.lists(st.tuples(st.integers(0, 255), st.booleans(), st.booleans()), min_size=1, max_size=80)
Pixels = list[tuple[int, bool, bool]]


def counted(some: Pixels) -> LevelCounts:
    levels, building, scored = (np.array(column) for column in zip(*some, strict=True))
    return LevelCounts.of(levels.astype("uint8"), building, scored)


@given(pixels, st.integers(0, 80), st.integers(1, LEVELS))
def test_scores_at_a_threshold_are_those_of_counting_there(some: Pixels, cut: int, k: int) -> None:
    levels = LevelCounts.none()
    for part in (some[:cut], some[cut:]):
        if part:
            levels += counted(part)
    known = [(q, building) for q, building, scored in some if scored and q != NODATA]
    found = levels.at(k)
    assert found.true_positive == sum(q >= k and building for q, building in known)
    assert found.false_positive == sum(q >= k and not building for q, building in known)
    assert found.false_negative == sum(q < k and building for q, building in known)
    assert found.true_negative == sum(q < k and not building for q, building in known)


@given(pixels)
def test_no_threshold_has_a_higher_iou_or_f1_than_the_best(some: Pixels) -> None:
    levels = counted(some)
    best = levels.best()
    if best is None:
        assert not levels.building.any()
        return
    everywhere = [levels.at(k) for k in range(1, LEVELS + 1)]
    assert levels.at(best).iou == max(one.iou for one in everywhere if one.iou is not None)
    assert levels.at(best).f1 == max(one.f1 for one in everywhere if one.f1 is not None)


def test_a_threshold_in_three_digits_cuts_at_its_level() -> None:
    assert [cut_level(threshold_of(k)) for k in range(1, LEVELS + 1)] == list(range(1, LEVELS + 1))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_reliability_is_that_of_ten_bins_counted_by_hand(claims: list[tuple[float, bool]]) -> None:
    p, right = np.array([c[0] for c in claims]), np.array([c[1] for c in claims])
    found = Reliability.of(p, right)
    gap = 0.0
    for number in range(10):
        inside = [(c, r) for c, r in claims if number == min(9, int(c * 10))]
        assert found.count[number] == len(inside)
        if inside:
            claimed, true = (sum(x) / len(inside) for x in zip(*inside, strict=True))
            assert found.claimed[number] == pytest.approx(claimed)
            assert found.right[number] == pytest.approx(true)
            gap += abs(claimed - true) * len(inside)
    assert found.error == pytest.approx(gap / len(claims))


def test_honest_probabilities_have_no_error_and_the_least_brier_score() -> None:
    levels = LevelCounts(np.arange(LEVELS + 1), LEVELS - np.arange(LEVELS + 1))  # q of 254 are building at level q
    assert levels.reliability().error == pytest.approx(0, abs=1e-12)
    p = np.arange(LEVELS + 1) / LEVELS
    assert levels.brier == pytest.approx(np.mean(p * (1 - p)))
