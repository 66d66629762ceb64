"""Blocks are dealt to training, validation and test: by seed, by share, and alike in what they hold."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geounet.errors import SettingsError
from geounet.split import block_splits

foregrounds = st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.floats(0, 1), min_size=1)
shares = st.floats(0, 0.45)


@given(foregrounds, shares, shares, st.integers(0, 9))
def test_every_block_has_one_split_and_training_keeps_at_least_one(
    foreground: dict[tuple[int, int], float], val: float, test: float, seed: int
) -> None:
    splits = block_splits(foreground, dict.fromkeys(foreground, 1.0), val=val, test=test, seed=seed)
    counts = Counter(splits.values())
    assert splits.keys() == foreground.keys()
    assert counts["train"] >= 1
    for name, share in (("val", val), ("test", test)):
        wanted = max(1, round(share * len(foreground))) if share else 0
        assert counts[name] <= wanted
        assert counts[name] == wanted or counts["train"] == 1


@given(foregrounds, shares, shares, st.integers(0, 9))
def test_the_same_seed_deals_alike_whatever_the_order_of_blocks(
    foreground: dict[tuple[int, int], float], val: float, test: float, seed: int
) -> None:
    turned, area = dict(reversed(foreground.items())), {key: 1.0 + sum(key) for key in foreground}
    assert block_splits(foreground, area, val=val, test=test, seed=seed) == block_splits(
        turned, area, val=val, test=test, seed=seed
    )


def test_validation_sees_dense_and_empty_places() -> None:
    foreground = {(i,): i / 40 for i in range(40)}
    for seed in range(20):
        splits = block_splits(foreground, dict.fromkeys(foreground, 9.0), val=0.1, test=0.0, seed=seed)
        kept = sorted(foreground[key] for key, name in splits.items() if name == "val")
        assert [int(4 * share) for share in kept] == [0, 1, 2, 3]


def test_slivers_are_seldom_what_validation_sees() -> None:
    foreground = {(i,): (7 * i % 40) / 40 for i in range(40)}
    area = {key: 0.05 if key[0] % 2 else 1.0 for key in foreground}
    drawn: list[float] = []
    for seed in range(50):
        splits = block_splits(foreground, area, val=0.1, test=0.1, seed=seed)
        drawn += [area[key] for key, name in splits.items() if name != "train"]
    assert len(drawn) == 50 * 8
    assert sum(size < 1 for size in drawn) < 0.1 * len(drawn)


@pytest.mark.parametrize(
    ("val", "test"),
    [pytest.param(-0.1, 0, id="negative"), pytest.param(0.5, 0.5, id="all"), pytest.param(float("nan"), 0, id="nan")],
)
def test_shares_that_leave_nothing_for_training_are_refused(val: float, test: float) -> None:
    with pytest.raises(SettingsError, match="must be 0 or more and leave some for training"):
        block_splits({(0,): 0.5}, {(0,): 1.0}, val=val, test=test, seed=0)
