"""Fittings drawn on a roof that is already there."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas, Mask, Patch, linear
from .geometry import rectangle
from .noise import Field, smoothstep
from .plan import Fitting
from .style import RGB

COLOURS: dict[str, RGB] = {
    "chimney": (134, 104, 90),
    "skylight": (74, 88, 104),
    "solar": (44, 54, 78),
    "vent": (188, 188, 186),
    "dome": (226, 230, 234),
    "light band": (206, 216, 222),
    "stain": (70, 68, 64),
}


def draw_fitting(canvas: Canvas, fitting: Fitting, roof: Mask, roof_patch: Patch) -> None:
    """Paint one fitting where it lies on the roof, and lift it off the roof."""
    patch = canvas.patch(rectangle(fitting.axes, fitting.length, fitting.width).bounds, margin=0.3)
    if patch is None:
        return
    u, v = patch.local(fitting.axes)
    inside = (np.abs(u) < fitting.length / 2) & (np.abs(v) < fitting.width / 2) & on_roof(patch, roof, roof_patch)
    if fitting.kind == "stain":
        stained(canvas, patch, fitting, (u, v), inside)
        return
    canvas.paint(patch, inside, appearance(fitting, u, v))
    lifted = canvas.height[patch.rows, patch.cols] + np.float32(fitting.rise)
    if fitting.kind in ("skylight", "solar"):
        np.copyto(canvas.height[patch.rows, patch.cols], lifted, where=inside)
    else:
        canvas.raise_to(patch, inside, lifted)


def on_roof(patch: Patch, roof: Mask, roof_patch: Patch) -> Mask:
    """The roof's mask cut to another patch; false outside the roof's own patch."""
    result = np.zeros(patch.shape, dtype=np.bool_)
    top, bottom = max(patch.rows.start, roof_patch.rows.start), min(patch.rows.stop, roof_patch.rows.stop)
    left, right = max(patch.cols.start, roof_patch.cols.start), min(patch.cols.stop, roof_patch.cols.stop)
    if top < bottom and left < right:
        source = roof[
            top - roof_patch.rows.start : bottom - roof_patch.rows.start,
            left - roof_patch.cols.start : right - roof_patch.cols.start,
        ]
        result[
            top - patch.rows.start : bottom - patch.rows.start, left - patch.cols.start : right - patch.cols.start
        ] = source
    return result


def appearance(fitting: Fitting, u: Field, v: Field) -> Field:
    """Linear reflectance of a fitting, (h, w, 3): frames around glass, lines between panels, a dark fan in a vent."""
    colour = np.broadcast_to(linear(COLOURS[fitting.kind]), (*u.shape, 3)).copy()
    edge = np.minimum(fitting.length / 2 - np.abs(u), fitting.width / 2 - np.abs(v))
    if fitting.kind == "solar":
        lines = (np.mod(u + fitting.length / 2, 1.0) < 0.12) | (np.mod(v + fitting.width / 2, 1.65) < 0.12)
        colour[lines] = linear((118, 124, 136))
    if fitting.kind in ("skylight", "light band"):
        colour[edge < 0.14] = linear((168, 168, 166))
    if fitting.kind == "vent" and min(fitting.length, fitting.width) > 1.2:
        colour[np.hypot(u, v) < min(fitting.length, fitting.width) * 0.3] = linear((84, 84, 86))
    if fitting.kind == "chimney":
        colour[edge > 0.2] = linear((52, 48, 46))
    return np.asarray(colour, dtype=np.float32)


def stained(canvas: Canvas, patch: Patch, fitting: Fitting, at: tuple[Field, Field], inside: Mask) -> None:
    """A dark patch with soft edges where water stands."""
    u, v = at
    reach = np.hypot(u / (fitting.length / 2), v / (fitting.width / 2)) + 0.25 * canvas.fine[patch.rows, patch.cols]
    canvas.paint(patch, 0.35 * (1 - smoothstep(reach, 0.5, 1.0)) * inside, linear(COLOURS["stain"]))
