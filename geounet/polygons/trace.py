"""Rasters to polygons, strip by strip: whatever the strips' heights, the polygons are those of the whole raster."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from geounet.block import Block
from geounet.footprints import Geometries
from geounet.legend import NODATA
from geounet.polygons.field import Field
from geounet.polygons.parts import Parts, Rings, closed, connected, merged, surrounded
from geounet.polygons.runs import Edges, Integers, Levels, padded, runs
from geounet.polygons.strands import Strand, strands
from geounet.polygons.threads import Flags, Threads, follow, link
from geounet.polygons.vertices import vertices

_STEP = 2 << 20  # pixels traced together; bounds memory, even where every pixel is an object of its own


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """Polygons and the parts they surround, in the order of their last rows, then of their first pixels.

    Coordinates are those of pixels: x = column, y = row, from the raster's corner; in these numbers exteriors are
    counter-clockwise.
    """

    polygons: Geometries
    parts: Parts


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """What goes on below: the last row done, the threads that leave it, and the parts they belong to.

    Args:
        values: of that row, (bands, width + 2), padded.
        edges: of its runs.
        ends: thread i comes up at left edge 2 i of the row and goes down again at its edge `ends[i]`.
        strands, thread_part: vertices of each thread, and the part that it bounds.
        rings: those of `parts` that are closed already.
    """

    row: int
    values: Levels
    edges: Edges
    ends: Integers
    strands: list[Strand]
    thread_part: Integers
    parts: Parts
    rings: Rings


def trace(strips: Iterable[Block], field: Field, *, least: int = 1, height: int | None = None) -> Iterator[Traced]:
    """Polygons around the connected pixels of each area of a field, released as soon as they are whole.

    Pixels are 4-connected. The outline runs between pixel centres, where the field says, and lies half a pixel outside
    the outermost centres beside nodata and at the raster's edge. There is a vertex wherever it passes between two
    pixels; of a field that lies half-way, only where it turns, begins and ends.

    Every polygon is valid; every ring begins at the first run edge it passes in the order of rows, the holes of a
    polygon come in the order of these edges.

    Args:
        strips: of the raster's full width, from its first row to its last without a gap, of any heights; values
            (bands, height, width) uint8, 255 = nodata in band 1.
        least: parts of fewer pixels are left out, before any geometry is made of them.
        height: of the raster, by which parts beside nodata in its last row are known to touch its edge.
    """
    last_line = None if height is None else height - 1
    above: _Open | None = None
    for strip in strips:
        rim = above is None
        if above is None:
            above = _nothing(strip.window.row - 1, len(strip.values), strip.window.width)
        assert strip.window.row == above.row + 1, (strip.window, above.row)
        step = max(1, _STEP // strip.window.width)
        for top in range(0, strip.window.height, step):
            traced, above = _advance(
                above, strip.values[:, top : top + step], field, least, rim=rim, last_line=last_line
            )
            rim = False
            yield traced
    if above is not None:
        bands, width = above.values.shape
        below = np.full((bands, 1, width - 2), NODATA, np.uint8)
        yield _advance(above, below, field, least, rim=True, last_line=last_line)[0]


def _nothing(row: int, bands: int, width: int) -> _Open:
    none = np.empty(0, np.int64)
    values = np.full((bands, width + 2), NODATA, np.uint8)
    return _Open(row, values, Edges.none(), none, [], none, Parts.none(), Rings.none())


def _advance(
    above: _Open, values: Levels, field: Field, least: int, *, rim: bool, last_line: int | None
) -> tuple[Traced, _Open]:
    """The polygons that end above the last row of `values`, and what goes on below it.

    Args:
        rim: whether the line above `values` is the raster's edge.
        last_line: the one above the raster's last row.
    """
    rows = range(above.row + 1, above.row + 1 + values.shape[1])
    width, entering = values.shape[2], len(above.edges)
    canvas = padded(above.values, values)
    inside, level_sums = runs(canvas, field.areas, field.weights, rows[0])
    edges = Edges.joined([above.edges, inside])
    key = edges.row * (width + 1) + edges.col
    links = link(edges, above.ends, width, rows)
    threads = follow(links)
    points, at_nodata, at_edge = vertices(links, threads, canvas, field, rim=rim, last_line=last_line)

    thread_part, part_above, count = connected(threads, above.thread_part, len(above.parts))
    edge_part = thread_part[threads.of]
    pieces = above.parts + Parts.of_runs(inside, key[entering::2], level_sums)
    parts = merged(pieces, np.append(part_above, edge_part[entering::2]), count)
    parts.nodata[edge_part[at_nodata]] = True
    parts.edge[edge_part[at_edge]] = True

    goes_on = np.zeros(count, bool)
    goes_on[thread_part[threads.is_open]] = True
    wanted = goes_on | (parts.pixels >= least)
    crossing = strands(threads, points, key, above.strands)
    held = Rings(above.rings.ring, above.rings.key, part_above[above.rings.part])
    rings = held + closed(threads, points, key, crossing, part=thread_part, wanted=wanted, turns_alone=field.halfway)

    open_parts, open_rings = _renumbered(np.flatnonzero(goes_on), parts, rings)
    number = np.cumsum(goes_on) - 1
    last = np.flatnonzero(edges.row == rows[-1])
    up, ends = _ends(threads, last)
    below = _Open(
        row=rows[-1],
        values=canvas[:, -1].copy(),
        edges=edges[last],
        ends=ends,
        strands=[crossing[thread] for thread in up.tolist()],
        thread_part=number[thread_part[up]],
        parts=open_parts,
        rings=open_rings,
    )
    return _released(wanted & ~goes_on, parts, rings), below


def _ends(threads: Threads, last: Integers) -> tuple[Integers, Integers]:
    """The thread that comes up at each left edge of the last row, and the edge of that row at which it goes down."""
    up, down = threads.of[last[::2]], threads.of[last[1::2]]
    goes_down_at = np.zeros(len(threads), np.int64)
    goes_down_at[down] = np.arange(1, len(last), 2)
    return up, goes_down_at[up]


def _released(whole: Flags, parts: Parts, rings: Rings) -> Traced:
    which = np.flatnonzero(whole)
    order = which[np.lexsort((parts.key[which], parts.last_row[which]))]
    parts, rings = _renumbered(order, parts, rings)
    return Traced(surrounded(parts, rings), parts)


def _renumbered(which: Integers, parts: Parts, rings: Rings) -> tuple[Parts, Rings]:
    """The parts `which`, in this order, and their rings."""
    number = np.full(len(parts), -1)
    number[which] = np.arange(len(which))
    of_these = rings[number[rings.part] >= 0]
    return parts[which], Rings(of_these.ring, of_these.key, number[of_these.part])
