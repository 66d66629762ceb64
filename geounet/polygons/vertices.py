"""Vertices of an outline: where the level k - 1/2 lies between the centres of two neighbouring pixels."""

import numpy as np
from numpy.typing import NDArray

from geounet.legend import NODATA
from geounet.polygons.runs import Integers, Levels
from geounet.polygons.threads import Links, Threads

Coordinates = NDArray[np.float64]


def vertices(
    links: Links, threads: Threads, canvas: Levels, k: int, *, rim: bool
) -> tuple[Coordinates, Integers, Integers]:
    """All vertices of a strip's threads, in pixel coordinates (column, row), (vertices, 2).

    Between a pixel of level a >= k and one of level b < k the vertex lies (a - k + 1/2) / (a - b) of a pixel from the
    centre of the first; beside nodata and at the raster's edge it lies half a pixel from it.

    Args:
        canvas: the row above the strip and the strip, padded.
        rim: whether the line above the strip is the raster's edge.

    Returns:
        The vertices, the run edges whose part of the boundary touches nodata, and those whose part touches the edge
        of the raster (both with repetitions).
    """
    total = int(threads.length.sum())
    points = np.empty((total, 2))
    beside, across = _on_rows(links, threads, canvas, k, points), _on_lines(links, threads, canvas, k, points, rim=rim)
    return points, np.concatenate([beside[0], across[0]]), np.concatenate([beside[1], across[1]])


def _on_rows(links: Links, threads: Threads, canvas: Levels, k: int, points: Coordinates) -> tuple[Integers, Integers]:
    """Places one vertex at each run edge of the strip; returns the run edges at nodata and at the raster's edge."""
    first, edges = links.first_inside, links.edges
    row, col, is_left = edges.row[first:], edges.col[first:], edges.is_left[first:]
    pixel = (row - links.first_row + 1) * canvas.shape[1] + col  # the one to the left of the edge
    inner = canvas.ravel()[pixel + is_left]
    outer = canvas.ravel()[pixel + ~is_left]
    reach = _reach(inner, outer, k)
    place = threads.place[first:]
    points[place, 0] = np.where(is_left, col + 0.5 - reach, col - 0.5 + reach)
    points[place, 1] = row + 0.5
    rim = (col == 0) | (col == canvas.shape[1] - 2)
    return first + np.flatnonzero((outer == NODATA) & ~rim), first + np.flatnonzero(rim)


def _on_lines(
    links: Links, threads: Threads, canvas: Levels, k: int, points: Coordinates, *, rim: bool
) -> tuple[Integers, Integers]:
    """Places one vertex on each line between two rows for every pixel that the boundary runs along it."""
    turning = np.flatnonzero(links.span)
    span = links.span[turning]
    length = np.abs(span)
    edge = np.repeat(turning, length)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(length) - length, length)
    is_left = links.edges.is_left[edge]
    # Left edges leave through the line above their row, right edges through the line below it.
    line = links.edges.row[edge] + ~is_left
    col = links.edges.col[edge] + np.where(np.repeat(span > 0, length), step, -1 - step)
    pixel = (line - links.first_row) * canvas.shape[1] + col + 1  # the one above the line
    upper, lower = canvas.ravel()[pixel], canvas.ravel()[pixel + canvas.shape[1]]
    inside_below = np.repeat(span > 0, length)  # with the inside on the right, eastward means that it lies below
    inner, outer = np.where(inside_below, lower, upper), np.where(inside_below, upper, lower)
    reach = _reach(inner, outer, k)
    place = threads.place[edge] + step + (edge >= links.first_inside)
    points[place, 0] = col + 0.5
    points[place, 1] = np.where(inside_below, line + 0.5 - reach, line - 0.5 + reach)
    at_rim = (line == links.first_row) if rim else np.zeros(len(line), bool)
    return edge[(outer == NODATA) & ~at_rim], edge[at_rim]


def _reach(inner: Levels, outer: Levels, k: int) -> Coordinates:
    """Way from the inner pixel's centre to the vertex, in pixels, above 0 and below 1."""
    level = inner.astype(np.float64)
    return np.where(outer == NODATA, 0.5, (level - k + 0.5) / (level - outer))
