"""Outlines around several buildings that touch come apart along the contact between them."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from geounet.block import Block
from geounet.footprints import Flag, Footprints, Geometries
from geounet.grid import Window
from geounet.legend import NODATA
from geounet.polygons.flood import Labels, flooded, inside
from geounet.rule import LEVELS, in_contact

Read = Callable[[Window], Block]

_LARGEST = 8 << 20  # pixels of a window; areas that reach farther are no cluster of houses, and would take the memory
_TILE = 512  # pixels of the side of what is searched for contact at once, as finished rasters are stored
_TILES = 4096  # kept
_CELL = 8  # pixels; contact is known to lie in a cell


def separator(read: Read, raster: Window, *, k: int, least: float) -> Callable[[Footprints], Footprints]:
    """What takes outlines apart, each by what the raster holds in its own window: strips have no part in it.

    An outline without contact, or with contact that divides nothing, is returned as it is. The buildings of another
    one come one after the other in its place, share the vertices of the lines between them, and cover it exactly.
    Each has a confidence and flags of its own. Areas in a window of more than 8 Mpx stay whole and are flagged LARGE.

    Args:
        read: levels of the building and of contact, (2, height, width) uint8, of any window of the raster.
        raster: its window.
        k: a pixel belongs to a building where its level is k or more, as in tracing.
        least: pixels of the smallest building.
    """
    contact = _contact_finder(read, raster, k)

    def separate(traced: Footprints) -> Footprints:
        """Footprints in pixel coordinates as `trace` made them, one after the other of those that came apart."""
        flags, apart, pieces = traced.flags.copy(), [], []
        wide = _large_enough(traced.geometry, 2 * least)
        for index in wide[contact(traced.geometry[wide])].tolist():
            window = _window_of(traced.geometry[index], raster)
            if window.area > _LARGEST:
                flags[index] |= Flag.LARGE
                continue
            found = _pieces(traced[index : index + 1], read(window), raster, k, least)
            if len(found) > 1:
                apart.append(index)
                pieces.append(found)
        marked = replace(traced, flags=flags)
        if not apart:
            return marked
        whole = np.setdiff1d(np.arange(len(traced)), apart)
        place = np.concatenate([whole, np.repeat(apart, [len(found) for found in pieces])])
        return Footprints.joined([marked[whole], *pieces])[np.argsort(place, kind="stable")]

    return separate


def _contact_finder(read: Read, raster: Window, k: int) -> Callable[[Geometries], NDArray[np.int64]]:
    """What tells which polygons have contact inside, or close to their outline; each tile is read once."""

    @lru_cache(maxsize=_TILES)
    def cells(row: int, col: int) -> Geometries:
        """Squares of the tile that hold contact."""
        window = Window(row * _TILE, col * _TILE, _TILE, _TILE).within(raster)
        level, contact = read(window).values
        rows, cols = np.nonzero(inside(level, k) & in_contact(level, contact))
        corner = np.unique(np.stack([rows // _CELL, cols // _CELL]), axis=1) * _CELL
        top, left = corner[0] + window.row, corner[1] + window.col
        boxes: Geometries = shapely.box(left, top, left + _CELL, top + _CELL)
        return boxes

    def touched(polygons: Geometries) -> NDArray[np.int64]:
        ranges = np.unique(shapely.bounds(polygons).astype(np.int64) // _TILE, axis=0)
        tiles = {
            (row, col)
            for left, top, right, bottom in ranges.tolist()
            for row in range(top, min(bottom, (raster.height - 1) // _TILE) + 1)
            for col in range(left, min(right, (raster.width - 1) // _TILE) + 1)
        }
        found = [np.empty(0, object), *(cells(*tile) for tile in sorted(tiles))]
        hits = shapely.STRtree(polygons).query(np.concatenate(found), predicate="intersects")[1]
        return np.unique(hits).astype(np.int64)

    return touched


def _large_enough(polygons: Geometries, pixels: float) -> NDArray[np.int64]:
    """Those that may hold so many pixels, by their bounds: specks are many, and cost nothing."""
    left, top, right, bottom = shapely.bounds(polygons).T
    return np.flatnonzero((right - left + 1) * (bottom - top + 1) >= pixels)


def _window_of(polygon: shapely.Polygon, raster: Window) -> Window:
    """Pixels that a polygon meets, and one more to each side where the raster has it."""
    left, top, right, bottom = polygon.bounds
    row, col = int(top) - 1, int(left) - 1
    return Window(row, col, int(bottom) + 2 - row, int(right) + 2 - col).within(raster)


def _pieces(one: Footprints, block: Block, raster: Window, k: int, least: float) -> Footprints:
    """The buildings in one outline; the outline itself where it is one building."""
    level, contact = block.values
    areas, _ = label(inside(level, k))
    x, y = shapely.get_coordinates(one.geometry[0])[0]
    first = int(y) - block.window.row, int(x + 0.5) - block.window.col  # a ring begins left of its area's first pixel
    labels, count = flooded(level, contact, areas == areas[first], least)
    if count < 2:
        return one
    pixels = np.bincount(labels.ravel(), minlength=count + 1)
    levels = np.bincount(labels.ravel(), level.ravel(), minlength=count + 1)
    return Footprints(
        _cut(one.geometry[0], labels, block.window),
        np.repeat(one.class_id, count),
        (levels[1:] / (LEVELS * pixels[1:])).astype(np.float32),
        _flags(int(one.flags[0]), labels, level == NODATA, block.window, raster),
    )


def _flags(whole: int, labels: Labels, missing: NDArray[np.bool_], window: Window, raster: Window) -> NDArray[np.uint8]:
    """Flags of each piece: of nodata and edges only what the piece itself touches."""
    beside_nodata = binary_dilation(missing)
    rim = _rim(window, raster)
    at_edge = rim | binary_dilation(rim & missing)  # what has no data there is the edge, too
    flags = np.full(labels.max() + 1, whole & ~(Flag.NODATA | Flag.EDGE), np.uint8)
    for flag, touching in ((Flag.NODATA, beside_nodata), (Flag.EDGE, at_edge)):
        if whole & flag:
            flags[np.unique(labels[touching])] |= np.uint8(flag)
    return flags[1:]


def _rim(window: Window, raster: Window) -> NDArray[np.bool_]:
    """The raster's outermost pixels in a window."""
    outermost = np.ones(window.shape, bool)
    inner = Window(1, 1, raster.height - 2, raster.width - 2).within(window).seen_from(window)
    outermost[inner.rows, inner.cols] = False
    return outermost


