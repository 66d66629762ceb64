"""Every class of a raster is traced in one pass, and neighbours have one line between them."""

import itertools
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from geounet.block import Block
from geounet.grid import Window
from geounet.polygons.field import Classes, Level
from geounet.polygons.parts import Parts
from geounet.polygons.trace import Traced, trace

Levels = NDArray[np.uint8]

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=10)
IDS = st.one_of(
    arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 1, 2, 3, 255])),
    arrays(np.uint8, SHAPES, elements=st.sampled_from([1, 2])),
    arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 3, 254])).map(
        lambda ids: np.kron(ids, np.ones((2, 2), "u1"))
    ),
)
HEIGHTS = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def traced(values: Levels, heights: Sequence[int] = (1000,), least: int = 1) -> Traced:
    """Polygons of a raster of ids, (bands, height, width), cut into strips of these heights, over and over."""
    starts, height = [0], values.shape[1]
    while starts[-1] < height:
        starts.append(min(height, starts[-1] + heights[len(starts) % len(heights)]))
    strips = [
        Block(Window(top, 0, end - top, values.shape[2]), values[:, top:end]) for top, end in itertools.pairwise(starts)
    ]
    every = list(trace(strips, Classes(), least=least))
    parts = Parts(*(np.concatenate([getattr(one.parts, f.name) for one in every]) for f in fields(Parts)))
    return Traced(np.concatenate([one.polygons for one in every]), parts)


def in_order(found: Traced) -> Traced:
    """By area, then by first pixel."""
    order = np.lexsort((found.parts.key, found.parts.area))
    return Traced(found.polygons[order], found.parts[order])


@st.composite
def maps(draw: st.DrawFn) -> Levels:
    """Class ids with the probabilities of all classes, (1 + classes, height, width): the likeliest class wins."""
    classes = draw(st.integers(1, 3))
    height, width = draw(SHAPES)
    seed = draw(st.integers(0, 2**32 - 1))
    scores = np.random.default_rng(seed).gamma(draw(st.sampled_from([0.3, 1, 5])), size=(classes + 1, height, width))
    p = scores / scores.sum(axis=0)
    values = np.concatenate([p.argmax(axis=0)[None], np.rint(254 * p[1:])]).astype(np.uint8)
    values[:, draw(arrays(bool, (height, width), elements=st.sampled_from([False] * 9 + [True])))] = 255
    return values


@settings(max_examples=150, deadline=None)
@given(st.one_of(maps(), IDS.map(lambda ids: ids[None])), HEIGHTS, st.integers(1, 4))
def test_classes_traced_by_strips_are_those_of_the_whole(values: Levels, heights: list[int], least: int) -> None:
    whole, pieced = traced(values, least=least), traced(values, heights, least)
    assert shapely.to_wkb(whole.polygons).tolist() == shapely.to_wkb(pieced.polygons).tolist()
    for f in fields(Parts):
        np.testing.assert_array_equal(getattr(whole.parts, f.name), getattr(pieced.parts, f.name))


@settings(max_examples=150, deadline=None)
@given(IDS)
def test_one_pass_gives_each_class_what_tracing_it_alone_gives(ids: Levels) -> None:
    together = in_order(traced(ids[None]))
    alone = []
    for class_id in np.setdiff1d(ids, [0, 255]):
        mask = np.where(ids == 255, 255, np.where(ids == class_id, 253, 0)).astype(np.uint8)[None]
        (one, rest) = trace([Block(Window(0, 0, *ids.shape), mask)], Level(127))
        polygons = np.concatenate([one.polygons, rest.polygons])
        keys = np.concatenate([one.parts.key, rest.parts.key])
        alone += shapely.to_wkb(polygons[np.argsort(keys)]).tolist()
    assert shapely.to_wkb(shapely.force_2d(together.polygons)).tolist() == alone


