"""Thinning: fewer vertices on the same line, and a bound of what is lost by it."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geounet.polygons.arcs import Arcs
from geounet.polygons.arrays import Coordinates
from geounet.polygons.partition import partition_of
from geounet.polygons.thinned import thinned


def ring(seed: int, count: int, *, closed: bool) -> Arcs:
    """A ragged outline with equal steps around a middle: like a traced one, and valid."""
    draw = np.random.default_rng(seed)
    turn = np.arange(count) / count * 2 * np.pi
    radius = count / 6 * (1 + 0.2 * np.sin(3 * turn)) + draw.uniform(-0.2, 0.2, count)
    points = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return Arcs(points, np.array([0, count]), np.array([closed]))


def line(points: Coordinates, *, closed: bool) -> shapely.Geometry:
    return shapely.linearrings(points) if closed else shapely.linestrings(points)


@given(st.integers(0, 10_000), st.integers(4, 200), st.sampled_from([0.0, 0.05, 0.2]), st.booleans())
def test_what_is_left_lies_within_twice_of_what_is_allowed(seed: int, count: int, most: float, closed: bool) -> None:
    arcs = ring(seed, count, closed=closed)
    fewer, original = thinned(arcs, np.array([most]))
    old, new = line(arcs.points, closed=closed), line(fewer.points, closed=closed)
    assert shapely.hausdorff_distance(old, new) <= 2 * most + 1e-9
    assert {tuple(point) for point in fewer.points.tolist()} <= {tuple(point) for point in arcs.points.tolist()}
    assert (fewer.points[0] == arcs.points[0]).all()
    if closed:
        apart = shapely.polygons(old).symmetric_difference(shapely.polygons(new).buffer(0)).area
        assert apart <= original.lost[0] + 1e-9
    else:
        assert (fewer.points[-1] == arcs.points[-1]).all()


@pytest.mark.parametrize("count", [4, 7])
def test_what_has_few_vertices_keeps_all(count: int) -> None:
    arcs = ring(0, count, closed=True)
    assert thinned(arcs, np.array([10.0]))[0].points.tolist() == arcs.points.tolist()


def test_a_straight_line_has_a_fourth_of_its_vertices_and_corners_stay() -> None:
    square = shapely.get_coordinates(shapely.box(0, 0, 40, 40).segmentize(1))[:-1]
    fewer, original = thinned(Arcs(square, np.array([0, 160]), np.array([True])), np.array([0.05]))
    assert len(fewer.points) == 40
    assert {(0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0)} <= {tuple(point) for point in fewer.points.tolist()}
    assert original.lost.tolist() == [0]


def test_some_of_a_partition_have_their_own_original_outlines() -> None:
    polygons = np.array([shapely.polygons(ring(seed, 60, closed=True).points + 100 * seed) for seed in range(4)])
    partition = partition_of(polygons)
    partition = partition.thinned(np.full(4, 0.2)).of_polygons(np.array([False, True, False, True]))
    originals = partition.originals(np.array([False, True]))
    assert shapely.equals_exact(shapely.normalize(originals), shapely.normalize(polygons[3:])).tolist() == [True]
    assert len(partition.arcs.points) < 100
    assert (partition.lost > 0).all()
