"""Blocks cover a raster once; intervals are those of resampling by hand, and as wide as theory has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geounet.bootstrap import RESAMPLES, SEED, Blocks, Sums, intervals
from geounet.grid import Window

sides = st.integers(1, 900)


@given(sides, sides, st.sampled_from((None, 0.1, 0.3, 2.0)))
def test_every_pixel_lies_in_one_block(height: int, width: int, pixel: float | None) -> None:
    blocks = Blocks.over(height, width, pixel)
    window = Window(height // 3, width // 4, height - height // 3, width - width // 4)
    parts = list(blocks.within(window))
    assert sum(part.area for _, part in parts) == window.area
    assert len({number for number, _ in parts}) == len(parts)
    for number, part in parts:
        for row, col in ((part.row, part.col), (part.rows.stop - 1, part.cols.stop - 1)):
            assert blocks.at(np.array([col + 0.5]), np.array([row + 0.5])) == number
    assert len(blocks) <= 4096


def test_a_small_scene_has_smaller_blocks_and_a_city_larger_ones() -> None:
    assert Blocks.over(10_000, 10_000, 0.3).side == 333
    small, city = Blocks.over(1000, 1000, 0.3), Blocks.over(300_000, 300_000, 0.3)
    assert (small.side, len(small) >= 30) == (166, True)
    assert (city.side % 333, len(city) <= 4096) == (0, True)


def mean(sums: Sums) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore"):
        return {"mean": sums["sum"] / sums["count"]}


def test_intervals_are_those_of_blocks_drawn_by_hand() -> None:
    rng = np.random.default_rng(5)
    count, total = rng.integers(1, 50, 40), rng.random(40) * 20
    found = intervals({"sum": total, "count": count.astype(float)}, mean)["mean"]
    drawn = np.random.default_rng(SEED).multinomial(40, np.full(40, 1 / 40), size=RESAMPLES)
    values = []
    for times in drawn:
        chosen = [block for block, many in enumerate(times) for _ in range(many)]
        values.append(sum(total[b] for b in chosen) / sum(count[b] for b in chosen))
    assert found == pytest.approx(np.percentile(values, (2.5, 97.5)))


def test_of_independent_blocks_they_are_as_wide_as_the_normal_law_has_it() -> None:
    values = np.random.default_rng(1).normal(10, 2, 900)
    found = intervals({"sum": values, "count": np.ones(900)}, mean)["mean"]
    assert found is not None
    low, high = found
    assert (high - low) == pytest.approx(2 * 1.96 * 2 / 30, rel=0.1)
    assert low < values.mean() < high


@pytest.mark.parametrize("blocks", [[], [3.0], [0.0, 3.0, 0.0]], ids=["none", "one", "one with anything in it"])
def test_one_block_says_nothing_of_how_sure_a_figure_is(blocks: list[float]) -> None:
    sums = {"sum": np.array(blocks), "count": np.array(blocks)}
    assert intervals(sums, mean) == {"mean": None}
