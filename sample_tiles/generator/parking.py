"""Cars: in marked lots, along kerbs, on the carriageway and in driveways."""

from __future__ import annotations

import math

import numpy as np
from shapely import LineString, Polygon

from .dice import near_one, one_of
from .geometry import Axes, rectangle
from .plan import Area, Car, Content, Strip
from .streets import Road
from .style import RGB

PAINTS: tuple[RGB, ...] = (
    (232, 232, 230),
    (196, 198, 200),
    (140, 142, 145),
    (78, 80, 84),
    (40, 41, 44),
    (148, 42, 40),
    (50, 74, 122),
    (116, 104, 90),
    (66, 92, 74),
)
SHARES = (0.17, 0.18, 0.17, 0.15, 0.16, 0.05, 0.06, 0.04, 0.02)


def drawn_car(axes: Axes, rng: np.random.Generator) -> Car:
    """A car as they come: mostly white, grey or black, some a van."""
    paint = one_of(PAINTS, rng, SHARES)
    if rng.random() < 0.09:
        return Car(axes, PAINTS[one_of((0, 0, 0, 1, 6), rng)], float(rng.uniform(5.0, 6.2)), 2.05, boxy=True)
    return Car(axes, paint, float(rng.uniform(3.9, 4.8)), float(rng.uniform(1.7, 1.88)))


def parking_lot(axes: Axes, length: float, width: float, land: Polygon, rng: np.random.Generator) -> Content:
    """Marked stalls in rows along u over length x width metres, some of them taken, as far as the land reaches."""
    inside = land.buffer(-1.0)
    strips, cars = [], []
    pitch, stall, lane = 2.5, 5.0, 6.0
    taken = rng.uniform(0.3, 0.8)
    for v in np.arange(
        -width / 2 + stall / 2, width / 2 - stall / 2 + 0.1, stall + lane if width < 30 else stall + lane / 2
    ):
        for u in np.arange(-length / 2, length / 2, pitch):
            spot = axes.moved(float(u) + pitch / 2, float(v), math.pi / 2)
            if not inside.contains(rectangle(spot, stall, pitch)):
                continue
            ends = [axes.world(float(u), float(v) + side * stall / 2) for side in (-1, 1)]
            strips.append(Strip(LineString(ends), 0.13, 0.0, "paint"))
            if rng.random() < taken:
                turn = one_of((0, math.pi), rng) + float(rng.normal(0, 0.03))
                cars.append(drawn_car(spot.moved(float(rng.normal(0, 0.2)), float(rng.normal(0, 0.1)), turn), rng))
    lot = rectangle(axes, length, width).intersection(inside)
    ground = (Area(lot, "asphalt", near_one(rng)),) if isinstance(lot, Polygon) and lot.area > 50 else ()
    return Content(ground=ground, strips=tuple(strips), cars=tuple(cars))


def cars_on(road: Road, rng: np.random.Generator) -> tuple[Car, ...]:
    """Cars parked along both kerbs of a street and a few under way in its lanes."""
    cars = []
    parked = 0.0 if road.arterial else rng.uniform(0.03, 0.34)
    for side in (-1, 1):
        for at in np.arange(9.0, road.line.length - 9.0, 6.0):
            if rng.random() < parked:
                kerb = along(road.line, float(at) + float(rng.normal(0, 0.5)), side * (road.width / 2 - 1.05))
                cars.append(drawn_car(kerb.moved(0, float(rng.normal(0, 0.08)), float(rng.normal(0, 0.02))), rng))
        for _ in range(int(rng.poisson(road.line.length / (70.0 if road.arterial else 260.0)))):
            lane = along(road.line, float(rng.uniform(0, road.line.length)), side * road.width * 0.22)
            cars.append(drawn_car(lane.moved(0, 0, 0.0 if side > 0 else math.pi), rng))
    return tuple(cars)


def along(line: LineString, at: float, offset: float) -> Axes:
    """The frame at `at` metres along a line, moved aside by `offset`, u in the line's direction."""
    here, ahead = line.interpolate(at), line.interpolate(at + 1.0)
    if at + 1.0 > line.length:
        here, ahead = line.interpolate(line.length - 1.0), line.interpolate(line.length)
    return Axes(here.x, here.y, math.atan2(ahead.y - here.y, ahead.x - here.x)).moved(0, offset)
