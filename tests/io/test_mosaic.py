"""Many sheets are one surface: what is read of them depends on the ground alone."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import ColorInterp

from geounet.block import Array
from geounet.errors import LabelError, SceneError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io import warp
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Reading, Stretch
from tests.scenes import MERCATOR_60N, NOWHERE, ROTATED, SOUTH_UP, UTM, Place, noise, write_polygons, write_scene

WHOLE = noise(70, 90, dtype="uint16")
HIDDEN = np.random.default_rng(4).random((70, 90)) < 0.1
slow = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sheet(path: Path, window: Window, place: Place = UTM, *, pixels: Array = WHOLE, shift: float = 0.0) -> Path:
    """A file with a window of a surface; `shift` pixels off its place."""
    here = place.cropped(window.row, window.col)
    moved = Place(here.transform @ Affine.translation(shift, -shift), here.crs)
    seen = ~HIDDEN[window.rows, window.cols]
    return write_scene(path, pixels[:, window.rows, window.cols], moved, mask=seen, block=16)


def read(scene: Scene, window: Window | None = None) -> tuple[Array, NDArray[np.bool_]]:
    pixels, valid = scene.read(window or scene.frame.window)
    return np.where(valid.values, pixels.values, 0), valid.values[0]


QUARTERS = [Window(0, 0, 40, 50), Window(0, 50, 40, 40), Window(40, 0, 30, 33), Window(40, 33, 30, 57)]


@pytest.mark.parametrize("place", [UTM, SOUTH_UP, ROTATED], ids=["north-up", "south-up", "rotated"])
@pytest.mark.parametrize("ratio", [1.0, 0.4, 2.3], ids="ratio {}".format)
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)], ids=["in order", "shuffled"])
def test_sheets_of_a_scene_are_read_like_the_scene_edges_included(
    tmp_path: Path, place: Place, ratio: float, order: Sequence[int]
) -> None:
    whole = sheet(tmp_path / "whole.tif", Window(0, 0, 70, 90), place)
    sheets = [sheet(tmp_path / f"{i}.tif", QUARTERS[i], place, shift=0.004 * (i == 1)) for i in order]
    opened = partial(open_scene, resolution=0.3 * ratio)
    with opened(whole) as one, opened(sheets) as many:
        assert many.frame.shape == one.frame.shape
        assert many.frame.transform.almost_equals(one.frame.transform, 2e-3)
        for window in (one.frame.window, one.frame.window.grown(12), Window(-9, 5, 33, 20)):
            (ours, ours_valid), (theirs, theirs_valid) = read(many, window), read(one, window)
            assert_array_equal(ours_valid, theirs_valid)
            assert_array_equal(ours[:, ours_valid], theirs[:, theirs_valid])
        assert many.covered(many.frame.window).values.all()


@slow
@given(windows=st.lists(st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(5, 40)] * 2), min_size=2, max_size=4))
def test_overlaps_come_from_the_first_sheet_that_has_data_and_holes_are_not_covered(
    tmp_path_factory: pytest.TempPathFactory, windows: list[tuple[int, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("overlap")
    places = [Window(*w).within(Window(0, 0, 70, 90)) for w in windows]
    surfaces = [noise(70, 90, dtype="uint16", seed=i) for i in range(len(places))]
    sheets = [sheet(folder / f"{i}.tif", w, pixels=surfaces[i]) for i, w in enumerate(places)]
    expected, known = np.zeros_like(WHOLE), np.zeros((70, 90), dtype=bool)
    covered = np.zeros((70, 90), dtype=bool)
    for surface, w in zip(surfaces, places, strict=True):
        new = np.zeros((70, 90), dtype=bool)
        new[w.rows, w.cols] = ~known[w.rows, w.cols] & ~HIDDEN[w.rows, w.cols]
        expected[:, new] = surface[:, new]
        known |= new
        covered[w.rows, w.cols] = True
    row, col = min(w.row for w in places), min(w.col for w in places)
    with open_scene(sheets) as scene:
        window = scene.frame.window
        at = Window(row, col, *window.shape)
        pixels, valid = read(scene)
        there = scene.covered(window).values[0]
    assert_array_equal(there, covered[at.rows, at.cols])
    assert_array_equal(valid & there, known[at.rows, at.cols])
    assert_array_equal(pixels[:, there], expected[:, at.rows, at.cols][:, there])


@pytest.mark.parametrize("ratio", [1.0, 1.7], ids="ratio {}".format)
def test_a_sheet_far_away_changes_nothing_that_is_read_here(tmp_path: Path, ratio: float) -> None:
    one = write_scene(tmp_path / "one.tif", noise(60, 60))
    far = write_scene(tmp_path / "far.tif", noise(60, 60, seed=1), UTM.cropped(-2000, 900))
    opened = partial(open_scene, resolution=0.3 * ratio)
    with opened(one) as alone, opened([far, one]) as both:
        col, row = ~both.frame.transform @ alone.frame.transform @ (0, 0)
        assert (col, row) == pytest.approx((round(col), round(row)), abs=1e-3)
        here = alone.frame.window.grown(100)
        there = Window(here.row + round(row), here.col + round(col), *here.shape)
        (ours, ours_valid), (theirs, theirs_valid) = read(both, there), read(alone, here)
        assert_array_equal(ours_valid, theirs_valid)
        assert_array_equal(ours[:, ours_valid], theirs[:, theirs_valid])


def test_beyond_the_sheets_nothing_is_valid(tmp_path: Path) -> None:
    surface = noise(310, 620, bands=1)
    sheets = [
        write_scene(tmp_path / f"{col}.tif", surface[:, :, col : col + 310], UTM.cropped(0, col)) for col in (0, 310)
    ]
    with open_scene(sheets) as scene:
        pixels, valid = read(scene, scene.frame.window.grown(9))
        assert not read(scene, Window(-50, 0, 40, 700))[1].any()
    assert_array_equal(valid, np.pad(np.ones((310, 620), dtype=bool), 9))
    assert_array_equal(pixels[0][valid].reshape(310, 620), surface[0])


def ground(place: Place, height: int, width: int) -> Array:
    """A smooth picture of the ground (1, height, width) float32, whatever the CRS it is seen in."""
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    t = place.transform
    xs, ys = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    east, north = Transformer.from_crs(place.crs, UTM.crs, always_xy=True).transform(xs, ys)
    picture: Array = (100 * np.sin((east - 500_000) / 4) + 100 * np.cos(north / 5))[None].astype("float32")
    return picture


def beside(place: Place, pixel: float) -> Place:
    """Some 20 m east of UTM's first pixel, in the CRS of another place, with square pixels of metres."""
    x, y = Transformer.from_crs(UTM.crs, place.crs, always_xy=True).transform(500_020.0, 6_650_000.0)
    return Place(Affine(pixel, 0, x, 0, -pixel, y), place.crs)


