"""Straightening: arcs become straight walls, which meet at the corners and junctions of their lines."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geounet.polygons.arcs import Arcs, Floats, corners, totals
from geounet.polygons.partition import Partition
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.vertices import Coordinates
from geounet.polygons.walls import (
    Complex,
    Directions,
    Lines,
    Sides,
    Walls,
    as_complex,
    chords,
    directions,
    fitted_lines,
    frames_of,
    refined,
    walls_of,
)

_TOLERANCE = 1.0  # pixels that the first corners leave out
_STEP = 1.5  # pixels; smaller steps in a wall are the raster's, not the building's
_CHAMFER = 4.0  # pixels; a shorter slanting wall between two square ones is a rounded corner
_ROUNDS = 6
_MEET = 0.2  # sine of the angle from which two walls meet in one corner


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


def straightened(partition: Partition, *, square: bool) -> Straightened:
    """The arcs as straight walls in the directions that a cluster has in common, in pixels of the ground.

    Douglas and Peucker's corners are the first guess. Walls take the directions of their cluster; corners between
    walls on one line go, small steps and rounded corners too; each wall's line is fitted to the old outline, and
    neighbouring lines meet in the new corners.

    Args:
        square: whether all walls have the commonest direction or lie across it; otherwise those that do not fit
            take a second one, or keep their own.
    """
    arcs, sides = partition.arcs, Sides.of(partition.arcs)
    body = partition.cluster[partition.arc_polygon]
    kept = corners(arcs, np.full(len(arcs), _TOLERANCE))
    walls = walls_of(arcs, kept)
    frames = frames_of(chords(arcs, walls), body[walls.arc], int(body.max(initial=-1)) + 1)
    for turn in range(_ROUNDS):
        walls = walls_of(arcs, kept)
        chord = chords(arcs, walls)
        found = directions(chord, frames, body[walls.arc], square=square)
        if turn in (0, _ROUNDS - 2):
            frames = refined(frames, sides, walls, found)
            found = directions(chord, frames, body[walls.arc], square=square)
        lines = fitted_lines(arcs, sides, walls, found.along)
        kept = _cleaner(arcs, walls, kept, np.abs(chord), found, lines)
    walls = walls_of(arcs, kept)
    found = directions(chords(arcs, walls), frames, body[walls.arc], square=square)
    meeting = _meetings(partition, walls)
    lines = _joined(fitted_lines(arcs, sides, walls, found.along), found, meeting)
    met = _corners(partition, walls, lines, meeting)
    return Straightened(*_outlines(arcs, walls, met), _swept(arcs, walls, met))


def _gap(lines: Lines, one: Integers, other: Integers) -> Floats:
    """Distance of walls from parallel ones."""
    same = np.sign((lines.along[one] * lines.along[other].conj()).real)
    return np.abs(lines.offset[one] - same * lines.offset[other])


def _cleaner(arcs: Arcs, walls: Walls, kept: Flags, length: Floats, found: Directions, lines: Lines) -> Flags:
    """The kept points without corners between walls on one line, small steps, and rounded corners."""
    kept, wall = kept.copy(), np.arange(len(walls))
    before, after = walls.before, walls.after
    fixed = arcs.ends[walls.first]
    flat = ~fixed & found.parallel(before, wall) & (_gap(lines, before, wall) < _STEP)
    kept[walls.first[flat]] = False
    inner = ~fixed & ~fixed[after]
    shortest = inner & (length <= length[before]) & (length < length[after])
    around = found.parallel(before, after)
    step = shortest & around & (_gap(lines, before, after) < _STEP)
    chamfer = (
        shortest & ~around & (length < _CHAMFER)
        & (found.frame[before] == found.frame[after]) & (found.frame != found.frame[before])
    )  # fmt: skip
    gone = np.flatnonzero(step | chamfer)
    kept[walls.first[gone]] = kept[walls.first[after[gone]]] = False
    cut = np.flatnonzero(chamfer)
    arc = walls.arc[cut]
    count = (walls.first[after[cut]] - walls.first[cut]) % arcs.length[arc]
    kept[arcs.start[arc] + (walls.first[cut] - arcs.start[arc] + count // 2) % arcs.length[arc]] = True
    return _with_corners(arcs, walls, kept)


def _with_corners(arcs: Arcs, walls: Walls, kept: Flags) -> Flags:
    """The kept points; an arc that would have lost all of them keeps what it had."""
    lost = np.bincount(arcs.of[kept], minlength=len(arcs)) < 2
    kept[walls.first[lost[walls.arc]]] = True
    return kept


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


def _joined(lines: Lines, found: Directions, meeting: tuple[Integers, Integers]) -> Lines:
    """The lines, those one that go through a junction."""
    junction, wall = meeting
    pairs = [np.empty((0, 2), np.int64)]
    for shift in range(1, int(np.bincount(junction).max(initial=0))):
        one, other = wall[:-shift][same := junction[shift:] == junction[:-shift]], wall[shift:][same]
        through = found.parallel(one, other) & (_gap(lines, one, other) < 2 * _STEP)
        pairs.append(np.stack([one[through], other[through]], axis=1))
    one, other = np.concatenate(pairs).T
    count = len(lines.along)
    whole = connected_components(coo_matrix((np.ones(len(one), bool), (one, other)), (count, count)), directed=False)[1]
    root = np.unique(whole, return_index=True)[1][whole]
    sense = np.sign((lines.along * lines.along[root].conj()).real)
    weight = np.maximum(lines.weight, 1e-9)
    mean = totals(whole, weight * sense * lines.offset, count) / np.maximum(totals(whole, weight, count), 1e-9)
    alone = np.bincount(whole)[whole] == 1
    return Lines(lines.along, np.where(alone, lines.offset, mean[whole] * sense), lines.weight)


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
    cross = (along[before].conj() * along).imag
    crossing = np.abs(cross) > _MEET
    point = (offset[before] * along - offset * along[before]) / np.where(crossing, cross, 1)
    end = np.where(crossing, point, _projected(raw, along[before], offset[before]))
    begin = np.where(crossing, point, _projected(raw, along, offset))
    opened = np.flatnonzero(~arcs.closed)
    ends = np.searchsorted(walls.first, np.stack([arcs.start[opened], arcs.start[opened + 1] - 1], 1))
    end[ends] = begin[ends] = _junctions(partition, lines, meeting)[partition.junction[opened]]
    return Corners(end, begin, ~crossing & ~arcs.ends[walls.first])


def _outlines(arcs: Arcs, walls: Walls, corners: Corners) -> tuple[Coordinates, Integers]:
    """The points of all arcs, and how many each has."""
    count = 1 + corners.twice
    points = np.repeat(corners.end, count)
    points[np.cumsum(count) - 1] = corners.begin
    length = totals(walls.arc, count, len(arcs)).astype(np.int64)
    return np.stack([points.real, points.imag], axis=1), length


def _swept(arcs: Arcs, walls: Walls, corners: Corners) -> Floats:
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
    share = ((points - begin) * way.conj()).real / np.where(squared == 0, 1, squared)
    return begin + np.clip(share, 0, 1) * way


def _triangle(a: Complex, b: Complex, c: Complex) -> Floats:
    """Areas of triangles."""
    return np.abs(((b - a).conj() * (c - a)).imag) / 2


def _projected(points: Complex, along: Complex, offset: Floats) -> Complex:
    projected: Complex = along * ((along.conj() * points).real + 1j * offset)
    return projected


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
    xx, yy = xx + 1e-3, yy + 1e-3
    determinant = xx * yy - xy**2
    return (spot[:, 0] + (yy * bx - xy * by) / determinant) + 1j * (spot[:, 1] + (xx * by - xy * bx) / determinant)
