"""Where the data end there is no wall: a building that is cut there keeps the directions of what is seen of it."""

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely import Polygon

from geounet.footprints import Footprints
from geounet.frame import Frame
from geounet.legend import NODATA
from geounet.polygons.partition import partition_of
from geounet.polygons.rim import rim_of
from tests.polygons.test_regularize import ELL, NOWHERE, RECTANGLE, drawn, footprints, placed

Levels = NDArray[np.uint8]


def cut(shape: Polygon, angle: float, *, by: str) -> Levels:
    """A shape drawn around the middle, of which the upper part is not seen."""
    levels = drawn([placed(shape, angle)])
    if by == "nodata":
        levels[:55] = NODATA
        levels[54, 60:] = 0 if levels[55, 60:].max() == 0 else levels[55, 60:]  # the edge of the data has a step
        return levels
    return levels[55:]


def walls_off(found: Footprints, angle: float, rim: float) -> NDArray[np.float64]:
    """Degrees between each wall longer than 4 pixels, those along the rim left out, and the shape's directions."""
    (polygon,) = found.geometry
    points = shapely.get_coordinates(polygon.exterior)
    way = np.diff(points, axis=0)
    along_rim = (np.abs(points[:-1, 1] - rim) < 1.5) & (np.abs(points[1:, 1] - rim) < 1.5)
    way = way[(np.hypot(*way.T) > 4) & ~along_rim]
    assert len(way) >= 2
    off = np.degrees(np.arctan2(way[:, 1], way[:, 0])) - angle
    apart: NDArray[np.float64] = np.abs((off + 45) % 90 - 45)
    return apart


@pytest.mark.parametrize("by", ["nodata", "edge"])
@pytest.mark.parametrize("shape", [RECTANGLE, ELL], ids=["rectangle", "ell"])
@pytest.mark.parametrize("angle", [8.0, 20.0, 37.0])
def test_walls_lie_as_the_building_does_and_not_as_the_edge_of_the_data(shape: Polygon, angle: float, by: str) -> None:
    levels = cut(shape, angle, by=by)
    frame = Frame(levels.shape[0], levels.shape[1], NOWHERE.transform, None)
    found = footprints(levels, frame)
    rim = 55.0 if by == "nodata" else 0.0
    assert walls_off(found, angle, rim).max() < 2
    assert shapely.bounds(found.geometry)[0, 1] >= rim - 1 - 1e-9  # and nothing reaches into what has no data


def test_of_a_mask_only_the_edge_of_the_raster_is_known() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[:8, 4:12] = 254
    polygons = footprints(mask, Frame(20, 20, Affine.identity(), None)).geometry
    partition = partition_of(polygons)
    rim = rim_of(partition, np.array([True]), (20, 20))
    assert rim is not None
    here, there = partition.arcs.points, partition.arcs.points[partition.arcs.following]
    assert rim.tolist() == ((here[:, 1] == 0) & (there[:, 1] == 0)).tolist()
    assert rim.sum() == 1
    assert rim_of(partition, np.array([False]), (20, 20)) is None
