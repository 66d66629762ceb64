"""Tracing by strips equals tracing the whole, and what is traced is what the raster holds."""

from collections.abc import Iterator, Sequence
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
from geounet.polygons.field import Level
from geounet.polygons.parts import Parts
from geounet.polygons.trace import Traced, trace

Levels = NDArray[np.uint8]

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
NOISE = arrays(np.uint8, SHAPES, elements=st.one_of(st.integers(0, 255), st.sampled_from([0, 127, 254, 255])))
MASKS = arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 253, 253]))
BLOTCHES = st.builds(lambda mask: np.kron(mask, np.ones((2, 2), np.uint8)), MASKS)
RASTERS = st.one_of(NOISE, MASKS, BLOTCHES)
HEIGHTS = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def strips(levels: Levels, heights: Sequence[int]) -> Iterator[Block]:
    """The raster cut into strips of these heights, over and over."""
    row = number = 0
    while row < len(levels):
        height = min(heights[number % len(heights)], len(levels) - row)
        yield Block(Window(row, 0, height, levels.shape[1]), levels[None, row : row + height])
        row, number = row + height, number + 1


def gathered(batches: Iterator[Traced]) -> Traced:
    every = list(batches)
    parts = Parts(*(np.concatenate([getattr(one.parts, f.name) for one in every]) for f in fields(Parts)))
    return Traced(np.concatenate([one.polygons for one in every]), parts)


def traced(levels: Levels, k: int = 127, heights: Sequence[int] = (1000,)) -> Traced:
    return gathered(trace(strips(levels, heights), Level(k), height=levels.shape[0]))


@settings(max_examples=200, deadline=None)
@given(RASTERS, st.integers(1, 254), HEIGHTS)
def test_tracing_by_strips_equals_tracing_the_whole(levels: Levels, k: int, heights: list[int]) -> None:
    whole, pieced = traced(levels, k), traced(levels, k, heights)
    assert shapely.to_wkb(whole.polygons).tolist() == shapely.to_wkb(pieced.polygons).tolist()
    for f in fields(Parts):
        np.testing.assert_array_equal(getattr(whole.parts, f.name), getattr(pieced.parts, f.name))


@settings(max_examples=200, deadline=None)
@given(RASTERS, st.integers(1, 254))
def test_polygons_are_the_4_connected_parts_and_know_their_pixels(levels: Levels, k: int) -> None:
    found = traced(levels, k)
    inside = (levels >= k) & (levels < 255)
    label, count = ndimage.label(inside)
    assert len(found.polygons) == count
    assert shapely.is_valid(found.polygons).all()
    assert (shapely.get_type_id(found.polygons) == shapely.GeometryType.POLYGON).all()
    order = np.argsort(found.parts.key)  # ndimage counts parts by their first pixels, too
    np.testing.assert_array_equal(found.parts.pixels[order], np.bincount(label.ravel())[1:])
    sums = np.bincount(label.ravel(), levels.ravel(), minlength=count + 1)[1:]
    np.testing.assert_array_equal(found.parts.level_sum[order], sums)
    around = ndimage.grey_dilation(np.pad(levels == 255, 1), footprint=ndimage.generate_binary_structure(2, 1))
    touches_nodata = np.isin(np.arange(1, count + 1), label[around[1:-1, 1:-1]])
    np.testing.assert_array_equal(found.parts.nodata[order], touches_nodata)
    outermost = np.ones(levels.shape, bool)
    outermost[1:-1, 1:-1] = False
    rim = label[outermost | ndimage.binary_dilation(outermost & (levels == 255))]  # the edge, or nodata all along it
    np.testing.assert_array_equal(found.parts.edge[order], np.isin(np.arange(1, count + 1), rim))


@settings(max_examples=200, deadline=None)
@given(RASTERS, st.integers(1, 254))
def test_every_pixel_centre_lies_on_its_side_of_the_outlines(levels: Levels, k: int) -> None:
    polygons = traced(levels, k).polygons
    rows, cols = np.indices(levels.shape)
    centres = shapely.points(cols.ravel() + 0.5, rows.ravel() + 0.5)
    covered = np.zeros(levels.size, int)
    np.add.at(covered, shapely.STRtree(centres).query(polygons, predicate="contains")[1], 1)
    np.testing.assert_array_equal(covered.reshape(levels.shape), (levels >= k) & (levels < 255))


