"""Partition: polygons as arcs, so that what neighbours share is one line, whatever becomes of it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geounet.footprints import Geometries
from geounet.polygons.arcs import Arcs, as_complex, spans, totals
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.pieces import Loops, pieces_of
from geounet.polygons.runs import Integers
from geounet.polygons.thinned import Original, thinned
from geounet.polygons.threads import Flags

_STAIRS = 1.0  # pixels: nearer than that lie a digital straight line's outer corners to the line of the inner ones


@dataclass(frozen=True, eq=False)
class Partition:
    """n polygons that may share vertices, as arcs between the points where three or more lines meet.

    Args:
        arcs: each line once, in the same direction whatever the order of the polygons.
        junction: (arcs, 2) which point of all the arcs' ends an open arc begins and ends at; -1 of closed ones.
        use_arc, use_reversed, use_ring: what rings are made of, piece by piece.
        ring_polygon: (rings,) exteriors first.
        cluster: (n,) the same number for polygons that touch each other, directly or through others.
        original: the arcs before they were thinned, None where nothing has been.
    """

    arcs: Arcs
    junction: Integers
    use_arc: Integers
    use_reversed: Flags
    use_ring: Integers
    ring_polygon: Integers
    cluster: Integers
    original: Original | None = None

    @property
    def arc_polygon(self) -> Integers:
        """(arcs,) a polygon that each bounds: the first one."""
        polygon = np.empty(len(self.arcs), np.int64)
        polygon[self.use_arc[::-1]] = self.ring_polygon[self.use_ring[::-1]]
        return polygon

    def allowed(self, tolerance: Floats) -> Floats:
        """(arcs,) the tolerance of each, from that of the polygons, (n,).

        What lies between two polygons runs along the edges of pixels, in stairs as high as a pixel: all of it is to go.
        """
        shared = np.bincount(self.use_arc, minlength=len(self.arcs)) > 1
        allowed = tolerance[self.arc_polygon]
        return np.where(shared & (allowed > 0), np.maximum(allowed, _STAIRS), allowed)

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

    def around(self, which: Flags) -> Flags:
        """(arcs,) whether an arc bounds any of the chosen polygons."""
        return totals(self.use_arc, which[self.ring_polygon[self.use_ring]], len(self.arcs)) > 0

    def beside(self, which: Flags) -> Flags:
        """(n,) whether any of the chosen arcs bounds a polygon."""
        return self.summed(which) > 0

    def summed(self, values: Floats | Flags) -> Floats:
        """(n,) sums of the arcs' values around each polygon."""
        return totals(self.ring_polygon[self.use_ring], values[self.use_arc], len(self.cluster))

    def cluster_ratio(self, above: Floats, below: Floats) -> Floats:
        """(n,) the ratio of the sums of arcs' values over each one's cluster."""
        cluster = self.cluster[self.arc_polygon]
        count = len(self.cluster)
        return (totals(cluster, above, count) / np.maximum(totals(cluster, below, count), 1e-300))[self.cluster]

    def moved(self, points: Coordinates) -> "Partition":
        """With the arcs' points elsewhere, before any thinning."""
        assert self.original is None
        return replace(self, arcs=replace(self.arcs, points=points))

    def thinned(self, most: Floats) -> "Partition":
        """With fewer points, as `geounet.polygons.thinned` leaves them."""
        assert self.original is None
        arcs, original = thinned(self.arcs, most)
        return replace(self, arcs=arcs, original=original)

    @property
    def rim_share(self) -> Floats:
        """(n,) the share of each outline that runs along the rim of what has data."""
        at_rim = totals(self.arcs.of, self.arcs.at_rim * self.arcs.side_lengths, len(self.arcs))
        whole = totals(self.arcs.of, self.arcs.side_lengths, len(self.arcs))
        return self.summed(at_rim) / np.maximum(self.summed(whole), 1e-300)

    def originals(self, which: Flags) -> Geometries:
        """Some of the polygons, as they were before they were thinned."""
        if self.original is None:
            return self.polygons(self.arcs.points, self.arcs.length, which)
        return self.polygons(*self.original.drawn(self.around(which)), which)

    @property
    def lost(self) -> Floats:
        """(n,) the area between a polygon and what it was before it was thinned."""
        return np.zeros(len(self.cluster)) if self.original is None else self.summed(self.original.lost)

    def of_rings(self, wanted: Flags) -> "Partition":
        """Some rings alone; polygons without any go, and the others are numbered anew in their order."""
        if wanted.all():
            return self
        use = wanted[self.use_ring]
        arc = np.flatnonzero(np.bincount(self.use_arc[use], minlength=len(self.arcs)))
        polygon = np.unique(self.ring_polygon[wanted])
        junction, opened = self.junction[arc], ~self.arcs.closed[arc]
        junction[opened] = np.unique(junction[opened], return_inverse=True)[1].reshape(-1, 2)
        return Partition(
            self.arcs.some(arc),
            junction,
            np.searchsorted(arc, self.use_arc[use]),
            self.use_reversed[use],
            (np.cumsum(wanted) - 1)[self.use_ring[use]],
            np.searchsorted(polygon, self.ring_polygon[wanted]),
            np.unique(self.cluster[polygon], return_inverse=True)[1],
            None if self.original is None else self.original.some(arc),
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
        built: Geometries = shapely.polygons(rings, indices=np.cumsum(np.diff(owners, prepend=owners[:1]) != 0))
        return built

    def ring_sizes(self, length: Integers) -> Integers:
        """(rings,) numbers of points, where arcs have `length` ones."""
        return totals(
            self.use_ring, length[self.use_arc] - ~self.arcs.closed[self.use_arc], len(self.ring_polygon)
        ).astype(np.int64)

    def polygon_sizes(self, length: Integers) -> Integers:
        """(n,) numbers of points, where arcs have `length` ones."""
        return totals(self.ring_polygon, self.ring_sizes(length), len(self.cluster)).astype(np.int64)


def partition_of(polygons: Geometries, kind: Integers | None = None) -> Partition:
    """The partition that polygons are; neighbours share vertices to the last bit.

    Args:
        kind: (n,) polygons of two kinds are no neighbours, whatever they share; None where all are of one.
    """
    points = shapely.get_coordinates(polygons)
    ring_polygon, length = _ring_lengths(polygons)
    closing = np.cumsum(length) - 1
    points, length = np.delete(points, closing, axis=0), length - 1
    of = np.repeat(np.arange(len(length)), length)
    ring_kind = np.zeros(len(length), np.int64) if kind is None else kind[ring_polygon]
    touching = np.zeros(len(polygons), bool)
    touching[_touching(points, ring_polygon[of], ring_kind[of])] = True
    if touching.any():
        return _with_junctions(points, length, ring_polygon, ring_kind, touching)
    number = np.arange(len(length))
    never = np.zeros(len(length), bool)
    arcs = Arcs(points, np.append(0, np.cumsum(length)), ~never)
    return Partition(arcs, np.full((len(length), 2), -1), number, never, number, ring_polygon, np.arange(len(polygons)))


def _ring_lengths(polygons: Geometries) -> tuple[Integers, Integers]:
    """(rings,) the polygon of each ring and how many points it has, the first one again as the last among them."""
    holes = shapely.get_num_interior_rings(polygons).astype(np.int64)
    ring_polygon = np.repeat(np.arange(len(polygons)), 1 + holes)
    length = shapely.get_num_coordinates(polygons).astype(np.int64)[ring_polygon]
    pierced = holes > 0
    length[pierced[ring_polygon]] = shapely.get_num_points(shapely.get_rings(polygons[pierced]))  # each is a copy
    return ring_polygon, length


def _with_junctions(
    points: Coordinates, length: Integers, ring_polygon: Integers, ring_kind: Integers, touching: Flags
) -> Partition:
    """Rings of lone polygons as arcs of their own, those of others cut where lines meet."""
    own, others = (np.flatnonzero(chosen[ring_polygon]) for chosen in (~touching, touching))
    start = np.cumsum(length) - length
    place = spans(start[others], length[others])
    vertex = _numbers(points[place], np.repeat(ring_kind[others], length[others]))
    pieces = pieces_of(Loops(vertex, length[others]))
    arc_length = np.append(length[own], pieces.length)
    closed = np.append(np.ones(len(own), bool), pieces.closed)
    arc_points = points[np.concatenate([spans(start[own], length[own]), place[pieces.place]])]
    arcs = Arcs(arc_points, np.append(0, np.cumsum(arc_length)), closed)
    use_ring = np.append(own, others[pieces.ring])
    arc_kind = np.zeros(len(arcs), np.int64)
    arc_kind[len(own) + pieces.line] = ring_kind[others[pieces.ring]]
    order = np.argsort(use_ring, kind="stable")
    return Partition(
        arcs,
        _junctions(arcs, arc_kind),
        np.append(np.arange(len(own)), len(own) + pieces.line)[order],
        np.append(np.zeros(len(own), bool), pieces.backward)[order],
        use_ring[order],
        ring_polygon,
        _clusters(vertex, np.repeat(ring_polygon[others], length[others]), len(touching)),
    )


def _junctions(arcs: Arcs, kind: Integers) -> Integers:
    """(arcs, 2) numbers for the places of open arcs' ends, -1 of closed arcs; arcs of two kinds meet nowhere."""
    junction = np.full((len(arcs), 2), -1)
    opened = np.flatnonzero(~arcs.closed)
    ends = arcs.points[np.stack([arcs.start[opened], arcs.start[opened + 1] - 1], axis=1).ravel()]
    junction[opened] = _numbers(ends, np.repeat(kind[opened], 2)).reshape(-1, 2)
    return junction


def _numbers(points: Coordinates, kind: Integers) -> Integers:
    """(n,) equal numbers for points of one kind at the same place, from 0 on, in the order of places."""
    place = np.unique(as_complex(points), return_inverse=True)[1]
    kinds = int(kind.max(initial=0)) + 1
    return place if kinds == 1 else np.unique(place * kinds + kind, return_inverse=True)[1]


def _clusters(vertex: Integers, polygon: Integers, polygons: int) -> Integers:
    """(polygons,) equal numbers for those that have vertices in common, directly or through others."""
    size = polygons + int(vertex.max()) + 1
    pairs = coo_matrix((np.ones(len(vertex), bool), (polygon, polygons + vertex)), (size, size))
    numbers = connected_components(pairs, directed=False)[1][:polygons]
    return np.unique(numbers, return_inverse=True)[1]


def _touching(points: Coordinates, polygon: Integers, kind: Integers) -> Integers:
    """Polygons that have a vertex twice, or share one with another polygon of their kind."""
    bits = np.ascontiguousarray(points).view(np.uint64)
    mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ (bits[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F) >> np.uint64(7))
    order = np.sort(mixed)
    again = np.unique(order[1:][order[1:] == order[:-1]])
    if not len(again):
        return np.empty(0, np.int64)
    suspect = np.flatnonzero(np.isin(mixed, again))
    which = _numbers(points[suspect], kind[suspect])
    return np.unique(polygon[suspect[np.bincount(which)[which] > 1]])


def coverages_hold(polygons: Geometries, cluster: Integers) -> Flags:
    """(n,) whether polygons neither overlap nor gape where they touch others of their cluster.

    Args:
        cluster: (n,) -1 for those that are not looked at.
    """
    holds = np.asarray(cluster >= 0)
    together = holds & (np.bincount(cluster[holds], minlength=1)[cluster] > 1)
    order = np.flatnonzero(together)[np.argsort(cluster[together], kind="stable")]
    for members in np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1):
        if len(members):
            holds[members] = shapely.coverage_is_valid(polygons[members])
    return holds


def offending(polygons: Geometries, cluster: Integers) -> Flags:
    """(n,) which polygons are none, invalid, or overlap or gape where they touch others of their cluster."""
    bad = np.asarray(~shapely.is_valid(polygons))
    broken = np.bincount(cluster, bad)[cluster] > 0
    torn = ~broken & ~coverages_hold(polygons, np.where(broken, -1, cluster))
    for members in np.split(order := np.flatnonzero(torn)[np.argsort(cluster[torn], kind="stable")],
                            np.flatnonzero(np.diff(cluster[order])) + 1):  # fmt: skip
        bad[members] = ~shapely.is_empty(shapely.coverage_invalid_edges(polygons[members]))
    return bad
