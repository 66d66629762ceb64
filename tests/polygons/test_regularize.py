"""Regularizing: right angles where a building has them, the same ones on the ground whatever the CRS, and no gaps."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy import ndimage
from shapely import Polygon
from shapely.affinity import rotate, translate

from geounet.block import Block
from geounet.footprints import Flag, Footprints, Geometries
from geounet.frame import Frame
from geounet.grid import Window
from geounet.polygons import simplify
from geounet.polygons.outlines import footprints_of
from geounet.polygons.simplify import Tidying, tidied

NOWHERE = Frame(120, 120, Affine.identity(), None)  # pixels stand for metres
REGULAR = Tidying(4, 4, None, regularize=True)
_SHIFT = 4  # binary digits of a pixel that shapes are drawn with
_FINE = 8  # samples of a pixel along each axis

RECTANGLE = shapely.box(-20, -12, 20, 12)
ELL = Polygon([(-20, -15), (20, -15), (20, 0), (0, 0), (0, 15), (-20, 15)])
WING = Polygon([(-30, -7), (8, -7), (28, 13), (18.1, 22.9), (2.2, 7), (-30, 7)])  # bent by 45 degrees
TANK = shapely.Point(0, 0).buffer(14, quad_segs=32)
COURTYARD = RECTANGLE.difference(shapely.box(-10, -5, 10, 5))


def drawn(shapes: list[Polygon], side: int = 120, *, noise: float = 0.03, seed: int = 0) -> NDArray[np.uint8]:
    """Levels of a probability: the share of each pixel that shapes cover, blurred as a network's answers are."""
    fine = np.zeros((side * _FINE, side * _FINE), np.uint8)
    for shape in shapes:
        rings = [np.array(ring.coords) * _FINE - 0.5 for ring in (shape.exterior, *shape.interiors)]
        cv2.fillPoly(fine, [np.rint(ring * 2**_SHIFT).astype(np.int32) for ring in rings], 1, shift=_SHIFT)
    cover = cv2.resize(fine.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(seed).normal(0, noise, cover.shape)
    levels: NDArray[np.uint8] = np.rint(254 * np.clip(ndimage.gaussian_filter(cover, 0.8) + random, 0, 1)).astype("u1")
    return levels


def footprints(
    levels: NDArray[np.uint8], frame: Frame = NOWHERE, tidying: Tidying = REGULAR, step: int = 0
) -> Footprints:
    """Those of a raster, read in strips of `step` rows."""
    height, width = levels.shape
    step = step or height
    strips = [
        Block(Window(row, 0, min(step, height - row), width), levels[None, row : row + step])
        for row in range(0, height, step)
    ]
    return Footprints.joined(footprints_of(strips, frame, k=127, tidying=tidying))


def placed(shape: Polygon, angle: float) -> Polygon:
    return translate(rotate(shape, angle, origin=(0, 0)), 60.3, 59.6)


def one(shape: Polygon, angle: float, *, seed: int = 0) -> Polygon:
    """The only regularized outline of a shape drawn at an angle."""
    found = footprints(drawn([placed(shape, angle)], seed=seed))
    assert found.flags.tolist() == [Flag.REGULARIZED]
    polygon = found.geometry[0]
    assert isinstance(polygon, Polygon)
    return polygon


def iou(one: Polygon, other: Polygon) -> float:
    return float(one.intersection(other).area / one.union(other).area)


def corners(ring: shapely.LinearRing) -> NDArray[np.float64]:
    """Degrees by which a ring turns at each vertex."""
    ways = np.diff(np.array(ring.coords), axis=0)
    heading = np.degrees(np.arctan2(ways[:, 1], ways[:, 0]))
    turns: NDArray[np.float64] = (np.diff(heading, append=heading[0]) + 180) % 360 - 180
    return turns


def rings(polygons: Geometries) -> Iterator[shapely.LinearRing]:
    yield from shapely.get_rings(polygons)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 90), st.integers(0, 1000))
