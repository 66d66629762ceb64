"""Whether a GeoTIFF that GDAL wrote is whole: on a full disk GDAL closes a file without a word (rasterio 1.4)."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import BinaryIO

import rasterio
from rasterio.enums import Interleaving, MaskFlags
from rasterio.errors import RasterioIOError

from geounet.io.gdal import gdal

_EDGE = 4  # bytes: of a COG's frames; and a deflated block neither begins nor ends with as many zeros
_HEADER = 512  # bytes, in which a COG says how it is built
_FRAMED = b"BLOCK_LEADER=SIZE_AS_UINT4\nBLOCK_TRAILER=LAST_4_BYTES_REPEATED"


def check_written(raster: Path) -> None:
    """Look whether each block of a COG or a deflated GeoTIFF is where it should be, those of overviews and masks too.

    Nothing is decoded. In a COG the size of a block stands before it and its last bytes come twice; in any other
    file it must end in the file, and neither begin nor end with zeros.

    Raises:
        RasterioIOError: something of it is missing.
    """
    with raster.open("rb") as file:
        is_framed = _FRAMED in file.read(_HEADER)
        for offset, size in _blocks(raster):
            if not _is_whole(file, offset, size, is_framed=is_framed):
                raise RasterioIOError(f"the block at byte {offset} is not whole")


def _blocks(raster: Path) -> Iterator[tuple[int, int]]:
    """First byte and length of every block that the file should have."""
    with gdal(), rasterio.open(raster) as dataset:
        yield from _blocks_of(dataset, dataset)
        levels = len(dataset.overviews(1))
        for level in range(levels):
            with rasterio.open(raster, overview_level=level) as overview:
                yield from _blocks_of(dataset, overview, level)
        if MaskFlags.per_dataset in dataset.mask_flag_enums[0]:
            assert not levels, "masks of overviews are not looked at"
            with rasterio.open(f"GTIFF_DIR:2:{raster}") as mask:
                yield from _blocks_of(mask, mask)


def _blocks_of(
    dataset: rasterio.DatasetReader, shaped: rasterio.DatasetReader, level: int | None = None
) -> Iterator[tuple[int, int]]:
    """Those of the dataset itself, or of its overview `level`, which is `shaped` like this."""
    height, width = shaped.block_shapes[0]
    rows, cols = range(-(-shaped.height // height)), range(-(-shaped.width // width))
    bands = dataset.indexes if dataset.interleaving is Interleaving.band else (1,)
    for band, row, col in product(bands, rows, cols):
        names = (f"BLOCK_{what}_{col}_{row}" for what in ("OFFSET", "SIZE"))
        offset, size = (dataset.get_tag_item(name, "TIFF", bidx=band, ovr=level) for name in names)
        if offset is None or size is None:
            raise RasterioIOError(f"block {col}_{row} was not written")
        yield int(offset), int(size)


def _is_whole(file: BinaryIO, offset: int, size: int, *, is_framed: bool) -> bool:
    file.seek(offset - _EDGE)
    leader, first = file.read(_EDGE), file.read(_EDGE)
    file.seek(offset + size - _EDGE)
    last, trailer = file.read(_EDGE), file.read(_EDGE)
    if is_framed:
        return int.from_bytes(leader, "little") == size and len(trailer) == _EDGE and trailer == last
    return len(last) == _EDGE and bytes(_EDGE) not in (first, last)
