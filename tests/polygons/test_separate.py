"""Touching buildings come apart: the pieces cover the outline, each a building of its own, whatever the strips."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from geounet.block import Block
from geounet.footprints import Flag, Footprints
from geounet.frame import Frame
from geounet.grid import Window
from geounet.legend import NODATA
from geounet.polygons import separate
from geounet.polygons.outlines import footprints_of
from geounet.polygons.separate import separator
from geounet.polygons.simplify import Tidying

Levels = NDArray[np.uint8]

K = 127
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
HEIGHTS = st.lists(st.integers(1, 4), min_size=1, max_size=6)
AS_TRACED = Tidying(min_area=0, fill_holes=0, simplify=0)


@st.composite
def maps(draw: st.DrawFn) -> Levels:
    """(2, height, width): mostly building, with some background and nodata, and contact in a third of it."""
    shape = draw(SHAPES)
    level = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 100, 128, 254, 254, 254, 254, 255])))
    contact = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 30, 90, 254])))
    both = np.stack([level, np.where(level == NODATA, NODATA, np.minimum(level, contact))])
    return both if draw(st.booleans()) else np.kron(both, np.ones((1, 6, 5), np.uint8))


def read_from(values: Levels) -> separate.Read:
    return lambda window: Block(window, values[:, window.rows, window.cols])


def footprints(
    values: Levels,
    heights: Sequence[int] = (1000,),
    *,
    least: float = 0,
    apart: bool = True,
    tidying: Tidying = AS_TRACED,
) -> Footprints:
    raster = Window(0, 0, *values.shape[1:])
    edges = np.cumsum([0, *list(heights) * len(values[0])])
    strips = [
        Block(window, values[:1, window.rows])
        for top, bottom in pairwise(edges)
        if (window := Window(int(top), 0, int(bottom - top), raster.width).within(raster)).area
    ]
    pixels = Frame(raster.height, raster.width, Affine.identity(), None)
    separated = separator(read_from(values), raster, k=K, least=least) if apart else None
    return Footprints.joined(footprints_of(strips, pixels, k=K, tidying=tidying, separate=separated))


def row_of_houses(count: int, *, side: int = 16, gap: int = 0) -> Levels:
    """Houses in a row with two pixels of contact between them, and background around."""
    level = np.zeros((side + 4, count * side + 4), np.uint8)
    level[2:-2, 2:-2] = 250
    contact = np.zeros_like(level)
    for wall in range(1, count):
        contact[2 : 2 + side - gap, 2 + wall * side - 1 : 2 + wall * side + 1] = 200
    return np.stack([level, contact])


def pixels_of(found: Footprints, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Number of the footprint that holds each pixel's centre, from 1; 0 for none. None holds one that another has."""
    rows, cols = np.indices(shape)
    centres = shapely.points(cols.ravel() + 0.5, rows.ravel() + 0.5)
    pixel, owner = shapely.STRtree(found.geometry).query(centres, predicate="within")
    assert len(np.unique(pixel)) == len(pixel)
    numbers = np.zeros(rows.size, np.int64)
    numbers[pixel] = owner + 1
    return numbers.reshape(shape)


@settings(max_examples=150, deadline=None)
@given(maps(), HEIGHTS)
def test_strips_have_no_part_in_it(values: Levels, heights: list[int]) -> None:
    whole, pieced = footprints(values), footprints(values, heights)
    assert shapely.to_wkb(whole.geometry).tolist() == shapely.to_wkb(pieced.geometry).tolist()
    np.testing.assert_array_equal(whole.confidence, pieced.confidence)
    np.testing.assert_array_equal(whole.flags, pieced.flags)


def terraces(seed: int) -> Levels:
    """(2, 160, 160): terraces at all angles, some of them across others, with noise and contact in their walls."""
    draw = np.random.default_rng(seed)
    rows, cols = np.indices((160, 160)) + 0.5
    level, contact = np.zeros((2, 160, 160))
    for angle, x, y, reach in draw.uniform((0, 10, 10, 20), (np.pi, 150, 150, 50), (8, 4)):
        along = (cols - x) * np.cos(angle) + (rows - y) * np.sin(angle)
        across = (rows - y) * np.cos(angle) - (cols - x) * np.sin(angle)
        terrace = (np.abs(along) < reach) & (np.abs(across) < 9)
        level[terrace] = 1
        contact[terrace & (np.abs((along + 8) % 16 - 8) < 1.2)] = 1
    level = ndimage.gaussian_filter(level, 1) + draw.normal(0, 0.03, level.shape)
    shares = np.clip([level, np.minimum(level, ndimage.gaussian_filter(contact, 0.8))], 0, 1)
    levels: Levels = np.rint(254 * shares).astype(np.uint8)
    return levels


