"""Borders: outlines of several areas as arcs between junctions, known from each polygon's own vertices alone."""

from dataclasses import dataclass

import numpy as np
import shapely

from geounet.footprints import Geometries
from geounet.polygons.arcs import Arcs, spans
from geounet.polygons.arrays import Coordinates
from geounet.polygons.junctions import CROWDED, have_point, meeting_points, read_codes
from geounet.polygons.partition import Partition
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """Polygons of a map of several areas.

    Args:
        partition: in pixel coordinates, with an arc for each line between two junctions. Whichever polygon asks, and
            whichever others are there, a line has the same points in the same order.
        fixed: (points,) of the arcs' points those that may not move: junctions, and those beside a corner of pixels
            that another line passes.
    """

    partition: Partition
    fixed: Flags


@dataclass(frozen=True, slots=True, eq=False)
class _Rings:
    """Vertices of rings, one ring after the other, with the points at which lines meet among them."""

    points: Coordinates
    length: Integers
    cut: Flags
    crowded: Flags


def borders_of(rings: Geometries, ring_polygon: Integers) -> Borders:
    """The arcs that the rings of polygons are made of, with z, as `trace` outlines several areas.

    Args:
        ring_polygon: (rings,) 0, 1, ..., exteriors first.
    """
    found = _with_meetings(rings)
    first, count, ring = _pieces(found)
    points, backward = _place_of_pieces(found, first, count, ring)
    line, drawn = _lines(found.points[points], count, found.cut[first])
    place = points[spans((np.cumsum(count) - count)[drawn], count[drawn])]
    arcs = Arcs(found.points[place], np.append(0, np.cumsum(count[drawn])), ~found.cut[first[drawn]])
    apart = np.arange(ring_polygon[-1] + 1)
    partition = Partition(arcs, np.full((len(arcs), 2), -1), line, backward, ring, ring_polygon, apart)
    return Borders(partition, (found.cut | found.crowded)[place])


def _with_meetings(rings: Geometries) -> _Rings:
    points, of = shapely.get_coordinates(rings, include_z=True, return_index=True)
    closing = np.append(of[1:] != of[:-1], True)
    points, of = points[~closing], of[~closing]
    length = np.bincount(of, minlength=len(rings))
    start = np.cumsum(length) - length
    following = np.arange(1, len(points) + 1)
    following[start + length - 1] = start
    codes, corners = read_codes(points, following)
    added = have_point(codes)
    size = 1 + added
    place = np.cumsum(size) - size
    several = np.empty((int(size.sum()), 2))
    several[place] = points[:, :2]
    several[place[added] + 1] = meeting_points(codes[added], corners[added])
    cut, crowded = np.zeros((2, len(several)), bool)
    cut[place[added] + 1] = True
    for marks, which in ((cut, (codes > 0) & ~added & (codes != CROWDED)), (crowded, codes > 0)):
        marks[place[which]] = marks[place[following[which]]] = True
    return _Rings(several, np.bincount(of, size, len(rings)).astype(np.int64), cut, crowded)


def _pieces(rings: _Rings) -> tuple[Integers, Integers, Integers]:
    """The first point of each piece of a ring, how many points it has, and its ring, in the rings' order.

    A piece has both its ends; a ring that nothing cuts is one piece, from its first point on.
    """
    start = np.cumsum(rings.length) - rings.length
    of = np.repeat(np.arange(len(start)), rings.length)
    begins = rings.cut.copy()
    whole = np.bincount(of[rings.cut], minlength=len(start)) == 0
    begins[start[whole]] = True
    first = np.flatnonzero(begins)
    ring = of[first]
    head = first[np.searchsorted(ring, ring)]
    last = np.append(ring[1:] != ring[:-1], True)
    count = np.where(last, head + rings.length[ring], np.append(first[1:], 0)) - first
    return first, count + ~whole[ring], ring


def _place_of_pieces(rings: _Rings, first: Integers, count: Integers, ring: Integers) -> tuple[Integers, Flags]:
    """Where the points of the pieces are among those of the rings, all of them in a line's own way; and which are not.

    A line runs from its lower end to its higher one; where it ends at its beginning, to the lower of its ends' sides.
    """
    start = (np.cumsum(rings.length) - rings.length)[ring]
    of = np.repeat(np.arange(len(first)), count)
    step = spans(np.zeros(len(first), np.int64), count)
    along = start[of] + (first[of] - start[of] + step) % rings.length[ring[of]]
    begin, end = np.cumsum(count) - count, np.cumsum(count) - 1
    closed = ~rings.cut[first]
    ends = _order(rings.points, along[begin], along[end])
    sides = _order(rings.points, along[begin + 1], along[end - ~closed])
    backward = np.where(closed | (ends == 0), sides, ends) > 0
    turned = backward[of]
    # a closed line keeps its first point, whichever way it runs
    back = np.where(closed[of], (count[of] - step) % count[of], count[of] - 1 - step)
    return along[begin[of] + np.where(turned, back, step)], backward


def _order(points: Coordinates, one: Integers, other: Integers) -> Integers:
    """-1, 0 or 1: whether points come before others, by x, then by y."""
    x, y = np.sign(points[one] - points[other]).T
    order: Integers = np.where(x == 0, y, x).astype(np.int64)
    return order


def _lines(points: Coordinates, count: Integers, cut: Flags) -> tuple[Integers, Integers]:
    """The line of each piece, and of each line the piece it is drawn by: both its sides are one line."""
    begin, end = np.cumsum(count) - count, np.cumsum(count) - 1
    keys = np.column_stack([points[begin], points[begin + 1], points[end], count, cut])
    order = np.lexsort(keys.T)
    new = np.append(True, (keys[order][1:] != keys[order][:-1]).any(axis=1))
    line = np.empty(len(count), np.int64)
    line[order] = np.cumsum(new) - 1
    return line, order[new]
