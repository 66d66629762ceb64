"""Partition: polygons as arcs, so that what neighbours share is one line, whatever becomes of it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geounet.footprints import Geometries
from geounet.polygons.arcs import Arcs, Floats, spans, totals
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.vertices import Coordinates


@dataclass(frozen=True, eq=False)
class Partition:
    """n polygons that may share vertices, as arcs between the points where three or more lines meet.

    Args:
        arcs: each line once, in the same direction whatever the order of the polygons.
        junction: (arcs, 2) which point of all the arcs' ends an open arc begins and ends at; -1 of closed ones.
        use_arc, use_reversed, use_ring: what rings are made of, piece by piece.
        ring_polygon: (rings,) exteriors first.
        cluster: (n,) the same number for polygons that touch each other, directly or through others.
    """

    arcs: Arcs
    junction: Integers
    use_arc: Integers
    use_reversed: Flags
    use_ring: Integers
    ring_polygon: Integers
    cluster: Integers

    @property
    def arc_polygon(self) -> Integers:
        """(arcs,) a polygon that each bounds: the first one."""
        polygon = np.empty(len(self.arcs), np.int64)
        polygon[self.use_arc[::-1]] = self.ring_polygon[self.use_ring[::-1]]
        return polygon

    @cached_property
    def ring_area(self) -> Floats:
        """(rings,) areas inside, in the units of the arcs; below 0 where a ring runs clockwise."""
        here, there = self.arcs.points.T, self.arcs.points[self.arcs.following].T
        sums = totals(self.arcs.of, here[0] * there[1] - here[1] * there[0], len(self.arcs)) / 2
        return totals(self.use_ring, np.where(self.use_reversed, -1, 1) * sums[self.use_arc], len(self.ring_polygon))

    @cached_property
    def polygon_area(self) -> Floats:
        """(n,)."""
        return np.abs(totals(self.ring_polygon, self.ring_area, len(self.cluster)))

    @property
    def is_hole(self) -> Flags:
        """(rings,)."""
        return np.append(False, self.ring_polygon[1:] == self.ring_polygon[:-1])[: len(self.ring_polygon)]

    @property
    def is_free(self) -> Flags:
        """(rings,) whether a ring touches no other, nor itself."""
        free = self.arcs.closed & (np.bincount(self.use_arc, minlength=len(self.arcs)) == 1)
        return totals(self.use_ring, free[self.use_arc], len(self.ring_polygon)) > 0

    @property
    def is_simple(self) -> Flags:
        """(n,) whether a polygon is one free ring: then of_polygons of these has an arc for each, in their order."""
        return np.asarray((np.bincount(self.ring_polygon) == 1) & ~self.any_ring(~self.is_free))

    @property
    def cluster_size(self) -> Integers:
        """(n,) how many polygons each one's cluster has."""
        return np.bincount(self.cluster)[self.cluster]

    def any_ring(self, which: Flags) -> Flags:
        """(n,) whether any of a polygon's rings is chosen."""
        return totals(self.ring_polygon, which, len(self.cluster)) > 0

    def any_in_cluster(self, which: Flags) -> Flags:
        """(n,) whether any polygon of each one's cluster is chosen."""
        return (totals(self.cluster, which, len(self.cluster)) > 0)[self.cluster]

    def summed(self, values: Floats) -> Floats:
        """(n,) sums of the arcs' values around each polygon."""
        return totals(self.ring_polygon[self.use_ring], values[self.use_arc], len(self.cluster))

    def cluster_ratio(self, above: Floats, below: Floats) -> Floats:
        """(n,) the ratio of the sums of arcs' values over each one's cluster."""
        cluster = self.cluster[self.arc_polygon]
        count = len(self.cluster)
        return (totals(cluster, above, count) / np.maximum(totals(cluster, below, count), 1e-300))[self.cluster]

    def moved(self, points: Coordinates) -> "Partition":
        """With the arcs' points elsewhere."""
        return replace(self, arcs=Arcs(points, self.arcs.start, self.arcs.closed))

    def of_rings(self, wanted: Flags) -> "Partition":
        """Some rings alone; polygons without any go, and the others are numbered anew in their order."""
        use = wanted[self.use_ring]
        arc = np.unique(self.use_arc[use])
        polygon = np.unique(self.ring_polygon[wanted])
        place = spans(self.arcs.start[arc], self.arcs.length[arc])
        arcs = Arcs(self.arcs.points[place], np.append(0, np.cumsum(self.arcs.length[arc])), self.arcs.closed[arc])
        ends = np.unique(self.junction[arc], return_inverse=True)
        return Partition(
            arcs,
            np.where(self.junction[arc] < 0, -1, ends[1].reshape(-1, 2) - (ends[0][:1] < 0).sum()),
            np.searchsorted(arc, self.use_arc[use]),
            self.use_reversed[use],
            (np.cumsum(wanted) - 1)[self.use_ring[use]],
            np.searchsorted(polygon, self.ring_polygon[wanted]),
            np.unique(self.cluster[polygon], return_inverse=True)[1],
        )

    def of_polygons(self, wanted: Flags) -> "Partition":
        """Some polygons alone, numbered anew in their order; of a cluster all or none."""
        return self.of_rings(wanted[self.ring_polygon])

    def polygons(self, points: Coordinates, length: Integers, which: Flags | None = None) -> Geometries:
        """The polygons, or some of them, with other points for the arcs.

        Args:
            points: of all arcs, as in `Arcs`; open ones begin and end at their junctions.
            length: (arcs,) how many.
            which: (n,) whether a polygon is wanted.
        """
        ring_wanted = np.ones(len(self.ring_polygon), bool) if which is None else which[self.ring_polygon]
        wanted = ring_wanted[self.use_ring]
        arc, back, ring = self.use_arc[wanted], self.use_reversed[wanted], self.use_ring[wanted]
        start = np.cumsum(length) - length
        taken = length[arc] - ~self.arcs.closed[arc]  # the last point of an open arc is the next one's first
        step = spans(np.zeros(len(arc), np.int64), taken)
        first = np.where(back, start[arc] + length[arc] - 1, start[arc])
        place = np.repeat(first, taken) + np.where(np.repeat(back, taken), -step, step)
        numbers = np.cumsum(ring_wanted) - 1
        rings = shapely.linearrings(points[place], indices=np.repeat(numbers[ring], taken))
        owners = self.ring_polygon[ring_wanted]
        built: Geometries = shapely.polygons(rings, indices=np.unique(owners, return_inverse=True)[1])
        return built

    def ring_sizes(self, length: Integers) -> Integers:
        """(rings,) numbers of points, where arcs have `length` ones."""
        return totals(
            self.use_ring, length[self.use_arc] - ~self.arcs.closed[self.use_arc], len(self.ring_polygon)
        ).astype(np.int64)


