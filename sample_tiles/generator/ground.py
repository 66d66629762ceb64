"""The ground drawn: lawns and lots, strips and pools."""

from __future__ import annotations

import math

import numpy as np
from shapely import Polygon

from .canvas import CELL, Canvas, Patch, line_cover, linear, polygon_cover
from .geometry import Axes, polygons_of
from .noise import Field, blurred, smoothstep
from .plan import Area, Strip
from .surfaces import Surface, painted, surface_of


def draw_wild_ground(canvas: Canvas) -> None:
    """Rough grass everywhere, to be painted over."""
    for band in canvas.bands():
        canvas.paint(band, np.ones(band.shape, dtype=np.float32), painted(canvas, band, surface_of(canvas, "rough")))


def draw_area(canvas: Canvas, area: Area, greenness: float) -> None:
    """One piece of ground, its edge ragged where it says so, mown or ploughed in rows where it has a direction."""
    patch = canvas.patch(area.outline.bounds)
    if patch is None:
        return
    surface = surface_of(canvas, area.surface)
    if area.surface in ("lawn", "meadow", "rough"):
        # The same lawn is greener in one garden than in the next.
        shift = (area.tone - 1.0) * 7.0
        surface = Surface(surface.first, surface.second, surface.grain, surface.mottle, (0.5 - greenness) * 2.0 + shift)
    colour = painted(canvas, patch, surface, area.tone)
    if area.rows is not None:
        colour = colour * rowed(patch, area.surface, area.rows)[..., None]
    cover = polygon_cover(patch, polygons_of(area.outline))
    if area.ragged:
        cover = frayed(canvas, patch, cover, area.ragged)
    canvas.paint(patch, cover, colour)


def rowed(patch: Patch, surface: str, angle: float) -> Field:
    """Brightness of mowing stripes or furrows, about 1."""
    spacing, strength = {"furrows": (1.1, 0.16), "crop": (0.9, 0.10), "pitch": (9.0, 0.05)}.get(surface, (1.1, 0.035))
    _, v = patch.local(Axes(0.0, 0.0, angle))
    wave = np.sin(v * np.float32(2 * math.pi / spacing))
    return np.asarray(1 + np.float32(strength) * (np.sign(wave) if surface == "pitch" else wave), dtype=np.float32)


def frayed(canvas: Canvas, patch: Patch, cover: Field, width: float) -> Field:
    """A cover whose edge wanders by about `width` metres."""
    soft = blurred(cover, width / CELL)
    noise = 0.12 * canvas.fine[patch.rows, patch.cols] + 0.22 * canvas.middle[patch.rows, patch.cols]
    return smoothstep(np.asarray(soft + noise, dtype=np.float32), 0.38, 0.62)


def draw_strip(canvas: Canvas, strip: Strip) -> None:
    """A path, painted line, fence, wall or hedge."""
    patch = canvas.patch(strip.line.buffer(strip.width).bounds)
    if patch is None or strip.line.is_empty:
        return
    cover = line_cover(patch, np.asarray(strip.line.coords), strip.width)
    fine = canvas.fine[patch.rows, patch.cols]
    if strip.surface == "hedge":
        soft = blurred(cover, 1.5)
        cover = smoothstep(np.asarray(soft + 0.14 * fine, dtype=np.float32), 0.35, 0.6)
    if strip.surface == "paint":
        cover = cover * np.float32(0.8) * smoothstep(fine, -1.6, 0.2)
    canvas.paint(patch, cover, painted(canvas, patch, surface_of(canvas, strip.surface)))
    if strip.height > 0:
        top = np.asarray(strip.height * (1 + (0.12 if strip.surface == "hedge" else 0.0) * fine), dtype=np.float32)
        down, right = (np.asarray(0.5 * slope, dtype=np.float32) for slope in np.gradient(top, CELL))
        canvas.raise_to(patch, cover > 0.5, top, (right, down))


def draw_pool(canvas: Canvas, pool: Polygon) -> None:
    """Water, deeper towards one end, with a pale rim and a dark line where the shadow of the rim falls."""
    patch = canvas.patch(pool.bounds, margin=1.0)
    if patch is None:
        return
    canvas.paint(patch, polygon_cover(patch, [pool.buffer(0.35)]), linear((222, 218, 208)))
    depth = blurred(polygon_cover(patch, [pool.buffer(-0.6)]), 6.0)[..., None]
    water = linear((134, 184, 190)) * (1 - depth) + linear((84, 146, 168)) * depth
    ripple = 1 + 0.08 * canvas.fine[patch.rows, patch.cols] + 0.05 * canvas.middle[patch.rows, patch.cols]
    inside = polygon_cover(patch, [pool])
    canvas.paint(patch, inside, water * ripple[..., None])
    np.copyto(canvas.height[patch.rows, patch.cols], np.float32(-0.3), where=inside > 0.5)
