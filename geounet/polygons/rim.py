"""Rim: where an outline runs along the end of what has data, there is no wall to go by."""

import numpy as np

from geounet.polygons.partition import Partition
from geounet.polygons.threads import Flags


def rim_of(partition: Partition, near: Flags, shape: tuple[int, int]) -> Flags | None:
    """(points,) whether the way from each point of the arcs to the next runs along the rim; None where none does.

    Between two pixels a level passes wherever their values say, but beside nodata and at the raster's edge an outline
    runs along the edges of pixels. That of a mask always does: of it only what lies at the raster's edge is known.

    Args:
        partition: in pixel coordinates.
        near: (n,) polygons beside nodata or the raster's edge.
        shape: rows and columns of the raster.
    """
    arcs = partition.arcs
    if not near.any():
        return None
    lone = np.bincount(partition.use_arc, minlength=len(arcs)) == 1  # pieces of one building are parted along pixels
    here, there = arcs.points, arcs.points[arcs.following]
    straight = (here == there) & (here == np.rint(here))
    between = np.bincount(arcs.of[~straight.any(axis=1) & lone[arcs.of]], minlength=len(arcs))
    known = (partition.summed(between.astype(np.float64)) > 0)[partition.arc_polygon]
    at_edge = straight & ((here == 0) | (here == shape[::-1]))
    rim = np.where((known & lone)[arcs.of], straight.any(axis=1), at_edge.any(axis=1))
    return np.asarray(rim & partition.around(near)[arcs.of])
