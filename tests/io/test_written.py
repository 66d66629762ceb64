"""Files that a full disk has eaten at are found, wherever it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError

from geounet.io.gdal import gdal
from geounet.io.written import check_written
from tests.scenes import UTM, noise

SIDE, TILE = 600, 256


def plain(folder: Path, *, interleave: str = "pixel", mask: bool = False) -> Path:
    """A deflated GeoTIFF of three bands."""
    path = folder / "plain.tif"
    profile = {"count": 3, "height": SIDE, "width": SIDE, "crs": UTM.crs, "transform": UTM.transform}
    tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "deflate", "interleave": interleave}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", dtype="uint8", **profile, **tiles) as dataset,
    ):
        dataset.write(noise(SIDE, SIDE))
        if mask:
            dataset.write_mask(noise(SIDE, SIDE, bands=1)[0] > 100)
    return path


def cog(folder: Path, compress: str) -> Path:
    path = folder / "cog.tif"
    options = {"blocksize": TILE, "compress": compress, "overview_resampling": "average"}
    rasterio.shutil.copy(str(plain(folder)), str(path), driver="COG", **options)
    return path


def blocks(path: Path, directory: int) -> list[tuple[int, int]]:
    """Offset and size of the blocks of the first band."""
    with gdal(), rasterio.open(f"GTIFF_DIR:{directory}:{path}") as dataset:
        height, width = dataset.block_shapes[0]
        names = [f"{c}_{r}" for r in range(-(-dataset.height // height)) for c in range(-(-dataset.width // width))]
        told = [[dataset.get_tag_item(f"BLOCK_{w}_{n}", "TIFF", bidx=1) for w in ("OFFSET", "SIZE")] for n in names]
    return [(int(offset), int(size)) for offset, size in told]


KINDS: dict[str, tuple[Callable[[Path], Path], int]] = {
    "deflate cog": (lambda folder: cog(folder, "deflate"), 3),
    "zstd cog": (lambda folder: cog(folder, "zstd"), 3),
    "pixel interleaved": (plain, 1),
    "band interleaved": (lambda folder: plain(folder, interleave="band"), 1),
    "masked": (lambda folder: plain(folder, mask=True), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_left_in_peace_and_one_with_a_lost_block_is_not(tmp_path: Path, kind: str) -> None:
    make, directories = KINDS[kind]
    path = make(tmp_path)
    check_written(path)
    whole = path.read_bytes()
    for directory in range(1, directories + 1):
        for offset, size in blocks(path, directory):
            path.write_bytes(whole[:offset] + bytes(size) + whole[offset + size :])
            with pytest.raises(RasterioError, match=f"the block at byte {offset} is not whole"):
                check_written(path)
            path.write_bytes(whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bytes_lost", [1, 100, 5000])
def test_a_file_cut_short_is_found(tmp_path: Path, kind: str, bytes_lost: int) -> None:
    path = KINDS[kind][0](tmp_path)
    path.write_bytes(path.read_bytes()[:-bytes_lost])
    with pytest.raises(RasterioError):
        check_written(path)


def test_a_block_that_was_never_written_is_found(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    profile = {"count": 1, "height": SIDE, "width": SIDE, "crs": UTM.crs, "transform": UTM.transform}
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", sparse_ok=True, compress="deflate", **profile
    ) as dataset:
        dataset.write(np.ones((1, 10, SIDE), "uint8"), window=rasterio.windows.Window(0, 0, SIDE, 10))
    with pytest.raises(RasterioError, match="block 0_1 was not written"):
        check_written(path)
