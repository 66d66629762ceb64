"""How this project talks to GDAL: one environment, and its errors translated."""

import logging
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.env import hasenv
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from geounet.errors import GeoUNetError, OutputError, SceneError
from geounet.files import advice

logging.getLogger("rasterio").setLevel(logging.CRITICAL)  # what GDAL says comes back in the error that is raised

# we say so ourselves, in words of the job; once for all, since threads share the filters, and behind the user's own
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, append=True)

_CACHE = 64 << 20  # bytes, as rasterio takes them; GDAL's own default is 5 % of the memory, and was slower

_MOST_OPEN = 200  # files; systems allow a process 1,024 or, on a Mac, 256
_LONGEST = 200  # characters of a reason


@contextmanager
def gdal(*, sidecars: bool = False) -> Iterator[None]:
    """GDAL with a small block cache, all threads for (de)compression, and no habit of listing folders.

    Args:
        sidecars: whether files beside those opened (.aux.xml, .tfw, .ovr, .msk) are looked for.
    """
    # what an open scene looks for beside its sources, while another thread reads it, is not to be missed
    listing: dict[str, object] = {} if hasenv() else {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    if sidecars:
        listing = {"GDAL_DISABLE_READDIR_ON_OPEN": False}
    settings = rasterio.Env(
        GDAL_CACHEMAX=_CACHE,
        GDAL_NUM_THREADS="ALL_CPUS",
        GDAL_TIFF_INTERNAL_MASK=True,
        VRT_NUM_THREADS="1",  # of a virtual raster read by several threads GDAL 3.10 loses errors, and gives zeros
        **listing,
    )
    with settings:
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
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN=not sidecars and "EMPTY_DIR"), _open(path, refused, what) as dataset:
        yield dataset


def _open(path: str | Path, refused: type[GeoUNetError], what: str) -> rasterio.DatasetReader:
    try:
        return rasterio.open(_restored(path))
    except (RasterioError, OSError, TypeError, ValueError) as error:
        if Path(path).is_dir():
            raise refused(f"{path} is a folder; give the files in it, as in {path}/*.tif") from error
        raise refused(f"{path} cannot be opened as a {what} ({reason(error)}); check the path and the file") from error


class Handles:
    """Scenes open for reading, a limited number at once: the one not used for longest is closed for another.

    Not to be shared between threads.
    """

    def __init__(self, most: int = _MOST_OPEN):
        self._most = most
        self._open: OrderedDict[str, rasterio.DatasetReader] = OrderedDict()

    def of(self, path: str) -> rasterio.DatasetReader:
        """The open file.

        Raises:
            SceneError: GDAL cannot open it.
        """
        if path not in self._open:
            while len(self._open) >= self._most:
                self._open.popitem(last=False)[1].close()
            self._open[path] = _open(path, SceneError, "scene")
        self._open.move_to_end(path)
        return self._open[path]

    def drop(self, path: str) -> None:
        """Forget what GDAL keeps of a file: of a reading that failed it keeps blocks of zeros, as if they were read."""
        if path in self._open:
            self._open.pop(path).close()

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()


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
        raise OutputError(f"{path} cannot be written ({reason(error)}); {advice(error)}") from error


def reason(error: BaseException) -> str:
    """The most telling line of a chain of GDAL errors.

    >>> reason(OSError("disk full"))
    'disk full'
    >>> len(reason(OSError("INSERT INTO layer " * 50 + "disk is full")))
    200
    """
    while isinstance(error, RasterioIOError) and error.__cause__ is not None:
        error = error.__cause__
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[:40]} ... {words[45 - _LONGEST :]}"  # its end tells most