@settings(max_examples=200, deadline=None)
@given(RASTERS, st.integers(1, 254))
def test_vertices_lie_where_the_level_does(levels: Levels, k: int) -> None:
    padded = np.pad(levels.astype(float), 1, constant_values=255)
    for x, y in shapely.get_coordinates(traced(levels, k).polygons):
        across = np.isclose(y % 1, 0.5, atol=1e-12)
        row, col = (y, x) if across else (x, y)
        grid = padded if across else padded.T
        along, fraction = divmod(col + 0.5, 1)
        before, after = grid[int(row) + 1, int(along)], grid[int(row) + 1, int(along) + 1]
        if 255 in (before, after):
            assert fraction == 0.5
        else:
            assert before + fraction * (after - before) == pytest.approx(k - 0.5)


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_rings_begin_at_their_first_run_edge_and_turn_as_usual(levels: Levels) -> None:
    polygons = traced(levels).polygons
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    rings = shapely.get_rings(polygons)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    on_rows = points[:, 1] % 1 == 0.5
    order = np.lexsort((points[:, 0], points[:, 1], ~on_rows, ring))
    first = np.searchsorted(ring, np.arange(len(rings)))
    np.testing.assert_array_equal(points[first], points[order[first]])


def spiral(size: int) -> Levels:
    """One wall, a pixel wide, winding inward."""
    levels = np.zeros((size, size), np.uint8)
    row, col, down, right = 0, 0, 0, 1
    for length in [size - 1, *(n for m in range(size - 1, 0, -2) for n in (m, m))]:
        for _ in range(length):
            levels[row, col] = 254
            row, col = row + down, col + right
        down, right = right, -down
    return levels


def nested(size: int) -> Levels:
    """Squares in the holes of squares."""
    rows, cols = np.indices((size, size))
    depth = np.minimum(np.minimum(rows, cols), np.minimum(size - 1 - rows, size - 1 - cols))
    return np.where(depth // 2 % 2 == 0, 254, 0).astype(np.uint8)


def comb(size: int) -> Levels:
    """A wall along the bottom with teeth that reach the top: parts that meet only in the last row."""
    levels = np.zeros((size, size), np.uint8)
    levels[:, ::2] = 254
    levels[-1] = 254
    return levels


def checkerboard(size: int) -> Levels:
    odd: NDArray[np.bool_] = np.indices((size, size)).sum(axis=0) % 2 == 1
    return np.where(odd, 254, 0).astype(np.uint8)


@pytest.mark.parametrize("heights", [(1,), (2,), (3, 1), (7,)], ids=str)
@pytest.mark.parametrize(
    ("levels", "polygons", "holes"),
    [
        pytest.param(spiral(17), 1, 0, id="spiral"),
        pytest.param(nested(18), 3, 2, id="holes in holes"),
        pytest.param(comb(13), 1, 0, id="comb"),
        pytest.param(comb(13)[::-1], 1, 0, id="comb upside down"),
        pytest.param(254 - comb(13), 6, 0, id="gaps of a comb"),
        pytest.param(checkerboard(9), 40, 0, id="checkerboard"),
        pytest.param(np.full((9, 3), 254, np.uint8), 1, 0, id="through every strip"),
        pytest.param(np.full((9, 3), 255, np.uint8), 0, 0, id="no data at all"),
        pytest.param(np.full((1, 1), 254, np.uint8), 1, 0, id="one pixel"),
        pytest.param(np.zeros((4, 4), np.uint8), 0, 0, id="nothing"),
    ],
)
def test_awkward_shapes(levels: Levels, polygons: int, holes: int, heights: tuple[int, ...]) -> None:
    found = traced(levels, heights=heights)
    assert len(found.polygons) == polygons
    assert shapely.get_num_interior_rings(found.polygons).sum() == holes
    assert shapely.to_wkb(found.polygons).tolist() == shapely.to_wkb(traced(levels).polygons).tolist()


def test_a_raster_full_of_building_is_outlined_at_its_edge() -> None:
    found = traced(np.full((3, 5), 200, np.uint8))
    assert shapely.bounds(found.polygons).tolist() == [[0, 0, 5, 3]]
    assert found.parts.edge.tolist() == [True]
    assert found.parts.nodata.tolist() == [False]


def test_no_strips_give_no_polygons() -> None:
    assert list(trace([], Level(127))) == []


def test_a_large_strip_is_traced_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = nested(18)
    whole = traced(levels)
    monkeypatch.setattr("geounet.polygons.trace._STEP", 40)
    assert shapely.to_wkb(traced(levels).polygons).tolist() == shapely.to_wkb(whole.polygons).tolist()
