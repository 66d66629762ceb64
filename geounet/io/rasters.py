"""Plain GeoTIFFs: padded windows for other tools, their predictions, and rasters that are written block by block."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window as RasterioWindow

from geounet.block import Array, Block
from geounet.errors import SceneError
from geounet.files import translated, whole_file
from geounet.frame import Frame
from geounet.io.gdal import gdal, opened, reason, writing
from geounet.io.written import check_written


def write_window(path: Path, pixels: Block, valid: Block, frame: Frame) -> None:
    """A window's pixels (bands, h, w) as a GeoTIFF with an internal mask, placed where it lies on the ground.

    Raises:
        OutputError: it cannot be written.
    """
    placed = frame.crop(pixels.window)
    bands = pixels.values.shape[0]
    profile = _profile(placed, bands, pixels.values.dtype, nodata=None)
    with translated(path), writing(path), gdal(), MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(pixels.values)
            dataset.write_mask(valid.values[0])
        path.write_bytes(memory.getbuffer())


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A window's answer: all bands (bands, h, w), the nodata value, and the validity (h, w) that a mask tells."""

    values: Array
    nodata: float | None
    valid: NDArray[np.bool_]


def has_mask(path: Path) -> bool:
    """Whether a prediction has a mask of its own, beside or instead of a nodata value.

    Raises:
        SceneError: a file that cannot be read.
    """
    with gdal(), opened(path, SceneError, "prediction") as dataset:
        return _is_masked(dataset)


def read_prediction(path: Path, height: int, width: int) -> Prediction:
    """The prediction of a window.

    Raises:
        SceneError: a file that cannot be read, or of another size.
    """
    with gdal(), opened(path, SceneError, "prediction") as dataset:
        if dataset.shape != (height, width):
            found = f"{dataset.height} x {dataset.width}"
            raise SceneError(f"{path} is {found} pixels, its window {height} x {width}; predict the whole window")
        try:
            values = dataset.read()
            valid = dataset.read_masks(1) > 0 if _is_masked(dataset) else np.ones(dataset.shape, dtype=bool)
        except RasterioError as error:
            raise SceneError(f"{path} cannot be read ({reason(error)}); predict this window again") from error
        return Prediction(values, dataset.nodata, valid)


def _is_masked(dataset: rasterio.DatasetReader) -> bool:
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


@contextmanager
def growing_raster(
    path: Path, frame: Frame, bands: int, dtype: np.dtype[np.generic], nodata: float | None
) -> Iterator["BlockWriter"]:
    """A tiled GeoTIFF to be written block by block, best row by row; it bears its name when it is whole.

    Raises:
        OutputError: it cannot be written.
    """
    with whole_file(path) as unfinished, writing(path):
        with gdal(), rasterio.open(unfinished, "w", **_profile(frame, bands, dtype, nodata)) as dataset:
            yield BlockWriter(dataset)
        check_written(unfinished)


class BlockWriter:
    """Blocks (bands, h, w) go in, and (1, h, w) bool where they are valid, if the raster is to have a mask."""

    def __init__(self, dataset: rasterio.io.DatasetWriter):
        self._dataset = dataset

    def write(self, block: Block, valid: Block | None = None) -> None:
        w = block.window
        place = RasterioWindow(w.col, w.row, w.width, w.height)
        self._dataset.write(block.values, window=place)
        if valid is not None:
            self._dataset.write_mask(valid.values[0], window=place)


def _profile(frame: Frame, bands: int, dtype: np.dtype[np.generic], nodata: float | None) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "dtype": dtype.name,
        "count": bands,
        "height": frame.height,
        "width": frame.width,
        "transform": frame.transform,
        "crs": frame.crs,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "bigtiff": "IF_SAFER",
    }
