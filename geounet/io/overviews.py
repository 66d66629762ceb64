"""Overviews of rasters of classes or levels, halved step by step: GDAL's own take three times as long as the rest."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RasterioWindow

from geounet.grid import Window
from geounet.legend import NODATA

Levels = NDArray[np.uint8]
Kind = Literal["mode", "average"]

_SIDE = 4096  # pixels of what is halved together: whole tiles of the first overviews, and 512 of it in the eighth


def overview_sizes(height: int, width: int, tile: int) -> list[tuple[int, int]]:
    """Rows and columns of each overview, until one fits into a tile; a last odd row or column is kept.

    >>> overview_sizes(1100, 600, 512)
    [(550, 300), (275, 150)]
    """
    sizes = []
    while max(height, width) > tile:
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def write_overviews(raster: Path, kind: Kind, tile: int) -> list[Path]:
    """The overviews of a raster (uint8, 255 = nodata) as GeoTIFFs beside it, the finest first.

    Where no side is odd on the way they are GDAL's own, but for the order of equally frequent classes.

    Raises:
        RasterioError: the raster cannot be read, or an overview cannot be written.
    """
    halved = {"mode": mode_of_fours, "average": average_of_fours}[kind]
    with ExitStack() as opened:
        source = opened.enter_context(rasterio.open(raster))
        sizes = overview_sizes(source.height, source.width, tile)
        paths = [raster.with_name(f"{raster.stem}.overview{number}.tif") for number in range(1, len(sizes) + 1)]
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": source.count, "nodata": NODATA, "tiled": True,
            "blockxsize": tile, "blockysize": tile, "interleave": "band", "compress": "zstd", "zstd_level": 1,
        }  # fmt: skip
        overviews = [
            opened.enter_context(rasterio.open(path, "w", height=height, width=width, **profile))
            for path, (height, width) in zip(paths, sizes, strict=True)
        ]
        for band in range(1, source.count + 1):
            for window in _squares(source.height, source.width) if sizes else ():
                _write_halves(source, overviews, band, window, halved)
    return paths


def _squares(height: int, width: int) -> Iterator[Window]:
    scene = Window(0, 0, height, width)
    for row in range(0, height, _SIDE):
        for col in range(0, width, _SIDE):
            yield Window(row, col, _SIDE, _SIDE).within(scene)


def _write_halves(
    source: rasterio.DatasetReader,
    overviews: list[rasterio.io.DatasetWriter],
    band: int,
    window: Window,
    halved: Callable[[Levels], Levels],
) -> None:
    row, col = window.row, window.col
    values = source.read(band, window=RasterioWindow(col, row, window.width, window.height))
    for overview in overviews:
        values, row, col = halved(values), row // 2, col // 2
        overview.write(values, band, window=RasterioWindow(col, row, values.shape[1], values.shape[0]))


def average_of_fours(values: Levels) -> Levels:
    """(h / 2, w / 2): the mean of each 2 x 2 pixels, halves upward, nodata left out.

    >>> average_of_fours(np.array([[1, 2, 9, 255], [2, 2, 255, 255]], dtype="uint8"))
    array([[2, 9]], dtype=uint8)
    """
    fours = _evened(values)
    seen = fours != NODATA
    if seen.all():
        return ((_sums(fours) + 2) >> 2).astype(np.uint8)
    count = _sums(seen.view(np.uint8))
    total = _sums(np.where(seen, fours, np.uint8(0)))
    mean = (total + count // 2) // np.maximum(count, 1)
    return np.where(count == 0, np.uint8(NODATA), mean.astype(np.uint8))


def _sums(fours: Levels) -> NDArray[np.uint16]:
    pairs = np.add(fours[::2], fours[1::2], dtype=np.uint16)
    sums: NDArray[np.uint16] = pairs[:, ::2] + pairs[:, 1::2]
    return sums


def mode_of_fours(values: Levels) -> Levels:
    """(h / 2, w / 2): the most frequent of each 2 x 2 pixels, nodata left out; of equals the first in row order.

    >>> mode_of_fours(np.array([[3, 1, 255, 255], [1, 3, 255, 7]], dtype="uint8"))
    array([[3, 7]], dtype=uint8)
    """
    fours = _evened(values)
    a, b, c, d = (np.ascontiguousarray(fours[i::2, j::2]) for i in (0, 1) for j in (0, 1))
    mode = d.copy()
    for one in (c, b, a):
        np.copyto(mode, one, where=one != NODATA)
    np.copyto(mode, c, where=(c == d) & (c != NODATA))
    np.copyto(mode, b, where=((b == c) | (b == d)) & (b != NODATA))
    np.copyto(mode, a, where=((a == b) | (a == c) | (a == d)) & (a != NODATA))
    return mode


def _evened(values: Levels) -> Levels:
    """With a row and a column of nodata more where their number is odd."""
    height, width = values.shape
    if height % 2 or width % 2:
        return np.pad(values, ((0, height % 2), (0, width % 2)), constant_values=NODATA)
    return values
