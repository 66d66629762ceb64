"""What the ground is made of: two colours that mingle by noise, and how coarse the mingling is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .canvas import Canvas, Patch, linear
from .noise import Field, smoothstep
from .style import RGB, tinted


@dataclass(frozen=True, slots=True)
class Surface:
    """A ground cover. Colours are 0..255 as on a screen.

    Args:
        grain: relative strength of the fine noise.
        mottle: relative strength of the noise of some metres.
        balance: how much of the second colour there is, -1 (none) to 1 (only).
    """

    first: RGB
    second: RGB
    grain: float
    mottle: float
    balance: float = 0.0


SURFACES: dict[str, Surface] = {
    "lawn": Surface((98, 114, 70), (136, 134, 94), 0.14, 0.12),
    "meadow": Surface((104, 114, 72), (148, 140, 102), 0.20, 0.16),
    "rough": Surface((92, 104, 62), (124, 118, 84), 0.24, 0.18),
    "bed": Surface((92, 80, 62), (88, 104, 60), 0.28, 0.22),
    "soil": Surface((146, 122, 94), (122, 102, 80), 0.12, 0.10),
    "furrows": Surface((142, 118, 90), (120, 122, 78), 0.12, 0.12),
    "crop": Surface((112, 128, 70), (148, 142, 88), 0.12, 0.12),
    "pavement": Surface((176, 172, 164), (160, 156, 150), 0.05, 0.06),
    "concrete": Surface((190, 186, 178), (168, 164, 157), 0.05, 0.07),
    "pavers": Surface((164, 148, 136), (148, 138, 130), 0.09, 0.07),
    "gravel": Surface((178, 166, 146), (160, 150, 134), 0.13, 0.07),
    "asphalt": Surface((116, 114, 111), (128, 125, 120), 0.06, 0.06),
    "worn asphalt": Surface((134, 132, 129), (118, 116, 115), 0.07, 0.07),
    "deck": Surface((150, 122, 96), (132, 106, 84), 0.08, 0.05),
    "sand": Surface((204, 186, 150), (190, 170, 134), 0.06, 0.06),
    "pitch": Surface((86, 122, 66), (100, 130, 72), 0.10, 0.06),
    "running track": Surface((164, 92, 74), (150, 84, 70), 0.05, 0.05),
    "fence": Surface((150, 134, 116), (128, 112, 96), 0.10, 0.05),
    "wall": Surface((188, 182, 172), (170, 164, 156), 0.06, 0.05),
    "hedge": Surface((62, 84, 44), (78, 98, 54), 0.40, 0.14),
    "water": Surface((64, 82, 76), (56, 74, 74), 0.02, 0.03),
    "paint": Surface((226, 226, 220), (206, 206, 200), 0.06, 0.10),
}


def surface_of(canvas: Canvas, name: str) -> Surface:
    """The surface of that name as this town has it."""
    surface, tint = SURFACES[name], canvas.ground_tints.get(name)
    if tint is None:
        return surface
    return replace(surface, first=tinted(surface.first, tint), second=tinted(surface.second, tint))


def painted(canvas: Canvas, patch: Patch, surface: Surface, tone: float = 1.0) -> Field:
    """Linear reflectance of a surface over a patch, (h, w, 3)."""
    fine = canvas.fine[patch.rows, patch.cols]
    middle = canvas.middle[patch.rows, patch.cols]
    coarse = canvas.coarse[patch.rows, patch.cols]
    mix = smoothstep(0.6 * coarse + 0.6 * middle + 0.25 * fine + np.float32(surface.balance), -1.3, 1.3)
    first, second = linear(surface.first), linear(surface.second)
    shade = np.float32(tone) * (1 + np.float32(surface.grain) * fine + np.float32(surface.mottle) * middle)
    np.clip(shade, 0.25, 2.0, out=shade)
    # In place: this runs over every square metre of ground several times.
    colour = mix[..., None] * (second - first)
    colour += first
    colour *= shade[..., None]
    return np.asarray(colour, dtype=np.float32)
