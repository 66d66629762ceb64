"""Settling: the direction that most of a building's outline agrees on, whatever the rest of it does.

Trees over a roof, shadows and what else a network takes for a wall bend parts of an outline. Least squares turn the
whole building by them; here a stretch that lies away from its wall's line counts the less, the farther it does.
"""

import numpy as np

from geounet.polygons.arcs import Complex, product
from geounet.polygons.walls import Directions, Sides, Walls, turns

# pixels from a wall's line at which a quarter of the weight is left, by rounds; the first one takes in more, so that a
# frame that is off by some degrees finds its walls
ROUGHLY = (2.0,)
_STILL = 1e-3  # sine of a turn, below which a frame is where it belongs
FINELY = (1.4, 1.0, 1.0, 1.0)


def settled(
    frames: Complex, sides: Sides, walls: Walls, found: Directions, scales: tuple[float, ...] = FINELY
) -> Complex:
    """The frames turned to what most of their walls' outlines agree on: iteratively reweighted least squares."""
    common = found.frame < len(frames)
    frame = np.where(common, found.frame, -1)
    some, of = sides, walls.of
    for scale in scales:
        turn = turns(len(frames), some, of, found, scale)
        frames = product(frames, turn)
        found = Directions(found.frame, np.where(common, product(found.along, np.append(turn, 1)[frame]), found.along))
        moving = np.flatnonzero((common & (np.abs(np.append(turn, 1)[frame].imag) > _STILL))[of])
        some, of = some.take(moving), of[moving]
    return frames