def test_a_rectangle_at_any_angle_has_four_right_angles(angle: float, seed: int) -> None:
    found = one(RECTANGLE, angle, seed=seed)
    np.testing.assert_allclose(np.abs(corners(found.exterior)), [90] * 4, atol=1e-6)
    assert iou(found, placed(RECTANGLE, angle)) > 0.97


@pytest.mark.parametrize("regularize", [True, False])
def test_no_digit_of_a_polygon_depends_on_how_many_are_tidied_with_it(regularize: bool) -> None:
    drawings = [
        drawn([shape], noise=0.1) for shape in (placed(WING, 3), placed(WING, 17), placed(WING, 40), ragged(62))
    ]
    outlines = [footprints(levels, tidying=Tidying(500, 0, 0)).geometry[0] for levels in drawings]
    places = [(120 * row, 120 * col) for row in range(20) for col in range(20)]
    tiles = [translate(outlines[number % 4], *place) for number, place in enumerate(places)]
    count = len(tiles)
    many = Footprints(np.array(tiles), np.ones(count, "u1"), np.ones(count, "f4"), np.zeros(count, "u1"))
    assert shapely.get_num_coordinates(many.geometry).sum() > 60_000  # numpy deals with large arrays in other ways
    frame, tidying = Frame(2400, 2400, Affine.identity(), None), Tidying(4, 4, None, regularize=regularize)
    together = tidied(many, frame, tidying)
    apart = Footprints.joined(tidied(many[first : first + 7], frame, tidying) for first in range(0, count, 7))
    assert shapely.to_wkb(together.geometry).tolist() == shapely.to_wkb(apart.geometry).tolist()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 90), st.integers(0, 1000))
def test_an_ell_at_any_angle_has_six_right_angles(angle: float, seed: int) -> None:
    found = one(ELL, angle, seed=seed)
    np.testing.assert_allclose(np.abs(corners(found.exterior)), [90] * 6, atol=1e-6)
    assert iou(found, placed(ELL, angle)) > 0.96


def direction(polygon: Polygon) -> float:
    """Degrees of its sides, modulo a quarter turn: their circular mean by length."""
    ways = np.diff(np.array(polygon.exterior.coords), axis=0).view(np.complex128)[:, 0]
    return float(np.degrees(np.angle((ways**4 / np.abs(ways) ** 3).sum()) / 4))


def between(one: float, other: float) -> float:
    """Degrees between directions modulo a quarter turn."""
    return abs((one - other + 45) % 90 - 45)


def ragged(angle: float, *, slant: float = 18) -> Polygon:
    """A long rectangle, its long sides worn to four rounded teeth that run askew and jump back, as under trees."""
    rise = 20 * math.tan(math.radians(slant))
    saw = [(x, y) for tooth in (-40, -20, 0, 20) for x, y in ((tooth, -rise / 2), (tooth + 20, rise / 2))]
    outline = Polygon([(x, y - 13) for x, y in saw] + [(x, y + 13) for x, y in reversed(saw)])
    return placed(outline.buffer(-6).buffer(12).buffer(-6), angle)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 90), st.integers(0, 1000), st.sampled_from(["rectangle", "ell"]))
def test_a_wobbly_edge_hardly_turns_a_building(angle: float, seed: int, kind: str) -> None:
    shape = {"rectangle": RECTANGLE, "ell": ELL}[kind]
    random = np.random.default_rng(seed).normal(0, 1, (120, 120))
    wobble = ndimage.gaussian_filter(random, 3)
    levels = drawn([placed(shape, angle)], noise=0) / 254 + 0.25 * wobble / wobble.std() * ndimage.gaussian_filter(
        drawn([placed(shape, angle).boundary.buffer(1.5)], noise=0) / 254, 1
    )
    found = max(footprints(np.rint(254 * np.clip(levels, 0, 1)).astype("u1")).geometry, key=lambda one: one.area)
    assert between(direction(found), angle) < 2.5


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 90), st.floats(8, 18), st.integers(0, 1000))
def test_a_long_building_with_worn_sides_lies_along_its_length(angle: float, slant: float, seed: int) -> None:
    (found,) = footprints(drawn([ragged(angle, slant=slant)], seed=seed)).geometry
    assert len(found.exterior.coords) == 5
    assert between(direction(found), angle) < 3