def partition_of(polygons: Geometries) -> Partition:
    """The partition that polygons are; neighbours share vertices to the last bit."""
    rings, ring_polygon = shapely.get_rings(polygons, return_index=True)
    points, of = shapely.get_coordinates(rings, return_index=True)
    last = np.append(of[1:] != of[:-1], True)
    points, of = points[~last], of[~last]
    vertex = np.full(len(points), -1)
    near = np.isin(ring_polygon[of], _touching(points, ring_polygon[of]))
    vertex[near] = np.unique(points[near], axis=0, return_inverse=True)[1]
    lone = ~near[np.flatnonzero(np.append(True, of[1:] != of[:-1]))]
    return _partition(points, of, vertex, lone, ring_polygon, len(polygons))


def coverages_hold(polygons: Geometries, cluster: Integers) -> Flags:
    """(n,) whether polygons neither overlap nor gape where they touch others of their cluster.

    Args:
        cluster: (n,) -1 for those that are not looked at.
    """
    holds = cluster >= 0
    order = np.argsort(cluster, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(cluster[order]) != 0))
    for members in np.split(order, first[1:]):
        if len(members) > 1 and holds[members[0]]:
            holds[members] = shapely.coverage_is_valid(polygons[members])
    return holds


def _touching(points: Coordinates, polygon: Integers) -> Integers:
    """Polygons that have a vertex twice, or share one with another polygon."""
    bits = np.ascontiguousarray(points).view(np.uint64)
    mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ (bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F) >> np.uint64(7))
    order = np.sort(mixed)
    again = np.unique(order[1:][order[1:] == order[:-1]])
    if not len(again):
        return np.empty(0, np.int64)
    suspect = np.flatnonzero(np.isin(mixed, again))
    _, which, count = np.unique(points[suspect], axis=0, return_inverse=True, return_counts=True)
    return np.unique(polygon[suspect[count[which] > 1]])


