"""Fit: corners of simplified outlines lie where the lines through all of the outline between them meet."""

import numpy as np

from geounet.polygons.arcs import Arcs, as_complex, corners, units
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.walls import Directions, Sides, chords, fitted_lines, meets, refined, walls_of

_FARTHEST = 2.0  # times the tolerance: a corner that would move farther stays
RUNGS = 6  # of caution, with which lines can be simplified
_LEAST = 0.1  # pixels; below, all points of a line are kept


def simplified_arcs(arcs: Arcs, tolerance: Floats, rung: Integers) -> Arcs:
    """The arcs with as few points as a tolerance allows; closed ones may be left with less than three.

    Args:
        rung: (arcs,) 0: corners where fitted lines meet; 1: at points of the outline; and from then on with half the
            tolerance of the rung before; on the last one all points are kept.
    """
    allowed = tolerance / 2.0 ** np.maximum(rung - 1, 0)
    allowed = np.where((rung == RUNGS - 1) | ((rung > 1) & (allowed < _LEAST)), 0, allowed)
    kept = corners(arcs, allowed)
    points = np.where((rung == 0)[arcs.of[kept], None], fitted(arcs, kept, allowed), arcs.points[kept])
    return arcs.redrawn(points, np.bincount(arcs.of[kept], minlength=len(arcs)))


def fitted(arcs: Arcs, kept: Flags, tolerance: Floats) -> Coordinates:
    """The kept points of arcs, moved to where the lines that are fitted to the outline on both sides of them meet.

    Douglas and Peucker choose among an outline's own vertices. Those of a probability's level cut every corner, which
    is round there: the line between two of them runs inside of the wall. The ends of open arcs stay.

    Args:
        kept: (n,) at least one point of each arc, and both ends of an open one.
        tolerance: (arcs,) that the points were chosen with.
    """
    walls, sides = walls_of(arcs, kept), Sides.of(arcs)
    along = units(chords(arcs, walls))
    along = refined(along, sides, walls, Directions(np.arange(len(walls)), along))
    crossing, corner = meets(fitted_lines(arcs, sides, walls, along), walls)
    points = arcs.points[walls.first]
    near = np.abs(corner - as_complex(points)) <= _FARTHEST * tolerance[walls.arc]
    moved = crossing & near & ~arcs.ends[walls.first]
    return np.where(moved[:, None], np.stack([corner.real, corner.imag], axis=1), points)
