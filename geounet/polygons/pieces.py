"""Pieces: rings that touch, cut at the points where lines part, so that what they share is one line."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geounet.polygons.arcs import spans, totals
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags


@dataclass(frozen=True, eq=False)
class Loops:
    """Rings as numbers of their points, one ring after the other.

    Args:
        vertex: (points,) equal ones lie at the same place, and their order is that of places.
        length: (rings,) numbers of points.
    """

    vertex: Integers
    length: Integers

    @cached_property
    def start(self) -> Integers:
        return np.cumsum(self.length) - self.length

    @cached_property
    def of(self) -> Integers:
        """(points,) the ring of each."""
        return np.repeat(np.arange(len(self.length)), self.length)

    def places(self, ring: Integers, step: Integers) -> Integers:
        """Places of the points so many steps from the first ones of rings, round and round."""
        return self.start[ring] + step % self.length[ring]

    @cached_property
    def following(self) -> Integers:
        """(points,) place of each ring's next point."""
        return self.places(self.of, np.arange(len(self.vertex)) - self.start[self.of] + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Lines, each once, and how rings are made of them.

    Args:
        place: of the lines' points among those of the loops, one line after the other.
        length: (lines,) numbers of points; an open line has both its ends.
        closed: (lines,).
        line, backward, ring: (uses,) the line of each piece of a ring, in the rings' order.
    """

    place: Integers
    length: Integers
    closed: Flags
    line: Integers
    backward: Flags
    ring: Integers


def pieces_of(loops: Loops) -> Pieces:
    """Rings cut wherever the number of lines that meet is not two; one that nothing cuts is a closed line.

    A line runs from its lower end to its higher one, so that no order of the rings turns it round.
    """
    side = _sides(loops)
    cut, whole = _cuts(loops, side)
    first = np.flatnonzero(cut)
    ring = loops.of[first]
    count = _counts(loops, first, ring)
    of = np.repeat(np.arange(len(first)), count)
    step = first - loops.start[ring]
    along = loops.places(ring[of], spans(step, count))
    begins = np.cumsum(count) - count
    line = np.unique(np.minimum.reduceat(side[along], begins), return_inverse=True)[1]
    last = along[begins + count - 1]
    begin, end = loops.vertex[first], loops.vertex[loops.following[last]]
    second, last_but_one = loops.vertex[loops.following[first]], loops.vertex[last]
    backward = (begin > end) | ((begin == end) & (second > last_but_one))
    order = np.lexsort((backward, line))
    drawn = order[np.append(True, line[order][1:] != line[order][:-1])]  # the one that runs the line's way, if any
    length = count[drawn] + ~whole[ring[drawn]]
    k = spans(np.zeros(len(drawn), np.int64), length)
    of = np.repeat(drawn, length)
    place = loops.places(ring[of], step[of] + np.where(backward[of], count[of] - k, k))
    return Pieces(place, length, whole[ring[drawn]], line, backward, ring)


def _sides(loops: Loops) -> Integers:
    """(points,) a number for the side from each point to the next, the same one whichever way it is passed."""
    here, there = loops.vertex, loops.vertex[loops.following]
    high = np.maximum(here, there) + np.minimum(here, there) * (int(here.max()) + 1)
    return np.unique(high, return_inverse=True)[1]


def _cuts(loops: Loops, side: Integers) -> tuple[Flags, Flags]:
    """(points,) where rings are cut; and (rings,) which ones nothing cuts: these begin at their lowest point."""
    one = np.unique(side, return_index=True)[1]
    ends = np.append(loops.vertex[one], loops.vertex[loops.following[one]])
    cut = np.bincount(ends)[loops.vertex] != 2
    whole = totals(loops.of, cut, len(loops.length)) == 0
    lowest = np.minimum.reduceat(loops.vertex, loops.start)
    return cut | (whole[loops.of] & (loops.vertex == lowest[loops.of])), whole


def _counts(loops: Loops, first: Integers, ring: Integers) -> Integers:
    """Sides from each cut to the next one of its ring."""
    after = np.append(first[1:], 0)
    is_last = np.append(ring[1:] != ring[:-1], True)
    head = first[np.searchsorted(ring, ring)]
    return np.where(is_last, head + loops.length[ring], after) - first
