"""Thinning: outlines with a third of their vertices that show the same walls, at half of the cost."""

from dataclasses import dataclass, replace

import numpy as np

from geounet.polygons.arcs import Arcs, Complex, as_complex, product, spans, totals
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags

_ROUNDS = 2  # each of which leaves out up to every second vertex
_FEWEST = 8  # points of an arc from which on it is thinned: what is small has few anyway


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """Arcs before they were thinned.

    Args:
        arcs: perhaps more than are looked at.
        arc: (arcs,) which of them each is.
        lost: (arcs,) the area between it and what is left of it, at least that of their symmetric difference.
    """

    arcs: Arcs
    arc: Integers
    lost: Floats

    def some(self, which: Integers) -> "Original":
        """Some of them."""
        return replace(self, arc=self.arc[which], lost=self.lost[which])

    def drawn(self, which: Flags) -> tuple[Coordinates, Integers]:
        """The points of those that are wanted, and (arcs,) how many each has: none of the others."""
        length = np.where(which, self.arcs.length[self.arc], 0)
        return self.arcs.points[spans(self.arcs.start[self.arc], length)], length


def thinned(arcs: Arcs, most: Floats) -> tuple[Arcs, Original]:
    """The arcs without vertices that lie nearly on the line between their neighbours.

    Ends of open ones stay, and where they come to the rim of what has data.

    Unlike Douglas and Peucker's, which lie where an outline bulges, those that are left lie anywhere along it: lines
    are fitted to them as to all.

    Args:
        most: (arcs,) pixels up to which a vertex may lie beside that line; what is left is within twice of it.
    """
    original, lost = arcs, np.zeros(len(arcs))
    for _ in range(_ROUNDS):
        place = np.arange(len(arcs.points)) - arcs.start[arcs.of]
        middle = np.flatnonzero((place % 2 == 1) & ~arcs.ends & ~arcs.rim_ends & (arcs.length >= _FEWEST)[arcs.of])
        points, of = as_complex(arcs.points), arcs.of[middle]
        here, between = _seen(points, middle - 1, middle, arcs.following[middle])
        gone = (np.abs(here.imag) <= most[of] * np.sqrt(between)) & (here.real >= 0) & (here.real <= between)
        lost += totals(of[gone], np.abs(here.imag[gone]) / 2, len(arcs))
        kept = np.ones(len(points), bool)
        kept[middle[gone]] = False
        rim = None if arcs.rim is None else arcs.rim[kept]
        arcs = replace(arcs.redrawn(arcs.points[kept], np.bincount(arcs.of[kept], minlength=len(arcs))), rim=rim)
    return arcs, Original(original, np.arange(len(arcs)), lost)


def _seen(points: Complex, before: Integers, middle: Integers, after: Integers) -> tuple[Complex, Floats]:
    """Points from those before them, times the distance to those after them and turned there; and its square."""
    along = points[after] - points[before]
    return product(points[middle] - points[before], along.conj()), along.real**2 + along.imag**2
