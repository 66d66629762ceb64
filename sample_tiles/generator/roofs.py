"""Roofs drawn: the envelope of a building's parts, its cover laid along the slopes, and the fittings on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .canvas import CELL, Canvas, Mask, Patch, linear
from .covers import Cover, cover_of
from .dice import one_of
from .noise import Field
from .plan import Building, Part
from .rooftop import draw_fitting

PARAPET = 0.35
NO_RIDGE = 9.0


@dataclass(frozen=True, slots=True)
class Faces:
    """The roof of a building over a patch; every array has the patch's shape.

    Args:
        inside: the cells the building covers.
        height: metres above the ground.
        slope: rise to the east and to the south, (2, h, w).
        along: metres along the eave of the face a cell belongs to.
        down: metres from the cell to the eave or edge of its part.
        ridge: metres to the nearest ridge line.
    """

    inside: Mask
    height: Field
    slope: Field
    along: Field
    down: Field
    ridge: Field


def draw_building(canvas: Canvas, building: Building, rng: np.random.Generator) -> None:
    """Paint one roof with everything on it, and raise the canvas to it."""
    patch = canvas.patch(building.outline.bounds)
    if patch is None:
        return
    faces = envelope(patch, building.parts)
    canvas.paint(patch, faces.inside, covered(canvas, patch, faces, building, rng))
    canvas.raise_to(patch, faces.inside, faces.height, (faces.slope[0], faces.slope[1]))
    for fitting in building.fittings:
        draw_fitting(canvas, fitting, faces.inside, patch)


def envelope(patch: Patch, parts: tuple[Part, ...]) -> Faces:
    """The highest of the parts' roofs at every cell."""
    inside = np.zeros(patch.shape, dtype=np.bool_)
    height, along, down, ridge = (np.zeros(patch.shape, dtype=np.float32) for _ in range(4))
    slope = np.zeros((2, *patch.shape), dtype=np.float32)
    for part in parts:
        face = part_faces(patch, part)
        higher = face.inside & (face.height > height)
        inside |= face.inside
        for layer, new in ((height, face.height), (along, face.along), (down, face.down), (ridge, face.ridge)):
            np.copyto(layer, new, where=higher)
        np.copyto(slope, face.slope, where=higher)
    return Faces(inside, height, slope, along, down, ridge)


def part_faces(patch: Patch, part: Part) -> Faces:
    """The roof of one part, defined over the whole patch."""
    u, v = patch.local(part.axes)
    side_u, side_v = float32(part.length / 2 - np.abs(u)), float32(part.width / 2 - np.abs(v))
    inside = (side_u > 0) & (side_v > 0)
    if part.form == "frame":
        hole_u, hole_v = float32(np.abs(u) - part.hole[0] / 2), float32(np.abs(v) - part.hole[1] / 2)
        inside &= np.maximum(hole_u, hole_v) > 0
        return frame_faces(part, inside, (u, v), (side_u, side_v), (hole_u, hole_v))
    down, across = side_v, np.zeros_like(inside)
    if part.form == "ridge" and any(part.hips):
        ends = [end for end, hip in zip((part.length / 2 + u, part.length / 2 - u), part.hips, strict=True) if hip]
        end = np.minimum.reduce(ends)
        across = end < side_v
        down = float32(np.minimum(end, side_v))
    du = float32(np.where(across, -np.sign(u), 0) * part.pitch)
    dv = float32(np.where(across, 0, -np.sign(v)) * part.pitch)
    height = float32(part.eave + part.pitch * down)
    ridge = np.abs(v)
    if part.form == "shed":
        height = float32(part.eave + part.pitch * (v + part.width / 2))
        du, dv = np.zeros_like(u), np.full_like(v, part.pitch)
    if part.form == "flat":
        down = float32(np.minimum(side_u, side_v))
        height, ridge = float32(np.where(down < PARAPET, part.eave + 0.4, part.eave)), np.full_like(v, NO_RIDGE)
    return Faces(inside, height, turned(part, du, dv), float32(np.where(across, v, u)), down, float32(ridge))


