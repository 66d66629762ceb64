"""Average precision against COCO's rules written out: each detection in turn, and precision read at 101 recalls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geounet.ranking import Ranked

towns = st.integers(0, 6).flatmap(
    lambda truth: st.integers(0, 8).flatmap(
        lambda found: st.tuples(
            st.lists(st.booleans(), min_size=truth, max_size=truth),
            st.lists(st.tuples(st.sampled_from((0.2, 0.5, 0.7, 0.9)), st.booleans()), min_size=found, max_size=found),
            st.lists(st.sampled_from((0.0, 0.3, 0.5, 0.62, 0.75, 0.9)), min_size=truth * found, max_size=truth * found),
        )
    )
)
Town = tuple[list[bool], list[tuple[float, bool]], list[float]]


def ranked(town: Town) -> Ranked:
    truth_counts, found, ious = town
    table = np.array(ious).reshape(len(truth_counts), len(found))
    truth, other = np.nonzero(table >= 0.5)
    return Ranked(
        np.array([c for c, _ in found]), np.array(truth_counts, bool), np.array([k for _, k in found], bool),
        truth, other, table[truth, other],
    )  # fmt: skip


def by_the_rules(town: Town, least: float) -> float | None:
    """As cocoeval has it: ground truth that does not count is an ignored one, and so is what matches it."""
    truth_counts, found, ious = town
    if not any(truth_counts):
        return None
    table = np.array(ious).reshape(len(truth_counts), len(found))
    taken: set[int] = set()
    verdicts = []
    for number in sorted(range(len(found)), key=lambda n: (-found[n][0], n)):
        # one that counts is preferred, then the higher IoU, then the first
        options = [t for t in range(len(truth_counts)) if t not in taken and table[t, number] >= least]
        options.sort(key=lambda t: (not truth_counts[t], -table[t, number], t))
        if options:
            taken.add(options[0])
            if truth_counts[options[0]]:
                verdicts.append(True)
        elif found[number][1]:
            verdicts.append(False)
    points, hits = [], 0
    for seen, right in enumerate(verdicts, 1):
        hits += right
        points.append((hits / sum(truth_counts), hits / seen))
    read = [max((p for r, p in points if r >= step / 100), default=0.0) for step in range(101)]
    return sum(read) / 101


@given(towns, st.sampled_from((0.5, 0.6, 0.75, 0.9)))
def test_it_is_that_of_the_rules_written_out(town: Town, least: float) -> None:
    assert ranked(town).average_precision(least) == pytest.approx(by_the_rules(town, least))


def test_by_hand_one_right_one_wrong_one_right_of_four() -> None:
    found = [(0.9, True), (0.8, True), (0.7, True)]
    ious = np.zeros((4, 3))
    ious[0, 0] = ious[1, 2] = 0.8
    # recall 0.25 at precision 1, recall 0.5 at 2/3: 26 readings (0 to 0.25) of 1, 25 of 2/3
    answer = ranked(([True] * 4, found, ious.ravel().tolist())).average_precision(0.5)
    assert answer == pytest.approx((26 + 25 * 2 / 3) / 101)


def test_the_order_of_confidence_matters() -> None:
    ious = [0.8, 0.0]
    surer = ranked(([True], [(0.9, True), (0.5, True)], ious)).average_precision(0.5)
    other = ranked(([True], [(0.5, True), (0.9, True)], ious)).average_precision(0.5)
    assert (surer, other) == (1.0, 0.5)
