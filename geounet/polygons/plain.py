"""Plain shapes for whole rings: circles, and rectangles of the same moments."""

from dataclasses import dataclass

import numpy as np

from geounet.polygons.arcs import Arcs, Complex, as_complex, complex_totals, product, spans, totals
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.walls import Sides

_ROUND = 0.05  # of the radius; a regular hexagon strays from its circle by 0.045 of it, a square by 0.1
_SMALLEST_ROUND = 4.0  # pixels of radius; below, blurred squares are round
_FLAT = 0.1  # pixels between a circle and its chords
_LONGISH = 0.25  # (length² - width²) / (length² + width²) from which a shape's direction is that of its length


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Of the areas inside closed arcs.

    Args:
        area: above 0 whatever way an arc runs.
        centre: x + i y.
        square: mean of z² around the centre, z = x + i y: by how much the shape is longer than wide, and where to.
        spread: mean of |z|².
    """

    area: Floats
    centre: Complex
    square: Complex
    spread: Floats

    @classmethod
    def of(cls, arcs: Arcs) -> "Moments":
        first = as_complex(arcs.points[arcs.start[:-1]])
        here = as_complex(arcs.points) - first[arcs.of]  # near 0, for the sake of digits
        there = here[arcs.following]
        cross = product(here.conj(), there).imag
        area = totals(arcs.of, cross, len(arcs)) / 2
        safe = np.where(area == 0, 1, area)
        centre = complex_totals(arcs.of, cross * (here + there), len(arcs)) / (6 * safe)
        squares = cross * (here**2 + product(here, there) + there**2)
        square = complex_totals(arcs.of, squares, len(arcs)) / (12 * safe) - centre**2
        norms = cross * (np.abs(here) ** 2 + product(here.conj(), there).real + np.abs(there) ** 2)
        spread = totals(arcs.of, norms, len(arcs)) / (12 * safe) - np.abs(centre) ** 2
        return cls(np.abs(area), centre + first, square, spread)


def round_ones(arcs: Arcs) -> Flags:
    """(arcs,) which closed arcs are as good as circles."""
    moments, sides = Moments.of(arcs), Sides.of(arcs)
    radius = np.sqrt(moments.area / np.pi)
    away = np.abs(as_complex(sides.middle) - moments.centre[arcs.of]) - radius[arcs.of]
    total = np.maximum(totals(arcs.of, sides.length, len(arcs)), 1e-300)
    stray = np.sqrt(totals(arcs.of, sides.length * away**2, len(arcs)) / total)
    return np.asarray((stray < _ROUND * radius) & (radius >= _SMALLEST_ROUND))


def circles(arcs: Arcs) -> tuple[Coordinates, Integers]:
    """Regular polygons with the arcs' areas and centres: their points, and how many each has."""
    moments = Moments.of(arcs)
    radius = np.sqrt(moments.area / np.pi)
    quarter = np.ceil(np.pi / 4 / np.arccos(1 - _FLAT / np.maximum(radius, 1)))
    step = np.pi / 2 / quarter
    length = 4 * quarter.astype(np.int64)
    reach = np.sqrt(2 * moments.area / (length * np.sin(step)))
    of = np.repeat(np.arange(len(arcs)), length)
    turn = step[of] * spans(np.zeros(len(arcs), np.int64), length)
    return _points(moments.centre[of] + reach[of] * (np.cos(turn) + 1j * np.sin(turn))), length


def rectangles(arcs: Arcs) -> tuple[Coordinates, Integers]:
    """Rectangles with the arcs' areas, centres and second moments: their points, and how many each has.

    Those hardly longer than wide lie in the mean direction of their sides, modulo a quarter turn.
    """
    moments = Moments.of(arcs)
    size = np.abs(moments.square)
    longish = size > _LONGISH * moments.spread
    along = np.where(longish, np.exp(0.5j * np.angle(moments.square)), _mean_direction(arcs))
    half_length = np.sqrt(np.maximum(1.5 * (moments.spread + longish * size), 0))
    half_width = np.sqrt(np.maximum(1.5 * (moments.spread - longish * size), 0))
    scale = np.sqrt(moments.area / np.maximum(4 * half_length * half_width, 1e-300))
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    local = corners[:, 0] * (scale * half_length)[:, None] + 1j * (corners[:, 1] * (scale * half_width)[:, None])
    points = moments.centre[:, None] + product(along[:, None], local)
    return _points(points.ravel()), np.full(len(arcs), 4)


def _mean_direction(arcs: Arcs) -> Complex:
    sides = Sides.of(arcs)
    ways = as_complex(sides.way) ** 4 / np.maximum(sides.length, 1e-300) ** 3
    return np.asarray(np.exp(0.25j * np.angle(complex_totals(arcs.of, ways, len(arcs)))))


def _points(places: Complex) -> Coordinates:
    return np.stack([places.real, places.imag], axis=1)
