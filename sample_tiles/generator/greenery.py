"""Trees and hedges placed in plan."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from .dice import one_of
from .geometry import oriented_box, rectangle
from .plan import Strip, Tree

SPECIES = ("broad", "dark", "olive", "conifer", "bright", "russet")
SHARES = (0.33, 0.24, 0.23, 0.09, 0.095, 0.015)


def grown(x: float, y: float, radii: tuple[float, float], rng: np.random.Generator) -> Tree:
    """A tree at (x, y) with a radius between two, smaller ones more often."""
    radius = radii[0] + (radii[1] - radii[0]) * float(rng.beta(1.4, 2.3))
    species = one_of(SPECIES, rng, SHARES)
    stature = 2.6 if species == "conifer" else float(rng.uniform(1.6, 2.3))
    return Tree(x, y, radius * (0.75 if species == "conifer" else 1.0), radius * stature + 0.5, species)


def scattered_trees(
    area: BaseGeometry, density: float, radii: tuple[float, float], rng: np.random.Generator
) -> tuple[Tree, ...]:
    """Trees over an area, `density` a square metre, half of them in loose groups."""
    if area.is_empty:
        return ()
    left, top, right, bottom = area.bounds
    count = int(rng.poisson(area.area * density))
    trees: list[Tree] = []
    for _ in range(count * 6):
        if len(trees) >= count:
            break
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        if trees and rng.random() < 0.45:
            mother = one_of(trees, rng)
            x, y = mother.x + float(rng.normal(0, 4.0)), mother.y + float(rng.normal(0, 4.0))
        if shapely.contains_xy(area, x, y):
            trees.append(grown(x, y, radii, rng))
    return tuple(trees)


def edge_trees(
    block: Polygon, spacing: float, radii: tuple[float, float], rng: np.random.Generator, *, share: float
) -> tuple[Tree, ...]:
    """Trees just inside the edge of a block, `spacing` metres apart, a share of the places left empty."""
    ring = block.buffer(-1.8).exterior if not block.buffer(-1.8).is_empty else block.exterior
    if not isinstance(ring, LineString):
        return ()
    places = [ring.interpolate(at) for at in np.arange(0, ring.length, spacing)]
    return tuple(
        grown(place.x + float(rng.normal(0, 0.5)), place.y + float(rng.normal(0, 0.5)), radii, rng)
        for place in places
        if rng.random() < share
    )


def bushes(area: Polygon, rng: np.random.Generator) -> tuple[Strip, ...]:
    """A hedge along one side of an area, sometimes."""
    if rng.random() < 0.5:
        return ()
    frame = oriented_box(area)
    edge = rectangle(frame.axes, frame.length, frame.width).exterior.buffer(1.0)
    side = area.exterior.simplify(0.5).intersection(edge)
    lines = [line for line in getattr(side, "geoms", [side]) if isinstance(line, LineString) and line.length > 8]
    return tuple(Strip(line, 1.1, 1.5, "hedge") for line in lines[:1])
