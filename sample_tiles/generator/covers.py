"""What roofs are covered with: colour, and the pattern that sheets, tiles and seams make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .canvas import Canvas
from .dice import weighted
from .style import RGB, tinted

Pattern = Literal["tile", "seam", "loose", "sheet"]


@dataclass(frozen=True, slots=True)
class Cover:
    """A roof cover: two colours (0..255, as on a screen) between which buildings differ, and how it is laid.

    Args:
        pattern: tile (rows of small tiles), seam (metal with standing seams), loose (gravel), sheet (welded lengths).
        contrast: relative strength of the pattern.
        wear: relative strength of stains.
    """

    light: RGB
    dark: RGB
    pattern: Pattern
    contrast: float
    wear: float


COVERS: dict[str, Cover] = {
    "red tile": Cover((166, 108, 88), (124, 80, 68), "tile", 0.11, 0.13),
    "brown tile": Cover((140, 112, 94), (98, 78, 68), "tile", 0.10, 0.10),
    "grey tile": Cover((150, 150, 148), (112, 112, 113), "tile", 0.09, 0.09),
    "anthracite tile": Cover((94, 95, 99), (66, 67, 72), "tile", 0.10, 0.08),
    "shingle": Cover((158, 146, 132), (116, 108, 100), "tile", 0.13, 0.10),
    "light metal": Cover((214, 216, 214), (180, 184, 186), "seam", 0.10, 0.08),
    "blue metal": Cover((138, 150, 162), (104, 118, 134), "seam", 0.10, 0.07),
    "gravel": Cover((190, 184, 172), (160, 155, 146), "loose", 0.10, 0.09),
    "membrane": Cover((222, 222, 218), (190, 191, 190), "sheet", 0.05, 0.10),
    "bitumen": Cover((96, 96, 100), (72, 73, 78), "sheet", 0.10, 0.09),
}


def cover_of(canvas: Canvas, name: str) -> Cover:
    """The cover of that name as this town has it."""
    cover, tint = COVERS[name], canvas.roof_tints.get(name, (1.0, 1.0, 1.0))
    return replace(cover, light=tinted(cover.light, tint), dark=tinted(cover.dark, tint), wear=cover.wear * canvas.wear)


def drawn_cover(weights: tuple[tuple[str, float], ...], rng: np.random.Generator) -> tuple[str, RGB]:
    """A cover drawn by weight, and a tone: the building's own shift in brightness and hue."""
    name = weighted(weights, rng)
    brightness = rng.normal(1.0, 0.07)
    red, green, blue = np.clip(brightness * rng.normal(1.0, 0.02, 3), 0.75, 1.2)
    return name, (float(red), float(green), float(blue))
