"""The picture before the light falls on it: reflectance, height and slope, at twice the scene's resolution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely import Polygon

from .geometry import Axes
from .noise import Field, fbm
from .style import PIXEL, RGB, TownStyle

SUPERSAMPLING = 2
CELL = PIXEL / SUPERSAMPLING

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of the canvas: half-open slices of its rows and columns."""

    rows: slice
    cols: slice

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start

    def local(self, axes: Axes) -> tuple[Field, Field]:
        """Coordinates (u, v) of the cells' centres in a local frame, metres, each of the patch's shape."""
        x = (np.arange(self.cols.start, self.cols.stop, dtype=np.float32)[None] + np.float32(0.5)) * np.float32(CELL)
        y = (np.arange(self.rows.start, self.rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)) * np.float32(CELL)
        x, y = x - np.float32(axes.x), y - np.float32(axes.y)
        cos, sin = np.float32(math.cos(axes.angle)), np.float32(math.sin(axes.angle))
        return x * cos + y * sin, y * cos - x * sin


@dataclass(frozen=True, slots=True)
class Canvas:
    """The layers that painters paint on. The value is frozen, its arrays are not: a canvas is there to be painted on.

    Args:
        albedo: linear reflectance, (height, width, 3), red green blue, 0..1.
        height: metres above the ground, (height, width).
        slope: rise of the surface to the east and to the south, (2, height, width).
        fine: noise of 0.3 to 1 m, (height, width), mean 0, deviation 1; `middle` of 2 to 10 m, `coarse` of 15 to 100 m.
        ground_tints, roof_tints, wear: the town's, see `style.TownStyle`.
    """

    albedo: Field
    height: Field
    slope: Field
    fine: Field
    middle: Field
    coarse: Field
    ground_tints: Mapping[str, RGB] = field(default_factory=dict)
    roof_tints: Mapping[str, RGB] = field(default_factory=dict)
    wear: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        return self.height.shape[0], self.height.shape[1]

    def bands(self, rows: int = 128) -> Iterator[Patch]:
        """The whole canvas, some rows at a time: what is computed for a band stays in the processor's cache."""
        for top in range(0, self.shape[0], rows):
            yield Patch(slice(top, min(top + rows, self.shape[0])), slice(0, self.shape[1]))

    def patch(self, bounds: Sequence[float], margin: float = 0.5) -> Patch | None:
        """The part of the canvas within `margin` metres of some bounds; None if less than two cells are."""
        left, top = (max(int((bound - margin) // CELL), 0) for bound in bounds[:2])
        right = min(int((bounds[2] + margin) // CELL) + 1, self.shape[1])
        bottom = min(int((bounds[3] + margin) // CELL) + 1, self.shape[0])
        return Patch(slice(top, bottom), slice(left, right)) if top + 1 < bottom and left + 1 < right else None

    def paint(self, patch: Patch, cover: Field | Mask, colour: Field) -> None:
        """Blend `colour` (h, w, 3 or 3) over the patch, by the share 0..1 of each cell that it covers."""
        area = self.albedo[patch.rows, patch.cols]
        change = colour - area
        change *= cover.astype(np.float32)[..., None]
        area += change

    def raise_to(self, patch: Patch, where: Mask, height: Field, slope: tuple[Field, Field] | None = None) -> None:
        """Set height and slope (level unless given) of the cells where the mask is true."""
        np.copyto(self.height[patch.rows, patch.cols], height, where=where)
        for axis, layer in enumerate(self.slope[:, patch.rows, patch.cols]):
            np.copyto(layer, np.float32(0) if slope is None else slope[axis], where=where)


def blank(style: TownStyle, rng: np.random.Generator) -> Canvas:
    """An empty canvas for the scene of a town, its noise thrown."""
    shape = (style.side * SUPERSAMPLING, style.side * SUPERSAMPLING)
    return Canvas(
        albedo=np.zeros((*shape, 3), dtype=np.float32),
        height=np.zeros(shape, dtype=np.float32),
        slope=np.zeros((2, *shape), dtype=np.float32),
        fine=fbm(shape, 1.0 / CELL, 3, rng, persistence=0.9),
        middle=fbm(shape, 10.0 / CELL, 3, rng),
        coarse=fbm(shape, 100.0 / CELL, 3, rng),
        ground_tints=dict(style.ground_tints),
        roof_tints=dict(style.roof_tints),
        wear=style.wear,
    )


def linear(colour: RGB) -> Field:
    """Linear reflectance, (3,), of a colour given as it looks on a screen (0..255)."""
    return np.asarray((np.asarray(colour, dtype=np.float32) / 255) ** 2.2, dtype=np.float32)


def polygon_cover(patch: Patch, polygons: Sequence[Polygon]) -> Field:
    """Share of each cell of the patch inside the polygons, 0..1; holes stay empty."""
    picture = np.zeros(patch.shape, dtype=np.uint8)
    origin = np.array([patch.cols.start, patch.rows.start])
    rings = [
        np.rint((np.asarray(ring.coords)[:, :2] / CELL - 0.5 - origin) * 16).astype(np.int32)
        for polygon in polygons
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    if rings:
        cv2.fillPoly(picture, rings, 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def line_cover(patch: Patch, points: NDArray[np.float64], width: float) -> Field:
    """Share of each cell of the patch under a polyline (n, 2) in plan metres, `width` metres wide."""
    picture = np.zeros(patch.shape, dtype=np.uint8)
    origin = np.array([patch.cols.start, patch.rows.start])
    pixels = np.rint((points / CELL - 0.5 - origin) * 16).astype(np.int32)
    cv2.polylines(picture, [pixels], False, 255, max(round(width / CELL), 1), lineType=cv2.LINE_AA, shift=4)
    return np.asarray(picture, dtype=np.float32) / np.float32(255)
