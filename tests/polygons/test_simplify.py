"""Tidying: areas, holes and tolerances are those on the ground, and every outcome is a valid polygon."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy import ndimage

from geounet.block import Block
from geounet.errors import SceneError, SettingsError
from geounet.footprints import Footprints, affine_transformed, ground_size
from geounet.frame import Frame
from geounet.grid import Window
from geounet.polygons.disjoint import Disjoint
from geounet.polygons.ground import ground_of
from geounet.polygons.outlines import footprints_of
from geounet.polygons.partition import partition_of
from geounet.polygons.simplify import Tidying, simplified, tidied

UTM = CRS(32633).to_wkt()
RAW = Tidying(0, 0, 0)


def footprints(levels: NDArray[np.uint8], frame: Frame, tidying: Tidying) -> Footprints:
    block = Block(Window(0, 0, *levels.shape), levels[None])
    return Footprints.joined(footprints_of([block], frame, k=127, tidying=tidying))


def utm_frame(shape: tuple[int, int], pixel: float = 0.5) -> Frame:
    return Frame(*shape, Affine(pixel, 0, 500_000, 0, -pixel, 6_650_000), UTM)


def blotches(seed: int, size: int = 60) -> NDArray[np.uint8]:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 1.5)
    levels: NDArray[np.uint8] = np.clip(127 + 400 * noise, 0, 254).astype(np.uint8)
    return levels


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.2, 0.375, 1.0, 3.0, 10.0]))
@example(seed=5757, tolerance=1.0)  # lines that all but touch cross when coordinates are rounded
@example(seed=313, tolerance=3.0)  # walls meet beyond the raster's edge, and would cross where they are cut there
def test_outcomes_are_valid_polygons_near_the_traced_ones(seed: int, tolerance: float) -> None:
    levels = blotches(seed)
    with pytest.MonkeyPatch.context() as patch:  # what is cut off where two overlap is no matter of simplifying
        patch.setattr(Disjoint, "apart", lambda _, found: found)
        raw = footprints(levels, utm_frame(levels.shape), RAW)
        simple = footprints(levels, utm_frame(levels.shape), Tidying(0, 0, tolerance))
    assert len(simple) == len(raw)
    assert shapely.is_valid(simple.geometry).all()
    assert (shapely.get_type_id(simple.geometry) == shapely.GeometryType.POLYGON).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(simple.geometry)).all()
    assert (shapely.get_num_coordinates(simple.geometry) <= shapely.get_num_coordinates(raw.geometry)).all()
    boundaries = shapely.boundary(simple.geometry), shapely.boundary(raw.geometry)
    # GEOS tests the vertex at which a ring begins last, against a line already simplified: twice the tolerance there.
    assert shapely.hausdorff_distance(*boundaries).max() <= 2 * tolerance + 1e-6


def test_a_rotated_wall_becomes_four_corners() -> None:
    rows, cols = np.indices((80, 80)) + 0.5
    along, across = ((cols - 40) * c + (rows - 40) * s for c, s in ((0.9, 0.436), (-0.436, 0.9)))
    distance = np.minimum(20 - np.abs(along), 12 - np.abs(across))
    levels = np.clip(127 + 127 * distance, 0, 254).astype(np.uint8)
    (polygon,) = footprints(levels, utm_frame((80, 80)), Tidying()).geometry
    assert len(polygon.exterior.coords) - 1 <= 8
    assert polygon.area == pytest.approx(40 * 24 * 0.25, rel=0.03)


def test_small_footprints_go_and_small_holes_are_filled() -> None:
    levels = np.zeros((40, 40), np.uint8)
    levels[2:30, 2:30] = 254
    levels[5:8, 5:8] = 0  # 9 px
    levels[12:22, 12:22] = 0  # 100 px
    levels[33:36, 33:36] = 254
    frame = utm_frame((40, 40))
    assert len(footprints(levels, frame, RAW)) == 2
    (one,) = footprints(levels, frame, Tidying(min_area=4, fill_holes=4, simplify=0)).geometry
    assert len(one.interiors) == 1
    assert shapely.Polygon(one.interiors[0]).area == pytest.approx(100 * 0.25, rel=0.05)


def test_a_nodata_speck_inside_a_footprint_is_filled() -> None:
    levels = np.full((12, 12), 254, np.uint8)
    levels[5, 5] = 255
    frame = utm_frame((12, 12))
    (one,) = footprints(levels, frame, Tidying(simplify=0)).geometry
    assert len(one.interiors) == 0
    assert one.area == pytest.approx(36 - 4 * 0.125 * 0.25)  # each corner is cut off half-way along its pixel


@pytest.mark.parametrize(
    ("code", "per_metre_x", "per_metre_y"),
    [
        pytest.param(4326, 1 / (111_412.8 * math.cos(math.radians(60))), 1 / 111_412.0, id="degrees"),
        pytest.param(3857, 2.0, 2.0, id="Web Mercator"),
    ],
)
def test_areas_at_60_north_are_those_on_the_ground(code: int, per_metre_x: float, per_metre_y: float) -> None:
    """A building of 16 by 10 m: kept by a limit just below its area, dropped by one just above."""
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(15.0, 60.0)
    pixel = 0.25
    frame = Frame(100, 100, Affine(pixel * per_metre_x, 0, x, 0, -pixel * per_metre_y, y), CRS(code).to_wkt())
    levels = np.zeros((100, 100), np.uint8)
    levels[30:70, 20:84] = 254
    (found,) = footprints(levels, frame, Tidying(min_area=150, simplify=0)).geometry
    area, _ = ground_size(np.array([found], object), frame.crs)
    there = Transformer.from_crs(code, 32633, always_xy=True)
    in_utm = shapely.transform(found, lambda p: np.stack(there.transform(*p.T), axis=1))
    assert area[0] == pytest.approx(in_utm.area / 0.9996**2, rel=1e-4)
    assert area[0] == pytest.approx(160, rel=0.01)
    assert len(footprints(levels, frame, Tidying(min_area=area[0] * 1.005, simplify=0))) == 0
    assert len(footprints(levels, frame, Tidying(min_area=area[0] * 0.995, simplify=0))) == 1


@pytest.mark.parametrize("code", [4326, 3857])
def test_coarse_pixels_have_the_areas_of_their_own_places(code: int) -> None:
    """A lake of 30 by 30 km at 64 N, in a raster of a few pixels of some kilometres."""
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(15.0, 64.5)
    pixel = {4326: 0.05, 3857: 5_000.0}[code]
    frame = Frame(24, 24, Affine(pixel, 0, x, 0, -pixel, y), CRS(code).to_wkt())
    levels = np.zeros((24, 24), np.uint8)
    levels[10:16, 4:10] = 254
    ((true,), _) = ground_size(footprints(levels, frame, RAW).geometry, frame.crs)
    assert len(footprints(levels, frame, Tidying(0.97 * true, 0, 0))) == 1
    assert len(footprints(levels, frame, Tidying(1.03 * true, 0, 0))) == 0


def test_what_lies_beside_a_small_raster_has_no_part_in_its_frame() -> None:
    levels = np.zeros((40, 40), np.uint8)
    levels[5:25, 5:30] = 254
    frame = Frame(40, 40, Affine(20_000, 0, 4.1e6, 0, -20_000, 3e6), CRS(3035).to_wkt())
    (found,) = footprints(levels, frame, Tidying(regularize=True)).geometry
    assert found.is_valid


def test_a_raster_that_goes_beyond_the_earth_of_its_crs_is_outlined_there_as_at_its_centre() -> None:
    levels = np.full((2500, 1), 254, np.uint8)
    frame = Frame(2500, 1, Affine(10_000, 0, 0, 0, -10_000, 12_500_000), "+proj=ortho +lat_0=50 +lon_0=10 +type=crs")
    found = footprints(levels, frame, Tidying())
    np.testing.assert_allclose(found.geometry[0].bounds, (0, -12_500_000, 10_000, 12_500_000), atol=10_000)
    nowhere = Frame(2500, 1, Affine(10_000, 0, 1e8, 0, -10_000, 12_500_000), frame.crs)
    with pytest.raises(SceneError, match="the centre of the scene lies outside its CRS"):
        footprints(levels, nowhere, Tidying())


@pytest.mark.parametrize(
    "transform",
    [
        pytest.param(Affine(0.5, 0, 500_000, 0, 0.5, 6_650_000), id="south up"),
        pytest.param(
            Affine.translation(500_000, 6_650_000) @ Affine.rotation(33) @ Affine.scale(0.5, -0.5), id="rotated"
        ),
        pytest.param(Affine(0.5, 0, 500_000, 0, -0.25, 6_650_000), id="oblong pixels"),
    ],
)
def test_any_transform_puts_footprints_on_their_pixels(transform: Affine) -> None:
    levels = blotches(3)
    frame = Frame(60, 60, transform, UTM)
    found = footprints(levels, frame, RAW)
    rows, cols = np.nonzero(levels >= 127)
    tree = shapely.STRtree(affine_transformed(found.geometry, ~transform))
    assert len(tree.query(shapely.points(cols + 0.5, rows + 0.5), predicate="within")[0]) == len(rows)
    assert shapely.is_ccw(shapely.get_exterior_ring(found.geometry)).all()


def test_without_a_crs_pixels_stand_for_metres() -> None:
    levels = np.zeros((10, 10), np.uint8)
    levels[2:5, 3:9] = 254
    frame = Frame(10, 10, Affine.scale(1, -1), None)
    (one,) = footprints(levels, frame, Tidying(min_area=17, simplify=0)).geometry
    assert one.bounds == pytest.approx((3, -5, 9, -2), abs=0.01)
    assert len(footprints(levels, frame, Tidying(min_area=19))) == 0


def tidied_pixels(polygons: list[shapely.Polygon], tidying: Tidying) -> Footprints:
    """Polygons drawn in pixels, tidied where pixels stand for metres."""
    count = len(polygons)
    traced = Footprints(
        np.array(polygons, object), np.ones(count, np.uint8), np.ones(count, np.float32), np.zeros(count, np.uint8)
    )
    return tidied(traced, Frame(100, 100, Affine.identity(), None), tidying)


def test_holes_up_to_the_limit_are_filled_in_every_polygon() -> None:
    holed = shapely.Polygon(shapely.box(0, 0, 9, 9).exterior, [shapely.box(1, 1, 2, 2).exterior])
    both = [shapely.box(20, 0, 21, 1), holed]
    assert_allclose(shapely.area(tidied_pixels(both, Tidying(0, 0.5, 0)).geometry), [1, 80])
    assert_allclose(shapely.area(tidied_pixels(both, Tidying(0, 1, 0)).geometry), [1, 81])


def test_a_hole_in_which_a_neighbour_lies_is_not_filled() -> None:
    neighbour = shapely.box(1, 1, 2, 2)
    holed = shapely.Polygon(shapely.box(0, 0, 9, 9).exterior, [neighbour.exterior])
    beside = shapely.Polygon(shapely.box(20, 0, 29, 9).exterior, [neighbour.exterior.coords[:] @ np.eye(2) + [20, 0]])
    found = tidied_pixels([holed, neighbour, beside], Tidying(0, 2, 0)).geometry
    assert shapely.get_num_interior_rings(found).tolist() == [1, 0, 0]


def test_rings_that_would_cross_or_collapse_are_simplified_together() -> None:
    outer = shapely.Polygon([(0, 0), (10, 0), (10, 1), (5, 3), (0, 1)])
    kept_off = shapely.Polygon(outer.exterior, [[(5, 2.9), (4.7, 1.5), (5.3, 1.5)]])
    speck = shapely.box(20, 0, 20.1, 0.1)
    both = partition_of(np.array([kept_off, speck], object))
    ground = ground_of(np.array([kept_off, speck], object), both.cluster, Frame(100, 100, Affine.identity(), None))
    found = simplified(both, np.full(2, 2.5), ground)
    assert shapely.is_valid(found).all()
    assert shapely.get_num_interior_rings(found).tolist() == [1, 0]
    assert (shapely.area(found) > 0).all()


def test_outlines_too_fine_for_their_coordinates_stay_polygons() -> None:
    levels = blotches(5)
    local = 'ENGCRS["plan",EDATUM["corner"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'
    frame = Frame(60, 60, Affine(4e-9, 0, 6e6, 0, -4e-9, 6e6), local)
    found = footprints(levels, frame, RAW)
    assert shapely.is_valid(found.geometry).all()
    assert (shapely.get_type_id(found.geometry) == shapely.GeometryType.POLYGON).all()


@pytest.mark.parametrize(
    ("option", "made"),
    [
        pytest.param("--min-area", lambda value: Tidying(min_area=value), id="min_area"),
        pytest.param("--fill-holes", lambda value: Tidying(fill_holes=value), id="fill_holes"),
        pytest.param("--simplify", lambda value: Tidying(simplify=value), id="simplify"),
    ],
)
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_settings_outside_their_range_are_refused(option: str, made: Callable[[float], Tidying], value: float) -> None:
    with pytest.raises(SettingsError, match=f"{option} .* must be 0 or more"):
        made(value)