@pytest.mark.parametrize("angle", [0, 10, 33, 71])
def test_a_diagonal_wing_stays_diagonal(angle: float) -> None:
    found = one(WING, angle)
    assert iou(found, placed(WING, angle)) > 0.95
    turns = np.abs(corners(found.exterior))
    assert np.isclose(turns, 90, atol=2).sum() == 4
    assert np.isclose(turns, 45, atol=2).sum() == 2


def test_a_round_tank_stays_round() -> None:
    found = one(TANK, 0)
    assert iou(found, placed(TANK, 0)) > 0.97
    assert np.abs(corners(found.exterior)).max() < 30


@pytest.mark.parametrize("angle", [0, 17, 45, 80])
def test_the_hole_of_a_courtyard_is_regular_too_and_lies_inside(angle: float) -> None:
    found = one(COURTYARD, angle)
    assert [len(ring.coords) for ring in rings(np.array([found], object))] == [5, 5]
    for ring in rings(np.array([found], object)):
        np.testing.assert_allclose(np.abs(corners(ring)), [90] * 4, atol=1e-6)
    assert found.is_valid
    assert Polygon(found.exterior).contains(Polygon(found.interiors[0]))


@pytest.mark.parametrize("angle", [0, 30, 65])
def test_a_mask_without_probabilities_is_made_straight_as_well(angle: float) -> None:
    levels = np.where(drawn([placed(RECTANGLE, angle)], noise=0) >= 127, 253, 0).astype("u1")
    (found,) = footprints(levels).geometry
    assert len(found.exterior.coords) == 5
    assert iou(found, placed(RECTANGLE, angle)) > 0.94


def local_frame(code: int) -> Frame:
    """A raster at 60 N in a CRS, of pixels of 0.4 m on the ground."""
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(15.0, 60.0)
    per_x, per_y = {
        4326: (1 / (111_412.8 * math.cos(math.radians(60))), 1 / 111_412.2),
        3857: (2.0, 2.0),
        32633: (1.0, 1.0),
    }[code]
    return Frame(200, 200, Affine(0.4 * per_x, 0, x, 0, -0.4 * per_y, y), CRS(code).to_wkt())


@pytest.mark.parametrize("squeeze", [1.0, 2.0], ids=["square pixels", "pixels twice as wide"])
@pytest.mark.parametrize("code", [32633, 4326, 3857])
def test_right_angles_at_60_north_are_right_on_the_ground(code: int, squeeze: float) -> None:
    """The same building is drawn into rasters of several CRS, in pixels square on the ground and in others."""
    frame = local_frame(code)
    frame = Frame(200, 200, frame.transform @ Affine.scale(squeeze, 1), frame.crs)
    on_ground = rotate(ELL, 25, origin=(0, 0))
    in_pixels = shapely.transform(on_ground, lambda xy: xy * [1 / squeeze, -1] + [80, 90])
    found = footprints(drawn([in_pixels], 200), frame)
    assert found.flags.tolist() == [Flag.REGULARIZED]
    to_ground = Transformer.from_crs(code, "+proj=aeqd +lat_0=59.9997 +lon_0=15.0006 +ellps=WGS84", always_xy=True)
    ground = shapely.transform(found.geometry[0], lambda xy: np.stack(to_ground.transform(*xy.T), axis=1))
    np.testing.assert_allclose(np.abs(corners(ground.exterior)), [90] * 6, atol=0.05)
    centred = translate(ground, -ground.centroid.x, -ground.centroid.y)
    truth = translate(rotate(shapely.transform(ELL, lambda xy: xy * 0.4), 25, origin=(0, 0)))
    assert iou(centred, translate(truth, -truth.centroid.x, -truth.centroid.y)) > 0.95


