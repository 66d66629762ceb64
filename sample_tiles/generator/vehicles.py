"""Cars drawn, body, cabin and glass, and other small things."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, linear
from .geometry import rectangle
from .plan import Car, Thing


def draw_car(canvas: Canvas, car: Car) -> None:
    """One vehicle seen from above; nothing where something taller stands."""
    patch = canvas.patch(rectangle(car.axes, car.length, car.width).bounds, margin=0.2)
    if patch is None:
        return
    u, v = patch.local(car.axes)
    a, b = car.length / 2, car.width / 2
    corner = np.maximum(np.abs(u) - a + 0.45, 0) ** 2 + np.maximum(np.abs(v) - b + 0.45, 0) ** 2
    body = (corner < 0.45**2) & (np.abs(u) < a) & (np.abs(v) < b) & (canvas.height[patch.rows, patch.cols] < 0.5)
    front, rear = (0.36 * a, -0.95 * a) if car.boxy else (0.18 * a, -0.62 * a)
    cabin = body & (u < front) & (u > rear) & (np.abs(v) < b - 0.12)
    slant = 0.45 if car.boxy else 0.62
    glass = cabin & ((u > front - slant) | (u < rear + (0.1 if car.boxy else 0.45)) | (np.abs(v) > b - 0.26))
    canvas.paint(patch, body, linear(car.paint))
    canvas.paint(patch, glass, linear((38, 44, 52)))
    height = np.where(cabin, 2.2 if car.boxy else 1.45, 1.2 if car.boxy else 0.85).astype(np.float32)
    bulge = (-0.35 * u / a).astype(np.float32), (-0.35 * v / b).astype(np.float32)
    cos, sin = np.float32(np.cos(car.axes.angle)), np.float32(np.sin(car.axes.angle))
    canvas.raise_to(patch, body, height, (bulge[0] * cos - bulge[1] * sin, bulge[0] * sin + bulge[1] * cos))


def draw_thing(canvas: Canvas, thing: Thing) -> None:
    """A box or a disc on the ground, its rim darker than its middle; nothing where something taller stands."""
    patch = canvas.patch(rectangle(thing.axes, thing.length, thing.width).bounds, margin=0.2)
    if patch is None:
        return
    u, v = patch.local(thing.axes)
    edge = np.minimum(thing.length / 2 - np.abs(u), thing.width / 2 - np.abs(v))
    if thing.round:
        edge = thing.length / 2 - np.hypot(u, v)
    inside = (edge > 0) & (canvas.height[patch.rows, patch.cols] < thing.height)
    shade = (1 + 0.12 * canvas.fine[patch.rows, patch.cols]) * np.where(edge < 0.2, 0.8, 1.0)
    canvas.paint(patch, inside, np.asarray(linear(thing.colour) * shade[..., None], dtype=np.float32))
    canvas.raise_to(patch, inside, np.full(patch.shape, thing.height, dtype=np.float32))
