"""Joints: walls that go through junctions, and the corners where neighbouring walls meet."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geounet.polygons.arcs import Arcs, Complex, as_complex, product, totals
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.partition import Partition
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.walls import Directions, Lines, Walls, gap, meets

_THROUGH = 2.0  # pixels between the walls on two sides of a junction, below which they are one
_PARALLEL = 0.05  # sine of the angle between walls that stand in steps
_MEETING = 0.5  # and of that between them and the wall that ends there, at least
_HOLD = 1e-9  # of a wall: how much a junction clings to its old place, which decides where walls are parallel


@dataclass(frozen=True, slots=True, eq=False)
class Straightened:
    """New points of all arcs.

    Args:
        points: one arc after the other.
        length: (arcs,) how many points each has.
        swept: (arcs,) the area between the old line and the new one.
    """

    points: Coordinates
    length: Integers
    swept: Floats


def joined(partition: Partition, walls: Walls, lines: Lines, found: Directions) -> Straightened:
    """The arcs that walls make which meet at the corners and junctions of their lines."""
    meeting = _meetings(partition, walls)
    met = _corners(partition, walls, _through(lines, found, meeting), meeting)
    return Straightened(*_outlines(partition.arcs, walls, met), swept(partition.arcs, walls, met))


def _meetings(partition: Partition, walls: Walls) -> tuple[Integers, Integers]:
    """Junctions and the walls that end there, in the order of junctions."""
    arcs = partition.arcs
    opened = np.flatnonzero(~arcs.closed)
    begin = np.searchsorted(walls.first, arcs.start[opened])
    end = np.searchsorted(walls.first, arcs.start[opened + 1] - 1)
    junction = partition.junction[opened].T.ravel()
    wall = np.append(begin, walls.before[end])
    order = np.argsort(junction, kind="stable")
    return junction[order], wall[order]


def _through(lines: Lines, found: Directions, meeting: tuple[Integers, Integers]) -> Lines:
    """The lines, those one that go through a junction."""
    junction, wall = meeting
    pairs = [np.empty((0, 2), np.int64)]
    for shift in range(1, int(np.bincount(junction).max(initial=0))):
        one, other = wall[:-shift][same := junction[shift:] == junction[:-shift]], wall[shift:][same]
        through = found.parallel(one, other) & (gap(lines, one, other) < _THROUGH)
        pairs.append(np.stack([one[through], other[through]], axis=1))
    joint = np.concatenate(pairs)
    if not len(joint):
        return lines
    walls, (one, other) = np.unique(joint), np.searchsorted(np.unique(joint), joint.T)
    count = len(walls)
    whole = connected_components(coo_matrix((np.ones(len(one), bool), (one, other)), (count, count)), directed=False)[1]
    root = np.unique(whole, return_index=True)[1][whole]
    along, weight = lines.along[walls], np.maximum(lines.weight[walls], 1e-9)
    sense = np.sign(product(along, along[root].conj()).real)
    mean = totals(whole, weight * sense * lines.offset[walls], count) / np.maximum(totals(whole, weight, count), 1e-9)
    offset = lines.offset.copy()
    offset[walls] = mean[whole] * sense
    return Lines(lines.along, offset, lines.weight)


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """Where the walls of arcs meet.

    Args:
        end: (walls,) where the wall before ends.
        begin: (walls,) where the wall begins: elsewhere only at a step between parallel walls.
        twice: (walls,) whether there is such a step.
    """

    end: Complex
    begin: Complex
    twice: Flags


def _corners(partition: Partition, walls: Walls, lines: Lines, meeting: tuple[Integers, Integers]) -> Corners:
    """The corners between walls of arcs, and the junctions at the arcs' ends."""
    arcs = partition.arcs
    before, along, offset = walls.before, lines.along, lines.offset
    raw = as_complex(arcs.points[walls.first])
    crossing, point = meets(lines, walls)
    end = np.where(crossing, point, _projected(raw, along[before], offset[before]))
    begin = np.where(crossing, point, _projected(raw, along, offset))
    opened = np.flatnonzero(~arcs.closed)
    ends = np.searchsorted(walls.first, np.stack([arcs.start[opened], arcs.start[opened + 1] - 1], 1))
    spots = _junctions(partition, lines, meeting)
    spots, junction, wall, corner = _stepped(arcs, walls, lines, meeting, spots)
    end[ends] = begin[ends] = spots[partition.junction[opened]]
    twice = ~crossing & ~arcs.ends[walls.first]
    arc = walls.arc[wall]
    first = (partition.junction[arc, 0] == junction) & (walls.first[wall] == arcs.start[arc])
    last = walls.after[wall[~first]]
    begin[wall[first]], end[last] = corner[first], corner[~first]  # after the junction, and before it
    twice[wall[first]] = twice[last] = True
    return Corners(end, begin, twice)


