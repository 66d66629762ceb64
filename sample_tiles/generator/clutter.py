"""The odds and ends that lie about in yards and along streets, and are no buildings."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from .dice import either_side, one_of
from .geometry import Axes
from .parking import along
from .plan import Thing
from .streets import Road
from .style import RGB

COLOURS: tuple[RGB, ...] = (
    (224, 224, 220),
    (190, 188, 182),
    (120, 118, 114),
    (70, 70, 72),
    (150, 118, 88),
    (62, 92, 128),
    (72, 104, 76),
    (168, 78, 60),
    (206, 186, 140),
)


def clutter(area: BaseGeometry, density: float, rng: np.random.Generator) -> tuple[Thing, ...]:
    """Tables, sunshades, trampolines, woodpiles and tarpaulins over an area, `density` a square metre."""
    if area.is_empty:
        return ()
    left, top, right, bottom = area.bounds
    things = []
    for _ in range(int(rng.poisson(area.area * density))):
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        if not shapely.contains_xy(area, x, y):
            continue
        colour = one_of(COLOURS, rng)
        size = float(0.5 + 2.2 * rng.beta(1.2, 3.0))
        disc = bool(rng.random() < 0.22)
        length = max(size, 2.6) if disc and rng.random() < 0.4 else size
        width = length if disc else size * float(rng.uniform(0.35, 1.0))
        spot = Axes(x, y, float(rng.uniform(0, math.pi)))
        things.append(Thing(spot, length, width, float(rng.uniform(0.3, 1.4)), colour, disc))
    return tuple(things)


def containers(area: BaseGeometry, angle: float, count: int, rng: np.random.Generator) -> tuple[Thing, ...]:
    """Containers, lorries and stacks on a works yard, along one direction or across it."""
    if area.is_empty:
        return ()
    left, top, right, bottom = area.bounds
    things = []
    for _ in range(count):
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        spot = Axes(x, y, angle + math.pi / 2 * int(rng.integers(2)) + float(rng.normal(0, 0.03)))
        length = one_of((3.0, 6.1, 12.2), rng)
        ends = [spot.world(side * length / 2, 0) for side in (-1, 1)]
        if all(shapely.contains_xy(area, *end) for end in ends):
            colour = one_of(COLOURS, rng)
            things.append(Thing(spot, length, 2.45, float(rng.uniform(1.2, 2.8)), colour))
    return tuple(things)


def lamps(road: Road, rng: np.random.Generator) -> tuple[Thing, ...]:
    """Lamp posts along one side of a street: hardly seen themselves, but for their shadows."""
    side = either_side(rng) * (road.width / 2 + 0.7)
    posts = [along(road.line, float(at), side) for at in np.arange(12.0, road.line.length - 5.0, 31.0)]
    return tuple(Thing(post, 0.3, 0.3, 7.0 if road.width > 7 else 5.0, (172, 172, 170)) for post in posts)
