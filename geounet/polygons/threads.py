"""Threads: boundaries followed from run edge to run edge; rings where they close, open where they leave the strip.

Between the pixels of two rows lies a line. Go along it and toggle at every run edge of either row: where the state is
on, the rows differ, and there the boundary runs along the line. So the run edges of one area above and below a line,
sorted by column, belong together in pairs, and these pairs are all the topology there is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from geounet.polygons.runs import Edges, Integers

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """How the boundaries of one strip go on from run edge to run edge.

    The run edges are those of the row above the strip, then those of the strip. Boundaries are followed with the
    inside to the right on the screen: upward at left edges, downward at right edges.

    Args:
        edges: n of them.
        first_row: of the strip.
        entering: threads that come from above; thread i runs from left edge 2 i of the row above to its `ends[i]`.
        succ: (n,) the next run edge; n where the boundary goes on below the strip.
        span: (n,) pixels that the boundary runs along a line on its way to the next run edge, with sign.
    """

    edges: Edges
    first_row: int
    entering: int
    succ: Integers
    span: Integers

    @property
    def first_inside(self) -> int:
        """The first run edge that lies in the strip itself."""
        return 2 * self.entering


def link(edges: Edges, ends: Integers, width: int, rows: range) -> Links:
    """The links between the run edges of a strip and of the row above it.

    Args:
        ends: run edge of the row above at which each thread from above ends, in the order of their left edges.
        width: of the raster.
        rows: of the strip.
    """
    count, first = len(edges), 2 * len(ends)
    line = 2 * (width + 1)  # places at which one area's edges can lie, of each of 256 areas
    # At one column a right edge sorts before a left edge: so two runs that touch at a corner stay apart.
    key = (edges.row * 256 + edges.area) * line + 2 * edges.col + edges.is_left
    leaving = int(np.searchsorted(edges.row, rows[-1]))
    below = np.concatenate([key[:leaving] + 256 * line, key[first:]])
    order = np.argsort(below, kind="stable")  # of one area, it merges two sorted halves
    sorted_edges = np.where(order < leaving, order, order - leaving + first)
    leaves_here = edges.is_left[sorted_edges] == (order >= leaving)
    partner = sorted_edges.reshape(-1, 2)[:, ::-1].ravel()
    succ = np.full(count, count)
    succ[:first:2] = ends
    succ[sorted_edges[leaves_here]] = partner[leaves_here]
    span = np.append(edges.col, 0)[succ] - edges.col
    span[:first:2] = 0  # vertices of threads from above are not made again
    span[succ == count] = 0
    return Links(edges, rows[0], len(ends), succ, span)


@dataclass(frozen=True, slots=True, eq=False)
class Threads:
    """The boundaries of a strip, each a ring or open at both ends, and where their vertices go in one long list.

    Args:
        of: (n,) the thread of each run edge.
        first: (threads,) the first run edge of each, in the order of rows; rings begin there.
        is_open: (threads,) whether the thread goes on below.
        start, length: (threads,) its vertices in the list; those that came from above are not among them.
        place: (n,) where the vertices of each run edge begin in the list.
    """

    of: Integers
    first: Integers
    is_open: Flags
    start: Integers
    length: Integers
    place: Integers

    def __len__(self) -> int:
        return len(self.first)


def follow(links: Links) -> Threads:
    """Threads of a strip."""
    succ, count = links.succ, len(links.succ)
    inner = np.flatnonzero(succ < count)
    found, of = components(count, inner, succ[inner])
    first = first_of(of, np.arange(count), found, count)
    tails = np.flatnonzero(succ == count)
    is_open = np.zeros(found, bool)
    is_open[of[tails]] = True
    head = first.copy()
    head[of[tails - 1]] = tails - 1  # open ones come up from below at the left edges of the last row's runs
    own = np.abs(links.span)
    own[links.first_inside :] += 1
    left = _to_the_end(np.where(succ == head[of], count, succ), own)
    length = left[head]
    start = np.cumsum(length) - length
    return Threads(of, first, is_open, start, length, (start + length)[of] - left)


def _to_the_end(succ: Integers, own: Integers) -> Integers:
    """Sum of `own` from each node to the last one of its path, both included, by pointer doubling; n ends a path."""
    end = len(succ)
    following, total = np.append(succ, end), np.append(own, 0)
    active = np.flatnonzero(succ < end)
    while len(active):
        ahead = following[active]
        total[active] += total[ahead]
        following[active] = following[ahead]
        active = active[following[active] < end]
    return total[:end]


def components(count: int, tails: Integers, heads: Integers) -> tuple[int, Integers]:
    """Number of connected components of `count` nodes under links that go both ways, and the component of each."""
    first = np.append(0, np.cumsum(np.bincount(tails, minlength=count)))
    if (tails[1:] < tails[:-1]).any():
        heads = heads[np.argsort(tails, kind="stable")]
    # row by row and of the type that is wanted there: what scipy does to make it so takes as long as the search
    links = csr_matrix((np.ones(len(heads)), heads.astype(np.int32), first.astype(np.int32)), shape=(count, count))
    found, label = connected_components(links, directed=False)
    return int(found), label.astype(np.int64)


def first_of(group: Integers, values: Integers, groups: int, default: int) -> Integers:
    """The value of the first member of each group, (groups,); `default` for a group without one."""
    first = np.full(groups, default, np.int64)
    first[group[::-1]] = values[::-1]  # of several values for one place, the last stays
    return first
