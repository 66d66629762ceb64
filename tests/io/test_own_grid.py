"""What was found on the working grid comes back to the scene's own pixels, each by its place alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from geounet.block import Array, Block
from geounet.grid import Window
from geounet.io.own_grid import OwnGrid
from geounet.io.scene import Scene, open_scene
from geounet.legend import NODATA
from tests.scenes import UTM, box, noise, write_polygons, write_scene

RATIOS = (0.27, 0.4, 0.8, 1.4, 2.0, 3.3, 7.9)  # of the working pixel to the scene's 0.3 m
Read = Callable[[Window], Block]


def answer(scene: Scene, values: Array | None = None, bands: int = 2) -> tuple[Array, Read]:
    """An answer on the working grid with holes, and what reads it."""
    drawn = np.random.default_rng(3)
    if values is None:
        values = drawn.integers(0, 255, (bands, *scene.frame.shape)).astype("uint8")
        values[:, drawn.random(scene.frame.shape) < 0.3] = NODATA
    return values, Block(scene.frame.window, values).cut


def shares(own: OwnGrid, scene: Scene) -> tuple[Array, Array]:
    """Overlap of the scene's pixels with working ones along rows and columns, in working pixels, by brute force."""
    to_working = ~scene.frame.transform @ own.frame.transform
    return tuple(  # type: ignore[return-value]
        np.array(
            [
                [max(0.0, min(start + (i + 1) * step, j + 1) - max(start + i * step, j)) for j in range(working)]
                for i in range(count)
            ]
        )
        for start, step, count, working in (
            (to_working.f, to_working.e, own.frame.height, scene.frame.height),
            (to_working.c, to_working.a, own.frame.width, scene.frame.width),
        )
    )


@pytest.mark.parametrize("ratio", RATIOS, ids="ratio {}".format)
def test_any_window_brought_back_is_the_crop_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float
) -> None:
    draw = np.random.default_rng(1)
    path = write_scene(tmp_path / "a.tif", noise(70, 90), block=16)
    with open_scene(path, resolution=0.3 * ratio) as scene:
        own, (_, read) = scene.own_grid, answer(scene)
        whole, known = own.brought_back(own.frame.window, read)
        monkeypatch.setattr("geounet.io.own_grid._PIECE", 20)
        for _ in range(12):
            row, col = int(draw.integers(70)), int(draw.integers(90))
            window = Window(row, col, int(draw.integers(1, 71 - row)), int(draw.integers(1, 91 - col)))
            part, there = own.brought_back(window, read)
            assert_array_equal(there, known[window.rows, window.cols])
            assert_array_equal(part, whole[:, window.rows, window.cols])


@pytest.mark.parametrize("ratio", RATIOS, ids="ratio {}".format)
def test_a_pixel_is_known_where_half_of_it_is(tmp_path: Path, ratio: float) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(40, 50)), resolution=0.3 * ratio) as scene:
        own, (values, read) = scene.own_grid, answer(scene)
        _, known = own.brought_back(own.frame.window, read)
        down, across = shares(own, scene)
    covered = down @ (values[0] != NODATA) @ across.T * ratio_area(own, scene)
    clear = np.abs(covered - 0.5) > 1e-6
    assert_array_equal(known[clear], (covered > 0.5)[clear])
    assert 0.3 < known.mean() < 1


def ratio_area(own: OwnGrid, scene: Scene) -> float:
    """Working pixels to one pixel of the scene, turned over."""
    return float(scene.frame.transform.a * scene.frame.transform.e / (own.frame.transform.a * own.frame.transform.e))


@pytest.mark.parametrize("ratio", [0.27, 0.4, 0.8], ids="ratio {}".format)
def test_a_coarser_scene_gets_the_average_of_what_is_known(tmp_path: Path, ratio: float) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(40, 50)), resolution=0.3 * ratio) as scene:
        own, (values, read) = scene.own_grid, answer(scene)
        found, known = own.brought_back(own.frame.window, read)
        down, across = shares(own, scene)
    seen = values[0] != NODATA
    mean = (down @ (values * seen) @ across.T) / np.maximum(down @ seen @ across.T, 1e-9)
    np.testing.assert_allclose(found[:, known], mean[:, known], atol=1e-3)


@pytest.mark.parametrize("ratio", [1.4, 2.0, 3.3, 7.9], ids="ratio {}".format)
def test_a_finer_scene_gets_a_straight_line_between_the_centres_of_working_pixels(tmp_path: Path, ratio: float) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(40, 50)), resolution=0.3 * ratio) as scene:
        height, width = scene.frame.shape
        ramp = np.add.outer(3.0 * np.arange(height), 2.0 * np.arange(width))[None]
        own, (_, read) = scene.own_grid, answer(scene, ramp.astype("uint8"))
        found, known = own.brought_back(own.frame.window, read)
        to_working = ~scene.frame.transform @ own.frame.transform
    rows = to_working.f + (np.arange(40) + 0.5) * to_working.e - 0.5
    cols = to_working.c + (np.arange(50) + 0.5) * to_working.a - 0.5
    expected = np.add.outer(3 * np.clip(rows, 0, height - 1), 2 * np.clip(cols, 0, width - 1))
    assert known.all()
    np.testing.assert_allclose(found[0], expected, atol=0.05)


def test_where_the_scene_s_pixel_is_missing_is_told_window_by_window(tmp_path: Path) -> None:
    seen = np.random.default_rng(5).random((40, 50)) < 0.7
    path = write_scene(tmp_path / "a.tif", noise(40, 50), mask=seen, block=16)
    with open_scene(path, resolution=0.7) as scene:
        own, found = scene.own_grid, np.zeros((40, 50), dtype=int)
        before = scene.decoded
        for window in own.windows(200):
            found[window.rows, window.cols] += 1 + own.valid(window).values[0]
        assert_array_equal(found, 1 + seen)  # each pixel once
        assert scene.decoded - before == 40 * 50  # each block, too


def test_of_an_area_of_interest_the_own_grid_is_the_crop_around_it(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(80, 90), block=16)
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 21, 33, 20, 30)])
    with open_scene(path, resolution=0.7, aoi=area) as scene, open_scene(path, resolution=0.7) as whole:
        own = scene.own_grid
        col, row = ~UTM.transform @ own.frame.transform @ (0, 0)
        assert (row, col) == pytest.approx((round(row), round(col)), abs=1e-6)
        place = Window(round(row), round(col), *own.frame.shape)
        assert place.within(Window(21, 33, 20, 30)) == Window(21, 33, 20, 30)
        assert place.area < 28 * 38
        values, read = answer(whole)
        to_whole = ~whole.frame.transform @ scene.frame.transform
        view = Window(round(to_whole.f), round(to_whole.c), *scene.frame.shape)
        of_crop, _ = own.brought_back(own.frame.window, Block(scene.frame.window, values[:, view.rows, view.cols]).cut)
        of_whole, _ = whole.own_grid.brought_back(place, read)
    assert_array_equal(of_crop[:, 3:-3, 3:-3], of_whole[:, 3:-3, 3:-3])
