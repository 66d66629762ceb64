"""Arcs: the outlines of polygons as flat arrays, each line between neighbours once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags

Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Arcs:
    """Polylines, one after the other: rings that nothing else touches (closed), and lines between junctions (open).

    Args:
        points: (n, 2); a closed arc does not repeat its first point, an open one has its junctions at both ends.
        start: (arcs + 1,) places of the arcs' first points, and n.
        closed: (arcs,).
        rim: (n,) whether the way from a point to the next runs along the rim of what has data; None where none does.
    """

    points: Coordinates
    start: Integers
    closed: Flags
    rim: Flags | None = None

    def __len__(self) -> int:
        return len(self.closed)

    def redrawn(self, points: Coordinates, length: Integers) -> "Arcs":
        """The same arcs with other points, `length` each, of which none is known to lie at the rim."""
        return Arcs(points, np.append(0, np.cumsum(length)), self.closed)

    def some(self, which: Integers) -> "Arcs":
        """Some of the arcs."""
        length = self.length[which]
        places = spans(self.start[which], length)
        rim = None if self.rim is None else self.rim[places]
        return Arcs(self.points.take(places, axis=0), np.append(0, np.cumsum(length)), self.closed[which], rim)

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
    def at_rim(self) -> Flags:
        """(n,) `rim`, False everywhere where there is none."""
        return np.zeros(len(self.points), bool) if self.rim is None else self.rim

    @cached_property
    def rim_ends(self) -> Flags:
        """(n,) the points at which arcs come to the rim or leave it; the ends of open arcs are none."""
        if self.rim is None:
            return self.at_rim
        return np.asarray((self.rim != self.rim[self.preceding]) & ~self.ends)

    @cached_property
    def following(self) -> Integers:
        """(n,) the next point along the arc; round a closed one, and an open one's last point itself."""
        following = np.arange(1, len(self.points) + 1)
        following[self.start[1:] - 1] = np.where(self.closed, self.start[:-1], self.start[1:] - 1)
        return following

    @cached_property
    def preceding(self) -> Integers:
        """(n,) the point before along the arc; round a closed one, and an open one's first point itself."""
        preceding = np.arange(-1, len(self.points) - 1)
        preceding[self.start[:-1]] = np.where(self.closed, self.start[1:] - 1, self.start[:-1])
        return preceding

    @cached_property
    def ways(self) -> Coordinates:
        """(n, 2) from each point to the next."""
        return self.points.take(self.following, axis=0) - self.points

    @cached_property
    def side_lengths(self) -> Floats:
        """(n,) from each point to the next."""
        lengths: Floats = np.hypot(*self.ways.T)
        return lengths


def lengths(arcs: Arcs) -> Floats:
    """(arcs,) from end to end, or all around."""
    return totals(arcs.of, arcs.side_lengths, len(arcs))


def totals(group: Integers, values: Floats | Integers | Flags, count: int) -> Floats:
    """(count,) sums of each group's values, added in their order: others beside them change no digit."""
    sums: Floats = np.bincount(group, values, count).astype(np.float64, copy=False)
    return sums


def complex_totals(group: Integers, values: Complex, count: int) -> Complex:
    """(count,) sums of each group's values, as `totals`."""
    sums: Complex = totals(group, values.real, count) + 1j * totals(group, values.imag, count)
    return sums


def spans(start: Integers, length: Integers) -> Integers:
    """start[0], start[0] + 1, ... for the first length, then the second, one after the other.

    >>> spans(np.array([7, 2]), np.array([3, 2])).tolist()
    [7, 8, 9, 2, 3]
    """
    before = np.cumsum(length) - length
    places: Integers = np.arange(int(length.sum())) + np.repeat(start - before, length)
    return places


Allowed = Callable[[Integers, Integers, Integers, Integers], Flags]


