"""Windows cover a scene once, alike and aligned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geounet.assemble import part_core, part_input
from geounet.errors import GridError
from geounet.grid import Window, WindowGrid, hull
from tests.strategies import grids

windows = st.builds(Window, st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 20), st.integers(1, 20))


def pixels(window: Window) -> set[tuple[int, int]]:
    rows, cols = window.rows, window.cols
    return {(row, col) for row in range(rows.start, rows.stop) for col in range(cols.start, cols.stop)}


@given(grids())
@settings(deadline=None)
def test_every_pixel_of_a_scene_lies_in_exactly_one_core(grid: WindowGrid) -> None:
    seen = np.zeros((grid.height, grid.width), dtype=int)
    for plan in grid:
        assert plan.core.within(grid.scene) == plan.core
        seen[plan.core.rows, plan.core.cols] += 1
    assert (seen == 1).all()


@given(grids())
@settings(deadline=None)
def test_all_windows_of_a_grid_have_one_shape_no_larger_than_allowed(grid: WindowGrid) -> None:
    assert {plan.window.shape for plan in grid} == {grid.window_shape}
    assert max(grid.window_shape) <= grid.largest


@given(grids())
@settings(deadline=None)
def test_every_window_starts_and_ends_on_the_absolute_alignment(grid: WindowGrid) -> None:
    for plan in grid:
        assert (plan.window.row + grid.phase_row) % grid.alignment == 0
        assert (plan.window.col + grid.phase_col) % grid.alignment == 0
        assert plan.window.height % grid.alignment == plan.window.width % grid.alignment == 0


@given(grids())
@settings(deadline=None)
def test_every_core_has_its_halo_on_all_four_sides(grid: WindowGrid) -> None:
    for plan in grid:
        padded = plan.core.grown(grid.halo)
        assert padded.within(plan.window) == padded


@given(grids(), st.integers(1, 20_000))
@settings(deadline=None)
def test_parts_take_every_window_once_and_only_neighbours_of_a_row(grid: WindowGrid, largest: int) -> None:
    parts = list(grid.parts(largest, 3))
    assert [plan for part in parts for plan in part] == list(grid)
    for part in parts:
        assert len({plan.window.row for plan in part}) == 1
        assert part_core(part).area == sum(plan.core.area for plan in part)
        assert len(part) == 1 or part_input(part).area * 3 <= largest


def test_rows_and_numbers_count_the_same_windows() -> None:
    grid = WindowGrid(100, 70, largest=40, halo=4, alignment=4)
    assert [plan for row in grid.rows() for plan in row] == list(grid) == [grid[i] for i in range(len(grid))]
    with pytest.raises(IndexError, match=f"window {len(grid)} of {len(grid)}"):
        grid[len(grid)]


def test_balanced_cores_cost_less_than_hanging_ones() -> None:
    grid = WindowGrid(8192, 8192)
    spent = len(grid) * grid.window_shape[0] * grid.window_shape[1]
    assert spent / 8192**2 == pytest.approx(1.38, abs=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"height": 0}, "0 x 50 pixels", id="no rows"),
        pytest.param({"halo": 10, "alignment": 4}, "halo 10 must be a multiple", id="halo off the alignment"),
        pytest.param({"halo": -16}, "halo -16 must be", id="negative halo"),
        pytest.param({"largest": 207}, "window 207 leaves no core .* use at least 208", id="window all halo"),
        pytest.param({"phase_col": 16}, "phase 0, 16 must lie", id="phase beyond the alignment"),
    ],
)
def test_a_grid_that_cannot_cover_a_scene_is_refused(settings: dict[str, int], words: str) -> None:
    with pytest.raises(GridError, match=words):
        WindowGrid(**{"height": 50, "width": 50, **settings})


@given(windows, windows)
def test_the_shared_part_of_two_windows_is_the_pixels_they_share(a: Window, b: Window) -> None:
    assert pixels(a.within(b)) == pixels(a) & pixels(b)


@given(st.lists(windows, min_size=1, max_size=4))
def test_a_hull_holds_all_its_windows_and_is_the_smallest(several: list[Window]) -> None:
    whole = hull(several)
    assert all(window.within(whole) == window for window in several)
    touched = set().union(*(pixels(window) for window in several))
    assert {row for row, _ in touched} >= {whole.row, whole.row + whole.height - 1}
    assert {col for _, col in touched} >= {whole.col, whole.col + whole.width - 1}
