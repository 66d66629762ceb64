"""Npy: a NumPy array on disk as a source of pixels, as medical and other images without a georeference come."""

import logging

import numpy as np
from affine import Affine
from rasterio.enums import ColorInterp

from geounet.block import Array
from geounet.errors import SceneError
from geounet.files import identity
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.bands import choose_bands
from geounet.io.gdal import Handles
from geounet.io.sheet import DTYPES, OneFile, Sheet, sampled
from geounet.io.source import Decoded, Reading, Source

log = logging.getLogger(__name__)

_READ_AS = {"bool": "uint8", "int8": "int16", "int64": "float64", "uint64": "float64", "float16": "float32"}
_MOST_BANDS = 32  # an axis that is longer counts rows or columns


class Npy(OneFile):
    """An .npy file of (h, w), (h, w, bands) or (bands, h, w); see `geounet.io.source.Source`.

    Which of the two it is the shape must tell: one of the outer axes has 32 entries at most, the other two have more.

    Raises:
        SceneError: no such array, or one whose axes or type cannot be used.
    """

    def __init__(self, path: str, reading: Reading):
        self.path = path
        self._pixels = _bands_first(path, _mapped(path))
        count, height, width = self._pixels.shape
        self.bands = choose_bands(_colours(count, self._pixels.dtype), path, reading.bands, reading.colours)
        self.frame = Frame(height, width, Affine.scale(1, -1), None)  # as a raster without a georeference is seen
        name = self._pixels.dtype.name
        self.stored_dtype = np.dtype(_READ_AS.get(name, name))
        self.block_shape = (1, 1)
        self.decoded = 0
        self._nodata = None if isinstance(reading.nodata, str) else float(reading.nodata)
        self._stretch = reading.stretch

    @property
    def identity(self) -> list[dict[str, object]]:
        """What tells this array from another, under the names of a sheet's."""
        about = {"files": [], "shape": list(self.frame.shape), "transform": list(self.frame.transform)[:6]}
        return [identity(self.path) | about | {"axes": list(self._pixels.shape), "crs": None, "date": None}]

    def decode(self, window: Window, shape: tuple[int, int] | None = None) -> Decoded:
        """Pixels of the array and where they are valid."""
        rows, cols = (sampled(*lengths) for lengths in zip(window.shape, shape or window.shape, strict=True))
        bands = np.array(self.bands.numbers) - 1
        seen = self._pixels[:, window.rows, window.cols]
        pixels: Array = seen[np.ix_(bands, rows, cols)].astype(self.stored_dtype)
        valid = np.ones(pixels.shape[1:], dtype=bool)
        if self._nodata is not None:
            valid &= ~(pixels == self._nodata).all(axis=0)
        if self.stored_dtype.kind == "f":
            valid &= np.isfinite(pixels).all(axis=0)
        self.decoded += window.area
        return (self._stretch.applied(pixels) if self._stretch else pixels), valid


def _mapped(path: str) -> Array:
    try:
        array: Array = np.lib.format.open_memmap(path, mode="r")  # numbers alone: nothing is unpickled
    except (OSError, ValueError, EOFError) as error:
        raise SceneError(f"{path} cannot be read as an array ({error}); save it with numpy.save, as numbers") from error
    if array.dtype.name not in (*DTYPES, *_READ_AS):
        raise SceneError(f"{path} holds {array.dtype.name}; save it as one of {', '.join(DTYPES)}")
    return array


def _bands_first(path: str, array: Array) -> Array:
    """The array as (bands, h, w).

    Raises:
        SceneError: axes that can be read in no way, or in two.
    """
    if array.ndim == 2:
        return array[None]
    if array.ndim != 3:
        raise SceneError(f"{path} has {array.ndim} axes {array.shape}; give (h, w), (h, w, bands) or (bands, h, w)")
    first, middle, last = (length <= _MOST_BANDS for length in array.shape)
    if middle or first == last:
        raise SceneError(
            f"{path} of {array.shape} may be (h, w, bands) or (bands, h, w): one outer axis must be "
            f"{_MOST_BANDS} or less, the others more; save it as a GeoTIFF"
        )
    log.info("%s of %s is read as %s", path, array.shape, "(bands, h, w)" if first else "(h, w, bands)")
    return array if first else np.moveaxis(array, -1, 0)


def _colours(count: int, dtype: np.dtype[np.generic]) -> list[ColorInterp]:
    """What GDAL would say of a plain file with so many bands."""
    if count == 3 and dtype == np.uint8:
        return [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    return [ColorInterp.gray, *[ColorInterp.undefined] * (count - 1)]


def is_array(path: str) -> bool:
    """Whether a file is an array of NumPy, by its name."""
    return path.endswith(".npy")


def source_of(path: str, handles: Handles, reading: Reading) -> Source:
    """The source that a file is: an array of NumPy, or whatever GDAL opens.

    Raises:
        SceneError: it is neither, or cannot be used.
    """
    return Npy(path, reading) if is_array(path) else Sheet(path, handles, reading)
