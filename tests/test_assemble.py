"""Promise 1: cutting a scene and assembling the pieces gives it back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from geounet.assemble import blended, cut, masked, part_core, part_input, place, weighed, window_weights
from geounet.block import Block
from geounet.grid import Window, WindowGrid
from geounet.legend import NODATA
from tests.strategies import grids


def mirrored(scene: np.ndarray, grid: WindowGrid, window: tuple[int, int, int, int]) -> np.ndarray:
    """A window of a scene by numpy's own mirroring."""
    row, col, height, width = window
    above, left = max(0, -row), max(0, -col)
    below, right = max(0, row + height - grid.height), max(0, col + width - grid.width)
    padded = np.pad(scene, ((0, 0), (above, below), (left, right)), mode="symmetric")
    return padded[:, row + above : row + above + height, col + left : col + left + width]


@given(grids(longest=50), st.integers(1, 20_000), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_placing_what_was_cut_gives_back_the_scene(grid: WindowGrid, largest: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    scene = draw.integers(0, 255, (2, grid.height, grid.width)).astype("uint8")
    seen = draw.random((1, grid.height, grid.width)) < 0.9
    found = np.zeros_like(scene)
    for plans in grid.parts(largest, 2):
        window = part_input(plans)
        where = window.row, window.col, window.height, window.width
        pixels, valid = (Block(window, mirrored(values, grid, where)) for values in (scene, seen))
        answers = (piece.pixels.cut(piece.core) for piece in cut(pixels, valid, plans))
        strip = masked(place(answers, part_core(plans), bands=2), valid)
        found[:, strip.window.rows, strip.window.cols] = strip.values
    assert_array_equal(found, np.where(seen, scene, NODATA))


@given(grids(longest=50), st.integers(1, 20_000), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_blending_what_was_cut_gives_back_the_scores_of_every_pixel(grid: WindowGrid, largest: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    chance = draw.random((1, grid.height, grid.width)).astype("float32")
    scene = np.concatenate([1 - chance, chance])
    seen = np.kron(draw.random((1, 7, 7)) < 0.6, np.ones((1, 8, 8), dtype=bool))[:, : grid.height, : grid.width]
    weights, sums = window_weights(grid), []
    runs = list(grid.parts(largest, 2))
    for plans in runs:
        window = part_input(plans)
        where = window.row, window.col, window.height, window.width
        pixels, valid = (Block(window, mirrored(values, grid, where)) for values in (scene, seen))
        answers = (piece.pixels for piece in cut(pixels, valid, plans))
        sums.append(weighed(answers, window, weights, 2))
    found = np.full_like(scene, np.nan)
    for core in map(part_core, runs):
        meeting = (block.cut(block.window.within(core)) for block in sums if block.window.within(core).area)
        found[:, core.rows, core.cols] = blended(meeting, core, 2).values
    known = np.broadcast_to(seen, scene.shape)
    assert_allclose(found[known], scene[known], rtol=0, atol=1e-6)


@given(grids())
@settings(deadline=None)
def test_weights_are_1_between_the_overlaps_and_sum_to_1_within_them(grid: WindowGrid) -> None:
    weights = window_weights(grid)
    height, width = grid.window_shape
    overlap, core = 2 * grid.halo, grid.col_starts.step
    assert weights.min() >= 0.99e-6
    assert weights.max() <= 1
    if overlap < core and overlap < grid.row_starts.step:
        middle = weights[height // 2]
        assert_array_equal(middle[overlap : width - overlap], 1)
        assert_allclose((middle[:overlap] + middle[core:])[5:-5], 1, atol=1e-3)
        assert_array_equal(weights, weights[::-1, ::-1])


def test_where_nothing_covers_a_pixel_there_are_no_scores() -> None:
    core = Window(0, 0, 2, 3)
    assert np.isnan(blended([Block(core, np.zeros((2, 2, 3), dtype="float32"))], core, 2).values).all()


def test_a_window_without_data_in_its_core_is_not_cut() -> None:
    grid = WindowGrid(40, 40, largest=28, halo=4, alignment=4)
    window = part_input(list(grid))
    valid = np.zeros((1, *window.shape), dtype=bool)
    valid[0, 4 : 4 + 20, 4 : 4 + 20] = True  # the first core alone
    pixels = Block(window, np.ones((3, *window.shape), dtype="uint8"))
    pieces = list(cut(pixels, Block(window, valid), list(grid)))
    assert [piece.core for piece in pieces] == [grid[0].core]
