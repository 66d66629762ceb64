"""Junctions: the corners of pixels where lines between areas part, marked on the vertices around them.

Four pixels have a corner in common. Where two lines between areas meet there, it is one line that goes on; where three
or four meet, neighbours need a point in common: the place where the lines across the corner cross. A vertex tells it by
its z, so that whoever outlines an area knows the junctions from its own vertices alone.
"""

import numpy as np

from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.runs import Integers, Levels
from geounet.polygons.threads import Flags

PART, CROWDED = 1, 2  # lines part, and there is no common point; a corner that two lines pass without meeting
_FIRST = 3  # and from here on places of a common point
_STEPS = 256  # of a pixel
_NEXT = 2**18  # codes of the second corner of a vertex that tells of two are multiples of it


def crowded(areas: Levels) -> Flags:
    """(n,) at which corners of pixels more than two lines between areas meet.

    Args:
        areas: (4, n) of the pixels above left, above right, below left and below right of each corner.
    """
    return np.asarray(_apart(areas).sum(axis=0) > 2)


def corner_codes(areas: Levels, crossing: Floats) -> Integers:
    """(n,) what is to be known of crowded corners.

    Where an area lies crosswise to itself there is no common point: its outline would touch itself there.

    Args:
        areas: (4, n) as in `crowded`.
        crossing: (4, n) where lines lie between two of these pixels: above, below, to the left and to the right of the
            corner, 0..1 on the way to the right or down.
    """
    one, two, three, four = areas
    apart = _apart(areas)
    crosswise = apart.all(axis=0) & ((one == four) | (two == three))
    of_none = np.where(one == four, one, two) == 0
    above, below, left, right = crossing - 0.5
    above, below = np.where(apart[0], above, below), np.where(apart[1], below, above)
    left, right = np.where(apart[2], left, right), np.where(apart[3], right, left)
    # x = a + b y on the line from above to below, y = c + d x on that from left to right; all of it within half a pixel
    a, b, c, d = (above + below) / 2, below - above, (left + right) / 2, right - left
    x = (a + b * c) / (1 - b * d)
    across, down = np.clip(np.rint((np.stack([x, c + d * x]) + 0.5) * _STEPS), 1, _STEPS - 1).astype(np.int64)
    return np.where(crosswise, np.where(of_none, CROWDED, PART), _FIRST + across + _STEPS * down)


def _apart(areas: Levels) -> Flags:
    """(4, n) whether a line runs between two pixels: above, below, to the left and to the right of the corner."""
    one, two, three, four = areas
    return np.stack([one != two, three != four, one != three, two != four])


def of_two(first: Integers, second: Integers) -> Floats:
    """The z of a vertex that tells of the corners to its left and to its right."""
    both: Floats = (first + _NEXT * second).astype(np.float64)
    return both


def read_codes(points: Coordinates, following: Integers) -> tuple[Integers, Coordinates]:
    """The code of the corner between each vertex and the next one, (n,), and where that corner is, (n, 2).

    Args:
        points: (n, 3) vertices in pixel coordinates, of rings.
        following: (n,) the next vertex of its ring.
    """
    x, y, told = points.T
    between_columns = on_row(points)
    after = between_columns[following]
    corner_x = np.where(between_columns, np.rint(x), np.where(after, np.rint(x[following]), (x + x[following]) / 2))
    corner_y = np.where(~between_columns, np.rint(y), np.where(after, (y + y[following]) / 2, np.rint(y[following])))
    lower = np.where(after & (y[following] > y), following, np.arange(len(x)))
    teller = np.where(between_columns, np.where(after, lower, following), np.arange(len(x)))
    codes = told.astype(np.int64)[teller]
    right = ~between_columns[teller] & (corner_x > x[teller])
    return np.where(right, codes // _NEXT, codes % _NEXT), np.stack([corner_x, corner_y], axis=1)


def on_row(points: Coordinates) -> Flags:
    """(n,) whether vertices lie between two pixels of one row; the others lie between two of one column."""
    return np.asarray(points[:, 1] % 1 == 0.5)


def meeting_points(codes: Integers, corners: Coordinates) -> Coordinates:
    """(n, 2) the common points at corners that have one."""
    steps = codes - _FIRST
    found: Coordinates = corners + np.stack([steps % _STEPS, steps // _STEPS], axis=1) / _STEPS - 0.5
    return found


def have_point(codes: Integers) -> Flags:
    """(n,) whether the lines at corners have a point in common."""
    return np.asarray(codes >= _FIRST)
