"""From traced outlines to footprints: too small ones dropped, small holes filled, staircases made straight.

All of it happens to whole polygons, in metres on the ground.
"""

import math
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine

from geounet.errors import SettingsError
from geounet.footprints import Footprints, Geometries, affine_transformed
from geounet.frame import Frame

_AUTO = 0.75  # of a pixel: the staircase of a straight wall deviates from it by less


@dataclass(frozen=True, slots=True)
class Tidying:
    """What is done to traced outlines.

    Args:
        min_area: footprints that end up below this area are dropped, in m² on the ground (pixels without a CRS).
        fill_holes: holes up to this area are filled, in the same unit.
        simplify: tolerance of the simplification in metres (pixels); 0 for none, None for 3/4 of a pixel.
    """

    min_area: float = 4.0
    fill_holes: float = 4.0
    simplify: float | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("min-area", self.min_area),
            ("fill-holes", self.fill_holes),
            ("simplify", self.simplify or 0.0),
        ):
            if not 0 <= value < float("inf"):
                raise SettingsError(f"--{name} {value} must be 0 or more")


def tidied(traced: Footprints, frame: Frame, tidying: Tidying) -> Footprints:
    """Footprints in map coordinates, of outlines traced in pixel coordinates; all are valid Polygons.

    Args:
        frame: of the raster that was traced. Without a CRS its pixels stand for metres.
    """
    across, down = frame.pixel_metres or (1.0, 1.0)
    tolerance = _AUTO * math.sqrt(across * down) if tidying.simplify is None else tidying.simplify
    metric = affine_transformed(traced.geometry, Affine.scale(across, down))
    whole = without_small_holes(metric, tidying.fill_holes)
    simple = simplified(whole, tolerance) if tolerance else whole
    kept = shapely.area(simple) >= tidying.min_area
    to_map = frame.transform @ Affine.scale(1 / across, 1 / down)
    found = traced[kept].with_geometry(simple[kept]).transformed(to_map)
    broken = np.flatnonzero(~shapely.is_valid(found.geometry))
    if len(broken):  # map coordinates too coarse for the pixels: next to none
        found.geometry[broken] = _mended(affine_transformed(whole[kept][broken], to_map))
    return found


def _mended(polygons: Geometries) -> Geometries:
    """The largest valid polygon in each."""
    pieces, owner = shapely.get_parts(shapely.make_valid(polygons, method="structure"), return_index=True)
    order = np.lexsort((shapely.area(pieces), owner))
    last = np.append(owner[order][1:] != owner[order][:-1], True)
    mended: Geometries = shapely.orient_polygons(pieces[order][last])
    return mended


def without_small_holes(polygons: Geometries, largest: float) -> Geometries:
    """The polygons without their holes of up to `largest` area; those without such holes stay as they are."""
    holed = np.flatnonzero(shapely.get_num_interior_rings(polygons))
    if not len(holed):
        return polygons
    rings, owner = shapely.get_rings(polygons[holed], return_index=True)
    kept = shapely.area(shapely.polygons(rings)) > largest
    kept[np.searchsorted(owner, np.arange(len(holed)))] = True  # exteriors
    filled = polygons.copy()
    filled[holed] = shapely.polygons(rings[kept], indices=owner[kept])
    return filled


def simplified(polygons: Geometries, tolerance: float) -> Geometries:
    """The polygons with as few of their vertices as `tolerance` allows (Douglas and Peucker 1973), all valid.

    Rings are simplified one by one, which is twenty times as fast as GEOS's way of watching all of them at once; that
    is left for the few polygons whose rings collapse or come to cross.
    """
    rings, owner = shapely.get_rings(polygons, return_index=True)
    simple = shapely.simplify(rings, tolerance, preserve_topology=False)
    collapsed = shapely.get_num_coordinates(simple) < 4
    simple[collapsed] = rings[collapsed]
    outcome: Geometries = shapely.polygons(simple, indices=owner)
    watched = ~shapely.is_valid(outcome)
    watched[owner[collapsed]] = True
    outcome[watched] = shapely.simplify(polygons[watched], tolerance, preserve_topology=True)
    return outcome
