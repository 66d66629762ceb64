"""Scene: a raster open for reading on its working grid."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from geounet.block import Array, Block
from geounet.errors import SceneError
from geounet.files import identity
from geounet.frame import Frame, WorkingGrid, working_grid
from geounet.grid import Window, hull
from geounet.io.gdal import gdal, opened, reason
from geounet.io.resample import resampled, support

log = logging.getLogger(__name__)

Nodata = float | Literal["auto", "none"]
DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_CHUNK = 4 << 20  # pixels of one read while resampling


@dataclass(frozen=True, slots=True)
class Bands:
    """The bands a scene is read with: GDAL's numbers (from 1) and colours; and the alpha band, which is never one."""

    numbers: tuple[int, ...]
    colours: tuple[str, ...]
    alpha: int | None


class Scene:
    """An open scene. `frame` is its working grid; `native` the file's own.

    Attributes:
        path: as the user gave it.
        bands: what is read.
        dtype: of the pixels.
        decoded: pixels of the file read so far, in whole blocks of the file as far as they lie in it.
    """

    def __init__(self, dataset: rasterio.DatasetReader, path: str, bands: Bands, nodata: Nodata, grid: WorkingGrid):
        self._dataset = dataset
        self._grid = grid
        self._nodata = _declared_nodata(dataset, bands, nodata)
        flags = dataset.mask_flag_enums[bands.numbers[0] - 1]
        self._masked = MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags
        self.path = path
        self.bands = bands
        self.dtype = np.dtype(dataset.dtypes[bands.numbers[0] - 1])
        self.decoded = 0

    @property
    def frame(self) -> Frame:
        return self._grid.frame

    @property
    def native(self) -> Frame:
        return frame_of(self._dataset)

    @property
    def is_resampled(self) -> bool:
        return self._grid.rows is not None

    @property
    def identity(self) -> dict[str, object]:
        """What tells this scene from another: name, shape, transform, CRS, and size and time of the file on disk."""
        others = [file for file in self._dataset.files if file != self.path]  # of a VRT, its sources
        return identity(self.path) | {
            "files": [identity(file) for file in others],
            "shape": list(self._dataset.shape),
            "transform": list(self._dataset.transform)[:6],
            "crs": self.native.crs,
        }

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of the working grid that one block of the file covers, rounded up."""
        height, width = self._dataset.block_shapes[0]
        rows, cols = self._grid.rows, self._grid.cols
        return height if rows is None else -(-height // rows.ratio), width if cols is None else -(-width // cols.ratio)

    def read(self, window: Window) -> tuple[Block, Block]:
        """Pixels (bands, height, width) and where they are valid (1, height, width), from one decoding.

        Outside the scene both are mirrored at its edge, as often as it takes. Invalid pixels hold anything.

        Raises:
            SceneError: a part of the file that cannot be read.
        """
        rows = _mirrored(window.row, window.height, self.frame.height)
        cols = _mirrored(window.col, window.width, self.frame.width)
        inside = hull([Window(int(rows.min()), int(cols.min()), 1, 1), Window(int(rows.max()), int(cols.max()), 1, 1)])
        pixels, valid = self._inside(inside)
        if inside != window:
            rows, cols = rows - inside.row, cols - inside.col
            pixels, valid = _taken(pixels, rows, cols), _taken(valid[None], rows, cols)[0]
        return Block(window, pixels), Block(window, valid[None])

    def thumbnail(self, largest: int) -> tuple[Array, NDArray[np.bool_]]:
        """A small picture (bands, h, w) of the whole file and where it is valid; sides of at most `largest` pixels."""
        factor = max(1.0, max(self._dataset.shape) / largest)
        shape = tuple(max(1, round(side / factor)) for side in self._dataset.shape)
        return self._decode(Window(0, 0, *self._dataset.shape), shape)

    def _inside(self, window: Window) -> tuple[Array, NDArray[np.bool_]]:
        rows, cols = self._grid.rows, self._grid.cols
        if rows is None or cols is None:
            return self._decode(window)
        down = support(rows, window.row, window.height, self._dataset.height)
        across = support(cols, window.col, window.width, self._dataset.width)
        chunks = self._chunks(Window(down.first, across.first, down.count, across.count))
        return resampled(chunks, down, across, self.dtype)

    def _chunks(self, window: Window) -> Iterator[tuple[int, int, Array, NDArray[np.bool_]]]:
        """The file's pixels of a window, in pieces whose edges lie on whole blocks of the file."""
        block_height, block_width = self._dataset.block_shapes[0]
        width = -(-2048 // block_width) * block_width
        height = max(1, _CHUNK // width // block_height) * block_height
        for row in range(window.row // height * height, window.row + window.height, height):
            for col in range(window.col // width * width, window.col + window.width, width):
                chunk = Window(row, col, height, width).within(window)
                yield chunk.row, chunk.col, *self._decode(chunk)

    def _decode(self, window: Window, shape: tuple[int, ...] | None = None) -> tuple[Array, NDArray[np.bool_]]:
        """Pixels (bands, h, w) of the file and where they are valid (h, w)."""
        asked = RasterioWindow(window.col, window.row, window.width, window.height)
        numbers = [*self.bands.numbers, *([self.bands.alpha] if self.bands.alpha else [])]
        size = shape or window.shape
        try:
            values = self._dataset.read(
                numbers, window=asked, out_shape=(len(numbers), *size), resampling=Resampling.nearest
            )
            mask = (
                self._dataset.read_masks(numbers[0], window=asked, out_shape=size) > 0
                if self._masked
                else np.ones(size, dtype=bool)
            )
        except (RasterioError, OSError, ValueError) as error:
            raise SceneError(
                f"{self.path} cannot be read at row {window.row}, column {window.col} ({reason(error)}); "
                "the file may be truncated: copy it again"
            ) from error
        self._count(window)
        pixels = values[: len(self.bands.numbers)]
        if self.bands.alpha:
            mask &= values[-1] > 0
        if self._nodata is not None:
            mask &= ~np.all(pixels == self._nodata[:, None, None], axis=0)
        if self.dtype.kind == "f":
            mask &= np.isfinite(pixels).all(axis=0)
        return pixels, mask

    def _count(self, window: Window) -> None:
        height, width = self._dataset.block_shapes[0]
        top, left = window.row // height * height, window.col // width * width
        bottom = -(-(window.row + window.height) // height) * height
        right = -(-(window.col + window.width) // width) * width
        whole = Window(0, 0, *self._dataset.shape)
        self.decoded += Window(top, left, bottom - top, right - left).within(whole).area


@contextmanager
def open_scene(
    path: str | Path,
    *,
    bands: Sequence[int] | Literal["auto"] = "auto",
    colours: Sequence[str] | None = None,
    nodata: Nodata = "auto",
    resolution: float | None = None,
) -> Iterator[Scene]:
    """A scene open for reading, on the working grid of `resolution` metres a pixel (None: its own).

    Args:
        bands: numbers from 1, in the order the network sees them; auto takes all but alpha, or, where `colours` are
            given, the bands of those colours.
        colours: of the bands wanted, in GDAL's words; a scene that cannot give them is refused.
        nodata: auto is what the file declares; none lets every value count; or a value.

    Raises:
        SceneError: no raster, a dtype or band that cannot be used, pixels far coarser than wanted.
    """
    with gdal(), opened(path, SceneError, "scene", sidecars=True) as dataset:
        chosen = _choose_bands(dataset, str(path), bands, colours)
        dtypes = {dataset.dtypes[number - 1] for number in chosen.numbers}
        if len(dtypes) > 1 or not dtypes <= set(DTYPES):
            raise SceneError(f"{path} has bands of type {', '.join(sorted(dtypes))}; give one type of {DTYPES}")
        yield Scene(dataset, str(path), chosen, nodata, working_grid(frame_of(dataset), resolution))


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


def _choose_bands(
    dataset: rasterio.DatasetReader, path: str, bands: Sequence[int] | str, colours: Sequence[str] | None
) -> Bands:
    names = [interpretation.name for interpretation in dataset.colorinterp]
    alphas = [i for i, colour in enumerate(dataset.colorinterp, 1) if colour == ColorInterp.alpha]
    usable = [i for i in range(1, dataset.count + 1) if i not in alphas]
    if not usable:
        raise SceneError(f"{path} has no band with pixels; give a raster with at least one band")
    numbers = usable if bands == "auto" else [int(band) for band in bands]
    wrong = [number for number in numbers if number not in usable]
    if wrong or not numbers:
        raise SceneError(f"{path} has no band {wrong}; it has {usable} (alpha is never one)")
    if colours is not None:
        numbers = _bands_of_colours(path, names, usable, numbers if bands != "auto" else None, colours)
    return Bands(tuple(numbers), tuple(names[i - 1] for i in numbers), alphas[0] if alphas else None)


def _bands_of_colours(
    path: str, names: Sequence[str], usable: Sequence[int], asked: Sequence[int] | None, colours: Sequence[str]
) -> list[int]:
    """Numbers of the bands that bear `colours`; those asked for by number are believed."""
    if asked is not None:
        if len(asked) != len(colours):
            raise SceneError(f"{path}: {len(asked)} bands asked for, {len(colours)} wanted ({', '.join(colours)})")
        return list(asked)
    found = [names[i - 1] for i in usable]
    if found == list(colours):
        return list(usable)
    if len(set(colours)) == len(colours) and set(colours) <= set(found):
        log.info("%s: bands %s are used, of %s", path, ", ".join(colours), ", ".join(found))
        return [usable[found.index(colour)] for colour in colours]
    plain = {"undefined", "gray"}
    if len(found) == len(colours) and (set(found) <= plain or set(colours) <= plain):
        log.info("%s: bands %s are taken for %s", path, ", ".join(found), ", ".join(colours))
        return list(usable)
    raise SceneError(
        f"{path} has {len(found)} band(s) ({', '.join(found)}), wanted are {len(colours)} ({', '.join(colours)}); "
        "pick them with --bands"
    )


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


def _mirrored(start: int, count: int, length: int) -> NDArray[np.int64]:
    """Pixels of an axis for an interval that may leave it, mirrored at its edges with the edge pixel repeated.

    >>> _mirrored(-3, 8, 4).tolist()
    [2, 1, 0, 0, 1, 2, 3, 3]
    """
    index = np.arange(start, start + count) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def _taken(values: Array, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Array:
    """Those rows and columns of `values` (bands, h, w), which `_mirrored` chose."""
    taken = np.empty((len(values), len(rows), len(cols)), values.dtype)
    for to_row, from_row in _runs(rows):
        for to_col, from_col in _runs(cols):
            taken[:, to_row, to_col] = values[:, from_row, from_col]  # ten times as fast as by lists of indices
    return taken


def _runs(index: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Where stretches of a mirrored axis lie in the outcome, and what they are of the axis, upward or downward.

    >>> list(_runs(np.array([1, 0, 0, 1, 2])))
    [(slice(0, 2, None), slice(1, None, -1)), (slice(2, 5, None), slice(0, 3, 1))]
    """
    done = 0
    for run in np.split(index, np.flatnonzero(np.diff(index) == 0) + 1):
        first, last = int(run[0]), int(run[-1])
        step = 1 if last >= first else -1
        yield slice(done, done + len(run)), slice(first, last + step if last + step >= 0 else None, step)
        done += len(run)
