"""Fit: corners of simplified outlines lie where the lines through all of the outline between them meet."""

import numpy as np

from geounet.polygons.arcs import Arcs, Floats, as_complex
from geounet.polygons.threads import Flags
from geounet.polygons.vertices import Coordinates
from geounet.polygons.walls import Directions, Sides, chords, fitted_lines, refined, walls_of

_MEET = 0.2  # sine of the angle from which two lines meet in one corner
_FARTHEST = 2.0  # times the tolerance: a corner that would move farther stays


def fitted(arcs: Arcs, kept: Flags, tolerance: Floats) -> Coordinates:
    """The kept points of arcs, moved to where the lines that are fitted to the outline on both sides of them meet.

    Douglas and Peucker choose among an outline's own vertices. Those of a probability's level cut every corner, which
    is round there: the line between two of them runs inside of the wall. The ends of open arcs stay.

    Args:
        kept: (n,) at least one point of each arc, and both ends of an open one.
        tolerance: (arcs,) that the points were chosen with.
    """
    walls, sides = walls_of(arcs, kept), Sides.of(arcs)
    chord = chords(arcs, walls)
    length = np.abs(chord)
    along = np.divide(chord, length, out=np.ones_like(chord), where=length > 0)
    along = refined(along, sides, walls, Directions(np.arange(len(walls)), along))
    lines = fitted_lines(arcs, sides, walls, along)
    before, points = walls.before, arcs.points[walls.first]
    cross = (along[before].conj() * along).imag
    meets = (np.abs(cross) > _MEET) & ~arcs.ends[walls.first]
    corner = (lines.offset[before] * along - lines.offset * along[before]) / np.where(meets, cross, 1)
    meets &= np.abs(corner - as_complex(points)) <= _FARTHEST * tolerance[walls.arc]
    return np.where(meets[:, None], np.stack([corner.real, corner.imag], axis=1), points)
