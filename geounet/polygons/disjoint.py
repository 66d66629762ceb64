"""Disjoint: what two footprints that know nothing of each other would both cover goes to the first of them."""

import numpy as np
import shapely

from geounet.footprints import Flag, Footprints, Geometries, affine_transformed
from geounet.frame import Frame
from geounet.polygons.arrays import Floats

ROWS = 1024  # by which the lowest row of a footprint may lie above another's for these two to be compared
_SPECK = 1e-6  # of a pixel: a smaller area is rounding


class Disjoint:
    """Cuts off footprints what earlier ones cover. Their order is that of `trace`, which no strips change.

    A regularized one that is cut is so no more, and flagged REFUSED.

    A footprint is compared with those before it that end at most `ROWS` rows above its end; these are kept, and no
    others. So it is told the same whatever the strips, and memory is bounded.

    Args:
        least: pixels of the smallest footprint; of one that is cut to pieces the largest is left, of one that is
            covered nothing.
    """

    def __init__(self, frame: Frame, least: float) -> None:
        self._frame = frame
        self._pixel = abs(frame.transform.determinant)
        self._least = least * self._pixel
        self._before = np.empty(0, object)
        self._ends = np.empty(0)

    def apart(self, found: Footprints) -> Footprints:
        """The next footprints, in map coordinates, without what others before them cover."""
        before, ends = len(self._before), np.append(self._ends, self._lowest(found.geometry))
        polygons = np.append(self._before, found.geometry)
        cut = np.zeros(len(polygons), bool)
        for later, earlier in self._meeting(polygons, ends, before):
            common = shapely.area(shapely.intersection(polygons[later], polygons[earlier]))
            if common > _SPECK * self._pixel:
                polygons[later] = _largest(shapely.difference(polygons[later], polygons[earlier]))
                cut[later] = True
        area = shapely.area(polygons)
        kept = ~cut | ((area >= self._least) & (area > _SPECK * self._pixel))  # of one that is covered nothing is left
        near = kept & (ends >= ends.max(initial=0) - ROWS)
        self._before, self._ends = polygons[near], ends[near]
        spoilt = cut[before:] & (found.flags & Flag.REGULARIZED > 0)
        flags = np.where(spoilt, found.flags & ~np.uint8(Flag.REGULARIZED) | Flag.REFUSED, found.flags)
        return found.with_geometry(polygons[before:]).with_flags(flags.astype(np.uint8))[kept[before:]]

    def _lowest(self, polygons: Geometries) -> Floats:
        """(n,) the lowest row that each reaches."""
        rows: Floats = shapely.bounds(affine_transformed(polygons, ~self._frame.transform))[:, 3]
        return rows

    def _meeting(self, polygons: Geometries, ends: Floats, before: int) -> list[tuple[int, int]]:
        """Pairs of polygons with an area in common, the later one first, in the order of the later ones."""
        later, earlier = shapely.STRtree(polygons).query(polygons[before:], predicate="intersects")
        later += before
        compared = (earlier < later) & (ends[earlier] >= ends[later] - ROWS)
        later, earlier = later[compared], earlier[compared]
        common = shapely.area(shapely.intersection(polygons[later], polygons[earlier])) > _SPECK * self._pixel
        order = np.lexsort((earlier[common], later[common]))
        return list(zip(later[common][order].tolist(), earlier[common][order].tolist(), strict=True))


def _largest(geometry: shapely.Geometry) -> shapely.Polygon:
    """Its largest polygon, the first of equal ones; an empty one where it has none."""
    parts = shapely.get_parts(geometry)
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    if not len(parts):
        return shapely.Polygon()
    polygon: shapely.Polygon = shapely.orient_polygons(parts[np.argmax(shapely.area(parts))])
    return polygon