OTHERS = {
    "web mercator": beside(MERCATOR_60N, 0.6),
    "coarser": Place(Affine(0.5, 0, 500_020.03, 0, -0.5, 6_650_000.01), UTM.crs),
    "finer": Place(Affine(0.11, 0, 500_020.03, 0, -0.11, 6_650_000.01), UTM.crs),
    "half a pixel off": Place(Affine(0.3, 0, 500_020.25, 0, -0.3, 6_650_000.05), UTM.crs),
    "rotated": Place(ROTATED.transform, UTM.crs),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_sheet_on_another_grid_shows_the_same_ground_at_the_same_place(tmp_path: Path, name: str) -> None:
    first = write_scene(tmp_path / "first.tif", ground(UTM, 60, 60))
    size = 300 if name == "finer" else 90
    other = write_scene(tmp_path / "other.tif", ground(OTHERS[name], size, size), OTHERS[name])
    with open_scene([first, other]) as scene:
        pixels, valid = read(scene)
        valid &= scene.covered(scene.frame.window).values[0]
        frame = scene.frame
    expected = ground(Place(frame.transform, UTM.crs), *frame.shape)
    assert valid.sum() > 60 * 60 + 2000
    inner = valid & np.roll(valid, 2, 0) & np.roll(valid, -2, 0) & np.roll(valid, 2, 1) & np.roll(valid, -2, 1)
    inner[:2] = inner[-2:] = inner[:, -2:] = False
    # bilinear and averages of a wave of 25 m: a hundredth of its height; off by a pixel it would be a tenth
    assert np.abs(pixels - expected)[0][inner].max() < 2.5


@pytest.mark.parametrize("name", OTHERS)
def test_a_warped_pixel_depends_on_its_place_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("geounet.io.warp._CHUNK", 32)
    first = write_scene(tmp_path / "first.tif", noise(60, 60))
    other = write_scene(tmp_path / "other.tif", noise(90, 90), OTHERS[name])
    west = write_scene(tmp_path / "west.tif", noise(20, 20), UTM.cropped(-300, -301))
    with open_scene([first, other]) as scene, open_scene([first, other, west]) as larger:
        pixels, valid = read(scene)
        draw = np.random.default_rng(2)
        height, width = scene.frame.shape
        for _ in range(8):
            row, col = int(draw.integers(height)), int(draw.integers(width))
            window = Window(row, col, int(draw.integers(1, height - row + 1)), int(draw.integers(1, width - col + 1)))
            covered = scene.covered(window).values[0]
            part, known = read(scene, window)
            assert_array_equal(known & covered, valid[window.rows, window.cols] & covered)
            assert_array_equal(part[:, covered], pixels[:, window.rows, window.cols][:, covered])
            moved_col, moved_row = ~larger.frame.transform @ scene.frame.transform @ (window.col, window.row)
            again, _ = read(larger, Window(round(moved_row), round(moved_col), *window.shape))
            assert_array_equal(again[:, covered & known], part[:, covered & known])


@pytest.mark.parametrize("angle", [30, 45, -60], ids="{} degrees".format)
def test_a_sheet_that_lies_askew_changes_nothing_far_from_its_data(tmp_path: Path, angle: float) -> None:
    reach, side = 10, 300
    first = write_scene(tmp_path / "first.tif", noise(400, 400))
    askew = Affine.translation(*(UTM.transform @ (350, 120))) @ Affine.rotation(angle) @ Affine.scale(0.3, -0.3)
    other = write_scene(tmp_path / "other.tif", noise(side, side, seed=1), Place(askew, UTM.crs))
    with open_scene(first) as alone, open_scene([first, other]) as both:
        col, row = (round(v) for v in ~both.frame.transform @ alone.frame.transform @ (0, 0))
        window = both.frame.window.grown(reach)
        there, (pixels, valid) = both.covered(window).values[0], read(both, window)
        home = Window(row, col, 400, 400)
        here = home.grown(reach).seen_from(window)
        before, known = read(alone, alone.frame.window.grown(reach))
    corners = [~both.frame.transform @ (askew @ c) for c in ((0, 0), (side, 0), (side, side), (0, side))]
    cols, rows = np.meshgrid(np.arange(window.width) - reach + 0.5, np.arange(window.height) - reach + 0.5)
    near = shapely.dwithin(shapely.Polygon(corners), shapely.points(cols, rows), 64 + 2 * reach)
    there[home.seen_from(window).rows, home.seen_from(window).cols] = False
    assert not (there & ~near).any()
    far = ~near[here.rows, here.cols]
    assert far.mean() > 0.3
    assert_array_equal(valid[here.rows, here.cols][far], known[far])
    far &= known
    assert_array_equal(pixels[:, here.rows, here.cols][:, far], before[:, far])


def test_invalid_pixels_of_a_warped_sheet_spread_no_farther_than_the_pixels_they_touch(tmp_path: Path) -> None:
    first = write_scene(tmp_path / "first.tif", np.full((1, 60, 60), 100, dtype="uint8"))
    seen = np.ones((90, 90), dtype=bool)
    seen[30:60, 40:70] = False
    pixels = np.where(seen, 100, 255)[None].astype("uint8")
    other = write_scene(tmp_path / "other.tif", pixels, OTHERS["half a pixel off"], mask=seen)
    with open_scene([first, other]) as scene:
        read_, valid = read(scene)
        there = scene.covered(scene.frame.window).values[0]
    assert set(np.unique(read_[0][valid & there])) == {100}
    hole = ~valid & there
    hole[:, :68] = hole[:3] = hole[88:] = hole[:, -4:] = False  # the rim of the sheet is not whole either
    assert 29 * 29 <= hole.sum() <= 31 * 31


def test_a_sheet_on_the_other_side_of_the_world_is_told(tmp_path: Path) -> None:
    here = [write_scene(tmp_path / f"{i}.tif", noise(60, 60), UTM.cropped(0, 60 * i)) for i in range(3)]
    lost = write_scene(tmp_path / "lost.tif", noise(60, 60), UTM.cropped(-900_000, 400_000))
    with (
        pytest.raises(
            SceneError, match=r"the sheets cover 0\.00% of the ground .*lost\.tif lies farthest .* map it apart"
        ),
        open_scene([lost, *here]),
    ):
        pass


def test_warped_sheets_far_from_a_window_cost_nothing_and_others_find_their_way_once(tmp_path: Path) -> None:
    warp._transformer.cache_clear()
    first = write_scene(tmp_path / "first.tif", noise(60, 60))
    south = [Place(Affine(0.31, 0, 500_000, 0, -0.31, 6_649_960 - 18 * i), UTM.crs) for i in range(5)]
    others = [write_scene(tmp_path / f"{i}.tif", noise(60, 60), place) for i, place in enumerate(south)]
    with open_scene([first, *others]) as scene:
        before = warp._transformer.cache_info()
        scene.read(Window(10, 10, 16, 16))
        assert warp._transformer.cache_info() == before
        scene.read(scene.frame.window)
        assert warp._transformer.cache_info().hits > before.hits
    assert warp._transformer.cache_info().misses == 1


@pytest.mark.parametrize(
    ("other", "message"),
    [
        pytest.param({"pixels": noise(20, 20, dtype="uint16")}, "has uint16 pixels, .* uint8; convert", id="dtype"),
        pytest.param({"pixels": noise(20, 20, bands=4)}, r"has 4 bands, .* 3; pick them with --bands", id="bands"),
        pytest.param({"pixels": noise(20, 20), "place": NOWHERE}, "one has no CRS; assign it", id="no CRS"),
    ],
)
def test_sheets_that_do_not_go_together_are_refused(tmp_path: Path, other: dict[str, object], message: str) -> None:
    sheets = [
        write_scene(tmp_path / "a.tif", noise(20, 20)),
        write_scene(tmp_path / "b.tif", **other),  # type: ignore[arg-type]
    ]
    with pytest.raises(SceneError, match=message), open_scene(sheets):
        pass


def test_one_stretch_for_sheets_of_two_types_is_refused(tmp_path: Path) -> None:
    sheets = [write_scene(tmp_path / f"{dtype}.tif", noise(20, 20, dtype=dtype)) for dtype in ("uint8", "uint16")]
    with pytest.raises(SceneError, match=r"uint16\.tif has uint16 pixels, .* uint8; convert"):
        open_scene(sheets, Reading(stretch=Stretch(0, 200, "uint8"))).__enter__()


@pytest.mark.parametrize("angle", [0, 45], ids="{} degrees".format)
def test_a_sheet_more_than_4_times_coarser_than_the_first_is_refused_by_name(tmp_path: Path, angle: float) -> None:
    first = write_scene(tmp_path / "a.tif", noise(40, 40))

    def coarser(times: float) -> Path:
        axes = Affine.rotation(angle) @ Affine.scale(0.3 * times, -0.3 * times)
        place = Place(Affine.translation(*(UTM.transform @ (0, 0))) @ axes, UTM.crs)
        return write_scene(tmp_path / f"{times}.tif", noise(20, 20), place)

    with open_scene([first, coarser(3.9)]) as scene:
        assert scene.frame.height > 60
    with pytest.raises(SceneError, match=r"4\.1\.tif has pixels more than 4 times coarser .*; name it first"):
        open_scene([first, coarser(4.1)]).__enter__()


@pytest.mark.parametrize("times", [2, 3], ids="{} times".format)
def test_a_finer_sheet_is_averaged_over_each_pixel_and_no_farther(tmp_path: Path, times: int) -> None:
    first = write_scene(tmp_path / "a.tif", noise(40, 40))
    surface = noise(40, 40, seed=1)
    finer = Place(UTM.cropped(0, 40).transform @ Affine.scale(1 / times), UTM.crs)
    seen = np.ones((40 * times, 40 * times), dtype=bool)
    seen[::times, :-times:times] = False  # less than half of a pixel
    seen[:, -times:] = False
    other = write_scene(tmp_path / "b.tif", surface.repeat(times, 1).repeat(times, 2), finer, mask=seen)
    with open_scene([first, other]) as scene:
        pixels, valid = read(scene, Window(0, 40, 40, 40))
    assert valid[:, :-1].all()
    assert not valid[:, -1].any()
    assert_array_equal(pixels[:, :, :-1], surface[:, :, :-1])


def test_sheets_without_georeference_are_refused(tmp_path: Path) -> None:
    sheets = [write_scene(tmp_path / f"{i}.tif", noise(20, 20), NOWHERE) for i in range(2)]
    with pytest.raises(SceneError, match="no georeference that would place it beside others; map it alone"):
        open_scene(sheets).__enter__()


def open_files(folder: Path) -> int:
    """How many files of a folder this process has open."""
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(link).startswith(str(folder)) for link in links)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list a process's open files there")
def test_no_more_files_are_open_at_once_than_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geounet.io.gdal.Handles.__init__.__defaults__", (2,))
    sheets = [sheet(tmp_path / f"{i}.tif", w) for i, w in enumerate(QUARTERS)]
    whole = sheet(tmp_path / "whole.tif", Window(0, 0, 70, 90))
    with open_scene(whole) as one:
        expected = read(one)
    with open_scene(sheets) as many:
        for ours, theirs in zip(read(many), expected, strict=True):
            assert_array_equal(ours, theirs)
        assert open_files(tmp_path) == 2
    assert open_files(tmp_path) == 0


