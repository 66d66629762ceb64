"""Mosaic: many sheets as one surface."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geounet.block import Array
from geounet.errors import SceneError
from geounet.frame import Frame, same_crs
from geounet.grid import Window, hull
from geounet.io.bands import Bands
from geounet.io.source import Decoded, Source
from geounet.io.warp import Warped

log = logging.getLogger(__name__)

_WIDE, _EMPTY = 1 << 30, 0.001  # pixels of a mosaic, and the share of them below which a sheet must be misplaced
_APART = 0.01  # pixels by which sheets of one grid may miss it


@dataclass(frozen=True, slots=True)
class _Placed:
    """A sheet, and the pixels that it fills in the mosaic's frame."""

    source: Source
    place: Window


class Mosaic:
    """Sheets on the grid of the first one; see `geounet.io.source.Source`.

    A pixel comes from the first sheet that has data there. Sheets of another CRS or resolution are warped.

    Raises:
        SceneError: sheets that cannot be laid side by side.
    """

    def __init__(self, sheets: Sequence[Source]):
        first = sheets[0]
        for sheet in sheets[1:]:
            _check_alike(sheet, first)
        placed = [_placed(sheet, first.frame) for sheet in sheets]
        whole = hull([p.place for p in placed])
        _check_together(placed, whole)
        resampled = [p.source.paths[0] for p in placed if isinstance(p.source, Warped)]
        if resampled:
            log.info("resampled to the grid of the first sheet: %d of %d sheets (%s%s)", len(resampled), len(sheets),
                     resampled[0], ", ..." if len(resampled) > 1 else "")  # fmt: skip
        self._sheets = [_Placed(p.source, p.place.seen_from(whole)) for p in placed]
        self.frame = first.frame.crop(whole)
        self.reference = first.frame

    @property
    def extents(self) -> list[Window]:
        return [extent.placed_at(sheet.place) for sheet in self._sheets for extent in sheet.source.extents]

    @property
    def bands(self) -> Bands:
        return self._sheets[0].source.bands

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self._sheets[0].source.dtype

    @property
    def stored_dtype(self) -> np.dtype[np.generic]:
        return self._sheets[0].source.stored_dtype

    @property
    def block_shape(self) -> tuple[int, int]:
        return self._sheets[0].source.block_shape

    @property
    def decoded(self) -> int:
        return sum(sheet.source.decoded for sheet in self._sheets)

    @property
    def paths(self) -> list[str]:
        return [path for sheet in self._sheets for path in sheet.source.paths]

    @property
    def identity(self) -> list[dict[str, object]]:
        return [one for sheet in self._sheets for one in sheet.source.identity]

    def decode(self, window: Window, shape: tuple[int, int] | None = None) -> Decoded:
        """Pixels of a window in the frame and where they are valid.

        Raises:
            SceneError: a part of a sheet that cannot be read.
        """
        height, width = shape or window.shape
        down, across = height / window.height, width / window.width
        pixels: Array = np.zeros((len(self.bands.numbers), height, width), dtype=self.dtype)
        valid = np.zeros((height, width), dtype=bool)
        for sheet in self._sheets:
            inside = sheet.place.within(window)
            into = _scaled(inside.seen_from(window), down, across)
            there = valid[into.rows, into.cols]
            if there.all():  # also where the sheet does not meet the window
                continue
            part = inside.seen_from(sheet.place)
            values, known = sheet.source.decode(part, None if shape is None else into.shape)
            if into.shape == valid.shape and not there.any():
                pixels, valid = values, known
                continue
            new = known & ~there
            np.copyto(pixels[:, into.rows, into.cols], values, where=new)
            there |= new
        return pixels, valid

    def forget(self, row: int) -> None:
        for sheet in self._sheets:
            sheet.source.forget(row - sheet.place.row)


def _scaled(window: Window, down: float, across: float) -> Window:
    """The window in a picture that many times smaller."""
    row, col = round(window.row * down), round(window.col * across)
    bottom, right = round((window.row + window.height) * down), round((window.col + window.width) * across)
    return Window(row, col, bottom - row, right - col)


def _check_alike(sheet: Source, first: Source) -> None:
    name, other = sheet.paths[0], first.paths[0]
    if sheet.stored_dtype != first.stored_dtype:
        raise SceneError(f"{name} has {sheet.stored_dtype} pixels, {other} {first.stored_dtype}; convert one of them")
    if len(sheet.bands.numbers) != len(first.bands.numbers):
        count, wanted = len(sheet.bands.numbers), len(first.bands.numbers)
        raise SceneError(f"{name} has {count} bands, {other} {wanted}; pick them with --bands")
    if (sheet.frame.crs is None) != (first.frame.crs is None):
        raise SceneError(f"of {name} and {other} one has no CRS; assign it, or map them apart")
    if not (_has_place(sheet.frame) and _has_place(first.frame)):
        lost = name if not _has_place(sheet.frame) else other
        raise SceneError(f"{lost} has no georeference that would place it beside others; map it alone")


def _check_together(placed: Sequence[_Placed], whole: Window) -> None:
    """Nothing, or a SceneError where next to nothing of the ground between the sheets is covered."""
    share = sum(p.place.area for p in placed) / whole.area
    if whole.area < _WIDE or share > _EMPTY:
        return
    rows, cols = (np.array([getattr(p.place, name) for p in placed]) for name in ("row", "col"))
    apart = np.maximum(abs(rows - np.median(rows)), abs(cols - np.median(cols)))
    farthest = placed[int(apart.argmax())].source.paths[0]
    raise SceneError(
        f"the sheets cover {share:.2%} of the ground between them, {farthest} lies farthest from the others; "
        "if it is where it should be, map it apart"
    )


def _has_place(frame: Frame) -> bool:
    return frame.crs is not None or abs(frame.transform.c) + abs(frame.transform.f) > 0


def _placed(sheet: Source, grid: Frame) -> _Placed:
    """A sheet and its pixels counted from the first one of `grid`; warped where it lies on another grid."""
    if same_crs(sheet.frame.crs, grid.crs):
        corners = [(0, 0), (sheet.frame.width, 0), (0, sheet.frame.height)]
        found = [~grid.transform @ (sheet.frame.transform @ corner) for corner in corners]
        col, row = round(found[0][0]), round(found[0][1])
        misses = [abs(at - start - first) for place, corner in zip(found, corners, strict=True)
                  for at, start, first in zip(place, corner, (col, row), strict=True)]  # fmt: skip
        if max(misses) <= _APART:
            return _Placed(sheet, Window(row, col, *sheet.frame.shape))
    if grid.crs is None:
        raise SceneError(f"{sheet.paths[0]} lies on another pixel grid than the first sheet; give both a CRS")
    warped = Warped(sheet, grid)
    return _Placed(warped, warped.place)
