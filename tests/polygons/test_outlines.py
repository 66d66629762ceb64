"""Strips to footprints: what is left out early is what would have been dropped in the end."""

from collections.abc import Callable

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
from geounet.polygons.disjoint import Disjoint
from geounet.polygons.outlines import footprints_of, footprints_of_classes
from geounet.polygons.simplify import Tidying

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
LEVELS = arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 20, 126, 127, 200, 254, 254, 255]))


@settings(max_examples=150, deadline=None)
@given(LEVELS, st.floats(0, 60), st.sampled_from([0.0, 0.5, 2.0, None]))
def test_leaving_out_specks_early_changes_no_footprint(
    values: NDArray[np.uint8],
    least: float,
    tolerance: float | None,
) -> None:
    frame = Frame(values.shape[0], values.shape[1], Affine(1, 0, 0, 0, -1, 0), None)

    def tidied(least: float) -> Footprints:
        block = Block(frame.window, values[None])
        return Footprints.joined(footprints_of([block], frame, k=127, tidying=Tidying(least, 4, tolerance)))

    with pytest.MonkeyPatch.context() as patch:  # what is dropped takes nothing from others first
        patch.setattr(Disjoint, "apart", lambda _, found: found)
        every = tidied(0)
    wanted = Disjoint(frame, least).apart(every[shapely.area(every.geometry) >= least])
    found = tidied(least)
    assert shapely.to_wkb(found.geometry).tolist() == shapely.to_wkb(wanted.geometry).tolist()
    assert found.flags.tolist() == wanted.flags.tolist()


def test_a_class_without_a_probability_has_no_confidence() -> None:
    values = np.zeros((2, 9, 9), np.uint8)
    values[0, 1:4, 1:4], values[0, 5:8, 5:8] = 1, 2
    values[1, 1:4, 1:4] = 127
    frame = Frame(9, 9, Affine(1, 0, 0, 0, -1, 9), None)
    both = dict.fromkeys((1, 2), Tidying())
    found = Footprints.joined(footprints_of_classes([Block(Window(0, 0, 9, 9), values)], frame, both, graded=1))
    assert found.class_id.tolist() == [1, 2]
    assert found.confidence.tolist() == pytest.approx([0.5, np.nan], nan_ok=True)


def turns(ring: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """A ring without the points that lie straight between their neighbours."""
    around = zip(ring[-1:] + ring[:-1], ring, ring[1:] + ring[:1], strict=True)
    return [at for before, at, after in around if not is_straight(before, at, after)]


def is_straight(before: tuple[float, ...], at: tuple[float, ...], after: tuple[float, ...]) -> bool:
    (x, y), (dx, dy) = (at[0] - before[0], at[1] - before[1]), (after[0] - at[0], after[1] - at[1])
    return x * dy == y * dx and x * dx + y * dy > 0


def rings_of(polygon: shapely.Polygon) -> list[list[tuple[float, ...]]]:
    """Where the exterior turns, then the holes in order, the way round that each runs, from its least point on."""
    rings = [turns(list(ring.coords[:-1])) for ring in (polygon.exterior, *polygon.interiors)]
    return [ring[first:] + ring[:first] for ring in rings for first in [ring.index(min(ring))]]


@settings(max_examples=100, deadline=None)
@given(arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 0, 7, 7, 255])))
def test_the_only_class_is_outlined_as_one_of_several(ids: NDArray[np.uint8]) -> None:
    frame = Frame(ids.shape[0], ids.shape[1], Affine(1, 0, 0, 0, -1, 0), None)

    def found(*classes: int) -> Footprints:
        tidyings = dict.fromkeys(classes, Tidying(0, 0, 0))
        return Footprints.joined(footprints_of_classes([Block(frame.window, ids[None])], frame, tidyings, graded=0))

    only, several = found(7), found(7, 8)  # whose rings may begin elsewhere, at a junction
    assert [rings_of(polygon) for polygon in only.geometry] == [rings_of(polygon) for polygon in several.geometry]
    assert only.class_id.tolist() == several.class_id.tolist()
    assert only.flags.tolist() == several.flags.tolist()


