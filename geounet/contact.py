"""Contact: the ground between buildings that touch or all but touch, which a network learns as a class of its own.

The idea is that of the border between touching cells in Ronneberger et al. (2015), "U-Net", made a class as by
Iglovikov et al. (2018), "TernausNetV2".
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Geometries


def near_neighbours(polygons: Geometries, distance: float) -> NDArray[np.int64]:
    """(n, 2) indices of the pairs of polygons that lie within a distance of each other, the first below the second."""
    one, other = shapely.STRtree(polygons).query(polygons, predicate="dwithin", distance=distance)
    pairs = np.stack([one, other], axis=1)[one < other]
    ordered: NDArray[np.int64] = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].astype(np.int64)
    return ordered


def contact_zones(polygons: Geometries, width: float) -> Geometries:
    """The ground within half a width of two polygons, in them or between them; a zone for each pair of near neighbours.

    Along a shared wall a zone is as wide as `width`, and ends where the wall ends. Between walls it is narrower by
    their distance, so that ground that can be walked on is left to the background, and at `width` there is none. Of
    polygons that overlap the later one lies on top, as in the labels: the contact runs along its outline.
    """
    first, second = near_neighbours(polygons, width).T
    below, above = polygons[first], polygons[second]
    covered = shapely.relate_pattern(below, above, "T********")
    below[covered] = shapely.difference(below[covered], above[covered])
    near = shapely.intersection(shapely.buffer(below, width / 2), shapely.buffer(above, width / 2))
    both = shapely.union(below, above)
    # a closing, as of pixels: it fills what is narrower than the width, and rounds corners off
    closed = shapely.buffer(shapely.buffer(both, width / 2), -width / 2)
    zones = shapely.intersection(near, shapely.union(both, closed))
    found: Geometries = zones[shapely.area(zones) > 0]
    return found
