"""Simplified land cover is one partition of the plane: neighbours have one border, and none waits for the other."""

import itertools
import math

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy import ndimage

from geounet.block import Block
from geounet.footprints import Footprints, Geometries
from geounet.frame import Frame
from geounet.grid import Window
from geounet.polygons.outlines import footprints_of_classes
from geounet.polygons.simplify import Tidying

Levels = NDArray[np.uint8]

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
IDS = st.one_of(
    arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 1, 2, 3, 255])),
    arrays(np.uint8, SHAPES, elements=st.sampled_from([1, 2, 3])),
).map(lambda ids: ids[None])
TOLERANCES = st.sampled_from([0.0, 0.3, 0.75, 2.0, 30.0])
HEIGHTS = st.integers(1, 7)


@st.composite
def land(draw: st.DrawFn) -> Levels:
    """Ids of smooth patches of up to four classes and background, with the probabilities of the classes or without."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape, smooth = (draw(st.integers(5, 30)), draw(st.integers(5, 30))), draw(st.sampled_from([0.5, 1.0, 2.0]))
    scores = np.exp([8 * smooth * ndimage.gaussian_filter(random.normal(size=shape), smooth) for _ in range(5)])
    p = scores / scores.sum(axis=0)
    values = np.concatenate([p.argmax(axis=0)[None], np.rint(254 * p[1:])])[: draw(st.sampled_from([1, 5]))]
    values = values.astype(np.uint8)
    values[:, random.random(shape) < 0.01] = 255
    return values


def footprints(values: Levels, tidying: Tidying, step: int = 1000, frame: Frame | None = None) -> Footprints:
    """Those of a raster of ids, (bands, height, width), read in strips of `step` rows."""
    bands, height, width = values.shape
    frame = frame or Frame(height, width, Affine.identity(), None)
    strips = [
        Block(Window(row, 0, min(step, height - row), width), values[:, row : row + step])
        for row in range(0, height, step)
    ]
    return Footprints.joined(
        footprints_of_classes(strips, frame, dict.fromkeys(range(1, 5), tidying), graded=bands - 1)
    )


@settings(max_examples=200, deadline=None)
@given(st.one_of(land(), IDS), TOLERANCES, HEIGHTS)
def test_neighbours_neither_overlap_nor_gape_whatever_the_strips(values: Levels, tolerance: float, step: int) -> None:
    tidying = Tidying(0, 0, tolerance)
    whole, pieced = (footprints(values, tidying, height) for height in (1000, step))
    assert sorted(shapely.to_wkb(whole.geometry).tolist()) == sorted(shapely.to_wkb(pieced.geometry).tolist())
    assert shapely.is_valid(whole.geometry).all()
    assert shapely.coverage_is_valid(whole.geometry)
    covered = shapely.union_all(whole.geometry)
    assert shapely.area(whole.geometry).sum() == pytest.approx(covered.area)
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(covered) for ring in part.interiors]
    rows, cols = np.nonzero(np.isin(values[0], [0, 255]))
    free = shapely.points(cols + 0.5, rows + 0.5)
    for hole in holes:  # background is free, and so is a speck where one class lies crosswise to itself
        specks = shapely.dwithin(hole, crosswise(values[0]), 0.5).sum()
        assert shapely.contains(hole, free).any() or (specks and hole.area < specks)


def crosswise(ids: Levels) -> Geometries:
    """The corners of pixels at which a class lies crosswise to itself."""
    one, two, three, four = ids[:-1, :-1], ids[:-1, 1:], ids[1:, :-1], ids[1:, 1:]
    rows, cols = np.nonzero(((one == four) | (two == three)) & (one != two) & (one != three))
    corners: Geometries = shapely.points(cols + 1, rows + 1)
    return corners


@settings(max_examples=100, deadline=None)
@given(st.one_of(land(), IDS), TOLERANCES)
def test_every_pixel_centre_stays_in_a_polygon_of_its_class(values: Levels, tolerance: float) -> None:
    found = footprints(values, Tidying(0, 0, tolerance))
    rows, cols = np.indices(values.shape[1:])
    centres = shapely.points(cols.ravel() + 0.5, rows.ravel() + 0.5)
    polygon, pixel = shapely.STRtree(centres).query(found.geometry, predicate="contains")
    owner = np.zeros(values[0].size, np.uint8)
    owner[pixel] = found.class_id[polygon]
    assert len(np.unique(pixel)) == len(pixel)
    np.testing.assert_array_equal(owner, np.where(values[0] == 255, 0, values[0]).ravel())


def test_straight_borders_between_three_classes_meet_in_one_point() -> None:
    ids = np.ones((1, 40, 40), np.uint8)
    ids[0, :20, 20:], ids[0, 20:] = 2, 3
    found = footprints(ids, Tidying(0, 0))
    assert [len(polygon.exterior.coords) - 1 for polygon in found.geometry] == [4, 4, 5]
    assert shapely.hausdorff_distance(found.geometry[0], shapely.box(0, 0, 20, 20)) < 1e-2


def test_a_slanting_border_becomes_one_side_of_both() -> None:
    rows, cols = np.indices((60, 60)) + 0.5
    distance = (cols - 30) * 0.94 + (rows - 30) * 0.34
    levels = np.clip(127 + 127 * distance, 0, 254)
    ids = np.where(levels > 127, 1, 2)
    found = footprints(np.stack([ids, levels, 254 - levels]).astype(np.uint8), Tidying(0, 0))
    # a bit of it more at each edge of the raster, where the outline goes straight on for half a pixel
    assert [len(polygon.exterior.coords) - 1 for polygon in found.geometry] == [6, 6]
    cut = [shapely.LineString([(30 + 0.34 / 0.94 * 30, 0), (30 - 0.34 / 0.94 * 30, 60)])]
    assert shapely.hausdorff_distance(shapely.intersection(*found.geometry), cut[0]) < 0.2


@pytest.mark.parametrize("code", [32633, 4326, 3857])
def test_the_tolerance_is_that_on_the_ground(code: int) -> None:
    """Waves of a border with an amplitude of 0.8 m at 60 N: kept by a tolerance of 0.7 m, gone with one of 1.7 m."""
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(15.0, 60.0)
    per_x, per_y = {
        32633: (1.0, 1.0),
        4326: (1 / (111_412.8 * math.cos(math.radians(60))), 1 / 111_412.2),
        3857: (2.0, 2.0),
    }[code]
    frame = Frame(60, 60, Affine(2 * per_x, 0, x, 0, -2 * per_y, y), CRS(code).to_wkt())  # pixels of 2 m
    rows, cols = np.indices((60, 60)) + 0.5
    levels = np.clip(127 + 127 * (rows - 30 - 0.4 * np.sin(cols / 60 * 6 * np.pi)), 0, 254)
    values = np.stack([np.where(levels > 127, 1, 2), levels, 254 - levels]).astype(np.uint8)
    corners = [
        shapely.get_num_coordinates(footprints(values, Tidying(0, 0, tolerance), frame=frame).geometry[0])
        for tolerance in (0.7, 1.7)
    ]
    assert corners[0] > 8
    assert corners[1] == 5


def test_noise_of_single_pixels_makes_a_partition_as_well() -> None:
    random = np.random.default_rng(7)
    values = random.integers(0, 5, (1, 120, 120), dtype=np.uint8)
    for one, other in itertools.pairwise(footprints(values, Tidying(0, 0, 1.0), step).geometry for step in (120, 17)):
        assert sorted(shapely.to_wkb(one).tolist()) == sorted(shapely.to_wkb(other).tolist())
        assert shapely.coverage_is_valid(one)
