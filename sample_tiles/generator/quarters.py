"""What blocks are used for. Every use turns a block into content: buildings, ground, trees and the rest."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import shapely
from shapely import LineString, Polygon

from .buildings import courtyard, flats, hall, row, slab
from .clutter import clutter, containers
from .dice import either_side, near_one, one_of, weighted
from .gardens import detached
from .geometry import Axes, OrientedBox, crossing, lines_of, oriented_box, rectangle
from .greenery import bushes, edge_trees, scattered_trees
from .parcels import ROW_DEPTH, strips_of
from .parking import parking_lot
from .plan import Area, Building, Content, Strip, merged
from .style import TownStyle

Use = Callable[[Polygon, TownStyle, np.random.Generator], Content]


def rows(block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """Terraces along both long sides, with narrow gardens behind them."""
    contents = [Content(ground=(Area(block, "lawn", near_one(rng)),))]
    for strip in strips_of(block):
        contents.append(terrace(strip, block, style, rng))
    return merged(contents)


def terrace(strip: Polygon, block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """One or two terraces along the street side of a strip."""
    frame = oriented_box(strip)
    side = street_side(frame, block)
    unit, depth = float(rng.uniform(5.6, 7.4)), float(rng.uniform(9.0, 11.0))
    back = float(rng.uniform(4.0, 6.0))
    contents: list[Content] = []
    count = max(round(frame.length / 48), 1)
    span = frame.length / count
    for part in range(count):
        centre = side.moved((part + 0.5) * span - frame.length / 2, back + depth / 2)
        for units in range(int((span - 4) / unit), 2, -1):
            ground = rectangle(centre, units * unit + 1.0, depth + 4.0)
            if strip.buffer(-0.3).contains(ground):
                houses = row(centre, units, style, rng, unit=unit, depth=depth)
                gardens = terrace_gardens(houses, centre, strip, rng, unit=unit, depth=depth, room=frame.width)
                contents.append(gardens)
                break
    built = shapely.union_all([house.outline.buffer(1.5) for content in contents for house in content.buildings])
    free = strip.difference(built)
    trees = scattered_trees(free, style.trees * 0.8, (1.2, 3.8), rng)
    contents.append(Content(trees=trees, strips=bushes(strip, rng), things=clutter(free, 0.006, rng)))
    return merged(contents)


def street_side(frame: OrientedBox, block: Polygon) -> Axes:
    """The frame of a strip's side on the street: origin in its middle, v into the strip."""
    near, far = (frame.axes.moved(0, side * frame.width / 2) for side in (-1, 1))
    edge = block.exterior
    if edge.distance(shapely.Point(near.x, near.y)) <= edge.distance(shapely.Point(far.x, far.y)):
        return near
    return far.moved(0, 0, math.pi)


def terrace_gardens(
    houses: list[Building],
    centre: Axes,
    strip: Polygon,
    rng: np.random.Generator,
    *,
    unit: float,
    depth: float,
    room: float,
) -> Content:
    """The gardens of a terrace: a patio and lawn behind each house, a path in front, fences or hedges between them."""
    units = len(houses)
    ground: list[Area] = []
    paving: list[Area] = []
    strips: list[Strip] = []
    length = max(room - depth - 6.0, 4.0)
    for index in range(units + 1):
        at = (index - units / 2) * unit
        fence = LineString([centre.world(at, depth / 2 + 1), centre.world(at, depth / 2 + length)]).intersection(strip)
        hedge = rng.random() < 0.35
        strips.extend(
            Strip(line, *((0.9, 1.5, "hedge") if hedge else (0.16, 1.6, "fence"))) for line in lines_of(fence)
        )
        if index == units:
            break
        middle = centre.moved(at + unit / 2, 0)
        garden = rectangle(middle.moved(0, depth / 2 + length / 2), unit, length).intersection(strip)
        surface = one_of(("lawn", "bed", "pavers", "meadow"), rng, [0.62, 0.12, 0.08, 0.18])
        if isinstance(garden, Polygon) and not garden.is_empty:
            ground.append(Area(garden, surface, near_one(rng, 0.15), middle.angle))
        patio = one_of(("pavers", "concrete", "deck"), rng)
        paving.append(Area(rectangle(middle.moved(0, depth / 2 + 1.6), unit * 0.8, 3.2), patio, near_one(rng)))
        door = middle.moved(either_side(rng) * unit * 0.28, -depth / 2 - 3.5)
        paving.append(Area(rectangle(door, 1.4, 7.0), "pavers", float(rng.uniform(0.9, 1.15))))
    return Content(buildings=tuple(houses), ground=tuple(ground), paving=tuple(paving), strips=tuple(strips))


