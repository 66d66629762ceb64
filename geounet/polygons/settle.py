"""Settling: the direction that most of a building's outline agrees on, whatever the rest of it does.

Trees over a roof, shadows and what else a network takes for a wall bend parts of an outline. Least squares turn the
whole building by them; here a stretch that lies away from its wall's line counts the less, the farther it does.
"""

import numpy as np

from geounet.polygons.arcs import Complex, Floats, as_complex, product, totals
from geounet.polygons.walls import Directions, Sides, Walls, alignment, turns

_SCALES = (2.0, 1.0, 0.7, 0.7, 0.7)  # pixels from a wall's line at which a quarter of the weight is left, by rounds
_MEANS = 3  # rounds in which a wall's line finds the middle of what lies along it


def settled(frames: Complex, sides: Sides, walls: Walls, found: Directions) -> Complex:
    """The frames turned to what most of their walls' outlines agree on: iteratively reweighted least squares.

    Weights are those of Geman and McClure (1987). The first rounds take in more than the last, so that a frame that is
    off by some degrees finds its walls.
    """
    for scale in _SCALES:
        trust = _trust(sides, walls, found, scale)
        turn = turns(len(frames), sides, walls, found, trust)
        common = found.frame < len(frames)
        along = np.where(
            common, product(found.along, np.append(turn, 1)[np.where(common, found.frame, -1)]), found.along
        )
        frames, found = product(frames, turn), Directions(found.frame, along)
    return frames


def _trust(sides: Sides, walls: Walls, found: Directions, scale: float) -> Floats:
    """(sides,) how far each is trusted, 0..1, by its distance from the line through the middle of its wall's."""
    along = found.along[walls.of]
    offset = product(along.conj(), as_complex(sides.middle)).imag
    aligned = alignment(sides, along)
    trust = np.ones(len(offset))
    for _ in range(_MEANS):
        weight = aligned * trust
        total = np.maximum(totals(walls.of, weight, len(walls)), 1e-300)
        middle = totals(walls.of, weight * offset, len(walls)) / total
        trust = 1 / (1 + ((offset - middle[walls.of]) / scale) ** 2) ** 2
    return trust
