"""Corridor: borders become simpler as long as no pixel's centre changes its side.

Between two junctions a line passes between pairs of neighbouring pixels, from the square between four pixel centres to
the next one. Squares that two pixels of each side bound are its own. A straight line that passes between the same pairs
stays in these squares, so it can meet no other line, wherever that goes: neighbours need not know each other.
"""

from dataclasses import dataclass

import numpy as np

from geounet.frame import Frame
from geounet.polygons.arcs import Arcs, Complex, as_complex, corners
from geounet.polygons.arrays import Coordinates
from geounet.polygons.borders import Borders
from geounet.polygons.fit import fitted
from geounet.polygons.ground import ground_at
from geounet.polygons.junctions import on_row
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.walls import walls_of

_MARGIN = 1e-4  # pixels that a line keeps off the centres, for the sake of rounding
_FROM_CORNER = 3  # points of the outline from one moved corner to the next: so their squares are not the same


@dataclass(frozen=True, slots=True, eq=False)
class _Gates:
    """Between which two pixel centres each point of arcs lies; junctions lie between none, and are never asked about.

    Args:
        on_row: whether both are in one row.
        middle: (n, 2) the point half-way between them.
    """

    on_row: Flags
    middle: Coordinates

    @classmethod
    def of(cls, points: Coordinates) -> "_Gates":
        x, y = points.T
        level = on_row(points)
        return cls(level, np.stack([np.where(level, np.rint(x), x), np.where(level, y, np.rint(y))], axis=1))

    def passed(self, which: Integers, begin: Complex, end: Complex) -> Flags:
        """Whether the straight line from `begin` to `end`, x + i y, passes between the pixels of the gates `which`."""
        level, middle = self.on_row[which], as_complex(self.middle)[which]
        # as if all gates lay in rows: those in columns are mirrored at the diagonal
        away, way = _mirrored(begin - middle, ~level), _mirrored(end - begin, ~level)
        share = -away.imag / np.where(way.imag == 0, 1, way.imag)
        inside = np.abs(away.real + share * way.real) <= 0.5 - _MARGIN
        return np.asarray(inside & (way.imag != 0) & (share >= 0) & (share <= 1))

    def beside(self, which: Integers, points: Coordinates) -> Flags:
        """Whether points lie in the squares to both sides of the gates `which`."""
        reach = np.where(self.on_row[which][:, None], (0.5, 1.0), (1.0, 0.5)) - _MARGIN
        return np.asarray((np.abs(points - self.middle[which]) <= reach).all(axis=1))


def _mirrored(vectors: Complex, which: Flags) -> Complex:
    """Vectors, some with x and y exchanged."""
    return np.where(which, vectors.imag + 1j * vectors.real, vectors)


def simplified_borders(borders: Borders, frame: Frame, tolerance: float | None, auto: float) -> Arcs:
    """The arcs of borders with as few points as a tolerance allows, in pixel coordinates.

    Each in the local frame of its own place, by what belongs to it alone: so it becomes the same line whichever polygon
    asks. Corners lie where the lines fitted to the outline between them meet, if they can.

    Args:
        tolerance: in metres on the ground (pixels without a CRS); None for `auto`, which is in pixels.
    """
    arcs = borders.partition.arcs
    ground = ground_at(np.minimum.reduceat(arcs.points, arcs.start[:-1]), frame)
    allowed = np.full(len(arcs), auto) if tolerance is None else tolerance / ground.resolution
    drawn = Arcs(ground.points(arcs.points, arcs.of), arcs.start, arcs.closed)
    gates, place = _Gates.of(arcs.points), as_complex(arcs.points)

    def keeps_sides(points: Integers, begin: Integers, end: Integers, of: Integers) -> Flags:
        return gates.passed(points, place[begin][of], place[end][of])

    kept = corners(drawn, allowed, keeps_sides)
    new = ground.pixels(fitted(drawn, kept, allowed), arcs.of[kept])
    new = np.clip(new, 0, (frame.width, frame.height))  # lines that end at the raster's edge may meet beyond it
    return arcs.redrawn(_moved(borders, gates, kept, new), np.bincount(arcs.of[kept], minlength=len(arcs)))


def _moved(borders: Borders, gates: _Gates, kept: Flags, new: Coordinates) -> Coordinates:
    """The kept points, at their new places if all lines still pass where they did."""
    arcs = borders.partition.arcs
    walls = walls_of(arcs, kept)
    old = arcs.points[walls.first]
    steps = (walls.first[walls.after] - walls.first) % arcs.length[walls.arc]
    may = ~borders.fixed[walls.first] & (steps >= _FROM_CORNER) & (steps[walls.before] >= _FROM_CORNER)
    may &= gates.beside(walls.first, new)
    dropped = np.flatnonzero(~kept)
    wall = walls.of[dropped]
    while True:
        points = np.where(may[:, None], new, old)
        place = as_complex(points)
        passed = gates.passed(dropped, place[wall], place[walls.after][wall])
        off = np.unique(wall[~passed])
        off = off[may[off] | may[walls.after[off]]]
        if not len(off):
            return points
        may[off] = may[walls.after[off]] = False
