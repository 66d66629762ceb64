"""Rim: where an outline runs along the end of what has data, there is no wall to go by."""

import numpy as np

from geounet.polygons.arcs import Arcs
from geounet.polygons.partition import Partition
from geounet.polygons.threads import Flags


def rim_of(partition: Partition, near: Flags, shape: tuple[int, int]) -> Flags | None:
    """(points,) whether the way from each point of the arcs to the next runs along the rim; None where none does.

    A vertex between two pixels lies wherever their values say, one beside nodata or at the raster's edge half-way: one
    of its coordinates is whole then, the other one of a pixel's middle. Of a mask all vertices are of that kind; what
    is known of it is the raster's edge.

    Args:
        partition: in pixel coordinates.
        near: (n,) polygons beside nodata or the raster's edge.
        shape: rows and columns of the raster.
    """
    arcs = partition.arcs
    if not near.any():
        return None
    half_way = (np.rint(2 * arcs.points) == 2 * arcs.points).all(axis=1)
    graded = np.bincount(arcs.of[~half_way], minlength=len(arcs)).astype(np.float64)
    is_mask = (partition.summed(graded) == 0)[partition.arc_polygon]
    at_edge = ((arcs.points == 0) | (arcs.points == shape[::-1])).any(axis=1)
    # pieces of one building are parted along the edges of pixels, too, but there is no rim
    lone = near[partition.arc_polygon] & (np.bincount(partition.use_arc, minlength=len(arcs)) == 1)
    vertex = np.where(is_mask[arcs.of], at_edge, half_way) & lone[arcs.of]
    return _with_links(arcs, vertex & vertex[arcs.following])


def _with_links(arcs: Arcs, along: Flags) -> Flags:
    """The ways along the rim, with those of half a pixel that lead to it and away from it, no walls either."""
    into = along[arcs.following]
    out = np.zeros(len(along), bool)
    out[arcs.following[along]] = True
    last = np.zeros(len(along), bool)  # an open arc's last point has no way of its own
    last[arcs.start[1:][~arcs.closed] - 1] = True
    linked: Flags = (along | into | out) & ~last
    return linked
