"""How this project talks to GDAL: one environment, and its errors translated."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from geounet.errors import GeoUNetError, OutputError

logging.getLogger("rasterio").setLevel(logging.CRITICAL)  # what GDAL says comes back in the error that is raised

_CACHE = 64 << 20  # bytes, as rasterio takes them; GDAL's own default is 5 % of the memory, and was slower


@contextmanager
def gdal() -> Iterator[None]:
    """GDAL with a small block cache, all threads for (de)compression, and no habit of listing folders."""
    settings = rasterio.Env(
        GDAL_CACHEMAX=_CACHE,
        GDAL_NUM_THREADS="ALL_CPUS",
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
        GDAL_TIFF_INTERNAL_MASK=True,
    )
    with settings, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # we say so ourselves, in words of the job
        yield


@contextmanager
def opened(
    path: str | Path, refused: type[GeoUNetError], what: str = "raster", *, sidecars: bool = False
) -> Iterator[rasterio.DatasetReader]:
    """A raster open for reading.

    Args:
        refused: the error to raise where GDAL cannot open the file.
        what: it was meant to be, for the error's text.
        sidecars: whether files beside it (.aux.xml, .tfw, .ovr, .msk) are looked for: yes for what users give us.
    """
    # while it is open, too: a virtual raster opens its sources, and their masks, when they are first read
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN=not sidecars and "EMPTY_DIR"):
        try:
            dataset = rasterio.open(_restored(path))
        except (RasterioError, OSError, TypeError, ValueError) as error:
            raise refused(
                f"{path} cannot be opened as a {what} ({reason(error)}); check the path and the file"
            ) from error
        with dataset:
            yield dataset


def _restored(path: str | Path) -> str:
    """The text of a path; a URL that was made a Path has lost one of its slashes.

    >>> _restored(Path("https://a.example/ortho.tif"))
    'https://a.example/ortho.tif'
    """
    return re.sub(r"^([a-z][a-z0-9]+):/(?=[^/])", r"\1://", str(path))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an error of GDAL while it writes what is to be `path` into an OutputError."""
    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:  # copying lets GDAL's own errors through
        raise OutputError(f"{path} cannot be written ({reason(error)}); choose another --out or make room") from error


def reason(error: BaseException) -> str:
    """The most telling line of a chain of GDAL errors.

    >>> reason(OSError("disk full"))
    'disk full'
    """
    while isinstance(error, RasterioIOError) and error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200] or type(error).__name__