def test_a_sheared_raster_has_right_angles_on_the_ground() -> None:
    sheared = Affine(0.5, 0.2, 500_000, 0.1, -0.5, 6_650_000)
    frame = Frame(120, 120, sheared, "EPSG:32633")
    on_map = translate(rotate(shapely.box(-10, -6, 10, 6), 20, origin=(0, 0)), *(sheared @ (60, 60)))
    in_pixels = shapely.transform(on_map, lambda xy: np.stack((~sheared) @ xy.T, axis=1))
    (found,) = footprints(drawn([in_pixels]), frame).geometry
    np.testing.assert_allclose(np.abs(corners(found.exterior)), [90] * 4, atol=0.02)
    assert iou(found, on_map) > 0.95


def cut(polygons: Geometries, seed: int, lines: int = 4) -> Footprints:
    """Footprints of the pieces that wobbly lines cut polygons into, which share vertices exactly."""
    draw = np.random.default_rng(seed)
    steps = np.arange(0, 121, 1.0)
    wobbly = []
    for _ in range(lines):
        angle, wobble = draw.uniform(0, math.pi), ndimage.gaussian_filter1d(draw.normal(0, 1.5, len(steps)), 2)
        line = shapely.LineString(np.stack([steps - 60, draw.uniform(-25, 25) + wobble], axis=1))
        wobbly.append(translate(rotate(line, angle, origin=(0, 0), use_radians=True), 60, 60))
    net = shapely.union_all([*shapely.boundary(polygons), *wobbly])
    cells = shapely.get_parts(shapely.polygonize(shapely.get_parts(net)))
    inside = [p for p in cells if shapely.contains_xy(shapely.union_all(polygons), *p.representative_point().coords[0])]
    pieces = shapely.orient_polygons(np.array(inside, object))
    count = len(pieces)
    return Footprints(pieces, np.ones(count, np.uint8), np.ones(count, np.float32), np.zeros(count, np.uint8))


NO_LOSS = Tidying(0, 0, None, regularize=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 90), st.booleans())
@example(seed=2059, angle=0.0, regular=False)  # a piece so small that its simplified outline is a line
@example(seed=153, angle=0.0, regular=True)  # one that straight walls beside it would leave no width
def test_neighbours_have_neither_gap_nor_overlap_and_share_their_walls(seed: int, angle: float, regular: bool) -> None:
    raw = footprints(drawn([placed(COURTYARD, angle)], seed=seed), tidying=Tidying(0, 0, 0)).geometry
    pieces = cut(raw, seed)
    found = tidied(pieces, NOWHERE, Tidying(0, 0, None, regularize=regular)).geometry
    assert len(found) == len(pieces)
    assert shapely.is_valid(found).all()
    assert shapely.coverage_is_valid(found)
    assert shapely.area(found).sum() == pytest.approx(shapely.area(shapely.union_all(found)), rel=1e-9)
    points = shapely.get_coordinates(found)
    assert len(np.unique(points, axis=0)) == len(np.unique(points.round(6), axis=0))


def test_row_houses_share_straight_walls_and_one_front() -> None:
    row = placed(shapely.box(-40, -9, 40, 9), 12)
    raw = footprints(drawn([row]), tidying=Tidying(0, 0, 0)).geometry
    walls = [placed(shapely.LineString([(x, -30), (x + 0.4, 0), (x - 0.3, 30)]), 12) for x in (-20, 0, 20)]
    net = shapely.union_all([*shapely.boundary(raw), *walls])
    houses = shapely.orient_polygons(shapely.get_parts(shapely.polygonize(shapely.get_parts(net))))
    ones = np.ones(len(houses))
    found = tidied(Footprints(houses, ones.astype("u1"), ones.astype("f4"), 0 * ones.astype("u1")), NOWHERE, NO_LOSS)
    assert len(found) == 4
    assert (found.flags == Flag.REGULARIZED).all()
    assert shapely.coverage_is_valid(found.geometry)
    for ring in rings(found.geometry):
        np.testing.assert_allclose(np.abs(corners(ring)), [90] * 4, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 90), st.floats(2.6, 3.4), st.integers(0, 1000))