def assert_the_same_however_many_together(
    tidied: Callable[[], list[bytes]], together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tidied()
    monkeypatch.setattr("geounet.polygons.outlines._TOGETHER", together)
    assert len(usual) > 10
    assert tidied() == usual


@pytest.mark.parametrize("together", [1, 300, 10**6])
def test_how_much_is_tidied_at_once_changes_nothing(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(90, 90)), 2)
    levels = (127 + 900 * noise.clip(-0.1, 0.1)).astype(np.uint8)[None]
    strips = [Block(Window(row, 0, 10, 90), levels[:, row : row + 10]) for row in range(0, 90, 10)]
    frame = Frame(90, 90, Affine(1, 0, 0, 0, -1, 90), None)

    def tidied() -> list[bytes]:
        found = Footprints.joined(footprints_of(strips, frame, k=127, tidying=Tidying(4, 4, regularize=True)))
        wkb: list[bytes] = shapely.to_wkb(found.geometry).tolist()
        return wkb

    assert_the_same_however_many_together(tidied, together, monkeypatch)


@pytest.mark.parametrize("together", [1, 300])
def test_nor_does_it_where_two_classes_that_touch_have_straight_walls(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(3, 90, 90)), (0, 3, 3))
    ids = noise.argmax(0).astype(np.uint8)[None]
    frame = Frame(90, 90, Affine(1, 0, 0, 0, -1, 90), None)

    def tidied() -> list[bytes]:
        strips = [Block(Window(row, 0, 10, 90), ids[:, row : row + 10]) for row in range(0, 90, 10)]
        tidyings = dict.fromkeys((1, 2), Tidying(0, 0, regularize=True))
        found = Footprints.joined(footprints_of_classes(strips, frame, tidyings, graded=0))
        wkb: list[bytes] = shapely.to_wkb(found.geometry).tolist()
        return wkb

    assert_the_same_however_many_together(tidied, together, monkeypatch)


def test_an_island_as_large_as_the_holes_that_are_filled_stands_in_a_hole_or_is_gone() -> None:
    rng, side = np.random.default_rng(4), 24
    ids = np.ones((side * 15, side * 15), np.uint8)
    for row, col in np.ndindex(15, 15):  # blobs of 44 to 46 pixels, 4 m² being 44.4
        blob = ndimage.gaussian_filter(rng.normal(size=(side - 4, side - 4)), 2)
        blob[[0, -1]] = blob[:, [0, -1]] = -9
        for cut in np.sort(blob.ravel())[::-1]:
            numbers, _ = ndimage.label(blob >= cut)
            largest = np.bincount(numbers.ravel())[1:].argmax() + 1
            if np.count_nonzero(numbers == largest) >= 44:
                ids[row * side + 2 :, col * side + 2 :][: side - 4, : side - 4][numbers == largest] = 2
                break
    frame = Frame(*ids.shape, Affine(0.3, 0, 0, 0, -0.3, 0.3 * len(ids)), "EPSG:32633")
    tidyings = dict.fromkeys((1, 2), Tidying())
    found = Footprints.joined(footprints_of_classes([Block(frame.window, ids[None])], frame, tidyings, graded=0))
    (ground,), islands = (found.geometry[found.class_id == number] for number in (1, 2))
    assert 20 < len(islands) < 205  # some are smaller when simplified, and gone
    assert shapely.get_num_interior_rings(ground) == len(islands)
    assert shapely.area(shapely.intersection(ground, islands)).max() < 1e-9


@pytest.mark.parametrize("height", [1, 7, 64])
def test_simplified_footprints_of_classes_do_not_depend_on_the_strips(height: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(3, 64, 64)), (0, 3, 3))
    ids = noise.argmax(0).astype(np.uint8)[None]
    frame = Frame(64, 64, Affine(1, 0, 0, 0, -1, 64), None)

    def tidied(height: int) -> list[bytes]:
        strips = (
            Block(Window(row, 0, min(height, 64 - row), 64), ids[:, row : row + height]) for row in range(0, 64, height)
        )
        tidyings = {1: Tidying(0, 4, regularize=True), 2: Tidying(0, 4)}
        found = Footprints.joined(footprints_of_classes(strips, frame, tidyings, graded=0))
        assert not (found.flags[found.class_id == 2] & (Flag.REGULARIZED | Flag.REFUSED)).any()
        assert (found.flags[found.class_id == 1] & (Flag.REGULARIZED | Flag.REFUSED)).all()
        return sorted(shapely.to_wkb(found.geometry).tolist())

    assert tidied(height) == tidied(5)