def _cut(polygon: shapely.Polygon, labels: Labels, window: Window) -> Geometries:
    """The polygon along the lines between labels, in their order.

    Each piece holds the centres of its label's pixels, all of them; the outline's own vertices stay where they are.
    """
    segments = _segments(np.pad(labels, 1)) + np.tile((window.col - 1.0, window.row - 1.0), 2)
    lines = shapely.linestrings(segments.reshape(-1, 2, 2))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(np.append(lines, shapely.boundary(polygon)))]))
    _, first = np.unique(labels, return_index=True)
    rows, cols = np.divmod(first[-labels.max() :], labels.shape[1])
    centres = shapely.points(cols + window.col + 0.5, rows + window.row + 0.5)
    which = shapely.STRtree(faces).query(centres, predicate="within")[1]
    assert len(which) == labels.max()
    pieces: Geometries = shapely.orient_polygons(faces[which])
    return pieces


def _segments(labels: Labels) -> NDArray[np.float64]:
    """(n, 4) pixel edges between labels, prolonged beyond the outline, which passes between centres: x, y, x, y.

    Where edges end at the corner of pixels outside, a line leads on to the middle of these pixels' centres: the one
    outside, or half-way between two side by side. There it is outside of the outline for certain.
    """
    beside, above = labels[:, :-1] * labels[:, 1:] > 0, labels[:-1] * labels[1:] > 0
    rows, cols = np.nonzero(beside & (labels[:, :-1] != labels[:, 1:]))
    upright = np.stack([cols + 1, rows, cols + 1, rows + 1], axis=1)
    rows, cols = np.nonzero(above & (labels[:-1] != labels[1:]))
    level = np.stack([cols, rows + 1, cols + 1, rows + 1], axis=1)
    return np.concatenate([upright, level, _prolonged(labels)])


def _prolonged(labels: Labels) -> NDArray[np.float64]:
    """(n, 4) from the corners of pixels at which lines between labels end to a place outside: x, y, x, y."""
    corners = np.stack([labels[:-1, :-1], labels[:-1, 1:], labels[1:, :-1], labels[1:, 1:]])
    outside = corners == 0
    differ = np.ptp(np.where(outside, corners.max(0), corners), axis=0) > 0
    rows, cols = np.nonzero(differ & outside.any(0))
    out = outside[:, rows, cols].astype(np.float64)
    x, y = (offset @ out / out.sum(0) for offset in ((-0.5, 0.5, -0.5, 0.5), (-0.5, -0.5, 0.5, 0.5)))
    corner, way = np.stack([cols + 1, rows + 1], axis=1), np.stack([x, y], axis=1)
    return np.concatenate([corner, corner + way], axis=1)[way.any(axis=1)]  # no way between two that lie crosswise