def _stepped(
    arcs: Arcs, walls: Walls, lines: Lines, meeting: tuple[Integers, Integers], spots: Complex
) -> tuple[Complex, Integers, Integers, Complex]:
    """Places of junctions; and at which of them a wall has one corner more, and where: houses in a row stand in steps.

    Where a wall between two houses ends at two parallel ones that are not one, it ends at the nearer; the house whose
    wall is farther out has the rest of it for itself.
    """
    junction, wall = meeting
    head = np.flatnonzero(np.diff(junction, prepend=-1))
    head = head[np.bincount(junction)[junction[head]] == 3]
    trio = wall[head[:, None] + np.arange(3)]
    ways = lines.along[trio]
    across = np.stack([np.abs(product(ways[:, (i + 1) % 3].conj(), ways[:, (i + 2) % 3]).imag) for i in range(3)], 1)
    shared = np.argmin(across, axis=1)  # the wall whose two others are most nearly parallel
    rows = np.arange(len(trio))
    party, one, other = (trio[rows, (shared + i) % 3] for i in range(3))
    fits = (across[rows, shared] < _PARALLEL) & (gap(lines, one, other) >= _THROUGH)
    fits &= np.abs(product(lines.along[party].conj(), lines.along[one]).imag) > _MEETING
    party, one, other, head = party[fits], one[fits], other[fits], head[fits]
    here, there = _crossing(lines, party, one), _crossing(lines, party, other)
    old = spots[junction[head]]
    begin = as_complex(arcs.points[walls.first[party]])
    middle = (begin + as_complex(arcs.points[walls.first[walls.after[party]]])) / 2
    farther = product((middle - old).conj(), here - there).real > 0  # `here` lies farther along the wall between
    spots = spots.copy()
    spots[junction[head]] = np.where(farther, here, there)
    return spots, junction[head], np.where(farther, other, one), np.where(farther, there, here)


def _crossing(lines: Lines, one: Integers, other: Integers) -> Complex:
    """Where the lines of walls cross."""
    cross = product(lines.along[one].conj(), lines.along[other]).imag
    crossed: Complex = (lines.offset[one] * lines.along[other] - lines.offset[other] * lines.along[one]) / cross
    return crossed


def _outlines(arcs: Arcs, walls: Walls, corners: Corners) -> tuple[Coordinates, Integers]:
    """The points of all arcs, and how many each has."""
    count = 1 + corners.twice
    points = np.repeat(corners.end, count)
    points[np.cumsum(count) - 1] = corners.begin
    length = totals(walls.arc, count, len(arcs)).astype(np.int64)
    return np.stack([points.real, points.imag], axis=1), length


def swept(arcs: Arcs, walls: Walls, corners: Corners) -> Floats:
    """(arcs,) the area between the old outlines and the new ones, at least that of their symmetric difference."""
    old, following = as_complex(arcs.points), arcs.following
    begin, end = corners.begin[walls.of], corners.end[walls.after[walls.of]]
    here, there = _on_segment(old, begin, end), _on_segment(old[following], begin, end)
    strips = _triangle(old, old[following], here) + _triangle(old[following], there, here)
    corner, before = old[walls.first], walls.before
    last = _on_segment(corner, corners.begin[before], corners.end)
    first = _on_segment(corner, corners.begin, corners.end[walls.after])
    wedges = _triangle(corner, last, corners.end) + _triangle(corner, corners.begin, first)
    wedges += _triangle(corner, corners.end, corners.begin)
    return totals(arcs.of, strips, len(arcs)) + totals(walls.arc, wedges, len(arcs))


def _on_segment(points: Complex, begin: Complex, end: Complex) -> Complex:
    """The point of each segment that is nearest to a point."""
    way = end - begin
    squared = way.real**2 + way.imag**2
    share = product(points - begin, way.conj()).real / np.where(squared == 0, 1, squared)
    return begin + np.clip(share, 0, 1) * way


def _triangle(a: Complex, b: Complex, c: Complex) -> Floats:
    """Areas of triangles."""
    return np.abs(product((b - a).conj(), c - a).imag) / 2


def _projected(points: Complex, along: Complex, offset: Floats) -> Complex:
    return product(along, product(along.conj(), points).real + 1j * offset)


def _junctions(partition: Partition, lines: Lines, meeting: tuple[Integers, Integers]) -> Complex:
    """(junctions,) the points nearest to all lines that end there; where these are parallel, nearest to the old one."""
    arcs, (junction, wall) = partition.arcs, meeting
    opened = np.flatnonzero(~arcs.closed)
    spot = np.empty((int(junction.max(initial=-1)) + 1, 2))
    spot[partition.junction[opened, 0]] = arcs.points[arcs.start[opened]]
    spot[partition.junction[opened, 1]] = arcs.points[arcs.start[opened + 1] - 1]
    normal_x, normal_y = -lines.along[wall].imag, lines.along[wall].real
    away = lines.offset[wall] - normal_x * spot[junction, 0] - normal_y * spot[junction, 1]
    xx, xy, yy, bx, by = (
        totals(junction, values, len(spot))
        for values in (normal_x**2, normal_x * normal_y, normal_y**2, normal_x * away, normal_y * away)
    )
    xx, yy = xx + _HOLD, yy + _HOLD
    determinant = xx * yy - xy**2
    return (spot[:, 0] + (yy * bx - xy * by) / determinant) + 1j * (spot[:, 1] + (xx * by - xy * bx) / determinant)
