"""Plain GeoTIFFs: padded windows for other tools, and rasters that are written strip by strip."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window as RasterioWindow

from geounet.block import Array, Block
from geounet.errors import SceneError
from geounet.files import translated, whole_file
from geounet.frame import Frame
from geounet.io.gdal import check_written, gdal, opened, reason, writing


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


def read_prediction(path: Path, height: int, width: int) -> tuple[Array, float | None]:
    """All bands (bands, height, width) of a prediction of a window, and its nodata value.

    Raises:
        SceneError: a file that cannot be read, or of another size.
    """
    with gdal(), opened(path, SceneError, "prediction") as dataset:
        if dataset.shape != (height, width):
            found = f"{dataset.height} x {dataset.width}"
            raise SceneError(f"{path} is {found} pixels, its window {height} x {width}; predict the whole window")
        try:
            values: Array = dataset.read()
        except RasterioError as error:
            raise SceneError(f"{path} cannot be read ({reason(error)}); predict this window again") from error
        return values, dataset.nodata


@contextmanager
def growing_raster(
    path: Path, frame: Frame, bands: int, dtype: np.dtype[np.generic], nodata: float | None
) -> Iterator["StripWriter"]:
    """A tiled GeoTIFF to be written strip by strip, from the top; it bears its name when it is whole.

    Raises:
        OutputError: it cannot be written.
    """
    with whole_file(path) as unfinished, writing(path):
        with gdal(), rasterio.open(unfinished, "w", **_profile(frame, bands, dtype, nodata)) as dataset:
            yield StripWriter(dataset)
        check_written(unfinished)


class StripWriter:
    """Strips (bands, h, full width) go in, one below the other."""

    def __init__(self, dataset: rasterio.io.DatasetWriter):
        self._dataset = dataset

    def write(self, strip: Block) -> None:
        w = strip.window
        self._dataset.write(strip.values, window=RasterioWindow(w.col, w.row, w.width, w.height))


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