def corners(arcs: Arcs, tolerance: Floats, allowed: Allowed | None = None) -> Flags:
    """(n,) the points that a simplification keeps (Douglas and Peucker 1973), all arcs at once.

    The ends of open arcs stay; a closed arc starts from its point farthest from the middle, where its shape has a
    corner whatever its tracing began with, and the one farthest from that.

    Args:
        tolerance: (arcs,) points less far from the line that replaces them go; with 0 none.
        allowed: of points, the beginnings and the ends of lines, and the line that would replace each point: whether
            it may. A line that may not replace one of its points replaces none.
    """
    kept = arcs.ends.copy()
    order, stretches = _unwound(arcs)
    place = as_complex(arcs.points)[order]
    while len(stretches[0]):
        arc, low, high = stretches
        kept[order[low]] = kept[order[high]] = True
        inner = high - low > 1
        stretches = _halves(place, order, (arc[inner], low[inner], high[inner]), tolerance, allowed)
    return kept


_Stretches = tuple[Integers, Integers, Integers]  # arc, and the first and last point


def _unwound(arcs: Arcs) -> tuple[Integers, _Stretches]:
    """Places of points along the arcs, closed ones from end to end and with their first point again; and stretches.

    Open arcs are one stretch, closed ones are two.
    """
    place = as_complex(arcs.points)
    one = _farthest(arcs, place, complex_totals(arcs.of, place, len(arcs)) / arcs.length)
    other = _farthest(arcs, place, place[one])
    first, middle = np.minimum(one, other), np.abs(other - one)
    first, length = np.where(arcs.closed, first, arcs.start[:-1]), arcs.length + arcs.closed
    order = spans(first, length)
    order -= np.repeat(arcs.length, length) * (order >= np.repeat(arcs.start[1:], length))
    low = np.cumsum(length) - length
    high, halfway, arc = low + length - 1, (low + middle)[arcs.closed], np.arange(len(arcs))
    return order, (
        np.append(arc, arc[arcs.closed]),
        np.append(low, halfway),
        np.append(np.where(arcs.closed, low + middle, high), high[arcs.closed]),
    )


def _farthest(arcs: Arcs, place: Complex, centre: Complex) -> Integers:
    """(arcs,) each arc's first point with the largest distance from its centre."""
    away = place - np.repeat(centre, arcs.length)
    return _first_largest(away.real**2 + away.imag**2, arcs.start[:-1], arcs.of)[0]


def _first_largest(values: Floats, start: Integers, of: Integers) -> tuple[Integers, Floats]:
    """Where each group of values has its largest for the first time, and that value."""
    largest = np.maximum.reduceat(values, start)
    hits = np.flatnonzero(values == largest[of])
    group = of[hits]
    return hits[np.diff(group, prepend=-1) != 0], largest


def _halves(
    place: Complex, order: Integers, stretches: _Stretches, tolerance: Floats, allowed: Allowed | None
) -> _Stretches:
    """The two halves of every stretch that strays too far from its line, cut at its worst point."""
    arc, low, high = stretches
    if not len(arc):
        return stretches
    count = high - low - 1
    of = np.repeat(np.arange(len(arc)), count)
    points = spans(low + 1, count)
    away = _squared_distance(place[points], place[low], place[high], of)
    worst, largest = _first_largest(away, np.cumsum(count) - count, of)
    split = largest >= tolerance[arc] ** 2
    if allowed is not None:
        some = np.flatnonzero(~split[of])
        split[of[some[~allowed(order[points[some]], order[low], order[high], of[some])]]] = True
    middle = points[worst[split]]
    low, high = np.stack([low[split], middle], 1).ravel(), np.stack([middle, high[split]], 1).ravel()
    return np.repeat(arc[split], 2), low, high


def _squared_distance(points: Complex, begin: Complex, end: Complex, of: Integers) -> Floats:
    """Square of each point's distance from its segment."""
    way = end - begin
    local = product(points - begin[of], units(way).conj()[of])
    beyond = np.maximum(np.maximum(-local.real, local.real - np.abs(way)[of]), 0)
    squared: Floats = local.imag**2 + beyond**2
    return squared


def product(one: Complex, other: Complex) -> Complex:
    """One times the other. The sign * lets numpy work in place where arrays are large, and round otherwise then."""
    return np.multiply(one, other)


def units(vectors: Complex) -> Complex:
    """Vectors of length 1 in the same directions; 1 for those of no length."""
    length = np.abs(vectors)
    return np.divide(vectors, length, out=np.ones_like(vectors), where=length > 0)


def as_complex(vectors: Coordinates) -> Complex:
    """x + i y."""
    return np.ascontiguousarray(vectors).view(np.complex128)[:, 0]