def test_houses_of_a_row_stand_in_steps(angle: float, step: float, seed: int) -> None:
    """Every other house reaches farther to the front; the walls between end in the notches."""
    truth = [
        placed(shapely.box(x, -9, x + 20, 9 + step * forward), angle)
        for x, forward in ((-40, False), (-20, True), (0, False), (20, True))
    ]
    raw = footprints(drawn(truth, noise=0.02, seed=seed), tidying=Tidying(0, 0, 0)).geometry
    walls = [placed(shapely.LineString([(x, -30), (x, 30)]), angle) for x in (-20.8, 0.8, 19.2)]
    net = shapely.union_all([*shapely.boundary(raw), *walls])
    houses = shapely.orient_polygons(shapely.get_parts(shapely.polygonize(shapely.get_parts(net))))
    found = tidied(lone(houses), NOWHERE, NO_LOSS)
    assert found.flags.tolist() == [Flag.REGULARIZED] * 4
    assert shapely.coverage_is_valid(found.geometry)
    tree, before = shapely.STRtree(found.geometry), shapely.STRtree(houses)
    for house in truth:
        polygon = found.geometry[tree.nearest(house.centroid)]
        assert iou(polygon, house) > iou(houses[before.nearest(house.centroid)], house) - 0.015
        turned = np.abs(corners(polygon.exterior))
        assert (np.isclose(turned, 90, atol=1e-6) | np.isclose(turned, 0, atol=1e-6)).all()


def test_a_house_without_right_angles_takes_none_from_the_others_in_its_row() -> None:
    row = [shapely.segmentize(shapely.box(1 + 20 * i, 40, 21 + 20 * i, 56), 1) for i in range(5)]
    y = np.linspace(40, 56, 120)[1:-1]
    wild = np.stack([111 + 5 * np.cos(1.2 * (y - 40)), y], axis=1)
    shared = [(101.0, float(y)) for y in range(56, 39, -1)]
    row.append(shapely.orient_polygons(Polygon([*shared, *wild])))
    ones = np.ones(len(row))
    houses = Footprints(np.array(row, object), ones.astype("u1"), ones.astype("f4"), 0 * ones.astype("u1"))
    found = tidied(houses, NOWHERE, NO_LOSS)
    assert found.flags.tolist() == [Flag.REGULARIZED] * 5 + [Flag.REFUSED]
    assert shapely.coverage_is_valid(found.geometry)
    for ring in rings(found.geometry[:4]):
        np.testing.assert_allclose(np.abs(corners(ring)), [90] * 4, atol=1e-6)
    assert iou(found.geometry[5], row[5]) > 0.9


def test_the_order_of_neighbours_changes_no_byte() -> None:
    raw = footprints(drawn([placed(COURTYARD, 20)]), tidying=Tidying(0, 0, 0)).geometry
    pieces = cut(raw, 3)
    order = np.random.default_rng(0).permutation(len(pieces))
    found, other = tidied(pieces, NOWHERE, NO_LOSS), tidied(pieces[order], NOWHERE, NO_LOSS)
    assert len(pieces) > 4
    assert shapely.to_wkb(shapely.normalize(found.geometry[order])).tolist() == (
        shapely.to_wkb(shapely.normalize(other.geometry)).tolist()
    )


def town(seed: int) -> NDArray[np.uint8]:
    draw = np.random.default_rng(seed)
    shapes = [
        translate(rotate(shapely.box(-a, -b, a, b), draw.uniform(0, 90)), *draw.uniform(20, 280, 2))
        for a, b in draw.uniform(2, 15, (60, 2))
    ]
    return drawn(shapes, 300, seed=seed)


@pytest.mark.parametrize("step", [1, 7, 64])
def test_strips_of_any_height_give_the_same_bytes(step: int) -> None:
    levels = town(1)
    frame = Frame(300, 300, Affine(0.3, 0, 500_000, 0, -0.3, 6_650_000), "EPSG:32633")
    whole, strips = footprints(levels, frame), footprints(levels, frame, step=step)
    assert shapely.to_wkb(whole.geometry).tolist() == shapely.to_wkb(strips.geometry).tolist()
    assert whole.flags.tolist() == strips.flags.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.8, 1.5, 4.0]))