@pytest.mark.parametrize(("miss", "is_resampled"), [(0.009, False), (0.012, True)], ids=["0.009 px", "0.012 px"])
def test_a_sheet_within_a_hundredth_of_a_pixel_of_the_grid_is_used_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, miss: float, is_resampled: bool
) -> None:
    caplog.set_level("INFO")
    first = write_scene(tmp_path / "a.tif", noise(40, 40))
    place = Place(UTM.transform @ Affine.translation(40 + miss, 0), UTM.crs)
    other = write_scene(tmp_path / "b.tif", noise(40, 40, seed=1), place)
    with open_scene([first, other]) as scene:
        pixels, _ = read(scene, Window(0, 40, 40, 40))
    assert ("resampled to the grid of the first sheet: 1 of 2" in caplog.text) == is_resampled
    assert np.array_equal(pixels, noise(40, 40, seed=1)) != is_resampled


@pytest.mark.parametrize("dtype", ["uint32", "int32", "float64"])
def test_large_numbers_keep_their_digits_when_they_are_warped(tmp_path: Path, dtype: str) -> None:
    value = 2**30 + 1  # float32 has no room for the 1
    first = write_scene(tmp_path / "a.tif", np.full((1, 40, 40), value, dtype))
    other = write_scene(tmp_path / "b.tif", np.full((1, 40, 40), value, dtype), OTHERS["half a pixel off"])
    with open_scene([first, other]) as scene:
        pixels, valid = read(scene)
    assert valid.sum() > 60 * 40
    assert set(np.rint(pixels[:, valid]).ravel()) == {value}


