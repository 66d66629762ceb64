"""What a perfect sensor would see of outlines: how much of each pixel they cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon


def coverage(outlines: Sequence[Polygon], side: int) -> NDArray[np.float64]:
    """Share of each pixel that lies in one of the outlines, (side, side), 0..1, exact.

    Args:
        outlines: in pixels, x to the right, y down (see `pixel_outline`).
    """
    whole = shapely.union_all(outlines)
    shapely.prepare(whole)
    cols, rows = np.meshgrid(np.arange(side), np.arange(side))
    share = shapely.contains_xy(whole, cols + 0.5, rows + 0.5).astype(np.float64)
    pixels = shapely.box(cols, rows, cols + 1, rows + 1).ravel()
    lines = shapely.get_parts(shapely.boundary(whole))
    crossed = np.unique(shapely.STRtree(pixels).query(lines, predicate="intersects")[1])
    nearby = shapely.STRtree(outlines).query(pixels[crossed], predicate="intersects")
    pieces = shapely.intersection(pixels[crossed][nearby[0]], np.asarray(outlines, object)[nearby[1]])
    share.ravel()[crossed] = np.bincount(nearby[0], shapely.area(pieces), minlength=len(crossed))
    np.minimum(share, 1, out=share)  # sums of pieces differ in their last bits
    return share
