"""A plan drawn: ground first, then what stands on it, the trees last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, blank
from .carriageways import draw_markings, draw_streets
from .crowns import draw_tree, grown_crowns
from .ground import draw_area, draw_pool, draw_strip, draw_wild_ground
from .light import photographed
from .plan import Plan
from .roofs import draw_building
from .style import TownStyle
from .vehicles import draw_car, draw_thing


def draw_town(plan: Plan, style: TownStyle, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The aerial photograph of a town, (side, side, 3) uint8, red green blue."""
    canvas = blank(style, rng)
    draw_land(canvas, plan, style)
    for building in plan.content.buildings:
        draw_building(canvas, building, rng)
    for car in plan.content.cars:
        draw_car(canvas, car)
    for thing in plan.content.things:
        draw_thing(canvas, thing)
    crowns = grown_crowns(rng)
    for tree in plan.content.trees:
        draw_tree(canvas, tree, crowns, rng)
    return photographed(canvas, style, rng)


def draw_land(canvas: Canvas, plan: Plan, style: TownStyle) -> None:
    """Everything that is nearly flat: grounds, streets, drives, pools, markings, fences and hedges."""
    content = plan.content
    draw_wild_ground(canvas)
    for area in content.ground:
        draw_area(canvas, area, style.greenness)
    draw_streets(canvas, plan)
    for area in content.paving:
        draw_area(canvas, area, style.greenness)
    for pool in content.pools:
        draw_pool(canvas, pool)
    draw_markings(canvas, plan)
    for strip in content.strips:
        draw_strip(canvas, strip)