def _partition(
    points: Coordinates, of: Integers, vertex: Integers, lone: Flags, ring_polygon: Integers, polygons: int
) -> Partition:
    """Lone rings as closed arcs of their own, all others cut where lines meet."""
    ring_length = np.bincount(of, minlength=len(lone))
    ring_start = np.cumsum(ring_length) - ring_length
    pieces = _pieces(vertex, ring_start, ring_length, np.flatnonzero(~lone))
    own = np.flatnonzero(lone)
    place = np.concatenate([spans(ring_start[own], ring_length[own]), pieces.place])
    length = np.append(ring_length[own], pieces.length)
    closed = np.append(np.ones(len(own), bool), pieces.closed)
    arcs = Arcs(points[place], np.append(0, np.cumsum(length)), closed)
    ends = np.full((len(arcs), 2), -1)
    opened = np.flatnonzero(~closed)
    at = np.stack([arcs.start[opened], arcs.start[opened + 1] - 1], 1)
    ends[opened] = np.unique(vertex[place[at]], return_inverse=True)[1].reshape(-1, 2)
    use_ring = np.append(own, pieces.use_ring)
    order = np.argsort(use_ring, kind="stable")
    return Partition(
        arcs,
        ends,
        np.append(np.arange(len(own)), len(own) + pieces.use_arc)[order],
        np.append(np.zeros(len(own), bool), pieces.use_reversed)[order],
        use_ring[order],
        ring_polygon,
        _clusters(vertex, ring_polygon[of], polygons),
    )


def _clusters(vertex: Integers, polygon: Integers, polygons: int) -> Integers:
    near = vertex >= 0
    count = int(vertex.max(initial=-1)) + 1
    pairs = coo_matrix(
        (np.ones(int(near.sum()), bool), (polygon[near], polygons + vertex[near])), (polygons + count,) * 2
    )
    numbers: Integers = connected_components(pairs, directed=False)[1][:polygons].astype(np.int64)
    return numbers


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Arcs as places of points, and the uses that rings make of them."""

    place: Integers
    length: Integers
    closed: Flags
    use_arc: Integers
    use_reversed: Flags
    use_ring: Integers


def _pieces(vertex: Integers, ring_start: Integers, ring_length: Integers, rings: Integers) -> _Pieces:
    """Some rings cut at the points where the number of lines that meet is not two.

    Args:
        vertex: (points,) numbers of the points; equal ones lie at the same place, and the order is that of places.
    """
    length = ring_length[rings]
    place = spans(ring_start[rings], length)
    ring = np.repeat(np.arange(len(rings)), length)
    start = np.cumsum(length) - length
    here = vertex[place]
    step = spans(np.zeros(len(rings), np.int64), length)
    there = here[start[ring] + (step + 1) % length[ring]]
    sides, side = np.unique(
        np.stack([np.minimum(here, there), np.maximum(here, there)], 1), axis=0, return_inverse=True
    )
    lines = np.bincount(sides.ravel(), minlength=int(here.max(initial=-1)) + 1)
    cut = lines[here] != 2
    uncut = ~totals(ring, cut, len(rings)).astype(bool)
    if len(rings):
        lowest = np.minimum.reduceat(here, start)
        cut |= uncut[ring] & (here == lowest[ring])
    first = np.flatnonzero(cut)
    owner = ring[first]
    head = np.searchsorted(owner, np.arange(len(rings)))
    following = np.arange(1, len(first) + 1)
    is_last = np.append(owner[1:] != owner[:-1], True)[: len(first)]
    following[is_last] = head
    count = (step[first[following]] - step[first] - 1) % length[owner] + 1  # sides of the piece
    sides_of = np.repeat(np.arange(len(first)), count)
    along = start[owner][sides_of] + (spans(step[first], count)) % length[owner][sides_of]
    piece_start = np.cumsum(count) - count
    identity = np.minimum.reduceat(side[along], piece_start) if len(first) else np.empty(0, np.int64)
    begin, end = here[first], here[first[following]]
    second, last_but_one = there[first], here[along[piece_start + count - 1]]
    backward = (begin > end) | ((begin == end) & (second > last_but_one))
    _, arc = np.unique(identity, return_inverse=True)
    # Of the one or two rings along a line, one goes its way; where none does, its points are taken backwards.
    order = np.lexsort((backward, arc))
    chosen = order[np.append(True, arc[order][1:] != arc[order][:-1])[: len(order)]]
    closed = uncut[owner[chosen]]
    points = count[chosen] + ~closed
    of = np.repeat(np.arange(len(chosen)), points)
    k = spans(np.zeros(len(chosen), np.int64), points)
    k = np.where(backward[chosen][of], (count[chosen][of] - k), k)
    base = owner[chosen][of]
    place_of = place[start[base] + (step[first[chosen]][of] + k) % length[base]]
    return _Pieces(place_of, points, closed, arc, backward, rings[owner])
