"""Outlines between pixels lie nearer to the truth than those along pixels, by outlines that are known exactly."""

from collections.abc import Iterable

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from geounet.block import Block
from geounet.footprints import Footprints
from geounet.frame import Frame
from geounet.objects import matched
from geounet.polygons.outlines import footprints_of, footprints_of_classes
from geounet.polygons.simplify import Tidying
from sample_tiles.generator import pixel_outline, small_town, true_buildings
from sample_tiles.generator.coverage import coverage

SIDE, K = 384, 127
FRAME = Frame(SIDE, SIDE, Affine.identity(), None)
TOLERANCES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5)


@pytest.fixture(scope="module")
def truth() -> list[shapely.Polygon]:
    return [pixel_outline(building.outline) for building in true_buildings(small_town(SIDE, seed=5))]


@pytest.fixture(scope="module")
def share(truth: list[shapely.Polygon]) -> NDArray[np.float64]:
    return coverage(truth, SIDE)


def test_coverage_is_the_area_in_each_pixel(truth: list[shapely.Polygon], share: NDArray[np.float64]) -> None:
    window = shapely.box(40, 60, 101, 143)
    expected = shapely.area(shapely.intersection(shapely.union_all(truth), window))
    assert share[60:143, 40:101].sum() == pytest.approx(expected, rel=1e-9)
    assert (share == 1).any()
    assert ((share > 0) & (share < 1)).any()


def found(batches: Iterable[Footprints], truth: list[shapely.Polygon]) -> tuple[float, float]:
    """Mean vertices of the buildings found that lie in the scene as a whole, and their mean IoU with the truth."""
    inside = np.array(truth, object)[shapely.contains(shapely.box(0, 0, SIDE, SIDE), truth)]
    geometry = Footprints.joined(batches).geometry
    matching = matched(inside, geometry)
    return float(shapely.get_num_coordinates(geometry[matching.pairs[:, 1]]).mean()), float(matching.iou.mean())


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5], ids="edges blurred by {} px".format)
def test_outlines_between_pixels_beat_those_along_pixels_at_as_many_vertices(
    blur: float, truth: list[shapely.Polygon], share: NDArray[np.float64]
) -> None:
    levels = np.rint(254 * ndimage.gaussian_filter(share, blur)).astype(np.uint8)[None]
    ids = (levels >= K).astype(np.uint8)
    settings = [Tidying(0, 0, tolerance) for tolerance in TOLERANCES]
    between = [found(footprints_of([Block(FRAME.window, levels)], FRAME, k=K, tidying=t), truth) for t in settings]
    along = [found(footprints_of_classes([Block(FRAME.window, ids)], FRAME, {1: t}, graded=0), truth) for t in settings]
    vertices, iou = np.array(along[::-1]).T
    for count, ours in between:
        assert ours > np.interp(count, vertices, iou) + 0.005
