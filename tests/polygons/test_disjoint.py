"""Footprints that know nothing of each other have no area in common, whatever the strips."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from shapely.affinity import rotate, translate

from geounet.block import Block
from geounet.footprints import Flag, Footprints, Geometries
from geounet.frame import Frame
from geounet.grid import Window
from geounet.polygons import disjoint
from geounet.polygons.disjoint import Disjoint
from geounet.polygons.outlines import footprints_of, footprints_of_classes
from geounet.polygons.simplify import Tidying

Levels = NDArray[np.uint8]


def near_blotches(seed: int, size: int = 70) -> Levels:
    """Shapes of some pixels with gaps of a pixel or two between them."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 2)
    levels: Levels = np.clip(180 + 2500 * noise, 0, 254).astype(np.uint8)
    return levels


def frame_of(levels: Levels, transform: Affine | None = None) -> Frame:
    return Frame(levels.shape[-2], levels.shape[-1], transform or Affine.identity(), None)


def footprints(levels: Levels, tidying: Tidying, step: int = 1000, transform: Affine | None = None) -> Footprints:
    height, width = levels.shape
    strips = [
        Block(Window(row, 0, min(step, height - row), width), levels[None, row : row + step])
        for row in range(0, height, step)
    ]
    return Footprints.joined(footprints_of(strips, frame_of(levels, transform), k=127, tidying=tidying))


def common_area(polygons: Geometries) -> float:
    one, other = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    one, other = one[one < other], other[one < other]
    return float(shapely.area(shapely.intersection(polygons[one], polygons[other])).max(initial=0))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 80),
    st.sampled_from([Tidying(0, 0, None), Tidying(0, 0, 2.0), Tidying(0, 60, None, regularize=True)]),
)
def test_no_two_footprints_overlap_and_strips_change_nothing(seed: int, step: int, tidying: Tidying) -> None:
    levels = near_blotches(seed)
    whole, pieced = footprints(levels, tidying), footprints(levels, tidying, step)
    assert shapely.to_wkb(whole.geometry).tolist() == shapely.to_wkb(pieced.geometry).tolist()
    assert shapely.is_valid(whole.geometry).all()
    assert common_area(whole.geometry) < 1e-5


def boxes(*polygons: shapely.Polygon) -> Footprints:
    count = len(polygons)
    return Footprints(
        np.array(polygons, object), np.ones(count, np.uint8), np.ones(count, np.float32), np.zeros(count, np.uint8)
    )


def test_the_earlier_one_keeps_what_both_cover() -> None:
    one, other = shapely.box(0, 0, 10, 10), shapely.box(9, 0, 19, 12)
    for batches in ([boxes(one, other)], [boxes(one), boxes(other)]):
        among = Disjoint(Frame(100, 100, Affine.identity(), None), 4)
        found = Footprints.joined([among.apart(batch) for batch in batches]).geometry
        assert shapely.equals(
            found, [one, shapely.Polygon([(10, 0), (19, 0), (19, 12), (9, 12), (9, 10), (10, 10)])]
        ).all()


def test_one_that_is_cut_is_not_regular_any_more() -> None:
    regular = boxes(shapely.box(0, 0, 10, 10), shapely.box(9, 0, 19, 12), shapely.box(30, 0, 40, 10))
    regular = regular.with_flags(np.array([Flag.REGULARIZED, Flag.REGULARIZED | Flag.EDGE, Flag.REGULARIZED], np.uint8))
    found = Disjoint(Frame(100, 100, Affine.identity(), None), 4).apart(regular)
    assert found.flags.tolist() == [Flag.REGULARIZED, Flag.REFUSED | Flag.EDGE, Flag.REGULARIZED]


def test_of_one_that_is_cut_in_two_the_largest_part_is_left_if_it_is_large_enough() -> None:
    bar, cross = shapely.box(10, 0, 12, 30), shapely.box(0, 5, 40, 6)
    for least, expected in ((4, [bar, shapely.box(12, 5, 40, 6)]), (29, [bar])):
        found = Disjoint(Frame(100, 100, Affine.identity(), None), least).apart(boxes(bar, cross)).geometry
        assert shapely.equals(found, expected).all()


@pytest.mark.parametrize("least", [0, 4])
def test_of_one_that_is_covered_nothing_is_left(least: int) -> None:
    for inner in (shapely.box(2, 2, 8, 8), shapely.box(0, 0, 10, 10)):
        among = Disjoint(Frame(100, 100, Affine.identity(), None), least)
        assert shapely.equals(among.apart(boxes(shapely.box(0, 0, 10, 10), inner)).geometry, shapely.box(0, 0, 10, 10))


def test_those_that_end_far_above_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disjoint, "ROWS", 20)
    early, tall, late = shapely.box(0, 0, 9, 9), shapely.box(8, 0, 20, 60), shapely.box(0, 55, 9, 62)
    for batches in ([boxes(early, tall, late)], [boxes(early), boxes(tall), boxes(late)]):
        among = Disjoint(Frame(100, 100, Affine.identity(), None), 4)
        found = Footprints.joined([among.apart(batch) for batch in batches]).geometry
        assert shapely.equals(found[:2], [early, tall]).all()
        assert found[2].area == pytest.approx(9 * 7 - 5)


@pytest.mark.parametrize("transform", [None, Affine(0.5, 0, 70, 0, -0.5, 30), Affine.rotation(30)])
@pytest.mark.parametrize("regular", [False, True])
def test_a_hole_is_filled_up_to_what_stands_in_it(regular: bool, transform: Affine | None) -> None:
    levels = np.zeros((60, 60), np.uint8)
    levels[5:55, 5:50] = 254
    levels[20:40, 20:40] = 0
    levels[25:35, 26:34] = 254
    for step in (60, 7):
        found = footprints(levels, Tidying(4, 1000, None, regularize=regular), step, transform).geometry
        assert len(found) == 2
        assert common_area(found) < 1e-5
        assert shapely.area(found).sum() == pytest.approx(shapely.union_all(found).area)
        whole = shapely.Polygon(found[np.argmax(shapely.area(found))].exterior)
        assert shapely.area(found).sum() == pytest.approx(whole.area)


def test_so_is_one_of_a_class_in_which_another_stands() -> None:
    ids = np.zeros((1, 60, 60), np.uint8)
    ids[0, 5:55, 5:50] = 1
    ids[0, 20:40, 20:40] = 2
    strips = [Block(Window(row, 0, 12, 60), ids[:, row : row + 12]) for row in range(0, 60, 12)]
    tidyings = dict.fromkeys((1, 2), Tidying(4, 1000, None))
    found = Footprints.joined(footprints_of_classes(strips, frame_of(ids), tidyings, graded=0)).geometry
    assert shapely.get_num_interior_rings(found).tolist() == [0, 1]
    assert shapely.coverage_is_valid(found)


def test_two_houses_a_pixel_apart_stay_two() -> None:
    side = 90
    rows, cols = np.indices((side, side)) + 0.5
    house = shapely.box(-14, -9, 14, 9)
    houses = [translate(rotate(house, 11), 30, 40), translate(rotate(house, 19), 60, 47)]
    inside = shapely.contains_xy(shapely.union_all(houses), cols.ravel(), rows.ravel()).reshape(side, side)
    levels = np.rint(254 * ndimage.gaussian_filter(inside.astype(float), 0.8)).astype(np.uint8)
    found = footprints(levels, Tidying(regularize=True)).geometry
    assert len(found) == 2
    assert common_area(found) < 1e-5
