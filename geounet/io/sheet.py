"""Sheet: one raster file as a source of pixels."""

import logging
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from geounet.block import Array
from geounet.errors import SceneError, UnreadableError
from geounet.files import identity, is_remote
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.bands import Bands, choose_bands
from geounet.io.gdal import Handles, reason
from geounet.io.source import Decoded, Nodata, Reading, Stretch, blocks_of, pieces, touched

log = logging.getLogger(__name__)

DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_UNREAD = (RasterioError, OSError, ValueError)  # what rasterio raises where a file cannot be read
_PIECE = 4 << 20  # pixels that are read at once for a small picture


class OneFile:
    """What every source knows that is a single file; nothing of it is kept."""

    path: str
    frame: Frame
    stored_dtype: np.dtype[np.generic]
    _stretch: Stretch | None

    @property
    def reference(self) -> Frame:
        return self.frame

    @property
    def extents(self) -> list[Window]:
        return [self.frame.window]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self._stretch.dtype) if self._stretch else self.stored_dtype

    @property
    def paths(self) -> list[str]:
        return [self.path]

    def forget(self, row: int) -> None:
        """Nothing is kept."""


class Sheet(OneFile):
    """A raster file; see `geounet.io.source.Source`.

    Raises:
        SceneError: no raster, or a dtype or bands that cannot be used.
    """

    def __init__(self, path: str, handles: Handles, reading: Reading):
        dataset = handles.of(path)
        self.bands = choose_bands(dataset.colorinterp, path, reading.bands, reading.colours)
        dtypes = {dataset.dtypes[number - 1] for number in self.bands.numbers}
        if len(dtypes) > 1 or not dtypes <= set(DTYPES):
            raise SceneError(f"{path} has bands of type {', '.join(sorted(dtypes))}; give one type of {DTYPES}")
        lost = [file for file in dataset.files if not (is_remote(file) or Path(file).exists())]
        if lost:
            raise SceneError(f"{path} is made of {lost[0]}, which is not there; put it there, or make the raster again")
        flags = dataset.mask_flag_enums[self.bands.numbers[0] - 1]
        self.path = path
        self.frame = frame_of(dataset)
        self.block_shape: tuple[int, int] = dataset.block_shapes[0]
        self.decoded = 0
        self.stored_dtype = np.dtype(dtypes.pop())
        self._masked = MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags
        self._nodata = _declared_nodata(dataset, self.bands, reading.nodata)
        self._stretch, self._unreadable = reading.stretch, reading.unreadable
        self._handles = handles

    @property
    def identity(self) -> list[dict[str, object]]:
        """What tells this sheet from another: name, place, bands, date, and size and time of the file on disk."""
        dataset = self._handles.of(self.path)
        others = [file for file in dataset.files if file != self.path]  # of a VRT, its sources
        about = {
            "files": [identity(file) for file in others],
            "shape": list(dataset.shape),
            "transform": list(dataset.transform)[:6],
            "crs": self.frame.crs,
            "bands": list(self.bands.numbers),
            "date": _date(dataset),
        }
        return [identity(self.path) | about]

    def decode(self, window: Window, shape: tuple[int, int] | None = None) -> Decoded:
        """Pixels of the file and where they are valid, from one decoding.

        Raises:
            UnreadableError: a part of the file that cannot be read.
        """
        decoded = self._whole(window) if shape is None else self._small(window, shape)
        self.decoded += touched(window, self.block_shape).within(self.frame.window).area
        return decoded

    def _whole(self, window: Window) -> Decoded:
        try:
            return self._decoded(window, window.shape)
        except _UNREAD as error:
            self._handles.drop(self.path)
            if self._unreadable is None:
                where = self._first_unreadable(window)
                raise UnreadableError(
                    f"{self.path} cannot be read at row {where.row}, column {where.col} ({reason(error)}); "
                    "the file may be truncated: copy it again"
                ) from error
            return self._pieced(window, window.shape, 1)

    def _first_unreadable(self, window: Window) -> Window:
        """The first block of a window that cannot be read; all of the window where each block can for itself."""
        for block in blocks_of(window, self.block_shape):
            inside = block.within(window)
            try:
                self._decoded(inside, inside.shape)
            except _UNREAD:
                self._handles.drop(self.path)
                return inside
        return window

    def _small(self, window: Window, shape: tuple[int, int]) -> Decoded:
        """A small picture of a window; what cannot be read is missing in it."""
        step = min(window.height / shape[0], window.width / shape[1])
        if self._has_overviews(step):
            try:
                return self._decoded(window, shape)
            except _UNREAD:
                self._handles.drop(self.path)
        # GDAL would go through the rows of the picture, and decode a row of blocks again for each of them
        return self._pieced(window, shape, _PIECE if step <= min(self.block_shape) else 1)

    def _has_overviews(self, step: float) -> bool:
        """Whether GDAL has a shorter way to every `step`-th pixel."""
        dataset = self._handles.of(self.path)
        return dataset.driver == "VRT" or any(factor <= step for factor in dataset.overviews(self.bands.numbers[0]))

    def _decoded(self, window: Window, shape: tuple[int, int]) -> Decoded:
        asked = RasterioWindow(window.col, window.row, window.width, window.height)
        numbers = [*self.bands.numbers, *([self.bands.alpha] if self.bands.alpha else [])]
        dataset = self._handles.of(self.path)
        nearest = {"window": asked, "resampling": Resampling.nearest}
        values = dataset.read(numbers, out_shape=(len(numbers), *shape), **nearest)
        valid = np.ones(shape, dtype=bool)
        if self._masked:
            valid = dataset.read_masks(numbers[0], out_shape=shape, **nearest) > 0
        pixels: Array = values[: len(self.bands.numbers)]
        if self.bands.alpha:
            valid &= values[-1] > 0
        if self._nodata is not None:
            valid &= ~np.all(pixels == self._nodata[:, None, None], axis=0)
        if self.stored_dtype.kind == "f":
            valid &= np.isfinite(pixels).all(axis=0)
        return (self._stretch.applied(pixels) if self._stretch else pixels), valid

    def _pieced(self, window: Window, shape: tuple[int, int], largest: int) -> Decoded:
        """Pixels spread over a window, read in pieces of whole blocks; what cannot be read is told and not valid."""
        pixels: Array = np.zeros((len(self.bands.numbers), *shape), dtype=self.dtype)
        valid = np.zeros(shape, dtype=bool)
        rows, cols = (sampled(length, count) for length, count in zip(window.shape, shape, strict=True))
        for piece in pieces(window, self.block_shape, largest):
            into_rows, from_rows = _among(rows + window.row, piece.rows)
            into_cols, from_cols = _among(cols + window.col, piece.cols)
            if len(into_rows) and len(into_cols):
                values, known = self._known(piece)
                pixels[:, into_rows[:, None], into_cols] = values[:, from_rows[:, None], from_cols]
                valid[into_rows[:, None], into_cols] = known[from_rows[:, None], from_cols]
        return pixels, valid

    def _known(self, piece: Window) -> Decoded:
        """What can be read of a piece."""
        try:
            return self._decoded(piece, piece.shape)
        except _UNREAD:
            self._handles.drop(self.path)
        block = touched(piece, self.block_shape)
        if block.shape != self.block_shape:
            return self._pieced(piece, piece.shape, 1)
        if self._unreadable is not None:
            self._unreadable(self.path, block.within(self.frame.window))
        return np.zeros((len(self.bands.numbers), *piece.shape), dtype=self.dtype), np.zeros(piece.shape, dtype=bool)