def test_whatever_is_drawn_comes_out_valid(seed: int, blur: float) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(60, 60)), blur)
    levels = np.clip(127 + 300 * blur * noise, 0, 254).astype(np.uint8)
    raw, found = footprints(levels, tidying=Tidying(0, 0, 0)), footprints(levels, tidying=NO_LOSS)
    assert len(found) == len(raw)
    assert shapely.is_valid(found.geometry).all()
    assert (shapely.get_type_id(found.geometry) == shapely.GeometryType.POLYGON).all()
    done = (found.flags & Flag.REGULARIZED) > 0
    assert (done != ((found.flags & Flag.REFUSED) > 0)).all()
    done &= (found.flags & Flag.EDGE) == 0  # which are cut at the raster's edge afterwards
    one, other = raw.geometry[done], found.geometry[done]
    common = shapely.area(shapely.intersection(one, other))
    near = common / (shapely.area(one) + shapely.area(other) - common) >= 0.85 - 1e-9
    moved = shapely.hausdorff_distance(shapely.boundary(one), shapely.boundary(other)) <= 1 + 1e-9
    assert (near | (moved & (np.abs(shapely.area(other) / shapely.area(one) - 1) <= 0.1 + 1e-9))).all()


def spiral() -> NDArray[np.uint8]:
    levels = np.zeros((41, 41), np.uint8)
    row, col, (down, right) = 20, 20, (0, 1)
    for length in range(2, 40, 2):
        for _ in range(2):
            for _ in range(length):
                levels[row, col] = 253
                row, col = min(40, max(0, row + down)), min(40, max(0, col + right))
            down, right = right, -down
    return levels


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param(np.pad(np.full((1, 1), 253, np.uint8), 3), id="one pixel"),
        pytest.param(np.pad(np.full((1, 30), 253, np.uint8), 3), id="sliver"),
        pytest.param(np.pad(253 * np.eye(20, dtype="u1").repeat(2, axis=1), 3), id="diagonal corridor"),
        pytest.param(spiral(), id="spiral"),
        pytest.param(np.full((9, 9), 253, np.uint8), id="nothing but inside"),
    ],
)
def test_degenerate_outlines_survive(levels: NDArray[np.uint8]) -> None:
    found = footprints(levels, tidying=NO_LOSS)
    assert len(found) == len(footprints(levels, tidying=Tidying(0, 0, 0)))
    assert shapely.is_valid(found.geometry).all()
    assert (shapely.area(found.geometry) > 0).all()


@pytest.mark.parametrize("regular", [False, True])
def test_of_specks_alone_nothing_is_left(regular: bool) -> None:
    levels = np.zeros((20, 20), np.uint8)
    levels[2::5, 2::5] = 253
    assert len(footprints(levels, tidying=Tidying(min_area=3, regularize=regular))) == 0


def test_clusters_over_the_cap_are_simplified_alone_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplify, "MOST_NEIGHBOURS", 3)
    raw = footprints(drawn([placed(COURTYARD, 20)]), tidying=Tidying(0, 0, 0)).geometry
    pieces = Footprints.joined(
        [cut(raw, 3), footprints(drawn([translate(RECTANGLE, 30, 20)]), tidying=Tidying(0, 0, 0))]
    )
    large = tidied(pieces, NOWHERE, NO_LOSS)
    assert large.flags[:-1].tolist() == [Flag.LARGE] * (len(pieces) - 1)
    assert large.flags[-1] & Flag.REGULARIZED
    plain = tidied(pieces, NOWHERE, Tidying(0, 0, None))
    assert shapely.equals(large.geometry[:-1], plain.geometry[:-1]).all()


def sharpest(polygon: Polygon) -> float:
    """The sharpest corner of a polygon's outlines in degrees."""
    corners = []
    for ring in (polygon.exterior, *polygon.interiors):
        points = np.array(ring.coords)[:-1]
        there, back = np.roll(points, -1, axis=0) - points, np.roll(points, 1, axis=0) - points
        cosine = (there * back).sum(1) / np.hypot(*there.T) / np.hypot(*back.T)
        corners.append(np.degrees(np.arccos(cosine.clip(-1, 1))).min())
    return float(min(corners))


