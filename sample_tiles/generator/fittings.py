"""The small things on roofs: chimneys, skylights and solar panels on slopes; vents and domes on flat ones."""

from __future__ import annotations

import math

import numpy as np

from .dice import either_side, one_of
from .geometry import Axes
from .plan import Fitting, Part


def pitched_fittings(part: Part, rng: np.random.Generator, *, many: bool = False) -> tuple[Fitting, ...]:
    """Chimneys by the ridge, skylights on the slopes, and on some roofs solar panels on the sunny side."""
    a, b = part.length / 2, part.width / 2
    count = max(1, round(part.length / 9)) if many else 1
    fittings = []
    for _ in range(count):
        if rng.random() < 0.75:
            spot = part.axes.moved(rng.uniform(-0.8, 0.8) * (a - 0.8), either_side(rng) * rng.uniform(0.1, 0.35) * b)
            fittings.append(Fitting("chimney", spot, float(rng.uniform(0.6, 1.1)), 0.6, 1.3))
    panels = solar_array(part, rng) if rng.random() < 0.16 else None
    if panels is not None:
        return (*fittings, panels)
    side = either_side(rng)
    start = rng.uniform(-0.7, 0.1) * a
    for index in range(one_of((0, 1, 2, 3), rng, [0.45, 0.2, 0.25, 0.1]) * count):
        u = start + index * 2.4
        if abs(u) < a - 1.2:
            fittings.append(Fitting("skylight", part.axes.moved(u, side * b * 0.55), 0.8, 1.15, 0.08))
    return tuple(fittings)


def solar_array(part: Part, rng: np.random.Generator) -> Fitting | None:
    """Panels on the slope that faces south, if there is room for two rows."""
    south = part.axes.moved(0, 1.0).y - part.axes.y
    side = 1 if south >= 0 else -1
    room = part.length - 2.5 - (part.width if any(part.hips) else 0.0)
    depth = math.floor((part.width / 2 - 1.0) / 1.65) * 1.65
    if room < 3.0 or depth < 1.6:
        return None
    length = math.floor(room * rng.uniform(0.6, 1.0) / 1.0)
    return Fitting("solar", part.axes.moved(0, side * part.width * 0.26), float(max(length, 3)), depth, 0.12)


def flat_fittings(part: Part, rng: np.random.Generator, *, many: bool = False) -> tuple[Fitting, ...]:
    """Vents and domes scattered on a flat roof; on large ones rows of skylights or solar panels."""
    a, b = part.length / 2 - 1.5, part.width / 2 - 1.5
    if min(a, b) < 0.8:
        return ()
    fittings = []
    for _ in range(int(rng.integers(2, 7)) if many else int(rng.integers(0, 4))):
        size = rng.uniform(0.6, 2.6 if many else 1.3)
        spot = part.axes.moved(rng.uniform(-a, a), rng.uniform(-b, b))
        kind = one_of(("vent", "dome", "stain"), rng, [0.45, 0.25, 0.3])
        fittings.append(
            Fitting(kind, spot, float(size), float(size * rng.uniform(0.6, 1.2)), float(rng.uniform(0.4, 1.3)))
        )
    if many and part.length > 16:
        fittings.extend(rows_on_hall(part, a, b, rng))
    return tuple(fittings)


def rows_on_hall(part: Part, a: float, b: float, rng: np.random.Generator) -> list[Fitting]:
    """Regular rows on a large roof: long skylights across, or solar tables along."""
    axes: Axes = part.axes
    choice = rng.random()
    if choice < 0.45:
        offset = 0.0 if part.pitch == 0 else 0.5 * b
        rows = [-offset, offset] if offset else [0.0]
        return [
            Fitting("light band", axes.moved(u, v), 1.3, float(b if offset == 0 else 0.7 * b), 0.25)
            for u in np.arange(-a + 2, a - 1, 6.0)
            for v in rows
        ]
    if choice < 0.7 and part.pitch == 0 and b > 3:
        lanes = np.arange(-b + 1.5, b - 1.2, 2.6)
        return [Fitting("solar", axes.moved(0.15 * a, float(v)), float(math.floor(1.4 * a)), 1.65, 0.35) for v in lanes]
    return []
