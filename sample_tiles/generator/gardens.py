"""Parcels with a detached house: drive, garage, patio, lawn, beds, hedges, sheds and pools."""

from __future__ import annotations

import math

import numpy as np
from shapely import Polygon

from .buildings import house, outbuilding
from .clutter import clutter
from .dice import either_side, near_one, one_of
from .geometry import Axes, lines_of, longest_edge, rectangle
from .greenery import scattered_trees
from .parcels import Parcel, parcels_of
from .parking import drawn_car
from .plan import Area, Building, Content, Strip, merged
from .style import TownStyle

PAVEMENT = 1.7


def detached(block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """A block of parcels with one house each."""
    width = style.parcel_width * float(rng.uniform(0.82, 1.25))
    plain = Content(ground=(Area(block, "lawn", 1.0),))
    return merged([plain, *(parcel_content(parcel, style, rng) for parcel in parcels_of(block, width, rng))])


def parcel_content(parcel: Parcel, style: TownStyle, rng: np.random.Generator) -> Content:
    """Everything on one parcel; a garden alone where no house fits."""
    surface = one_of(("lawn", "meadow", "rough", "soil"), rng, [0.62, 0.24, 0.11, 0.03])
    lawn = Area(
        parcel.outline, surface, float(rng.normal(1.0, 0.11)), parcel.front.angle + one_of((0, math.pi / 2), rng)
    )
    main = placed_house(parcel, style, rng)
    if main is None:
        return Content(ground=(lawn,), trees=scattered_trees(parcel.outline, style.trees * 2, (1.8, 4.2), rng))
    drive = driveway(parcel, main, style, rng)
    back = backyard(parcel, (main, *drive.buildings), style, rng)
    taken = main.outline.buffer(1.2)
    wooded = style.trees * one_of((0.4, 1.0, 2.6), rng, [0.35, 0.5, 0.15])
    trees = scattered_trees(parcel.outline.difference(taken), wooded, (1.0, 5.6), rng)
    close = scattered_trees(main.outline.exterior.buffer(1.5), style.trees * 0.35, (2.0, 3.8), rng)
    shrubs = scattered_trees(
        parcel.outline.exterior.buffer(1.8).union(main.outline.exterior.buffer(1.6)), 0.05, (0.5, 1.3), rng
    )
    things = clutter(parcel.outline.buffer(-1.0).difference(taken), 0.006, rng)
    content = Content(buildings=(main,), ground=(lawn,), trees=(*shrubs, *trees, *close), things=things)
    return merged([content, borders(parcel, rng), beds(parcel, main, rng), drive, back])


def placed_house(parcel: Parcel, style: TownStyle, rng: np.random.Generator) -> Building | None:
    """A house behind its front garden, made smaller until it fits, or None."""
    land = parcel.outline.buffer(-1.3)
    setback, rear = min(float(rng.uniform(3.5, 7.0)), 0.17 * parcel.depth), 6.0 if parcel.depth > 26 else 2.0
    length = min(parcel.width - 3.4, float(rng.uniform(11.5, 18.5)))
    width = min(parcel.depth - setback - rear, float(rng.uniform(9.5, 14.0)))
    turn = float(rng.normal(0, 0.015)) if rng.random() < 0.8 else float(rng.uniform(-0.3, 0.3))
    shift = float(rng.uniform(-1, 1))
    for shrink in (1.0, 0.92, 0.84, 0.76, 0.68, 0.6):
        if min(length, width) * shrink < 6.0:
            return None
        aside = shift * max(parcel.width - 3.0 - length * shrink, 0) / 2
        axes = parcel.front.moved(aside, setback + width * shrink / 2, turn)
        if land.contains(rectangle(axes, length * shrink, width * shrink)):
            return house(axes, length * shrink, width * shrink, style, rng)
    return None


def driveway(parcel: Parcel, main: Building, style: TownStyle, rng: np.random.Generator) -> Content:
    """A drive from the carriageway beside the house, often to a garage, sometimes with a car."""
    surface = one_of(("concrete", "pavers", "worn asphalt", "gravel"), rng, [0.34, 0.34, 0.16, 0.16])
    side = either_side(rng)
    width = float(rng.uniform(2.8, 5.4))
    at = side * (parcel.width / 2 - width / 2 - 0.6)
    length = float(rng.uniform(7.0, 15.0))
    ground = rectangle(parcel.front.moved(at, length / 2 - PAVEMENT), width, length + PAVEMENT)
    drive = Area(ground, surface, near_one(rng))
    spot = parcel.front.moved(at, length - 1.0 + 3.2)
    garage = outbuilding(spot.moved(0, 0, math.pi / 2), 6.2, float(rng.uniform(3.0, 5.6)), style, rng)
    apart = garage.outline.distance(main.outline)
    free = apart > 0.8 and parcel.outline.buffer(-0.2).contains(garage.outline)
    cars = (drawn_car(parcel.front.moved(at, length * 0.45, math.pi / 2 * side), rng),) if rng.random() < 0.45 else ()
    walk = rectangle(parcel.front.moved(-side * parcel.width * 0.1, 2.5), 1.3, 7.0)
    paving = (drive, Area(walk, "pavers", near_one(rng)))
    buildings = (garage,) if free and rng.random() < 0.8 else ()
    return Content(buildings=buildings, paving=paving, cars=cars)


def backyard(parcel: Parcel, built: tuple[Building, ...], style: TownStyle, rng: np.random.Generator) -> Content:
    """Patio, and by chance a pool or a shed, behind what is built already, of which the house comes first."""
    main = built[0]
    land = parcel.outline.buffer(-1.0)
    surface = one_of(("pavers", "concrete", "deck"), rng)
    rear = Axes(main.outline.centroid.x, main.outline.centroid.y, parcel.front.angle)
    patio = rectangle(rear.moved(float(rng.uniform(-2, 2)), 6.5), float(rng.uniform(5, 9)), float(rng.uniform(4, 7)))
    paving = (Area(patio, surface, near_one(rng)),) if land.contains(patio) else ()
    pools: tuple[Polygon, ...] = ()
    spot = parcel.front.moved(float(rng.uniform(-0.25, 0.25)) * parcel.width, parcel.depth - float(rng.uniform(5, 9)))
    pool = rectangle(spot, float(rng.uniform(6, 9)), float(rng.uniform(3.2, 4.5))).buffer(0.01)
    pool = pool.buffer(-1.2).buffer(1.2) if rng.random() < 0.4 else pool
    if rng.random() < 0.07 and land.contains(pool.buffer(1.2)) and pool.distance(main.outline) > 2:
        pools = (pool,)
        paving = (*paving, Area(pool.buffer(1.1, join_style="mitre"), surface, 1.05))
    sheds: list[Building] = []
    corner = parcel.front.moved(either_side(rng) * (parcel.width / 2 - 2.6), parcel.depth - 3.0)
    shed = outbuilding(corner, float(rng.uniform(2.4, 4.2)), float(rng.uniform(2.0, 3.0)), style, rng)
    clear = all(shed.outline.distance(other) > 1.0 for other in (*(house.outline for house in built), *pools))
    if rng.random() < 0.45 and clear and parcel.outline.buffer(-0.3).contains(shed.outline):
        sheds.append(shed)
    return Content(buildings=tuple(sheds), paving=paving, pools=pools)


def borders(parcel: Parcel, rng: np.random.Generator) -> Content:
    """Fences, walls or hedges along the parcel's sides, which its neighbours share."""
    kind = rng.random()
    if kind < 0.2:
        return Content()
    inner = parcel.outline.buffer(-0.15).exterior.simplify(0.5)
    street = rectangle(parcel.front, parcel.width + 4, 4.0)
    lines = [line for line in lines_of(inner.difference(street)) if line.length > 4]
    if kind < 0.55:
        return Content(strips=tuple(Strip(line, 0.16, 1.7, "fence") for line in lines))
    if kind < 0.85:
        return Content(strips=tuple(Strip(line, float(rng.uniform(0.8, 1.3)), 1.6, "hedge") for line in lines))
    return Content(strips=tuple(Strip(line, 0.25, 1.2, "wall") for line in lines))


def beds(parcel: Parcel, main: Building, rng: np.random.Generator) -> Content:
    """Flower beds by the house, bare patches in the grass, and a vegetable plot now and then."""
    areas = [Area(main.outline.buffer(float(rng.uniform(0.5, 1.1))), one_of(("bed", "gravel", "pavers"), rng), 1.0)]
    for _ in range(int(rng.poisson(0.9))):
        u, v = float(rng.uniform(-0.4, 0.4)) * parcel.width, float(rng.uniform(0.1, 0.95)) * parcel.depth
        spot = rectangle(parcel.front.moved(u, v), float(rng.uniform(2, 6)), float(rng.uniform(1.5, 4))).buffer(0.8)
        spot = spot.intersection(parcel.outline)
        if isinstance(spot, Polygon) and not spot.is_empty:
            areas.append(Area(spot, one_of(("soil", "bed", "rough"), rng), near_one(rng), ragged=1.0))
    edge = longest_edge(parcel.outline.exterior)
    if edge is not None and rng.random() < 0.12:
        plot = parcel.front.moved(float(rng.uniform(-0.2, 0.2)) * parcel.width, parcel.depth - 5)
        spot = rectangle(plot, 7.0, 4.5).intersection(parcel.outline)
        if isinstance(spot, Polygon) and not spot.is_empty:
            areas.append(Area(spot, "furrows", 1.0, parcel.front.angle))
    return Content(ground=tuple(areas))