def _date(dataset: rasterio.DatasetReader) -> str | None:
    """When the picture was taken, as far as the file says so, in ISO 8601."""
    tags = dataset.tags() | dataset.tags(ns="IMAGERY")
    text = tags.get("ACQUISITIONDATETIME") or tags.get("TIFFTAG_DATETIME") or ""
    found = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)(?:[T ](\d\d:\d\d:\d\d))?", text)
    if found is None:
        return None
    year, month, day, time = found.groups()
    date = f"{year}-{month}-{day}" + (f"T{time}" if time else "")
    try:
        datetime.fromisoformat(date)
    except ValueError:  # of a clock that was never set
        return None
    return date


def frame_of(dataset: rasterio.DatasetReader) -> Frame:
    """Where the file lies; without a georeference, pixels with y negative downward, as QGIS shows them."""
    transform, crs = dataset.transform, dataset.crs
    if transform.is_identity:
        if dataset.gcps[0]:
            log.warning("%s has ground control points but no transform: warp it first (gdalwarp)", dataset.name)
        return Frame(dataset.height, dataset.width, Affine.scale(1, -1), None)
    if transform.is_degenerate:
        raise SceneError(f"{dataset.name} has a transform without area; georeference it again")
    return Frame(dataset.height, dataset.width, transform, crs.to_wkt() if crs else None)


def _declared_nodata(dataset: rasterio.DatasetReader, bands: Bands, nodata: Nodata) -> NDArray[np.float64] | None:
    """One value a band, or None where no value stands for missing pixels."""
    if nodata == "none":
        return None
    declared = [dataset.nodatavals[number - 1] if nodata == "auto" else nodata for number in bands.numbers]
    if any(value is None for value in declared):
        return None
    # a float32 scene holds what -9999.9 is rounded to
    is_float32 = dataset.dtypes[bands.numbers[0] - 1] == "float32"
    return np.array(declared, dtype="float32" if is_float32 else "float64").astype("float64")


def sampled(length: int, count: int) -> NDArray[np.int64]:
    """The pixels of an axis that a picture of `count` pixels shows."""
    return ((np.arange(count) + 0.5) * length / count).astype("int64")


def _among(positions: NDArray[np.int64], wanted: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the positions lie in a run, and where in it."""
    found = np.flatnonzero((positions >= wanted.start) & (positions < wanted.stop))
    return found, positions[found] - wanted.start
