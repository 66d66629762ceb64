"""Where the edge of an area of interest cut footprints."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely

from geounet.footprints import Flag, Footprints, affine_transformed
from geounet.frame import Frame
from geounet.io.labels import read_areas

_NEAR = 2.0  # pixels: the raster ends within one of the area's edge, and simplifying moves an outline by less than one


def at_edge_of(area: Path, frame: Frame) -> Callable[[Footprints], Footprints]:
    """What changes the flag NODATA to EDGE, of footprints in map coordinates that reach the edge of an area.

    Beyond the edge of the area a raster has no data for no other reason.

    Raises:
        LabelError: an area that cannot be read or misses the raster.
    """
    rings = shapely.boundary(read_areas(area, frame, "--aoi", may_miss=False).geometry)
    edges = shapely.STRtree(rings)

    def flagged(footprints: Footprints) -> Footprints:
        cut = np.flatnonzero(footprints.flags & Flag.NODATA)
        pixels = affine_transformed(footprints.geometry[cut], ~frame.transform)
        reaching = cut[np.unique(edges.query(pixels, predicate="dwithin", distance=_NEAR)[0])]
        flags = footprints.flags.copy()
        flags[reaching] = flags[reaching] & ~np.uint8(Flag.NODATA) | np.uint8(Flag.EDGE)
        return footprints.with_flags(flags)

    return flagged
