"""Strands: the vertices of boundaries that cross from strip to strip, kept in pieces until they close."""

from dataclasses import dataclass

import numpy as np

from geounet.polygons.arrays import Coordinates
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Threads


@dataclass(frozen=True, slots=True, eq=False)
class Strand:
    """A stretch of boundary.

    Args:
        pieces: its vertices, (n, 2) each; never copied until the strand closes, so that long ones stay cheap.
        length: how many vertices these are.
        key, lead: its first run edge in the order of rows, and the vertex that lies there.
    """

    pieces: list[Coordinates]
    length: int
    key: int
    lead: int

    def closed(self) -> Coordinates:
        """Vertices of the ring it has become, from its first run edge on."""
        vertices = np.concatenate(self.pieces)
        return np.concatenate([vertices[self.lead :], vertices[: self.lead]]) if self.lead else vertices


def strands(threads: Threads, points: Coordinates, key: Integers, above: list[Strand]) -> dict[int, Strand]:
    """The threads that are open, or were before this strip, with what came from above put where it belongs.

    Args:
        points: vertices of this strip's threads.
        key: (n,) place of each run edge, in the order of rows.
        above: threads that come from above, thread i at run edge 2 i.
    """
    inserted: dict[int, list[tuple[int, Strand]]] = {int(thread): [] for thread in np.flatnonzero(threads.is_open)}
    for edge, strand in zip(range(0, 2 * len(above), 2), above, strict=True):
        inserted.setdefault(int(threads.of[edge]), []).append((int(threads.place[edge]), strand))
    return {
        thread: _spliced(threads, thread, points, key, sorted(others, key=lambda item: item[0]))
        for thread, others in inserted.items()
    }


def _spliced(
    threads: Threads, thread: int, points: Coordinates, key: Integers, others: list[tuple[int, Strand]]
) -> Strand:
    start = done = int(threads.start[thread])
    end = start + int(threads.length[thread])
    pieces: list[Coordinates] = []
    leads = []
    length = 0
    for place, strand in others:
        pieces += [points[done:place].copy(), *strand.pieces]  # a view would keep the whole strip's points alive
        length += place - done
        leads.append((strand.key, length + strand.lead))
        length += strand.length
        done = place
    if not others:
        first = threads.first[thread]
        leads.append((int(key[first]), int(threads.place[first]) - start))
    pieces.append(points[done:end].copy())
    return Strand(pieces, length + end - done, *min(leads))
