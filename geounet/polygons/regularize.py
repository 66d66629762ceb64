"""Regularizing: buildings get straight walls and right angles where they have them, and stay as they are elsewhere."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from geounet.polygons.accept import Outlines, accepted, compared, mean_distance, spiky
from geounet.polygons.arcs import Arcs, as_complex, corners, product, spans, totals, units
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.fit import fitted
from geounet.polygons.joints import Corners, Straightened, swept
from geounet.polygons.partition import Partition, offending
from geounet.polygons.plain import circles, rectangles, round_ones
from geounet.polygons.runs import Integers
from geounet.polygons.straighten import Guess, Straightening
from geounet.polygons.threads import Flags
from geounet.polygons.walls import walls_of

MOST_NEIGHBOURS = 1000  # polygons of a cluster
_FINE = 0.1  # pixels by which a vertex lies beside the line between its neighbours, and may as well be left out
_FINER = 0.25  # and not more than so much of the tolerance
_TRIES = 8  # to find which polygons of a cluster can have straight walls
_STEPS = 4.0, 8.0  # pixels; steps in a wall up to so much are tried to leave out
_WORTH = 0.12  # pixels that an outline may be farther away on the average for each corner less
_OTHER = math.radians(1.5)  # from the direction that was found: one nearer to it leads to the same walls
_RAGGED = 0.5  # pixels that an outline is away on the average from where another direction is tried
_CUT = 0.1  # share of an outline at the rim of the data from which on its building counts as cut off
_LEAST_AWAY = 0.25  # pixels that no outline of straight walls is nearer than, on the average
_PLAINER = 0.75  # pixels by which an outline of right angles alone may be farther away than another


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
    partition = partition.thinned(np.minimum(_FINE, _FINER * partition.allowed(tolerance)))
    found = Outlines(np.full(count, None, object), np.full(count, np.inf))
    is_round = partition.is_simple
    is_round[is_round] = round_ones(partition.of_polygons(is_round).arcs)
    found = _tried(found, partition, is_round, lambda some: accepted(some, *circles(some.arcs)))
    found = _tried(found, partition, found.refused, lambda some: _straight(some, tolerance[found.refused]))
    small = partition.is_simple & found.refused
    return _tried(found, partition, small, lambda some: accepted(some, *rectangles(some.arcs)))


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
    found, square = _turned(guess, square, found)
    doubtful = found.distance > _PLAINER + _LEAST_AWAY
    if not doubtful.any():
        return _plainer(square, found)
    slanting = guess.of_polygons(doubtful).straightened(square=False)
    made = slanting.outlines()
    better = mean_distance(slanting.partition, made.swept) + _PLAINER < found.distance[doubtful]
    nearer = accepted(slanting.partition, made.points, made.length, made.swept, better)
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


def _turned(guess: Guess, square: Straightening, found: Outlines) -> tuple[Outlines, Straightening]:
    """Outlines and walls; lone polygons' along the smallest rectangle around one, where these are nearer or plainer.

    Along a ragged edge stairs look like walls. What all of an outline takes up tells the building's direction even so.
    Not where the data cut the building off: what is left of it has another rectangle around it.
    """
    partition = guess.partition
    lone = (partition.cluster_size == 1) & (found.distance > _RAGGED) & (partition.rim_share < _CUT)
    if not lone.any():
        return found, square
    arcs = partition.arcs
    few = totals(arcs.of, guess.kept, len(arcs)) < 3  # corners, which make no ring
    rough = guess.kept | few[arcs.of]
    counts = np.bincount(arcs.of[rough], minlength=len(arcs))
    boxes = shapely.oriented_envelope(partition.polygons(arcs.points[rough], counts, lone))
    points, polygon = shapely.get_coordinates(boxes, return_index=True)
    place, first = as_complex(points), np.flatnonzero(np.diff(polygon, prepend=-1))
    way, hint = square.frames[2 * partition.cluster[lone]], units(place[first + 1] - place[first])
    other = np.abs(np.angle(product(hint, way.conj()) ** 4)) > 4 * _OTHER
    if not other.any():
        return found, square
    lone[lone] = other
    turned = guess.of_polygons(lone).straightened(square=True, hint=hint[other])
    outlines = _improved(turned, found[lone])
    better = ~outlines.refused
    if not better.any():
        return found, square
    lone[lone] = better
    return found.replaced(lone, outlines[better]), square.replaced(lone, turned.of_polygons(better))


def _improved(walls: Straightening, found: Outlines) -> Outlines:
    """Other outlines, where they are nearer or have fewer corners, whichever is worth more; all others are refused."""
    partition, new = walls.partition, walls.outlines()
    corners_less = _corners(partition, found) - _of_cluster(partition, partition.polygon_sizes(new.length))
    better = mean_distance(partition, new.swept) < found.distance + _WORTH * corners_less
    return accepted(partition, new.points, new.length, new.swept, better)


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
        farther = mean_distance(some.partition, new.swept) - found.distance[many]
        # to compare outlines is dear: only those that would be taken
        fewer = accepted(some.partition, new.points, new.length, new.swept, (saved > 0) & (farther <= _WORTH * saved))
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
    return accepted(walls.partition, new.points, new.length, new.swept)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Arcs of a partition as some way of drawing makes them, all from junction to junction, and what they sweep."""

    arcs: Arcs
    swept: Floats

    @classmethod
    def plainly(cls, arcs: Arcs, kept: Flags, points: Coordinates, straight: Arcs) -> "_Drawn":
        """Lines through points that stand for the kept ones of arcs; they end where the straight walls do."""
        points, walls = points.copy(), walls_of(arcs, kept)
        lines = arcs.redrawn(points, np.bincount(walls.arc, minlength=len(arcs)))
        points[lines.ends] = straight.points[straight.ends]
        corner = as_complex(points)
        return cls(lines, swept(arcs, walls, Corners(corner, corner, np.zeros(len(walls), bool))))


