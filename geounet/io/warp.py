"""Warped: a source of another CRS or resolution, brought to a grid in chunks that are anchored to that grid."""

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import Resampling
from rasterio.warp import reproject

from geounet.block import Array
from geounet.errors import SceneError
from geounet.frame import Frame
from geounet.grid import Window, hull
from geounet.io.derived import Derived
from geounet.io.source import Decoded, Source, ends_of
from geounet.rule import SAME
from geounet.working import COARSEST

_CHUNK = 512  # pixels of a side
_SOURCE_SIDE = 2048  # pixels of the source that a chunk's side should not exceed by far
_STRIP = 64  # rows: about as far from its data a sheet that lies askew may change what is beside it
_LATTICE = 17  # points along a side that tell where it lies in another CRS
_ANCHOR = 4096  # parts of a pixel to which the place of the grid is rounded, so that its last digits do not matter


class Warped(Derived):
    """A source seen on the grid of a frame; see `geounet.io.source.Source`.

    Averaged where its pixels are finer by more than 10 %, else bilinear; valid where at least half of the pixel is.
    The value of a pixel depends on its place alone: GDAL's warper is given one chunk of the grid at a time, whatever
    part of it is asked for.

    Raises:
        SceneError: the source cannot be brought to the frame's CRS, or is far coarser than its grid.
    """

    def __init__(self, source: Source, grid: Frame):
        super().__init__(source)
        self._grid = grid
        footprint = _footprint(source, grid)
        self.place = _around(footprint)
        self.frame = grid.crop(self.place)
        self.extents = [strip.seen_from(self.place) for strip in _strips(footprint, self._first[0])]
        # source pixels to one of the grid, along a side; in digits that do not depend on how the CRS was computed
        self._ratio = round(math.sqrt(source.frame.window.area / footprint.area), 6)
        if self._ratio < 1 / COARSEST:
            raise SceneError(
                f"{source.paths[0]} has pixels more than {COARSEST:g} times coarser than those of the first sheet; "
                "name it first, so that they set the grid, or leave it out"
            )
        finer = 2 ** max(0, math.ceil(math.log2(self._ratio * _CHUNK / _SOURCE_SIDE)))
        self.block_shape = (max(16, _CHUNK // finer),) * 2

    @property
    def reference(self) -> Frame:
        return self.frame

    def decode(self, window: Window, shape: tuple[int, int] | None = None) -> Decoded:
        """Pixels of a window in the frame and where they are valid.

        Raises:
            SceneError: a part of the source that cannot be read.
        """
        placed = window.placed_at(self.place)
        if shape is not None:
            down, across = window.height / shape[0], window.width / shape[1]
            small = Frame(*shape, self._transform(placed) @ Affine.scale(across, down), self._grid.crs)
            return self._warped(small, step=max(1, math.floor(min(down, across) * self._ratio)))
        return self._joined(placed, self._chunks(placed), self._chunk)

    def forget(self, row: int) -> None:
        top = row - self.block_shape[0]  # the chunk that the row lies in may begin there
        if top <= 0:
            return
        below = Window(top, 0, self.frame.height - top, self.frame.width)
        needed = self._needed(self.frame.crop(below)) if below.height > 0 else None
        self._source.forget(self._source.frame.height if needed is None else needed.row)

    @property
    def _first(self) -> tuple[int, int]:
        """Row and column of the grid's first pixel, counted from the CRS's origin."""
        row, col = (math.floor(Fraction(round(v * _ANCHOR), _ANCHOR)) for v in self._grid.absolute_origin)
        return row, col

    def _chunks(self, window: Window) -> Iterator[Window]:
        """Chunks that a window of the grid touches; their edges are multiples of their side from the CRS's origin."""
        side, (first_row, first_col) = self.block_shape[0], self._first
        top, left = -((window.row + first_row) % side), -((window.col + first_col) % side)
        for row in range(window.row + top, window.row + window.height, side):
            for col in range(window.col + left, window.col + window.width, side):
                yield Window(row, col, side, side)

    def _chunk(self, chunk: Window) -> Decoded:
        return self._warped(Frame(*chunk.shape, self._transform(chunk), self._grid.crs))

    def _transform(self, window: Window) -> Affine:
        """Of a window of the grid, the same however the grid's own first pixel was written."""
        t, (row, col) = self._grid.transform, self._grid.absolute_origin
        axes = Affine(t.a, t.b, 0.0, t.d, t.e, 0.0)
        first = Affine.translation(
            round((col + window.col) * _ANCHOR) / _ANCHOR, round((row + window.row) * _ANCHOR) / _ANCHOR
        )
        placed: Affine = axes @ first
        return placed

    def _warped(self, onto: Frame, step: int | None = None) -> Decoded:
        """The source on a frame.

        Args:
            step: every which pixel of the source is looked at, for a small picture; None for all of them.
        """
        bands, values_dtype = len(self.bands.numbers), self.dtype
        window = self._needed(onto)
        if window is None:
            return np.zeros((bands, *onto.shape), dtype=values_dtype), np.zeros(onto.shape, dtype=bool)
        pixels, valid = _padded(self._source, window, step)
        exact = "float64" if values_dtype.itemsize > 2 and values_dtype.name != "float32" else "float32"
        # the last band is the share of a pixel that is valid; GDAL leaves NaN out of its averages
        stacked = np.concatenate([np.where(valid, pixels, np.nan), valid[None]]).astype(exact)
        target = np.zeros((bands + 1, *onto.shape), dtype=exact)
        reproject(
            stacked,
            target,
            src_transform=self._source.frame.crop(window).transform @ Affine.scale(step or 1),
            src_crs=self._source.frame.crs,
            dst_transform=onto.transform,
            dst_crs=onto.crs,
            src_nodata=math.nan,
            dst_nodata=math.nan,
            resampling=Resampling.average if self._ratio > 1 + SAME else Resampling.bilinear,
            tolerance=0,
            UNIFIED_SRC_NODATA="NO",  # else NaN counts where the last band is known, and one spoils an average
        )
        good = (target[-1] >= 0.5) & np.isfinite(target[:-1]).all(axis=0)
        values = np.where(good, target[:-1], 0)
        if values_dtype.kind != "f":
            values = np.rint(values).clip(*ends_of(values_dtype))
        return values.astype(values_dtype), good

    def _needed(self, onto: Frame) -> Window | None:
        """Pixels of the source around a frame; they may lie beyond its edge; None where the two do not meet."""
        frame = self._source.frame
        cols, rows = _in_pixels(onto, frame)
        if not (np.isfinite(cols).all() and np.isfinite(rows).all()):
            raise SceneError(
                f"{self.paths[0]} cannot be brought to the CRS of the first sheet; map it alone, or reproject it first"
            )
        margin = 2 + math.ceil(2 * self._ratio)
        top, left = math.floor(rows.min()) - margin, math.floor(cols.min()) - margin
        bottom, right = math.ceil(rows.max()) + margin, math.ceil(cols.max()) + margin
        window = Window(top, left, bottom - top, right - left)
        return window if window.within(frame.window).area else None


def _padded(source: Source, window: Window, every: int | None) -> Decoded:
    """Every so many pixels of a window (None: all) and where they are valid; nothing is beyond the source's edge."""
    step = every or 1
    shape = -(-window.height // step), -(-window.width // step)
    pixels: Array = np.zeros((len(source.bands.numbers), *shape), dtype="float64")
    valid = np.zeros(shape, dtype=bool)
    inside = window.within(source.frame.window)
    into = inside.seen_from(window)
    top, left = -(-into.row // step), -(-into.col // step)
    height, width = -(-(into.row + into.height) // step) - top, -(-(into.col + into.width) // step) - left
    if height > 0 and width > 0:
        values, known = source.decode(inside, None if every is None else (height, width))
        pixels[:, top : top + height, left : left + width] = values
        valid[top : top + height, left : left + width] = known
    return pixels, valid


def _footprint(source: Source, grid: Frame) -> shapely.Geometry:
    """The part of a grid that a source may fill, convex, in columns and rows."""
    cols, rows = _in_pixels(source.frame, grid)
    if not (np.isfinite(cols).all() and np.isfinite(rows).all()):
        raise SceneError(f"{source.paths[0]} cannot be brought to the CRS of the first sheet; map it alone")
    return shapely.convex_hull(shapely.multipoints(shapely.points(cols, rows)))


def _strips(footprint: shapely.Geometry, first_row: int) -> list[Window]:
    """The pixels that a footprint reaches, strip by strip of rows; strips of the same columns are one.

    Strips end on multiples of their height from the CRS's origin, which lies `first_row` rows above the grid.
    """
    place = _around(footprint)
    tops = np.arange(place.row - (place.row + first_row) % _STRIP, place.rows.stop, _STRIP)
    strips: list[Window] = []
    for top in tops.tolist():
        rows = shapely.box(place.col, top, place.cols.stop, top + _STRIP)
        strip = _around(shapely.intersection(footprint, rows))
        above = [strips.pop()] if strips and strips[-1].cols == strip.cols else []
        strips.append(hull([*above, strip]))
    return strips


def _around(part: shapely.Geometry) -> Window:
    """The pixels that a part of a grid reaches."""
    left, top, right, bottom = (round(v * _ANCHOR) / _ANCHOR for v in part.bounds)
    row, col = math.floor(top), math.floor(left)
    return Window(row, col, math.ceil(bottom) - row, math.ceil(right) - col)


def _in_pixels(frame: Frame, other: Frame) -> tuple[NDArray[np.float64], ...]:
    """Columns and rows in another frame of points spread over a frame."""
    across, down = np.meshgrid(np.linspace(0, frame.width, _LATTICE), np.linspace(0, frame.height, _LATTICE))
    xs, ys = _moved(frame.transform, across.ravel(), down.ravel())
    try:
        xs, ys = _transformer(frame.crs, other.crs).transform(xs, ys)
    except ProjError as error:
        raise SceneError(f"no way leads from one sheet's CRS to another's ({error}); reproject one of them") from error
    return _moved(~other.transform, np.asarray(xs), np.asarray(ys))


@cache
def _transformer(crs: str | None, other: str | None) -> Transformer:
    return Transformer.from_crs(crs, other, always_xy=True)


def _moved(by: Affine, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    return by.a * xs + by.b * ys + by.c, by.d * xs + by.e * ys + by.f
