"""Regularizing: buildings get straight walls and right angles where they have them, and stay as they are elsewhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely

from geounet.footprints import Geometries
from geounet.polygons.arcs import Arcs, Complex, Floats, as_complex, corners, lengths, product, spans, totals, units
from geounet.polygons.fit import fitted
from geounet.polygons.joints import Straightened
from geounet.polygons.partition import Partition, coverages_hold, offending
from geounet.polygons.plain import circles, rectangles, round_ones
from geounet.polygons.runs import Integers
from geounet.polygons.straighten import Guess, Straightening
from geounet.polygons.threads import Flags
from geounet.polygons.vertices import Coordinates

MOST_NEIGHBOURS = 1000  # polygons of a cluster
_LEAST_IOU = 0.85
_MOST_MOVED = 1.0  # pixels
_MOST_GROWN = 0.1  # of the area, where the outline moves by no more than that
_SHARPEST = math.cos(math.radians(30))  # of a corner: sharper ones come of walls that all but fold back
_TRIES = 8  # to find which polygons of a cluster can have straight walls
_STEPS = 4.0, 8.0  # pixels; steps in a wall up to so much are tried to leave out
_WORTH = 0.12  # pixels that an outline may be farther away on the average for each corner less
_PLAINER = 0.75  # pixels by which an outline of right angles alone may be farther away than another


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


def regularized(partition: Partition, tolerance: Floats) -> Outlines:
    """Regular outlines of a partition's polygons.

    Looked for are circles; then right angles alone, with slanting walls among them where these are clearly nearer to
    the old outline; then, in a cluster that has no such outlines, those of the polygons that have; and at last
    rectangles, for what is too small to show its walls.

    Args:
        partition: in pixels of the ground.
        tolerance: (n,) of the simplification of what is not regular.
    """
    count = len(partition.cluster)
    found = Outlines(np.full(count, None, object), np.full(count, np.inf))
    is_round = partition.is_simple
    is_round[is_round] = round_ones(partition.of_polygons(is_round).arcs)
    found = _tried(found, partition, is_round, lambda some: _near(some, *circles(some.arcs)))
    found = _tried(found, partition, found.refused, lambda some: _straight(some, tolerance[found.refused]))
    small = partition.is_simple & found.refused
    return _tried(found, partition, small, lambda some: _near(some, *rectangles(some.arcs)))


def _tried(found: Outlines, partition: Partition, which: Flags, make: Callable[[Partition], Outlines]) -> Outlines:
    return found.replaced(which, make(partition.of_polygons(which))) if which.any() else found


def _straight(partition: Partition, tolerance: Floats) -> Outlines:
    """Outlines of straight walls, at right angles unless slanting ones are clearly nearer, with few corners.

    Args:
        tolerance: (n,) of the simplification of what is not regular.
    """
    guess = Guess.of(partition)
    square = guess.straightened(square=True)
    found = _walled(square)
    doubtful = found.distance > _PLAINER
    if not doubtful.any():
        return _plainer(square, found)
    lone = doubtful & (partition.cluster_size == 1)
    if lone.any():
        boxed = guess.of_polygons(lone).straightened(square=True, hint=_long_ways(partition, lone))
        others = _improved(boxed, found[lone])
        lone[lone] = ~others.refused
        found = found.replaced(lone, others[~others.refused])
        square = square.replaced(lone, boxed.of_polygons(~others.refused))
    slanting = guess.of_polygons(doubtful).straightened(square=False)
    made = slanting.outlines()
    better = _distance(slanting.partition, made.swept) + _PLAINER < found.distance[doubtful]
    nearer = _near(slanting.partition, made.points, made.length, made.swept, better)
    better = ~nearer.refused
    chosen = doubtful.copy()
    chosen[doubtful] = better
    outcome = found.replaced(chosen, nearer[better])
    for some, which in ((square, ~chosen), (slanting, chosen)):
        if which.any():
            kind = some.of_polygons(which if some is square else better)
            outcome = outcome.replaced(which, _plainer(kind, outcome[which]))
    rest = outcome.refused & (partition.cluster_size > 1)
    if rest.any():
        some = slanting.of_polygons(rest[doubtful])
        outcome = outcome.replaced(rest, _partly_straight(some.partition, some.outlines(), tolerance[rest]))
    return outcome


def _long_ways(partition: Partition, which: Flags) -> Complex:
    """Unit vectors along the smallest rectangles around some polygons.

    Along a ragged edge stairs look like walls. What all of an outline takes up tells the building's direction even so.
    """
    boxes = shapely.oriented_envelope(partition.polygons(partition.arcs.points, partition.arcs.length, which))
    points, polygon = shapely.get_coordinates(boxes, return_index=True)
    place, first = as_complex(points), np.flatnonzero(np.diff(polygon, prepend=-1))
    return units(place[first + 1] - place[first])


def _improved(walls: Straightening, found: Outlines) -> Outlines:
    """Other outlines, where they are nearer or have fewer corners, whichever is worth more; all others are refused."""
    partition, new = walls.partition, walls.outlines()
    corners_less = _corners(partition, found) - _of_cluster(partition, partition.polygon_sizes(new.length))
    better = _distance(partition, new.swept) < found.distance + _WORTH * corners_less
    return _near(partition, new.points, new.length, new.swept, better)


def _plainer(walls: Straightening, found: Outlines) -> Outlines:
    """The outlines, with larger steps in walls left out where the corners saved are worth what is lost by it."""
    corners = _corners(walls.partition, found)
    for step in _STEPS:
        many = ~found.refused & (corners > 4 * walls.partition.cluster_size)
        if not many.any():
            break
        some = walls.of_polygons(many)
        cleaned = some.without_steps(step)
        other = cleaned.differs(some)
        many[many] = other
        if not many.any():
            continue
        some = cleaned.of_polygons(other)
        new = some.outlines()
        saved = corners[many] - _of_cluster(some.partition, some.partition.polygon_sizes(new.length))
        farther = _distance(some.partition, new.swept) - found.distance[many]
        # to compare outlines is dear: only those that would be taken
        fewer = _near(some.partition, new.points, new.length, new.swept, (saved > 0) & (farther <= _WORTH * saved))
        worth = ~fewer.refused
        chosen = many.copy()
        chosen[many] = worth
        found = found.replaced(chosen, fewer[worth])
        corners[chosen] -= saved[worth]
    return found


def _corners(partition: Partition, found: Outlines) -> Integers:
    """(n,) corners of all polygons of each one's cluster."""
    rings = shapely.get_num_interior_rings(found.polygons) + 1
    counts = np.where(found.refused, 0, shapely.get_num_coordinates(found.polygons) - rings)
    return _of_cluster(partition, counts)


