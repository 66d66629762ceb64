"""The sun, the sky and the camera: a canvas turned into the photograph of it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvas import CELL, SUPERSAMPLING, Canvas
from .noise import Field, blurred, fbm, smoothstep
from .style import Sun, TownStyle

SUNLIGHT = np.array([1.0, 0.955, 0.87], dtype=np.float32) * np.float32(1.12)
SKYLIGHT = np.array([0.25, 0.30, 0.385], dtype=np.float32)
TALLEST = 20.0


def towards(sun: Sun) -> tuple[float, float, float]:
    """The unit vector to the sun: east, south, up."""
    azimuth, elevation = math.radians(sun.azimuth), math.radians(sun.elevation)
    level = math.cos(elevation)
    return math.sin(azimuth) * level, -math.cos(azimuth) * level, math.sin(elevation)


def sunlit(height: Field, sun: Sun) -> Field:
    """Share of the sun's disc that each cell sees past the heights around it, 0..1, (height, width).

    The horizon towards the sun is found by doubling: after step k it holds the highest of 2^k cells on the way.
    """
    east, south, up = towards(sun)
    level = math.hypot(east, south)
    step_x, step_y, drop = east / level, south / level, up / level * CELL
    reach = TALLEST / drop
    size = (height.shape[1], height.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def shifted(layer: Field, cells: float) -> Field:
        matrix = np.array([[1, 0, cells * step_x], [0, 1, cells * step_y]], dtype=np.float64)
        moved = cv2.warpAffine(layer, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, dtype=np.float32)

    horizon: Field = np.asarray(shifted(height, 1.0) - np.float32(drop), dtype=np.float32)
    cells = 1.0
    while cells < reach:
        np.maximum(horizon, shifted(horizon, cells) - np.float32(cells * drop), out=horizon)
        cells *= 2
    return np.asarray(1 - smoothstep(horizon - height, -0.05, 0.25), dtype=np.float32)


def open_sky(height: Field) -> Field:
    """Share of the sky that each cell sees, 0..1: less beside walls and under crowns, (height, width)."""
    small = cv2.resize(height, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    near = blurred(height, 0.8 / CELL)
    wide = blurred(np.asarray(small, dtype=np.float32), 1.0 / CELL)
    far = cv2.resize(wide, (height.shape[1], height.shape[0]), interpolation=cv2.INTER_LINEAR)
    walls = 0.13 * np.maximum(near - height, 0) + 0.06 * np.maximum(far - height, 0)
    return np.asarray(1 / (1 + walls), dtype=np.float32)


def exposed(canvas: Canvas, sun: Sun) -> Field:
    """Linear light that leaves every cell towards the camera, (height, width, 3)."""
    east, south, up = (np.float32(part) for part in towards(sun))
    steep = 1 / np.sqrt(1 + canvas.slope[0] ** 2 + canvas.slope[1] ** 2)
    facing = np.maximum((up - east * canvas.slope[0] - south * canvas.slope[1]) * steep, 0)
    direct = (facing * sunlit(canvas.height, sun))[..., None]
    diffuse = (open_sky(canvas.height) * (0.55 + 0.45 * steep))[..., None]
    return np.asarray((direct * SUNLIGHT + diffuse * SKYLIGHT) * canvas.albedo, dtype=np.float32)


def photographed(canvas: Canvas, style: TownStyle, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The scene as the camera has it, (height, width, 3) uint8: blurred, sampled, hazy, noisy."""
    light = exposed(canvas, style.sun)
    light = blurred(light, 0.5 * SUPERSAMPLING)
    light = np.asarray(cv2.resize(light, (style.side, style.side), interpolation=cv2.INTER_AREA), dtype=np.float32)
    air = np.float32(style.haze) * np.array([0.75, 0.9, 1.15], dtype=np.float32)
    picture = tone_curve(np.asarray(light * illumination(style.side, rng)[..., None] + air, dtype=np.float32))
    soft = blurred(picture, 1.2)
    sharpened = picture + np.float32(0.35) * (picture - soft)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    shared = rng.standard_normal(picture.shape[:2], dtype=np.float32)[..., None]
    grainy = sharpened + (0.9 * noise + 1.5 * shared) * (1.25 - sharpened / 400)
    return np.asarray(np.clip(np.rint(grainy), 3, 253), dtype=np.uint8)


def illumination(side: int, rng: np.random.Generator) -> Field:
    """Uneven light over the scene, about 1: the corners darker, thin cloud here and there."""
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    corners = 1.02 - 0.05 * (axis[None] ** 2 + axis[:, None] ** 2)
    return np.asarray(corners * (1 + 0.02 * fbm((side, side), side / 1.5, 2, rng)), dtype=np.float32)


def tone_curve(light: Field) -> Field:
    """Light as grey levels 0..255: the display's gamma with a shoulder, so that white roofs keep their seams."""
    curved = np.maximum(light, 0) ** np.float32(1 / 2.2)
    shoulder = np.where(curved > 0.8, 0.8 + 0.25 * np.tanh((curved - 0.8) / 0.25), curved)
    return np.asarray(shoulder * 255, dtype=np.float32)
