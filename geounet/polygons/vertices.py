"""Vertices of an outline: where the line between two areas lies between the centres of two neighbouring pixels."""

import numpy as np

from geounet.legend import NODATA
from geounet.polygons.arrays import Coordinates
from geounet.polygons.field import Field, Fractions
from geounet.polygons.junctions import corner_codes, crowded, of_two
from geounet.polygons.runs import Integers, Levels
from geounet.polygons.threads import Flags, Links, Threads


def vertices(
    links: Links, threads: Threads, canvas: Levels, field: Field, *, rim: bool, last_line: int | None = None
) -> tuple[Coordinates, Integers, Integers]:
    """All vertices of a strip's threads, in pixel coordinates (column, row), (vertices, 2).

    Between two pixels a vertex lies where the field says; beside nodata and at the raster's edge half-way. Of a field
    with several areas they are (vertices, 3), and z tells where lines part: of vertices between two pixels of a row at
    the corner above them, of others at both corners beside them (see `geounet.polygons.junctions`).

    Args:
        canvas: the row above the strip and the strip, padded.
        rim: whether the line above the strip is the raster's edge.
        last_line: the one above the raster's last row, where that is known.
        last_line: the one above the raster's last row, where that is known.

    Returns:
        The vertices, the run edges whose part of the boundary touches nodata, and those whose part touches the edge
        of the raster, or nodata among its outermost pixels (both with repetitions).
    """
    points = np.empty((int(threads.length.sum()), 3 if field.several else 2))
    beside = _on_rows(links, threads, canvas, field, points)
    across = _on_lines(links, threads, canvas, field, points, rim=rim, last_line=last_line)
    return points, np.concatenate([beside[0], across[0]]), np.concatenate([beside[1], across[1]])


def _on_rows(
    links: Links, threads: Threads, canvas: Levels, field: Field, points: Coordinates
) -> tuple[Integers, Integers]:
    """Places one vertex at each run edge of the strip; returns the run edges at nodata and at the raster's edge."""
    first, edges = links.first_inside, links.edges
    row, col = edges.row[first:], edges.col[first:]
    width = canvas.shape[2]
    before = (row - links.first_row + 1) * width + col  # the pixel to the left of the edge
    fraction, at_nodata = _crossings(field, canvas, before, before + 1)
    place = threads.place[first:]
    points[place, 0] = col - 0.5 + fraction
    points[place, 1] = row + 0.5
    if field.several:
        points[place, 2] = _codes(field, canvas, before - width)
    at_rim = (col == 0) | (col == width - 2)
    at_edge = at_rim | (at_nodata & ((col == 1) | (col == width - 3)))
    return first + np.flatnonzero(at_nodata & ~at_rim), first + np.flatnonzero(at_edge)


def _on_lines(
    links: Links,
    threads: Threads,
    canvas: Levels,
    field: Field,
    points: Coordinates,
    *,
    rim: bool,
    last_line: int | None,
) -> tuple[Integers, Integers]:
    """Places one vertex on each line between two rows for every pixel that the boundary runs along it."""
    turning = np.flatnonzero(links.span)
    span = links.span[turning]
    length = np.abs(span)
    edge = np.repeat(turning, length)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(length) - length, length)
    # Left edges leave through the line above their row, right edges through the line below it.
    line = links.edges.row[edge] + ~links.edges.is_left[edge]
    col = links.edges.col[edge] + np.where(np.repeat(span > 0, length), step, -1 - step)
    width = canvas.shape[2]
    above = (line - links.first_row) * width + col + 1  # the pixel above the line
    fraction, at_nodata = _crossings(field, canvas, above, above + width)
    place = threads.place[edge] + step + (edge >= links.first_inside)
    points[place, 0] = col + 0.5
    points[place, 1] = line - 0.5 + fraction
    if field.several:
        points[place, 2] = of_two(_codes(field, canvas, above - 1), _codes(field, canvas, above))
    at_rim = (line == links.first_row) if rim else np.zeros(len(line), bool)
    at_edge = at_rim | (at_nodata & ((line == 1) | (line == last_line)))
    return edge[at_nodata & ~at_rim], edge[at_edge]


def _crossings(field: Field, canvas: Levels, before: Integers, after: Integers) -> tuple[Fractions, Flags]:
    """Where the line between neighbouring pixels lies on the way from one centre to the other, and which is nodata."""
    flat = canvas.reshape(len(canvas), -1)
    at_nodata = (flat[0, before] == NODATA) | (flat[0, after] == NODATA)
    fraction = np.full(len(before), 0.5)
    inner = ~at_nodata
    fraction[inner] = field.crossings(flat, before[inner], after[inner])
    return fraction, at_nodata


def _codes(field: Field, canvas: Levels, above_left: Integers) -> Integers:
    """What is to be known of the corners to the lower right of pixels."""
    width, flat = canvas.shape[2], canvas.reshape(len(canvas), -1)
    pixels = above_left + np.array([0, 1, width, width + 1])[:, None]
    areas = field.areas(flat[:1, pixels]).astype(np.uint8, copy=False)
    codes = np.zeros(len(above_left), np.int64)
    some = np.flatnonzero(crowded(areas))
    before, after = pixels[[0, 2, 0, 1]][:, some], pixels[[1, 3, 2, 3]][:, some]
    crossing = _crossings(field, canvas, before.ravel(), after.ravel())[0]
    codes[some] = corner_codes(areas[:, some], crossing.reshape(before.shape))
    return codes