@pytest.mark.parametrize("seed", range(6))
def test_no_regular_outline_folds_back(seed: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(200, 200)), 4)
    levels = np.rint(127 + 900 * noise).clip(0, 254).astype(np.uint8)
    found = footprints(levels, Frame(200, 200, Affine.identity(), None))
    regular = found.geometry[found.flags & Flag.REGULARIZED > 0]
    assert len(regular) > 5
    assert min(sharpest(polygon) for polygon in regular) > 30


def test_no_outline_reaches_beyond_the_raster() -> None:
    houses = [
        rotate(shapely.box(x - 11, y - 8, x + 11, y + 8), 5 * n)
        for n, (x, y) in enumerate([(4, 40), (60, 3), (117, 70), (60, 118), (1, 1), (119, 118)])
    ]
    found = footprints(drawn(houses))
    assert len(found) == 6
    assert (found.flags & Flag.EDGE > 0).all()
    assert shapely.total_bounds(found.geometry).tolist() == [0, 0, 120, 120]
    assert shapely.is_valid(found.geometry).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 90), st.integers(-12, 12), st.booleans())
def test_a_tree_at_a_wall_does_not_turn_the_house(angle: float, at: int, over: bool) -> None:
    tree = shapely.Point(at, 12).buffer(5)
    bent = RECTANGLE.difference(tree) if over else RECTANGLE.union(tree)
    found = one(bent, angle)
    ways = np.diff(np.array(found.exterior.coords), axis=0)
    longest = ways[np.argmax(np.hypot(*ways.T))]
    off = (np.degrees(np.arctan2(*longest[::-1])) - angle + 45) % 90 - 45
    assert abs(off) < 1


@pytest.mark.parametrize("angle", [0, 15, 40])
@pytest.mark.parametrize(("depth", "corners"), [(2.8, 4), (9, 8)], ids=["small", "large"])
def test_a_step_in_a_wall_goes_if_it_is_small_beside_the_house(angle: float, depth: float, corners: int) -> None:
    stepped = RECTANGLE.difference(shapely.box(-4, 12 - depth, 4, 12))
    assert len(one(stepped, angle).exterior.coords) - 1 == corners


def test_shared_walls_along_stairs_of_pixels_are_straight() -> None:
    """Two halves of a house, cut along the pixels' edges nearest to a slanting line."""
    rows, cols = np.indices((60, 60))
    left = shapely.union_all(shapely.box(cols, rows, cols + 1, rows + 1)[cols + 0.5 < 30 + (rows + 0.5 - 30) * 0.17])
    whole = rotate(shapely.box(10, 18, 50, 42), -np.degrees(np.arctan(0.17)), origin=(30, 30))
    halves = shapely.get_parts(shapely.polygonize([shapely.union_all([left.boundary, whole.boundary])]))
    inside = halves[shapely.contains(whole.buffer(1e-6), halves)]
    for regular in (False, True):
        found = tidied(lone(inside), NOWHERE, Tidying(regularize=regular)).geometry
        assert [len(polygon.exterior.coords) - 1 for polygon in found] == [4, 4]
        assert shapely.coverage_is_valid(found)


def lone(polygons: Geometries) -> Footprints:
    count = len(polygons)
    return Footprints(polygons, np.ones(count, np.uint8), np.ones(count, np.float32), np.zeros(count, np.uint8))


def test_no_digit_depends_on_how_many_polygons_there_are() -> None:
    """Numpy works in place from 256 KiB on, and its products of complex numbers round otherwise there."""
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(900, 900)), 2)
    levels = np.rint(127 + 900 * noise).clip(0, 254).astype(np.uint8)
    frame = Frame(900, 900, Affine.identity(), None)
    raw = footprints(levels, frame, Tidying(0, 0, 0))
    assert shapely.get_num_coordinates(raw.geometry).sum() > 5 * 16384
    for tidying in (Tidying(0, 0, None), NO_LOSS):
        together = tidied(raw, frame, tidying).geometry
        alone = [tidied(raw[n : n + 300], frame, tidying).geometry for n in range(0, len(raw), 300)]
        assert shapely.to_wkb(together).tolist() == shapely.to_wkb(np.concatenate(alone)).tolist()
