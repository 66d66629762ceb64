"""The offset between labels and imagery: found where there is one answer, doubted where there is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geounet.block import Array
from geounet.offset import Floats, agreement, best_offset, edges, gradient_strength

REACH = 12
SIDE = 200


def town(seed: int = 0) -> NDArray[np.bool_]:
    """Houses without order on (SIDE, SIDE)."""
    draw = np.random.default_rng(seed)
    houses = np.zeros((SIDE, SIDE), dtype=bool)
    for row, col in draw.integers(20, SIDE - 40, (40, 2)):
        height, width = draw.integers(8, 20, 2)
        houses[row : row + height, col : col + width] = True
    return houses


def photo(houses: NDArray[np.bool_], contrast: float = 60, seed: int = 1) -> Array:
    """What a camera sees: roofs brighter or darker than the ground, and noise."""
    draw = np.random.default_rng(seed)
    grey = draw.normal(120, 12, (3, *houses.shape))
    columns = np.arange(houses.shape[1])
    seen: Array = (grey + np.where(columns < SIDE // 2, contrast, -contrast) * houses).astype("float32")
    return seen


def found(
    labels: NDArray[np.bool_], pixels: Array, valid: NDArray[np.bool_] | None = None
) -> tuple[list[Floats], list[float]]:
    """Agreement and lines by quarters of a scene whose outermost pixels are around what is looked at."""
    valid = np.ones(labels.shape, dtype=bool) if valid is None else valid
    strength, lines = gradient_strength(pixels, valid, 1.0), edges(labels, 1.0)
    middle = slice(REACH, SIDE - REACH)
    sums, weights = [], []
    for quarter in range(4):
        own = np.zeros_like(lines)
        row, col = (quarter // 2) * SIDE // 2, (quarter % 2) * SIDE // 2
        part = slice(row, row + SIDE // 2), slice(col, col + SIDE // 2)
        own[part] = lines[part]
        sums.append(agreement(own[middle, middle], strength, REACH))
        weights.append(float(own[middle, middle].sum()))
    return sums, weights


@settings(deadline=None, max_examples=15)
@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 5))
def test_labels_that_lie_off_are_brought_back_whether_roofs_are_bright_or_dark(rows: int, cols: int, seed: int) -> None:
    houses = town(seed)
    moved = np.roll(houses, (rows, cols), axis=(0, 1))
    offset = best_offset(*found(moved, photo(houses)), near=2)
    assert offset.doubt is None
    assert (offset.rows, offset.cols) == pytest.approx((-rows, -cols), abs=0.3)


def test_an_offset_of_parts_of_a_pixel_is_found() -> None:
    fine = np.kron(town(), np.ones((4, 4), dtype=bool))
    coarse = np.roll(fine, (1, 2), axis=(0, 1)).reshape(SIDE, 4, SIDE, 4).mean(axis=(1, 3))
    pixels = np.random.default_rng(0).normal(100, 3, (1, SIDE, SIDE)) + 80 * coarse
    offset = best_offset(*found(town(), pixels), near=2)
    assert (offset.rows, offset.cols) == pytest.approx((0.25, 0.5), abs=0.12)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(photo(town(), contrast=0), id="nothing to be seen"),
        pytest.param(photo(np.roll(town(), 30, axis=1)), id="farther off than is looked for"),
        pytest.param(photo(np.tile(np.kron(np.eye(2), np.ones((5, 5))) > 0, (20, 20))), id="a pattern all over"),
    ],
)
def test_where_no_offset_stands_out_there_is_doubt(pixels: Array) -> None:
    offset = best_offset(*found(town(), pixels), near=2)
    assert offset.doubt is not None


def test_quarters_that_ask_for_different_offsets_make_doubt() -> None:
    houses = town()
    moved = np.where(np.arange(SIDE) < SIDE // 2, np.roll(houses, 6, axis=1), np.roll(houses, -6, axis=1))
    assert best_offset(*found(moved, photo(houses)), near=2).doubt is not None


def test_the_edge_of_the_data_is_no_edge_of_a_house() -> None:
    houses = town()
    pixels, valid = photo(houses), np.ones(houses.shape, dtype=bool)
    valid[:, 95:103] = False
    pixels[:, ~valid] = 0
    strength = gradient_strength(pixels, valid, 1.0)
    assert (strength[:, 95:103] == 0).all()
    assert strength[:, 85:113].max() < 6
    assert (gradient_strength(pixels, valid & False, 1.0) == 0).all()
