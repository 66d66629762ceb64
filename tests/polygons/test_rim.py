"""Where the data end there is no wall: a building that is cut there keeps the directions of what is seen of it."""

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from geounet.block import Block
from geounet.footprints import Flag, Footprints
from geounet.frame import Frame
from geounet.grid import Window
from geounet.legend import NODATA
from geounet.polygons.outlines import footprints_of_classes
from geounet.polygons.simplify import Tidying
from geounet.polygons.walls import frames_of
from tests.polygons.test_regularize import ELL, NOWHERE, RECTANGLE, REGULAR, corners, drawn, footprints, placed

Levels = NDArray[np.uint8]


def without_half(levels: Levels, angle: float, *, beyond: float) -> Levels:
    """Levels that are nodata on one side of a line at an angle, which passes `beyond` pixels above the middle."""
    row, col = np.mgrid[: levels.shape[0], : levels.shape[1]] - 60.0
    turn = np.radians(angle)
    return np.where(row * np.cos(turn) - col * np.sin(turn) < -beyond, NODATA, levels).astype(np.uint8)


def missing(levels: Levels) -> shapely.Geometry:
    """The ground without data, that beside the raster as well."""
    edged = np.pad(levels, 1, constant_values=NODATA)
    row, col = np.nonzero(edged == NODATA)
    return shapely.union_all(shapely.box(col - 1, row - 1, col, row))


def off(polygon: Polygon, angle: float, levels: Levels) -> NDArray[np.float64]:
    """Degrees between each wall of 3 pixels or more and the shape's directions; the rim is none."""
    corner = shapely.get_coordinates(polygon.exterior)
    way, middle = np.diff(corner, axis=0), (corner[1:] + corner[:-1]) / 2
    is_wall = (np.hypot(*way.T) > 3) & (shapely.distance(shapely.points(middle), missing(levels)) > 1)
    turn = np.degrees(np.arctan2(way[is_wall, 1], way[is_wall, 0]))
    apart: NDArray[np.float64] = np.abs((turn - angle + 45) % 90 - 45)
    assert len(apart) >= 2
    return apart


@pytest.mark.parametrize("angle", [8.0, 20.0, 37.0])
@pytest.mark.parametrize(
    ("shape", "rim"),
    [(RECTANGLE, 0.0), (RECTANGLE, 28.0), (RECTANGLE, 55.0), (RECTANGLE, 90.0), (ELL, 0.0), (ELL, 90.0)],
)
def test_walls_lie_as_the_building_does_and_not_as_the_edge_of_the_data(
    shape: Polygon, angle: float, rim: float
) -> None:
    levels = without_half(drawn([placed(shape, angle)]), rim, beyond=5)
    found = footprints(levels)
    assert found.flags.tolist() == [Flag.NODATA | Flag.REGULARIZED]
    (polygon,) = found.geometry
    assert off(polygon, angle, levels).max() < 1
    assert len(polygon.exterior.coords) - 1 <= 7
    assert polygon.intersection(missing(levels)).area <= 0.015 * polygon.area  # steps of a slanting rim


@pytest.mark.parametrize("angle", np.arange(3.0, 90, 7).tolist())
def test_at_the_edge_of_the_raster_no_corner_is_added(angle: float) -> None:
    levels = drawn([placed(RECTANGLE, angle)])[55:]
    (polygon,) = footprints(levels, Frame(levels.shape[0], levels.shape[1], NOWHERE.transform, None)).geometry
    assert len(polygon.exterior.coords) - 1 <= 5
    assert off(polygon, angle, levels).max() < 1


def of_classes(ids: Levels) -> Footprints:
    """The regularized footprints of a raster of class ids, of which 1 is a building."""
    strips = [Block(Window(0, 0, *ids.shape), ids[None])]
    frame = Frame(ids.shape[0], ids.shape[1], NOWHERE.transform, None)
    return Footprints.joined(footprints_of_classes(strips, frame, {1: REGULAR}, graded=0))


def right_angles(polygon: Polygon) -> int:
    """Corners of 90 degrees, to a millionth."""
    return int(np.isclose(np.abs(corners(polygon.exterior)), 90, atol=1e-6).sum())


@pytest.mark.parametrize("angle", [8.0, 20.0, 37.0])
@pytest.mark.parametrize("by", ["nodata", "edge"])
def test_the_steps_of_a_mask_are_no_rim(angle: float, by: str) -> None:
    ids = (drawn([placed(RECTANGLE, angle)], noise=0) >= 127).astype(np.uint8)
    found = of_classes(without_half(ids, 0, beyond=5) if by == "nodata" else ids[55:])
    assert found.flags[0] & Flag.REGULARIZED
    assert right_angles(found.geometry[0]) >= 2


def test_the_edge_of_a_wide_raster_is_known_of_a_mask() -> None:
    """The house is cut by the right edge, which lies at another place than the lower one."""
    ids = (drawn([placed(RECTANGLE, 20)], noise=0) >= 127).astype(np.uint8)[:, :65]
    (polygon,) = of_classes(ids).geometry
    assert right_angles(polygon) >= 2
    assert off(polygon, 20, ids).max() < 2


def test_a_corner_that_is_missing_stays_missing() -> None:
    levels = drawn([placed(RECTANGLE, 0)])
    row, col = np.mgrid[:120, :120]
    levels[(row - 48) + (col - 40) < 7] = (
        NODATA  # 4 pixels of the upper left corner, less than a rounded corner may have
    )
    (polygon,) = footprints(levels).geometry
    assert polygon.intersection(missing(levels)).area < 1.5
    assert right_angles(polygon) == 3


def test_what_is_no_wall_has_no_say_in_the_direction() -> None:
    chord = np.array([30 * np.exp(0.5j), 12, 12j, 11])
    rim = np.array([True, False, False, False])
    main, _ = frames_of(chord, np.zeros(4, np.int64), 1, rim)
    assert abs(np.degrees(np.angle(main**4)) / 4) < 1e-6
    assert abs(np.degrees(np.angle(frames_of(chord, np.zeros(4, np.int64), 1, ~rim)[0] ** 4)) / 4) > 20


@pytest.mark.parametrize("angle", [0.0, 20.0, 37.0])
def test_a_hole_in_the_data_leaves_the_building_its_four_walls(angle: float) -> None:
    levels = drawn([placed(RECTANGLE, angle)])
    row, col = np.mgrid[:120, :120]
    levels[np.hypot(row - 60, col - 61) < 4] = NODATA
    (found,) = footprints(levels, tidying=Tidying(4, 4, None, regularize=True)).geometry
    assert len(found.exterior.coords) - 1 == 4
    assert [len(hole.coords) - 1 <= 10 for hole in found.interiors] == [True]
    assert off(found, angle, levels).max() < 1


@pytest.mark.parametrize("angle", [10.0, 33.0, 62.0])
def test_a_few_missing_pixels_do_not_keep_a_ragged_house_from_its_rectangle(angle: float) -> None:
    house = drawn([placed(shapely.box(-16, -11, 16, 11), angle)], noise=0.25, seed=5)
    there = np.argwhere(house[:, 40:80] > 127)
    row, col = there[len(there) // 2] + [0, 40]
    house[row - 14 : row - 12, col : col + 2] = NODATA
    found = footprints(house).geometry
    largest = found[np.argmax(shapely.area(found))]
    assert off(largest, angle, house).max() < 4
