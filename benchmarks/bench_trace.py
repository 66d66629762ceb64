"""Tracing outlines against rasterio.features.shapes on the same sparse building mask, in one run."""

import cv2
import numpy as np
import rasterio.features
from common import best_seconds, told

from geounet.block import Block
from geounet.grid import Window
from geounet.polygons.field import Level
from geounet.polygons.trace import trace

SIDE, BUILDINGS, STRIP = 8192, 14_000, 2048


def mask() -> np.ndarray:
    """(SIDE, SIDE) uint8 levels, 0 or 254: rotated rectangles of 6 to 30 pixels."""
    rng = np.random.default_rng(0)
    levels = np.zeros((SIDE, SIDE), dtype="uint8")
    for _ in range(BUILDINGS):
        centre, size = rng.uniform(0, SIDE, 2), rng.uniform(6, 30, 2)
        corners = cv2.boxPoints((centre.tolist(), size.tolist(), rng.uniform(0, 90)))
        cv2.fillPoly(levels, [np.rint(corners).astype("int32")], 254)
    return levels


def main() -> None:
    levels = mask()
    strips = [Block(Window(r, 0, STRIP, SIDE), levels[None, r : r + STRIP]) for r in range(0, SIDE, STRIP)]
    ours = best_seconds(lambda: sum(len(traced.polygons) for traced in trace(strips, Level(127))))
    theirs = best_seconds(lambda: sum(1 for _ in rasterio.features.shapes(levels, mask=levels > 0)))
    told(f"trace a {SIDE} px square, {SIDE**2 / 1e6 / ours:.0f} Mpx/s", ours, theirs, rival="rasterio shapes")


if __name__ == "__main__":
    main()
