"""Acceptance: new outlines are taken only where they stand for the same shapes as the old ones."""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from geounet.footprints import Geometries
from geounet.polygons.arcs import as_complex, lengths, product, units
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.partition import Partition, coverages_hold
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags

_LEAST_IOU = 0.85
_MOST_MOVED = 1.0  # pixels
_MOST_GROWN = 0.1  # of the area, where the outline moves by no more than that
_SHARPEST = math.cos(math.radians(30))  # of a corner: sharper ones come of walls that all but fold back


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """New polygons of a partition, in its coordinates.

    Args:
        polygons: (n,), None where there is none.
        distance: (n,) mean distance of the cluster's old outlines from the new ones, 0 where nobody asks for it;
            infinite of what is refused: None, or simplified lines that end at the straight walls of neighbours.
    """

    polygons: Geometries
    distance: Floats

    @property
    def refused(self) -> Flags:
        return np.isinf(self.distance)

    def __getitem__(self, which: Flags) -> "Outlines":
        """Some of them."""
        return Outlines(self.polygons[which], self.distance[which])

    def replaced(self, where: Flags, others: "Outlines") -> "Outlines":
        """With others at some places."""
        polygons, distance = self.polygons.copy(), self.distance.copy()
        polygons[where], distance[where] = others.polygons, others.distance
        return Outlines(polygons, distance)


def accepted(
    partition: Partition,
    points: Coordinates,
    length: Integers,
    swept: Floats | None = None,
    which: Flags | None = None,
) -> Outlines:
    """The polygons that arcs with other points make, where all of a cluster's are near enough to the old ones.

    Args:
        swept: (arcs,) the area between the old line and the new one, as far as it is known.
        which: (n,) those of the clusters that are wanted; the others are refused.
    """
    polygons, near = compared(partition, points, length, swept, which=which)
    near = ~partition.any_in_cluster(~near | spiky(polygons))
    near &= coverages_hold(polygons, np.where(near, partition.cluster, -1))
    distance = np.zeros(len(near)) if swept is None else mean_distance(partition, swept)
    polygons[~near] = None
    return Outlines(polygons, np.where(near, distance, np.inf))


def mean_distance(partition: Partition, swept: Floats) -> Floats:
    """(n,) mean distance of the old outlines of each one's cluster from the new ones."""
    return partition.cluster_ratio(swept, lengths(partition.arcs))


def compared(
    partition: Partition,
    points: Coordinates,
    length: Integers,
    swept: Floats | None = None,
    *,
    which: Flags | None = None,
) -> tuple[Geometries, Flags]:
    """The polygons that arcs with other points make, None for a line, and which are valid and near the old ones.

    Args:
        which: (n,) those that are wanted; the others are None.
    """
    whole = ~partition.any_ring(partition.ring_sizes(length) < 3)
    whole &= which if which is not None else True
    polygons = np.full(len(whole), None, object)
    polygons[whole] = partition.polygons(points, length, whole)
    near = shapely.is_valid(polygons)
    unsure = near.copy()
    if swept is not None:  # the outlines' symmetric difference is no larger
        both = partition.polygon_area - partition.lost + shapely.area(polygons)
        apart = partition.summed(swept) + partition.lost
        unsure &= both - apart < _LEAST_IOU * (both + apart)
    near[unsure] = _are_near(partition.originals(unsure), polygons[unsure])
    return polygons, near


def spiky(polygons: Geometries) -> Flags:
    """(n,) whether a corner is sharper than 30 degrees."""
    rings, owner = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    place = as_complex(points)
    side = np.flatnonzero(ring[1:] == ring[:-1])
    way, ring = units(place[side + 1] - place[side]), ring[side]
    first = np.flatnonzero(np.diff(ring, prepend=-1))
    before = np.arange(len(ring)) - 1
    before[first] = np.append(first, len(ring))[1:] - 1
    folded = product(way, way[before].conj()).real < -_SHARPEST
    spiky = np.zeros(len(polygons), bool)
    spiky[owner[ring[folded]]] = True
    return spiky


def _are_near(old: Geometries, new: Geometries) -> Flags:
    """Whether new outlines stand for the same shapes as the old ones."""
    before, after = shapely.area(old), shapely.area(new)
    alike = np.minimum(before, after) >= _LEAST_IOU * np.maximum(before, after)  # else neither rule can hold
    common = np.zeros(len(old))
    common[alike] = shapely.area(shapely.intersection(old[alike], new[alike]))
    near = np.asarray(common >= _LEAST_IOU * (before + after - common))
    moved = np.flatnonzero(~near & (np.abs(after - before) <= _MOST_GROWN * before))
    near[moved] = shapely.hausdorff_distance(shapely.boundary(old[moved]), shapely.boundary(new[moved])) <= _MOST_MOVED
    return near