@settings(max_examples=150, deadline=None)
@given(maps())
def test_parts_are_4_connected_pixels_of_one_class_and_know_their_probability(values: Levels) -> None:
    found = in_order(traced(values))
    pixels, sums, areas = [], [], []
    for class_id in range(1, len(values)):
        label, count = ndimage.label(values[0] == class_id)
        pixels += np.bincount(label.ravel(), minlength=1)[1:].tolist()
        sums += np.bincount(label.ravel(), values[class_id].ravel(), minlength=1)[1:].tolist()
        areas += [class_id] * count
    assert shapely.is_valid(found.polygons).all()
    assert found.parts.pixels.tolist() == pixels
    assert found.parts.level_sum.tolist() == sums
    assert found.parts.area.tolist() == areas


@settings(max_examples=150, deadline=None)
@given(maps())
def test_no_pixel_of_a_class_lies_outside_its_polygons(values: Levels) -> None:
    found = traced(values)
    rows, cols = np.indices(values.shape[1:])
    centres = shapely.points(cols.ravel() + 0.5, rows.ravel() + 0.5)
    polygon, pixel = shapely.STRtree(centres).query(found.polygons, predicate="contains")
    owner = np.zeros(values[0].size, np.uint8)
    owner[pixel] = found.parts.area[polygon]
    assert len(np.unique(pixel)) == len(pixel)
    np.testing.assert_array_equal(owner, np.where(values[0] == 255, 0, values[0]).ravel())


@settings(max_examples=150, deadline=None)
@given(maps())
def test_neighbours_have_the_same_vertices_to_the_last_bit(values: Levels) -> None:
    found = traced(values)
    points, owner = shapely.get_coordinates(found.polygons, return_index=True)
    mine = set(zip(points[:, 0].tolist(), points[:, 1].tolist(), found.parts.area[owner].tolist(), strict=True))
    height, width = values.shape[1:]
    for x, y, area in mine:
        across = (y % 1) == 0.5
        before = (int(y), int(np.ceil(x - 0.5)) - 1) if across else (int(np.ceil(y - 0.5)) - 1, int(x))
        after = (before[0], before[1] + 1) if across else (before[0] + 1, before[1])
        inside = [at for at in (before, after) if 0 <= at[0] < height and 0 <= at[1] < width]
        others = {int(values[0][at]) for at in inside} - {0, 255, area}
        assert all((x, y, other) in mine for other in others)


def test_between_two_classes_the_line_lies_where_both_are_equally_probable() -> None:
    left, right = (200, 50), (104, 146)  # levels of both classes in the one pixel and in the other
    values = np.array([[[1, 2]], [[left[0], right[0]]], [[left[1], right[1]]]], np.uint8)
    one, other = in_order(traced(values)).polygons
    expected = 0.5 + 150.5 / (150.5 + 42.5)  # each pixel's lead, plus a half
    assert shapely.bounds(one)[2] == shapely.bounds(other)[0] == pytest.approx(expected)


def test_towards_the_background_it_lies_where_the_class_is_as_probable_as_all_others_leave() -> None:
    values = np.array([[[1, 0]], [[154, 54]], [[50, 0]]], np.uint8)
    (polygon,) = traced(values).polygons
    assert shapely.bounds(polygon)[2] == pytest.approx(0.5 + 104.5 / (104.5 + 146.5))


@pytest.mark.parametrize("values", [[[[1, 7]], [[154, 54]]], [[[1, 7]]]], ids=["of one", "of any"])
def test_where_no_probability_is_known_it_lies_half_way(values: list[list[list[int]]]) -> None:
    one, other = in_order(traced(np.array(values, np.uint8))).polygons
    assert shapely.bounds(one)[2] == shapely.bounds(other)[0] == 1


def test_parts_of_too_few_pixels_are_left_out_whole() -> None:
    ids = np.array([[1, 1, 1, 0, 2], [1, 0, 1, 0, 0], [1, 1, 1, 0, 2], [0, 0, 0, 0, 2]], np.uint8)[None]
    for heights in ((1,), (2,), (4,)):
        found = traced(ids, heights, least=2)
        assert found.parts.pixels.tolist() == [8, 2]
        assert shapely.get_num_interior_rings(found.polygons).tolist() == [1, 0]
