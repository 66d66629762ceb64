"""A town in plan: streets first, then what stands on every block."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import Polygon

from .clutter import lamps
from .greenery import grown
from .parking import along, cars_on
from .plan import Building, Content, Plan, Tree, merged
from .quarters import fill
from .streets import Road, junctions_of, lay_out
from .style import PIXEL, TownStyle


def plan_town(style: TownStyle, rng: np.random.Generator) -> Plan:
    """The plan of a town; the generator goes on to draw it."""
    layout = lay_out(style, rng)
    contents = [fill(block, style, rng) for block in layout.blocks]
    streets = [street_content(index, layout.roads, rng) for index in range(len(layout.roads))]
    return Plan(layout.roads, layout.blocks, merged([*contents, *streets]))


def street_content(index: int, roads: tuple[Road, ...], rng: np.random.Generator) -> Content:
    """Cars, trees and lamps along a street, none of them where another street runs."""
    road = roads[index]
    junctions = junctions_of(index, roads, 1.2)
    shapely.prepare(junctions)
    return Content(
        cars=tuple(car for car in cars_on(road, rng) if not shapely.contains_xy(junctions, car.axes.x, car.axes.y)),
        trees=tuple(tree for tree in street_trees(road, rng) if not shapely.contains_xy(junctions, tree.x, tree.y)),
        things=tuple(lamp for lamp in lamps(road, rng) if not shapely.contains_xy(junctions, lamp.axes.x, lamp.axes.y)),
    )


def street_trees(road: Road, rng: np.random.Generator) -> tuple[Tree, ...]:
    """Trees in the verge of an arterial, and along one street in four."""
    if not road.arterial and rng.random() < 0.7:
        return ()
    offset = road.width / 2 + (0.9 if road.arterial else road.pavement)
    trees = []
    for side in (-1, 1):
        for at in np.arange(8.0, road.line.length - 8.0, 10.0):
            if rng.random() < 0.7:
                spot = along(road.line, float(at) + float(rng.normal(0, 0.7)), side * offset)
                trees.append(grown(spot.x, spot.y, (1.6, 3.4), rng))
    return tuple(trees)


def true_buildings(style: TownStyle) -> tuple[Building, ...]:
    """Every building of a town, whole, also where the scene cuts it; outlines in plan metres."""
    return plan_town(style, np.random.default_rng(style.seed)).content.buildings


def pixel_outline(outline: Polygon) -> Polygon:
    """An outline in pixels of the scene: x to the right, y down, (0, 0) the outer corner of the first pixel."""
    return shapely.transform(outline, lambda points: points / PIXEL)
