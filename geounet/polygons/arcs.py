"""Arcs: the outlines of polygons as flat arrays, each line between neighbours once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.vertices import Coordinates

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arcs:
    """Polylines, one after the other: rings that nothing else touches (closed), and lines between junctions (open).

    Args:
        points: (n, 2); a closed arc does not repeat its first point, an open one has its junctions at both ends.
        start: (arcs + 1,) places of the arcs' first points, and n.
        closed: (arcs,).
    """

    points: Coordinates
    start: Integers
    closed: Flags

    def __len__(self) -> int:
        return len(self.closed)

    @cached_property
    def length(self) -> Integers:
        """(arcs,) numbers of points."""
        return np.diff(self.start)

    @cached_property
    def of(self) -> Integers:
        """(n,) the arc of each point."""
        return np.repeat(np.arange(len(self)), self.length)

    @cached_property
    def ends(self) -> Flags:
        """(n,) whether a point is one end of an open arc."""
        ends = np.zeros(len(self.points), bool)
        ends[self.start[:-1][~self.closed]] = True
        ends[self.start[1:][~self.closed] - 1] = True
        return ends

    @cached_property
    def following(self) -> Integers:
        """(n,) the next point along the arc; round a closed one, and an open one's last point itself."""
        following = np.arange(1, len(self.points) + 1)
        following[self.start[1:] - 1] = np.where(self.closed, self.start[:-1], self.start[1:] - 1)
        return following


def lengths(arcs: Arcs) -> Floats:
    """(arcs,) from end to end, or all around."""
    x, y = (arcs.points[arcs.following] - arcs.points).T
    return totals(arcs.of, np.hypot(x, y), len(arcs))


def totals(group: Integers, values: Floats | Integers | Flags, count: int) -> Floats:
    """(count,) sums of each group's values, added in their order: others beside them change no digit."""
    sums: Floats = np.bincount(group, values, count).astype(np.float64, copy=False)
    return sums


def spans(start: Integers, length: Integers) -> Integers:
    """start[0], start[0] + 1, ... for the first length, then the second, one after the other.

    >>> spans(np.array([7, 2]), np.array([3, 2])).tolist()
    [7, 8, 9, 2, 3]
    """
    before = np.cumsum(length) - length
    places: Integers = np.arange(int(length.sum())) + np.repeat(start - before, length)
    return places


def corners(arcs: Arcs, tolerance: Floats) -> Flags:
    """(n,) the points that a simplification keeps (Douglas and Peucker 1973), all arcs at once.

    The ends of open arcs stay; a closed arc starts from its point farthest from the middle, where its shape has a
    corner whatever its tracing began with, and the one farthest from that.

    Args:
        tolerance: (arcs,) points less far from the line that replaces them go; with 0 none.
    """
    kept = arcs.ends.copy()
    for arc, low, high in _split(arcs, _first_stretches(arcs), tolerance):
        kept[_places(arcs, arc, low)] = True
        kept[_places(arcs, arc, high)] = True
    return kept


_Stretches = tuple[Integers, Integers, Integers]  # arc, and the first and last point counted along it, round and round


def _places(arcs: Arcs, arc: Integers, along: Integers) -> Integers:
    return arcs.start[arc] + along % arcs.length[arc]


def _first_stretches(arcs: Arcs) -> _Stretches:
    """Open arcs whole, closed ones in two halves."""
    opened, closed = np.flatnonzero(~arcs.closed), np.flatnonzero(arcs.closed)
    middle = np.stack([totals(arcs.of, arcs.points[:, axis], len(arcs)) / arcs.length for axis in (0, 1)], axis=1)
    one = _farthest(arcs, middle)
    other = _farthest(arcs, arcs.points[one])
    low, high = (np.minimum(one, other) - arcs.start[:-1])[closed], (np.maximum(one, other) - arcs.start[:-1])[closed]
    return (
        np.concatenate([opened, closed, closed]),
        np.concatenate([np.zeros(len(opened), np.int64), low, high]),
        np.concatenate([arcs.length[opened] - 1, high, low + arcs.length[closed]]),
    )


def _farthest(arcs: Arcs, from_point: Coordinates) -> Integers:
    """(arcs,) the place of each arc's first point with the largest distance."""
    away = ((arcs.points - from_point[arcs.of]) ** 2).sum(axis=1)
    return first_largest(away, arcs.start[:-1], arcs.of)[0]


def first_largest(values: Floats, start: Integers, of: Integers) -> tuple[Integers, Floats]:
    """Where each group of values has its largest for the first time, and that value."""
    largest = np.maximum.reduceat(values, start)
    hits = np.flatnonzero(values == largest[of])
    group = of[hits]
    return hits[np.append(True, group[1:] != group[:-1])], largest


def _split(arcs: Arcs, stretches: _Stretches, tolerance: Floats) -> Iterator[_Stretches]:
    """All stretches that come up while those that stray too far are split at their worst point."""
    arc, low, high = stretches
    while len(arc):
        yield arc, low, high
        inner = high - low > 1
        arc, low, high = arc[inner], low[inner], high[inner]
        if not len(arc):
            return
        count = high - low - 1
        of = np.repeat(np.arange(len(arc)), count)
        along = spans(low + 1, count)
        begin, end = arcs.points[_places(arcs, arc, low)], arcs.points[_places(arcs, arc, high)]
        away = distance_to_segment(arcs.points[_places(arcs, arc[of], along)], begin[of], end[of])
        worst, largest = first_largest(away, np.cumsum(count) - count, of)
        split = largest >= tolerance[arc]
        middle = along[worst[split]]
        arc = np.repeat(arc[split], 2)
        low, high = np.stack([low[split], middle], 1).ravel(), np.stack([middle, high[split]], 1).ravel()


def distance_to_segment(points: Coordinates, begin: Coordinates, end: Coordinates) -> Floats:
    """Distance of each point from its segment."""
    along_x, along_y = (end - begin).T
    x, y = (points - begin).T
    squared = along_x**2 + along_y**2
    share = np.clip((x * along_x + y * along_y) / np.where(squared == 0, 1, squared), 0, 1)
    away: Floats = np.sqrt((x - share * along_x) ** 2 + (y - share * along_y) ** 2)
    return away