def _of_cluster(partition: Partition, counts: Integers) -> Integers:
    """(n,) sums over each one's cluster."""
    return totals(partition.cluster, counts, len(counts)).astype(np.int64)[partition.cluster]


def _walled(walls: Straightening) -> Outlines:
    new = walls.outlines()
    return _near(walls.partition, new.points, new.length, new.swept)


def _partly_straight(partition: Partition, made: Straightened, tolerance: Floats) -> Outlines:
    """Outlines of clusters with straight walls, except around the polygons that these do not suit."""
    arcs, allowed = partition.arcs, partition.allowed(tolerance)
    straight = arcs.redrawn(made.points, made.length)
    kept = corners(arcs, allowed)
    lines = arcs.redrawn(fitted(arcs, kept, allowed), np.bincount(arcs.of[kept], minlength=len(arcs)))
    careful = np.zeros(len(arcs), bool)  # lines beside straight walls; more care than that would leave stairs
    polygons, near = _compared(partition, made.points, made.length, made.swept)
    near &= ~_spiky(polygons)
    doubtful = np.ones(len(near), bool)
    for _ in range(_TRIES):
        plain = lines.redrawn(np.where(careful[lines.of, None], arcs.points[kept], lines.points), lines.length)
        points, length = _with_lines(straight, plain, partition.around(~near))
        tried, still = _compared(partition, points, length, which=doubtful)
        bad = doubtful & (~still | offending(tried, partition.cluster))
        polygons[doubtful] = tried[doubtful]
        doubtful = partition.any_in_cluster(bad)
        if not doubtful.any():
            break
        careful |= partition.around(bad & ~near)
        near &= ~bad
    holds = partition.any_in_cluster(near) & ~doubtful
    polygons[~holds] = None
    return Outlines(polygons, np.where(holds & near, 0, np.inf))


def _with_lines(straight: Arcs, plain: Arcs, which: Flags) -> tuple[Coordinates, Integers]:
    """The points of straight arcs, but of some those of plain ones, which end where the straight ones do."""
    points = plain.points.copy()
    points[plain.ends] = straight.points[straight.ends]
    length = np.where(which, plain.length, straight.length)
    first = np.where(which, len(straight.points) + plain.start[:-1], straight.start[:-1])
    return np.concatenate([straight.points, points])[spans(first, length)], length


def _near(
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
    polygons, near = _compared(partition, points, length, swept, which=which)
    near = ~partition.any_in_cluster(~near | _spiky(polygons))
    near &= coverages_hold(polygons, np.where(near, partition.cluster, -1))
    distance = np.zeros(len(near)) if swept is None else _distance(partition, swept)
    polygons[~near] = None
    return Outlines(polygons, np.where(near, distance, np.inf))


def _distance(partition: Partition, swept: Floats) -> Floats:
    """(n,) mean distance of the old outlines of each one's cluster from the new ones."""
    return partition.cluster_ratio(swept, lengths(partition.arcs))


def _compared(
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
    arcs, cluster = partition.arcs, partition.cluster
    whole = ~partition.any_ring(partition.ring_sizes(length) < 3)
    whole &= which if which is not None else True
    polygons = np.full(len(cluster), None, object)
    polygons[whole] = partition.polygons(points, length, whole)
    near = shapely.is_valid(polygons)
    unsure = near.copy()
    if swept is not None:  # the outlines' symmetric difference is no larger
        both, apart = partition.polygon_area + shapely.area(polygons), partition.summed(swept)
        unsure &= both - apart < _LEAST_IOU * (both + apart)
    near[unsure] = _are_near(partition.polygons(arcs.points, arcs.length, unsure), polygons[unsure])
    return polygons, near


def _spiky(polygons: Geometries) -> Flags:
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