def _each(ways: Sequence[_Drawn], way: Integers) -> tuple[Coordinates, Integers, Floats]:
    """The points of all arcs, how many each has and what it sweeps, of each arc as one of the ways draws it."""
    arc, before = np.arange(len(way)), np.cumsum([0] + [len(drawn.arcs.points) for drawn in ways[:-1]])
    first = np.stack([start + drawn.arcs.start[:-1] for start, drawn in zip(before, ways, strict=True)])[way, arc]
    length = np.stack([drawn.arcs.length for drawn in ways])[way, arc]
    points = np.concatenate([drawn.arcs.points for drawn in ways])[spans(first, length)]
    return points, length, np.stack([drawn.swept for drawn in ways])[way, arc]


def _partly_straight(partition: Partition, made: Straightened, tolerance: Floats) -> Outlines:
    """Outlines of clusters with straight walls, except around the polygons that these do not suit."""
    arcs, allowed = partition.arcs, partition.allowed(tolerance)
    straight = arcs.redrawn(made.points, made.length)
    kept = corners(arcs, allowed)
    ways = (  # from one to the next with more care, which beside straight walls would leave stairs
        _Drawn(straight, made.swept),
        _Drawn.plainly(arcs, kept, fitted(arcs, kept, allowed), straight),
        _Drawn.plainly(arcs, kept, arcs.points[kept], straight),
    )
    polygons, holds = compared(partition, made.points, made.length, made.swept)
    near = holds & ~spiky(polygons)
    way, careful = np.zeros(len(arcs), np.int64), np.zeros(len(arcs), bool)
    doubtful = np.ones(len(near), bool)
    for _ in range(_TRIES):
        before, way = way, np.where(partition.around(~near), 1 + careful, 0)
        redrawn = doubtful & partition.beside(way != before)  # to compare outlines is dear: all others are as they were
        tried, still = compared(partition, *_each(ways, way), which=redrawn)
        polygons[redrawn], holds[redrawn] = tried[redrawn], still[redrawn]
        bad = doubtful.copy()
        bad[doubtful] = ~holds[doubtful] | offending(polygons[doubtful], partition.cluster[doubtful])
        doubtful = partition.any_in_cluster(bad)
        if not doubtful.any():
            break
        careful |= partition.around(bad & ~near)
        near &= ~bad
    stands = partition.any_in_cluster(near) & ~doubtful
    polygons[~stands] = None
    return Outlines(polygons, np.where(stands & near, 0, np.inf))
