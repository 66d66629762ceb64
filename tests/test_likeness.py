"""PoLiS against distances from points to segments written out; directions of turned rectangles."""

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity

from geounet.likeness import corner_counts, corners, directions, on_ground, polis, turn
from tests.scenes import MERCATOR_60N, UTM, Place, frame

RING = shapely.Polygon(shapely.box(0, 0, 10, 10).exterior, [shapely.box(3, 3, 5, 5).exterior.coords])
coordinates = st.tuples(st.integers(-20, 20), st.integers(-20, 20))
polygons = st.lists(coordinates, min_size=4, max_size=9, unique=True).map(
    lambda points: shapely.convex_hull(shapely.multipoints(points))
).filter(lambda one: one.geom_type == "Polygon")  # fmt: skip
Point = tuple[float, float]


def far(point: Point, start: Point, end: Point) -> float:
    """From a point to a segment."""
    (x, y), (ax, ay), (bx, by) = point, start, end
    share = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    share = min(1.0, max(0.0, share))
    return math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay))


def one_way(one: shapely.Polygon, other: shapely.Polygon) -> float:
    points = [p for ring in (one.exterior, *one.interiors) for p in list(ring.coords)[:-1]]
    rings = [list(ring.coords) for ring in (other.exterior, *other.interiors)]
    sides = [(a, b) for ring in rings for a, b in pairwise(ring)]
    return sum(min(far(p, a, b) for a, b in sides) for p in points) / len(points)


@given(st.lists(st.tuples(polygons | st.just(RING), polygons | st.just(RING)), min_size=1, max_size=4))
def test_polis_is_that_of_its_definition(pairs: list[tuple[shapely.Polygon, shapely.Polygon]]) -> None:
    truth, found = (np.array(column, object) for column in zip(*pairs, strict=True))
    wanted = [(one_way(a, b) + one_way(b, a)) / 2 for a, b in pairs]
    assert polis(truth, found) == pytest.approx(wanted)


def test_a_ring_has_its_hole_s_corners_and_a_multipolygon_those_of_its_parts() -> None:
    both = shapely.MultiPolygon([RING, shapely.box(20, 0, 21, 1)])
    geometry = np.array([RING, both, shapely.box(0, 0, 1, 1)], object)
    assert corner_counts(geometry).tolist() == [8, 12, 4]
    points, owner = corners(geometry)
    assert np.bincount(owner).tolist() == [8, 12, 4]
    assert len(np.unique(points[owner == 0], axis=0)) == 8


@given(st.floats(-89, 89), st.floats(1.2, 8))
def test_the_direction_of_a_rectangle_is_the_angle_by_which_it_was_turned(angle: float, long: float) -> None:
    lying = shapely.box(0, 0, long, 1)
    both = directions(np.array([lying, affinity.rotate(lying, angle)], object))
    assert turn(both[:1], both[1:])[0] == pytest.approx(min(abs(angle), 90 - abs(angle)), abs=1e-6)


@pytest.mark.parametrize("place", [UTM, MERCATOR_60N], ids=["utm", "web mercator"])
def test_on_the_ground_a_pixel_is_as_large_as_it_is(place: Place) -> None:
    placed = frame(100, 100, place)
    origins = np.array([[50.0, 50.0]])
    metres = on_ground(np.array([shapely.box(40, 40, 60, 50)], object), origins, placed.ground_axes(*origins.T))
    left, bottom, right, top = shapely.bounds(metres)[0]
    assert (right - left, top - bottom) == pytest.approx((6.0, 3.0), rel=0.01)
    assert (left, top) == pytest.approx((-3.0, 3.0), rel=0.01)  # up is north