def court(block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """A perimeter block around a yard with trees; gardens where the ring does not fit."""
    frame = oriented_box(block)
    length, width = min(frame.length - 4, 112.0), min(frame.width - 4, 84.0)
    while width > 32 and not block.buffer(-1.0).contains(rectangle(frame.axes, length, width)):
        length, width = length * 0.97, width * 0.97
    if width <= 32 or length <= 32 or length * width < 0.55 * block.area:
        return detached(block, style, rng)
    ring = courtyard(frame.axes, length, width, style, rng)
    yard = Polygon(ring.outline.interiors[0])
    surface = one_of(("pavers", "lawn", "worn asphalt", "lawn"), rng)
    green = rectangle(frame.axes, (length - 24) * 0.7, (width - 24) * 0.6)
    ground = (
        Area(block, "worn asphalt" if rng.random() < 0.2 else "lawn", 1.0),
        Area(yard, surface),
        Area(green, "lawn", 1.05),
    )
    trees = (
        *scattered_trees(yard.buffer(-1.5), 0.011, (1.2, 4.2), rng),
        *edge_trees(block, 11.0, (1.8, 3.0), rng, share=0.5),
    )
    return Content(buildings=(ring,), ground=ground, trees=trees, things=clutter(yard.buffer(-1.0), 0.008, rng))


def works(block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """Halls with their parking: one or two large roofs on one side, cars on the other; now and then a school."""
    frame = oriented_box(block)
    surface = one_of(("asphalt", "worn asphalt", "concrete"), rng)
    base = Content(
        ground=(Area(block, surface, float(rng.uniform(0.92, 1.1))),),
        trees=edge_trees(block, 8.0, (1.5, 3.2), rng, share=0.7),
    )
    school = rng.random() < 0.35
    depth = frame.width * rng.uniform(0.46, 0.56)
    zone = frame.axes.moved(0, (frame.width - depth) / 2 - 4)
    length = frame.length - 14
    while length > 16 and not block.buffer(-2).contains(rectangle(zone, length, depth)):
        length, depth = length * 0.94, depth * 0.97
    if length <= 16 or depth < 14:
        return detached(block, style, rng)
    if school:
        built = [slab(zone, min(length, 75.0), depth, style, rng)]
        base = Content(
            ground=(Area(block, "lawn", 1.0), Area(rectangle(zone, length + 6, depth + 6), "asphalt")), trees=base.trees
        )
    elif length > 70 and rng.random() < 0.6:
        share = rng.uniform(0.4, 0.6)
        built = [
            hall(zone.moved(-length * (1 - share) / 2, 0), length * share - 8, depth, style, rng),
            hall(
                zone.moved(length * share / 2, 0), length * (1 - share) - 8, depth * rng.uniform(0.7, 1.0), style, rng
            ),
        ]
    else:
        built = [hall(zone, length, depth, style, rng)]
    yard = frame.axes.moved(0, -frame.width / 2 + (frame.width - depth) / 2 - 3)
    lot = parking_lot(yard, frame.length - 16, frame.width - depth - 12, block, rng)
    free = block.buffer(-3).difference(shapely.union_all([house.outline.buffer(2) for house in built]))
    store = free.difference(rectangle(yard, frame.length, frame.width - depth))
    things = (*clutter(free, 0.002, rng), *(() if school else containers(store, yard.angle, 30, rng)))
    return merged([base, Content(buildings=tuple(built), things=things), lot])


def estate(block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """Blocks of flats in rows across the block, with grass, trees, paths and a lot for cars between them."""
    frame = oriented_box(block)
    land = block.buffer(-3.0)
    depth, span = float(rng.uniform(11.0, 13.5)), float(rng.uniform(24.0, 31.0))
    built: list[Building] = []
    paths: list[Strip] = []
    lots: list[Content] = []
    for index, u in enumerate(np.arange(-frame.length / 2 + 12, frame.length / 2 - 8, span)):
        spot = frame.axes.moved(float(u), 0.0, math.pi / 2)
        sizes = [size for size in np.arange(62.0, 17.0, -4.0) if land.contains(rectangle(spot, size, depth))]
        if not sizes:
            continue
        length = float(sizes[0])
        built.append(flats(spot, length, depth, style, rng))
        walk = LineString([spot.world(-60, depth / 2 + 4), spot.world(60, depth / 2 + 4)]).intersection(block)
        paths.extend(Strip(line, 1.8, 0.0, "pavers") for line in lines_of(walk))
        if index % 2 == 0:
            lots.append(parking_lot(spot.moved(0, -span / 2), length, 5.2, block, rng))
    free = block.difference(shapely.union_all([house.outline.buffer(2.5) for house in built]))
    trees = scattered_trees(free, 0.008, (1.6, 5.0), rng)
    ground = (Area(block, "lawn", near_one(rng), frame.axes.angle),)
    return merged([Content(tuple(built), ground, strips=tuple(paths)), *lots, Content(trees=trees)])


def park(block: Polygon, _style: TownStyle, rng: np.random.Generator) -> Content:
    """Grass, groups of large trees, gravel paths that cross, and sometimes a football pitch."""
    frame = oriented_box(block)
    ground = [Area(block, "meadow", 1.0, frame.axes.angle)]
    strips: list[Strip] = []
    taken = Polygon()
    if frame.length > 85 and frame.width > 55:
        taken = rectangle(frame.axes, 76.0, 46.0)
        ground.append(Area(taken, "pitch", 1.0, frame.axes.angle))
        strips.extend(pitch_lines(frame.axes, 68.0, 38.0))
    elif frame.width > 40 and rng.random() < 0.5:
        taken = pond(frame.axes.moved(float(rng.uniform(-0.2, 0.2)) * frame.length, 0), frame.width * 0.2, rng)
        ground.append(Area(taken, "water", 1.0, ragged=1.0))
    dry = block.difference(taken.buffer(3))
    for lean in rng.uniform(-0.5, 0.5, 3):
        path = crossing(frame.axes, float(rng.uniform(-0.4, 0.4)) * frame.length, float(lean), 4.0, float(lean) * 9)
        strips.extend(Strip(part, 2.2, 0.0, "gravel") for part in lines_of(path.intersection(dry)))
    trees = scattered_trees(dry.buffer(-3), 0.018, (2.0, 6.0), rng)
    return Content(ground=tuple(ground), strips=tuple(strips), trees=trees)


def pond(axes: Axes, radius: float, rng: np.random.Generator) -> Polygon:
    """A pond with bays, about `radius` metres, longer than wide."""
    turns = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    waves = [rng.normal(0, 0.12) * np.sin(turns * k + rng.uniform(0, 6.28)) for k in (2, 3, 4, 5)]
    reach = radius * (1 + np.sum(waves, axis=0))
    shore = [axes.world(1.5 * r * math.cos(t), r * math.sin(t)) for r, t in zip(reach, turns, strict=True)]
    return Polygon(shore).convex_hull


def pitch_lines(axes: Axes, length: float, width: float) -> list[Strip]:
    """The white lines of a football pitch."""
    field = rectangle(axes, length, width).exterior
    boxes = [rectangle(axes.moved(side * (length / 2 - 7), 0), 14.0, 26.0).exterior for side in (-1, 1)]
    middle = LineString([axes.world(0, -width / 2), axes.world(0, width / 2)])
    circle = rectangle(axes, 0.1, 0.1).centroid.buffer(7.0).exterior
    return [Strip(LineString(line.coords), 0.15, 0.0, "paint") for line in (field, *boxes, middle, circle)]


def field(block: Polygon, _style: TownStyle, rng: np.random.Generator) -> Content:
    """A field in rows, with a ragged verge and a hedge with trees along a part of it."""
    frame = oriented_box(block)
    surface = one_of(("crop", "furrows", "meadow"), rng, [0.45, 0.35, 0.2])
    inner = block.buffer(-2.5)
    ground = (Area(block, "rough", 1.0), Area(inner, surface, 1.0, frame.axes.angle, ragged=1.0))
    return Content(ground=ground, trees=edge_trees(block, 7.0, (1.4, 3.8), rng, share=0.45))


USES: dict[str, Use] = {
    "detached": detached,
    "rows": rows,
    "courtyard": court,
    "estate": estate,
    "works": works,
    "park": park,
    "field": field,
}


def fill(block: Polygon, style: TownStyle, rng: np.random.Generator) -> Content:
    """The block with a use drawn by the town's weights; only large blocks become works, only deep ones get terraces."""
    use = weighted(style.uses, rng)
    depth = oriented_box(block).width
    if (use == "works" and depth < 46) or (use == "rows" and depth < ROW_DEPTH) or block.area < 900:
        use = "detached"
    return USES[use](block, style, rng)