@pytest.mark.parametrize("seed", range(3))
def test_strips_have_no_part_in_what_comes_apart_and_is_made_straight(seed: int) -> None:
    values, tidying = terraces(seed), Tidying(4, 4, regularize=True)
    whole, *pieced = (footprints(values, heights, least=10, tidying=tidying) for heights in ((160,), (1,), (7, 40)))
    assert len(whole) > len(footprints(values, apart=False, tidying=tidying)) + 5
    assert ((whole.flags & Flag.REGULARIZED) > 0).any()
    assert ((whole.flags & Flag.REFUSED) > 0).any()
    assert shapely.is_valid(whole.geometry).all()
    for other in pieced:
        assert shapely.to_wkb(whole.geometry).tolist() == shapely.to_wkb(other.geometry).tolist()
        np.testing.assert_array_equal(whole.flags, other.flags)


@settings(max_examples=150, deadline=None)
@given(maps())
def test_pieces_cover_the_outline_without_gap_or_overlap(values: Levels) -> None:
    whole, apart = footprints(values, apart=False), footprints(values)
    assert shapely.is_valid(apart.geometry).all()
    assert shapely.coverage_is_valid(apart.geometry)
    assert shapely.area(apart.geometry).sum() == pytest.approx(shapely.area(whole.geometry).sum(), abs=1e-9)
    corners = [set(map(tuple, shapely.get_coordinates(found.geometry))) for found in (whole, apart)]
    assert corners[0] <= corners[1]


@settings(max_examples=150, deadline=None)
@given(maps())
def test_every_pixel_belongs_to_one_connected_piece_that_knows_its_own(values: Levels) -> None:
    found = footprints(values)
    level = values[0]
    owner = pixels_of(found, level.shape)
    np.testing.assert_array_equal(owner > 0, (level >= K) & (level != NODATA))
    rim = np.ones(level.shape, bool)
    rim[1:-1, 1:-1] = False
    beside_nodata = ndimage.binary_dilation(level == NODATA)
    rim |= ndimage.binary_dilation(rim & (level == NODATA))  # an outermost pixel without data counts as the edge
    for number in range(1, len(found) + 1):
        own = owner == number
        assert ndimage.label(own)[1] == 1
        assert found.confidence[number - 1] == pytest.approx(level[own].mean() / 254)
        assert bool(found.flags[number - 1] & Flag.EDGE) == bool(own[rim].any())
        assert bool(found.flags[number - 1] & Flag.NODATA) == bool(own[beside_nodata].any())


@pytest.mark.parametrize("count", [2, 5])
def test_houses_in_a_row_come_apart_in_the_middle_of_their_walls(count: int) -> None:
    found = footprints(row_of_houses(count), least=100)
    lefts = sorted(shapely.bounds(found.geometry)[1:, 0].tolist())
    assert len(found) == count
    assert lefts == pytest.approx([2 + 16 * wall for wall in range(1, count)], abs=1)


def test_contact_that_divides_nothing_leaves_the_outline_as_it_is() -> None:
    values = row_of_houses(2, gap=7)
    whole = footprints(values, apart=False)
    assert shapely.to_wkb(footprints(values).geometry).tolist() == shapely.to_wkb(whole.geometry).tolist()


def test_a_wall_may_have_a_hole() -> None:
    assert len(footprints(row_of_houses(2, gap=2))) == 2


def test_what_is_too_small_for_a_building_is_part_of_one() -> None:
    values = row_of_houses(3)
    values[1, 2:-2, 6] = 250  # cuts four columns off the first house, two of which are away from contact
    assert len(footprints(values, least=32)) == 4
    assert len(footprints(values, least=33)) == 3


def test_an_outline_too_large_to_be_looked_at_stays_whole_and_is_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    values = row_of_houses(3)
    monkeypatch.setattr(separate, "_LARGEST", 100)
    found = footprints(values)
    assert len(found) == 1
    assert found.flags.tolist() == [Flag.LARGE]


def test_only_outlines_with_contact_are_read_again() -> None:
    values = np.zeros((2, 600, 600), np.uint8)
    values[0, 10:30, 10:30] = values[0, 300:330, 300:330] = 250
    values[:, 100:120, 100:152] = row_of_houses(3)
    asked: list[Window] = []

    def read(window: Window) -> Block:
        asked.append(window)
        return read_from(values)(window)

    whole = footprints(values, apart=False)
    found = separator(read, Window(0, 0, 600, 600), k=K, least=4)(whole)
    assert len(found) == len(whole) + 2
    assert [window for window in asked if window.height == window.width == 512] == [Window(0, 0, 512, 512)]
    assert len(asked) == 2