def test_a_small_picture_of_a_mosaic_shows_every_sheet_at_its_place(tmp_path: Path) -> None:
    sheets = [write_scene(tmp_path / f"{i}.tif", np.full((1, 200, 300), 50 * (i + 1), "uint8"), UTM.cropped(200 * i, 300 * i)) for i in range(3)]  # fmt: skip  # noqa: E501
    with open_scene(sheets) as scene:
        picture, valid = scene.thumbnail(90)
    assert picture.shape == (1, 60, 90)
    assert [int(picture[0, 10 + 20 * i, 15 + 30 * i]) for i in range(3)] == [50, 100, 150]
    assert not valid[50, 10]
    assert valid[10, 10]


def area(folder: Path, window: Window) -> Path:
    """A rectangle around pixels of UTM, in degrees."""
    corners = [UTM.transform @ corner for corner in (
        (window.col, window.row), (window.col + window.width, window.row),
        (window.col + window.width, window.row + window.height), (window.col, window.row + window.height))]  # fmt: skip
    return write_polygons(folder / "aoi.gpkg", [shapely.Polygon(corners)], crs=UTM.crs)


def test_an_area_of_interest_is_a_crop_that_still_sees_what_lies_around_it(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 110))
    with open_scene(path) as scene, open_scene(path, aoi=area(tmp_path, Window(30, 40, 20, 25))) as part:
        assert abs(part.frame.height - 20) <= 2
        col, row = (round(v) for v in ~scene.frame.transform @ part.frame.transform @ (0, 0))
        window = part.frame.window.grown(9)
        for ours, theirs in zip(read(part, window), read(scene, Window(row - 9, col - 9, *window.shape)), strict=True):
            assert_array_equal(ours, theirs)
        assert part.covered(part.frame.window).values.mean() > 0.8


