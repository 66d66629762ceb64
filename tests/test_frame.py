"""Ground metres, the phase of windows, and the working grid."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from geounet.errors import SceneError
from geounet.frame import STEPS, crs_of
from geounet.grid import Window
from geounet.working import _axis, working_grid
from tests.scenes import DEGREES_60N, MERCATOR_60N, NOWHERE, ROTATED, SOUTH_UP, UTM, Place, frame

SHEARED = Place(Affine(0.3, 0.1, 500_000.1, 0.05, -0.3, 6_650_000.2), "EPSG:32633")
EVERYWHERE = [
    pytest.param(UTM, id="utm"),
    pytest.param(SOUTH_UP, id="south up"),
    pytest.param(ROTATED, id="rotated"),
    pytest.param(MERCATOR_60N, id="web mercator at 60 N"),
    pytest.param(DEGREES_60N, id="degrees at 60 N"),
]


@pytest.mark.parametrize("place", EVERYWHERE)
def test_ground_resolution_is_in_metres_on_the_ellipsoid(place: Place) -> None:
    assert frame(400, 300, place).ground_resolution == pytest.approx(0.3, rel=0.002)


@pytest.mark.parametrize("place", [*EVERYWHERE, pytest.param(SHEARED, id="sheared")])
def test_ground_axes_are_ways_on_the_ellipsoid(place: Place) -> None:
    """A way of 40 pixels to the right and 30 down is as long, and leads where, the axes say."""
    there = frame(400, 300, place)
    axes = there.ground_axes(np.array([150.0]), np.array([200.0]))[0]
    ends = [there.transform @ (150 + half * 40, 200 + half * 30) for half in (-0.5, 0.5)]
    to_degrees = Transformer.from_crs(place.crs, 4326, always_xy=True)
    (lon, lat), (lon_end, lat_end) = (to_degrees.transform(*end) for end in ends)
    azimuth, _, metres = Geod(ellps="WGS84").inv(lon, lat, lon_end, lat_end)
    east, north = axes @ (40, 30)
    assert math.hypot(east, north) == pytest.approx(metres, rel=1e-6)
    assert math.degrees(math.atan2(east, north)) == pytest.approx(azimuth, abs=1e-3)


def test_without_a_crs_ground_axes_are_the_pixels_own() -> None:
    axes = frame(9, 9, NOWHERE).ground_axes(np.array([0.0, 5.0]), np.array([0.0, 7.0]))
    np.testing.assert_array_equal(axes, [[[1, 0], [0, -1]]] * 2)


@pytest.mark.parametrize("place", EVERYWHERE)
def test_a_working_grid_has_square_pixels_of_the_wanted_size_on_the_ground(place: Place) -> None:
    grid = working_grid(frame(400, 300, place), 0.7).frame
    assert grid.pixel_metres == pytest.approx((0.7, 0.7), rel=0.015)  # whole 64ths of a scene pixel
    assert grid.height * grid.width == pytest.approx(400 * 300 * (0.3 / 0.7) ** 2, rel=0.03)


@pytest.mark.parametrize("place", EVERYWHERE)
def test_a_working_grid_covers_its_scene_and_hangs_over_by_less_than_a_pixel(place: Place) -> None:
    scene = frame(60, 50, place)
    grid = working_grid(scene, 0.7)
    assert grid.rows is not None
    assert grid.cols is not None
    for axis, length in ((grid.rows, 60), (grid.cols, 50)):
        assert -axis.ratio < axis.start <= 0
        assert length <= axis.start + axis.count * axis.ratio < length + axis.ratio


def test_north_is_true_north() -> None:
    assert frame(9, 9, MERCATOR_60N).north == pytest.approx(0, abs=0.01)
    assert frame(9, 9, SOUTH_UP).north == pytest.approx(180, abs=0.01)
    assert frame(9, 9, ROTATED).north == pytest.approx(30, abs=0.01)
    assert frame(9, 9, NOWHERE).north is None


@pytest.mark.parametrize("ratio", [0.92, 1.0, 1.09], ids="{} of the wanted".format)
def test_within_a_tenth_of_the_resolution_nothing_is_resampled(ratio: float) -> None:
    scene = frame(50, 60)
    assert working_grid(scene, 0.3 * ratio).frame == scene
    assert working_grid(scene, 0.3 * ratio).rows is None


def test_pixels_more_than_four_times_too_coarse_are_refused() -> None:
    with pytest.raises(SceneError, match=r"pixels of 0\.3 m are more than 4 times coarser than the 0\.07 m wanted"):
        working_grid(frame(50, 60), 0.07)


def test_a_scene_outside_its_crs_is_refused() -> None:
    lost = Place(Affine(0.3, 0, 1e30, 0, -0.3, 1e30), "EPSG:32633")
    with pytest.raises(SceneError, match="the centre of the scene lies outside its CRS"):
        _ = frame(9, 9, lost).ground_resolution


def test_a_crs_that_proj_does_not_know_is_refused() -> None:
    with pytest.raises(SceneError, match="CRS 'EPSG:99999999' is unknown to PROJ"):
        crs_of("EPSG:99999999")


origins = st.integers(-(10**8), 10**8).map(lambda n: Fraction(n, 64))


@given(origins, origins, st.sampled_from((0.075, 0.3, 0.5, 1.0)), st.integers(0, 70), st.integers(0, 70))
@settings(deadline=None)
def test_windows_of_a_crop_keep_the_phase_of_the_whole(
    north: Fraction, east: Fraction, pixel: float, row: int, col: int
) -> None:
    transform = Affine(pixel, 0, float(east) * pixel, 0, -pixel, float(north) * pixel)
    whole = replace(frame(200, 200), transform=transform)
    crop = whole.crop(Window(row, col, 100, 100))
    phase = whole.phase(16)
    assert crop.phase(16) == ((phase[0] + row) % 16, (phase[1] + col) % 16)


@given(origins, st.integers(1, 300), st.integers(0, 200), st.integers(1, 100))
@settings(deadline=None)
def test_the_working_pixels_of_a_crop_are_pixels_of_the_whole(
    origin: Fraction, ratio: int, skip: int, length: int
) -> None:
    wanted = ratio / STEPS
    whole, crop = _axis(float(origin), 300, wanted), _axis(float(origin + skip), length, wanted)
    shift = (crop.start + skip - whole.start) / whole.ratio
    assert crop.ratio == whole.ratio == Fraction(ratio, STEPS)
    assert shift.denominator == 1
    assert 0 <= shift <= whole.count - crop.count or skip + length > 300


def test_geodesic_and_projected_sizes_agree() -> None:
    to_degrees = Transformer.from_crs(32633, 4326, always_xy=True)
    (x0, y0), (x1, y1) = (to_degrees.transform(500_000 + dx, 6_650_000) for dx in (0, 1000))
    assert Geod(ellps="WGS84").inv(x0, y0, x1, y1)[2] == pytest.approx(1000 / 0.9996, rel=1e-6)
    assert math.isclose(frame(1, 1).ground_resolution or 0, 0.3 / 0.9996, rel_tol=1e-5)