def frame_faces(
    part: Part, inside: Mask, at: tuple[Field, Field], sides: tuple[Field, Field], holes: tuple[Field, Field]
) -> Faces:
    """The roof of a ring: up from the street side to a ridge that runs around, and down to the yard."""
    (u, v), (side_u, side_v), (hole_u, hole_v) = at, sides, holes
    outer, inner = np.minimum(side_u, side_v), np.maximum(hole_u, hole_v)
    down = np.minimum(outer, inner)
    by_u = np.where(outer < inner, side_u < side_v, hole_u > hole_v)
    sign = np.where(outer < inner, -1, 1) * part.pitch
    du, dv = np.where(by_u, np.sign(u) * sign, 0), np.where(by_u, 0, np.sign(v) * sign)
    height = part.eave + part.pitch * down
    if part.pitch == 0:
        height = np.where(down < PARAPET, part.eave + 0.5, part.eave)
    along, ridge = np.where(by_u, v, u), np.abs(outer - inner) / 2 if part.pitch else np.full_like(u, NO_RIDGE)
    return Faces(inside, float32(height), turned(part, du, dv), float32(along), float32(down), float32(ridge))


def turned(part: Part, du: NDArray[np.floating], dv: NDArray[np.floating]) -> Field:
    """A slope given along the part's axes, as rise to the east and to the south, (2, h, w)."""
    cos, sin = math.cos(part.axes.angle), math.sin(part.axes.angle)
    return np.stack([du * cos - dv * sin, du * sin + dv * cos]).astype(np.float32)


def float32(values: NDArray[np.floating] | NDArray[np.integer]) -> Field:
    return np.asarray(values, dtype=np.float32)


def covered(canvas: Canvas, patch: Patch, faces: Faces, building: Building, rng: np.random.Generator) -> Field:
    """Linear reflectance of the roof over the patch, (h, w, 3)."""
    cover = cover_of(canvas, building.cover)
    share, tone = float(rng.uniform(0.15, 0.85)), np.asarray(building.tone, dtype=np.float32)
    colour = (linear(cover.light) * share + linear(cover.dark) * (1 - share)) * tone
    shade = 1 + pattern(cover, canvas.fine[patch.rows, patch.cols], faces, rng)
    middle, coarse = canvas.middle[patch.rows, patch.cols], canvas.coarse[patch.rows, patch.cols]
    shade = shade * (1 + np.float32(cover.wear) * (0.6 * middle + 0.5 * coarse))
    shade = shade * (1 - streaks(faces, rng) * np.float32(cover.wear * 1.2))
    flat = building.roof == "flat"
    lip = faces.down < (PARAPET if flat else 0.2)
    lip_tone = one_of((1.3, 0.7, 1.3), rng) if flat else one_of((0.8, 1.15), rng)
    shade = np.where(lip, shade * lip_tone, shade)
    if not flat:
        shade = np.where(faces.ridge < 0.18, shade * one_of((1.18, 0.86), rng), shade)
    return np.asarray(colour * np.clip(shade, 0.3, 1.6)[..., None], dtype=np.float32)


def pattern(cover: Cover, fine: Field, faces: Faces, rng: np.random.Generator) -> Field:
    """What the laying of the cover does to its brightness, relative, about 0."""
    dice = rng.uniform(-1, 1, 4096).astype(np.float32)
    if cover.pattern == "loose":
        return np.asarray(np.float32(cover.contrast) * fine, dtype=np.float32)
    if cover.pattern == "tile":
        cells = dice[hashed(faces.along / 0.33, faces.down / 0.36)]
        rows = np.cos(faces.down * np.float32(2 * math.pi / 0.72))
        return np.asarray(np.float32(cover.contrast) * (0.8 * cells + 0.35 * rows + 0.3 * fine), dtype=np.float32)
    width = 0.75 if cover.pattern == "seam" else 2.0
    sheets = dice[hashed(faces.along / width, np.zeros_like(faces.down))]
    line = np.abs(faces.along / width - np.rint(faces.along / width)) * width < CELL * 0.75
    joint = np.where(line, -1.6 if cover.pattern == "sheet" else 1.4, 0.0)
    return np.asarray(np.float32(cover.contrast) * (0.6 * sheets + joint + 0.35 * fine), dtype=np.float32)


def hashed(first: Field, second: Field) -> NDArray[np.int64]:
    """A number 0..4095 for every cell of a grid, as if drawn at random."""
    i, j = np.floor(first).astype(np.int64), np.floor(second).astype(np.int64)
    return np.asarray((i * 2654435761 + j * 40503) >> 4 & 4095, dtype=np.int64)


def streaks(faces: Faces, rng: np.random.Generator) -> Field:
    """Dirt that runs down the slope, 0..1, stronger in some lines than in others."""
    dice = rng.random(257).astype(np.float32) ** 2
    at = faces.along / np.float32(0.55) + np.float32(128)
    low = np.clip(np.floor(at), 0, 255).astype(np.int64)
    part = np.clip(at - low, 0, 1)
    return np.asarray(dice[low] * (1 - part) + dice[low + 1] * part, dtype=np.float32)
