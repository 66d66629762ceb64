"""Houses, rows, courtyards and halls: their exact outlines and the roofs over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from .covers import drawn_cover
from .dice import either_side, one_of
from .fittings import flat_fittings, pitched_fittings
from .geometry import Axes, rectangle
from .plan import Building, Part
from .style import TownStyle

Shape = Literal["plain", "ell", "tee", "you", "cross"]
SHAPES: tuple[Shape, ...] = ("plain", "ell", "tee", "you", "cross")


def outline_of(parts: Sequence[Part]) -> Polygon:
    """The outline of a roof, to a tenth of a millimetre: the union of its parts' rectangles less their courtyards."""
    whole = rectangle(parts[0].axes, parts[0].length, parts[0].width)
    if len(parts) > 1:
        # Edges that lie on one line differ in their last bits; the grid makes them one edge again.
        whole = shapely.union_all([rectangle(p.axes, p.length, p.width) for p in parts], grid_size=1e-4).simplify(1e-3)
    holes = [rectangle(part.axes, *part.hole) for part in parts if part.form == "frame"]
    outline = shapely.difference(whole, shapely.union_all(holes)) if holes else whole
    assert isinstance(outline, Polygon), "the parts of one building touch"
    return outline


def house(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A detached house within length x width metres (u along the street), of one of the usual shapes."""
    shape = one_of(SHAPES, rng, [0.46, 0.27, 0.13, 0.06, 0.08])
    if rng.random() < 0.13:
        return flat_house(axes, length, width, style, rng)
    hipped = bool(rng.random() < 0.4)
    eave, pitch = float(rng.uniform(2.8, 6.0)), float(rng.uniform(0.42, 0.85) if not hipped else rng.uniform(0.35, 0.6))
    parts = wings(shape, Part(axes, length, width, eave, pitch, "ridge", (hipped, hipped)), rng)
    dormered = parts if hipped or rng.random() > 0.3 else (*parts, *dormers(parts[0], rng))
    cover, tone = drawn_cover(style.pitched, rng)
    return Building(
        outline_of(parts),
        "detached",
        "hip" if hipped else "gable",
        cover,
        tone,
        dormered,
        parts[0].axes.angle,
        pitched_fittings(parts[0], rng),
    )


def wings(shape: Shape, whole: Part, rng: np.random.Generator) -> tuple[Part, ...]:
    """The room of one roof as a main body and wings, whose ridges run into the main ridge so that valleys meet."""
    if shape == "plain":
        return (whole,)
    axes, length, width = whole.axes, whole.length, whole.width
    body = width * rng.uniform(0.6, 0.7)
    front = either_side(rng)
    main = replace(whole, axes=axes.moved(0, front * (width - body) / 2), length=length, width=body)
    wing = min(body * rng.uniform(0.72, 0.98), length * 0.42)
    offsets = {
        "ell": [either_side(rng) * (length - wing) / 2],
        "tee": [rng.uniform(-0.12, 0.12) * length],
        "you": [-(length - wing) / 2, (length - wing) / 2],
        "cross": [rng.uniform(-0.2, 0.2) * length],
    }[shape]
    # A wing reaches from the main ridge to the far side of the parcel's room, or through the house for a cross.
    reach = width - body / 2
    if shape == "cross":
        reach = width - (width - body) * 0.35
    middle = front * (width / 2 - body / 2 - reach / 2)
    turn = -front * math.pi / 2
    hips = (False, whole.hips[1])
    return (
        main,
        *(
            replace(whole, axes=axes.moved(at, middle, turn), length=reach, width=wing, hips=hips)
            for at in (float(offset) for offset in offsets)
        ),
    )


def dormers(body: Part, rng: np.random.Generator) -> tuple[Part, ...]:
    """One or two dormers on each slope, well inside the eaves, so that they change no outline."""
    half, count = body.width / 2, 2 if body.length > 11 else 1
    if body.pitch < 0.5 or half < 3.0:
        return ()
    width, reach = float(rng.uniform(1.8, 2.6)), half * 0.62
    return tuple(
        Part(
            body.axes.moved((index - (count - 1) / 2) * 4.2, side * half * 0.5, math.pi / 2),
            reach,
            width,
            body.eave + body.pitch * half * 0.62,
            0.45,
            "ridge",
        )
        for side in (-1, 1)
        for index in range(count)
    )


def flats(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A long block of flats, its roof flat or a low hip."""
    flat = rng.random() < 0.6
    pitch = 0.0 if flat else float(rng.uniform(0.35, 0.5))
    part = Part(
        axes, length, width, float(rng.uniform(9.0, 13.0)), pitch, "flat" if flat else "ridge", (not flat, not flat)
    )
    cover, tone = drawn_cover(style.flat if flat else style.pitched, rng)
    fittings = (flat_fittings if flat else pitched_fittings)(part, rng, many=True)
    return Building(outline_of([part]), "block", "flat" if flat else "hip", cover, tone, (part,), axes.angle, fittings)


def flat_house(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A modern house: two flat boxes of different height, or one."""
    eave = float(rng.uniform(3.2, 6.8))
    parts: tuple[Part, ...] = (Part(axes, length, width, eave, 0.0, "flat"),)
    if rng.random() < 0.55:
        share = rng.uniform(0.45, 0.65)
        tall = Part(axes.moved(-length * (1 - share) / 2, 0), length * share, width, eave, 0.0, "flat")
        low = width * rng.uniform(0.55, 0.85)
        side = either_side(rng)
        span = length * (1 - share) + 0.5
        wing = Part(axes.moved((length - span) / 2, side * (width - low) / 2), span, low, eave, 0.0, "flat")
        parts = (tall, replace(wing, eave=eave - (one_of((0.0, 2.7), rng) if eave > 5.5 else 0.0)))
    cover, tone = drawn_cover(style.flat, rng)
    fittings = flat_fittings(parts[0], rng)
    return Building(outline_of(parts), "detached", "flat", cover, tone, parts, axes.angle, fittings)


def outbuilding(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A garage or a garden shed: one small roof."""
    kind = "garage" if length > 4.5 else "shed"
    form = one_of(("flat", "shed", "ridge"), rng, [0.55, 0.2, 0.25])
    pitch = {"flat": 0.0, "shed": 0.12, "ridge": 0.5}[form]
    part = Part(axes, length, width, float(rng.uniform(2.2, 2.8)), pitch, form)  # type: ignore[arg-type]
    cover, tone = drawn_cover(style.flat if form == "flat" else style.pitched, rng)
    roof = {"flat": "flat", "shed": "shed", "ridge": "gable"}[form]
    return Building(outline_of([part]), kind, roof, cover, tone, (part,), axes.angle)


def row(
    axes: Axes, units: int, style: TownStyle, rng: np.random.Generator, *, unit: float, depth: float
) -> list[Building]:
    """Houses wall to wall, their ridge along u; neighbours share every vertex of a shared wall."""
    fronts = -depth / 2 + np.cumsum(rng.choice([0.0, 0.9, -0.9], units, p=[0.76, 0.12, 0.12])).clip(-1.8, 1.8)
    eave, pitch = float(rng.uniform(5.0, 6.4)), float(rng.uniform(0.5, 0.75))
    flat = rng.random() < 0.22
    cover, tone = drawn_cover(style.flat if flat else style.pitched, rng)
    houses = []
    for index in range(units):
        if rng.random() < 0.25:
            cover, tone = drawn_cover(style.flat if flat else style.pitched, rng)
        centre = axes.moved((index + 0.5 - units / 2) * unit, float(fronts[index]) + depth / 2)
        part = Part(centre, unit, depth, eave + float(rng.normal(0, 0.08)), 0.0 if flat else pitch, "ridge")
        part = replace(part, form="flat") if flat else part
        fittings = (flat_fittings if flat else pitched_fittings)(part, rng)
        parts = (part,) if flat or rng.random() < 0.6 else (part, *dormers(part, rng))
        outline = row_outline(axes, index, fronts, unit=unit, depth=depth)
        roof = "flat" if flat else "gable"
        houses.append(Building(outline, "row", roof, cover, tone, parts, axes.angle, fittings))
    return houses


def row_outline(axes: Axes, index: int, fronts: NDArray[np.float64], *, unit: float, depth: float) -> Polygon:
    """Outline of one house of a row; where a neighbour's corner touches its side wall it has a vertex too."""
    units = len(fronts)
    front, back = float(fronts[index]), float(fronts[index]) + depth

    def wall(side: int) -> list[tuple[float, float]]:
        neighbour = index - 1 if side == 0 else index + 1
        u = (index + side - units / 2) * unit
        levels = {front, back}
        if 0 <= neighbour < units:
            other = float(fronts[neighbour])
            levels |= {level for level in (other, other + depth) if front < level < back}
        return [axes.world(u, level) for level in sorted(levels)]

    return Polygon([*wall(0)[::-1], *wall(1)])


def courtyard(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A perimeter block: a ring of building around an open yard, which is an interior ring of its outline."""
    depth = float(rng.uniform(9.5, 12.5))
    hole = (length - 2 * depth, width - 2 * depth)
    flat = rng.random() < 0.3
    pitch = 0.0 if flat else float(rng.uniform(0.4, 0.6))
    part = Part(axes, length, width, float(rng.uniform(8.5, 12.0)), pitch, "frame", hole=hole)
    cover, tone = drawn_cover(style.flat if flat else style.pitched, rng)
    sides = [
        Part(axes.moved(0, side * (width - depth) / 2), length - 2 * depth, depth, part.eave, pitch, "ridge")
        for side in (-1, 1)
    ]
    fittings = tuple(f for side in sides for f in (flat_fittings if flat else pitched_fittings)(side, rng, many=True))
    return Building(
        outline_of([part]), "courtyard", "flat" if flat else "hip", cover, tone, (part,), axes.angle, fittings
    )


def hall(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A works hall or a shop: a large roof, nearly flat, sometimes with a lower annexe along one side."""
    flat = rng.random() < 0.65
    eave = float(rng.uniform(6.0, 9.5))
    main = Part(axes, length, width, eave, 0.0 if flat else 0.13, "flat" if flat else "ridge")
    parts: tuple[Part, ...] = (main,)
    if rng.random() < 0.5 and width > 22:
        annexe = width * 0.25
        main = replace(main, axes=axes.moved(0, -annexe / 2), width=width - annexe)
        span = length * rng.uniform(0.35, 0.8)
        side = either_side(rng) * (length - span) / 2
        low = Part(axes.moved(side, (width - annexe) / 2 - 0.5), span, annexe + 1.0, eave - 3.0, 0.0, "flat")
        parts = (main, low)
    metals = tuple(item for item in style.flat if "metal" in item[0]) or (("light metal", 1.0),)
    cover, tone = drawn_cover(style.flat if flat else metals, rng)
    fittings = flat_fittings(main, rng, many=True)
    return Building(outline_of(parts), "hall", "flat" if flat else "gable", cover, tone, parts, axes.angle, fittings)


def slab(axes: Axes, length: float, width: float, style: TownStyle, rng: np.random.Generator) -> Building:
    """A school or block of flats: flat wings around two or three sides of a rectangle."""
    wing = min(13.0, width * 0.45)
    eave = float(rng.uniform(7.0, 11.0))
    main = Part(axes.moved(0, -(width - wing) / 2), length, wing, eave, 0.0, "flat")
    arms = tuple(Part(axes.moved(side * (length - wing) / 2, 0.0), wing, width, eave, 0.0, "flat") for side in (-1, 1))
    cover, tone = drawn_cover(style.flat, rng)
    parts = (main, *arms[: one_of((1, 2), rng)])
    fittings = tuple(fitting for part in parts for fitting in flat_fittings(part, rng, many=True))
    return Building(outline_of(parts), "school", "flat", cover, tone, parts, axes.angle, fittings)
