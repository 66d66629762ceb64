"""Streets drawn: pavements, verges and carriageways, their wear and their markings."""

from __future__ import annotations

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from .canvas import CELL, Canvas, Patch, line_cover, linear, polygon_cover
from .geometry import Axes, lines_of, polygons_of
from .ground import draw_strip
from .noise import Field, blurred, smoothstep
from .parking import along
from .plan import Plan, Strip
from .streets import Road, junctions_of
from .surfaces import painted, surface_of


def draw_streets(canvas: Canvas, plan: Plan) -> None:
    """Pavements, verges, kerbs and carriageways, each street with asphalt of its own age."""
    corridor = polygons_of(shapely.union_all([road.corridor for road in plan.roads]))
    arterials = [road.line.buffer(road.width / 2 + 1.7) for road in plan.roads if road.arterial]
    verges = polygons_of(shapely.union_all(arterials))
    beds = shapely.union_all([road.line.buffer(road.width / 2) for road in plan.roads])
    rounded = beds.buffer(4.0, quad_segs=4).buffer(-4.0, quad_segs=4)
    kerbs, lanes = polygons_of(rounded.buffer(0.2)), polygons_of(rounded)
    for band in canvas.bands():
        pavement = painted(canvas, band, surface_of(canvas, "pavement")) * slabs(band)[..., None]
        canvas.paint(band, polygon_cover(band, corridor), pavement)
        canvas.paint(band, polygon_cover(band, verges), painted(canvas, band, surface_of(canvas, "lawn")))
        canvas.paint(band, polygon_cover(band, kerbs), linear((186, 182, 175)))
        canvas.paint(band, polygon_cover(band, lanes), painted(canvas, band, surface_of(canvas, "asphalt")))
    for index, road in enumerate(plan.roads):
        draw_wear(canvas, road, lanes, 0.78 + 0.46 * ((index * 0.618) % 1.0))


def slabs(patch: Patch) -> Field:
    """The joints of pavement slabs, faint."""
    u, v = patch.local(Axes(0.0, 0.0, 0.2))
    joint = (np.mod(u, 1.5) < CELL) | (np.mod(v, 1.5) < CELL)
    return np.asarray(np.where(joint, 0.94, 1.0), dtype=np.float32)


def draw_wear(canvas: Canvas, road: Road, lanes: list[Polygon], tone: float) -> None:
    """The age of one street's asphalt, wheel tracks, a seam in the middle, cracks and patches."""
    patch = canvas.patch(road.line.buffer(road.width).bounds)
    if patch is None:
        return
    points = np.asarray(road.line.coords)
    bed = line_cover(patch, points, road.width + 0.4) * polygon_cover(patch, lanes)
    shade = np.full(patch.shape, tone, dtype=np.float32)
    for offset in (-0.62, -0.28, 0.28, 0.62):
        for track in lines_of(road.line.offset_curve(offset * road.width / 2)):
            shade += 0.09 * blurred(line_cover(patch, np.asarray(track.coords), 0.6), 2.0)
    middle, fine = canvas.middle[patch.rows, patch.cols], canvas.fine[patch.rows, patch.cols]
    crack = np.abs(middle + 0.35 * fine) < 0.045
    shade *= np.where(crack, 0.88, 1.0).astype(np.float32)
    shade += 0.12 * smoothstep(canvas.coarse[patch.rows, patch.cols], 0.9, 1.1) * smoothstep(middle, 0.3, 0.4)
    canvas.paint(patch, bed, canvas.albedo[patch.rows, patch.cols] * shade[..., None])


def draw_markings(canvas: Canvas, plan: Plan) -> None:
    """Dashed centre lines, edge lines and zebra crossings of the wider roads, none of them inside a junction."""
    for index, road in enumerate(plan.roads):
        if road.width < 7:
            continue
        for strip in markings(road, junctions_of(index, plan.roads, 1.0)):
            draw_strip(canvas, strip)


def markings(road: Road, junctions: BaseGeometry) -> list[Strip]:
    """What is painted on one road between its junctions."""
    strips: list[Strip] = []
    for free in lines_of(road.line.difference(junctions)):
        strips.extend(dashes(free, 3.0, 6.0))
        if road.arterial and free.length > 40:
            strips.extend(zebra(free, road.width))
    if road.arterial:
        for side in (-1, 1):
            edge = road.line.offset_curve(side * (road.width / 2 - 0.4)).difference(junctions)
            strips.extend(Strip(line, 0.15, 0.0, "paint") for line in lines_of(edge))
    return strips


def dashes(free: LineString, length: float, gap: float) -> list[Strip]:
    """A line as painted dashes of `length` metres with gaps between them."""
    starts = np.arange(7.0, free.length - length - 4.0, length + gap)
    return [Strip(substring(free, start, start + length), 0.16, 0.0, "paint") for start in starts]


def zebra(free: LineString, width: float) -> list[Strip]:
    """A crossing near the start of a free stretch: bars along the road, side by side across it."""
    centre = along(free, 3.5, 0.0)
    lanes = np.arange(-width / 2 + 0.9, width / 2 - 0.5, 1.0)
    return [Strip(LineString([centre.world(-1.6, v), centre.world(1.6, v)]), 0.5, 0.0, "paint") for v in lanes]