def test_an_area_of_interest_elsewhere_is_refused(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 110))
    with pytest.raises(LabelError, match=r"--aoi .*aoi\.gpkg"):
        open_scene(path, aoi=area(tmp_path, Window(30_000, 40, 20, 25))).__enter__()


def test_a_frame_is_of_the_first_sheet_and_its_pixels_are_measured_there(tmp_path: Path) -> None:
    first = write_scene(tmp_path / "a.tif", noise(20, 20), MERCATOR_60N)
    north = Place(MERCATOR_60N.transform @ Affine.translation(0, -900_000), MERCATOR_60N.crs)
    with open_scene([first, write_scene(tmp_path / "b.tif", noise(20, 20), north)]) as scene:
        assert scene.reference == Frame(20, 20, MERCATOR_60N.transform, scene.frame.crs)
        assert scene.reference.ground_resolution == pytest.approx(0.3, rel=0.01)


def test_bands_of_each_sheet_are_found_by_colour(tmp_path: Path) -> None:
    pixels = noise(20, 20)
    a = write_scene(tmp_path / "a.tif", pixels)
    b = write_scene(
        tmp_path / "b.tif",
        pixels[::-1],
        UTM.cropped(0, 20),
        colours=[ColorInterp.blue, ColorInterp.green, ColorInterp.red],
    )
    with open_scene([a, b], Reading(colours=("red", "green", "blue"))) as scene:
        read_, _ = read(scene)
    assert_array_equal(read_[:, :, :20], read_[:, :, 20:])
