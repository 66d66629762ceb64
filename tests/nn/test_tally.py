"""Tally: whether one look at the validation windows is clearly worse than another, or by the luck of a few windows."""

import numpy as np
import pytest

from geounet.legend import IGNORE
from geounet.nn.tally import GROUPS, Tally, is_clearly_worse

CELL = 256


def tally(wrong: np.ndarray, *, side: int = 16) -> Tally:
    """Of cells in a row with a building of `side` x 10 pixels each, of which the answer misses a share."""
    cells = len(wrong)
    labels = np.full((1, CELL, cells * CELL), IGNORE, np.uint8)
    labels[0, : 2 * side, :] = 0
    answer = np.zeros((1, 2, CELL, cells * CELL), np.uint8)
    for cell, missed in enumerate(wrong):
        labels[0, :side, cell * CELL : cell * CELL + 10] = 1
        answer[0, 0, round(missed * side) : side, cell * CELL : cell * CELL + 10] = 1
    made = Tally.empty(2)
    made.count(labels, answer, 0, contact=False)
    return made


def test_counts_do_not_depend_on_how_windows_come_in_batches() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array([0, 1, 2, IGNORE], np.uint8), (6, 300, 520))
    strips = rng.integers(0, 3, (6, 3, 300, 520), np.uint8)
    together, apart = Tally.empty(3), Tally.empty(3)
    together.count(labels, strips, 0, contact=False)
    for number in range(6):
        apart.count(labels[number : number + 1], strips[number : number + 1], number, contact=False)
    assert together.confusion.counts.tolist() == apart.confusion.counts.tolist()
    assert together.confusion.pixels == np.count_nonzero(labels != IGNORE)


def test_what_every_place_says_is_clear_and_what_one_place_says_is_not() -> None:
    before = tally(np.full(12, 0.25))
    everywhere = tally(np.tile([0.5, 0.4375], 6))
    in_one = tally(np.array([1.0] + [0.25] * 11))
    assert everywhere.merit is not None
    assert in_one.merit is not None
    assert before.merit is not None
    assert max(everywhere.merit, in_one.merit) < before.merit
    assert is_clearly_worse(everywhere, before)
    assert not is_clearly_worse(in_one, before)
    assert not is_clearly_worse(before, everywhere)


@pytest.mark.parametrize("cells", [1, 5, 3 * GROUPS])
def test_the_same_answers_are_not_worse_and_those_of_one_place_alone_decide_by_their_score(cells: int) -> None:
    one, same = tally(np.full(cells, 0.25)), tally(np.full(cells, 0.25))
    assert not is_clearly_worse(one, same)
    worse = tally(np.full(cells, 0.5))
    assert is_clearly_worse(worse, one)


def test_of_answers_that_are_as_good_one_in_forty_is_clearly_worse() -> None:
    """The rule's own promise, over draws of places: about 2.5 % of a normal distribution lie beyond two deviations."""
    rng = np.random.default_rng(1)
    draws = [is_clearly_worse(*(tally(rng.integers(0, 9, 20) / 16) for _ in range(2))) for _ in range(400)]
    assert 0.005 < np.mean(draws) < 0.07


def test_without_any_truth_nothing_is_worse() -> None:
    assert not is_clearly_worse(Tally.empty(2), Tally.empty(2))
