"""Parts: strips of a prediction as small GeoTIFFs with a journal."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window as RasterioWindow

from geounet.block import Block
from geounet.errors import OutputError
from geounet.files import translated, whole_file
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.cog import TILE, Patchwork
from geounet.io.gdal import gdal, opened, reason, writing
from geounet.io.journal import Journal
from geounet.legend import NODATA


@dataclass(frozen=True, slots=True)
class Parts:
    """A folder of parts of one raster: (bands, height, width) uint8, 255 where there is no data, or floats and NaN.

    A part exists when its line is in the journal and its file has the checksum given there; a part without data has a
    line and no file.
    """

    folder: Path
    frame: Frame
    bands: int
    dtype: Literal["uint8", "float32"] = "uint8"

    def finished(self) -> dict[Window, bool]:
        """Windows of the parts that are whole, and whether they hold data."""
        noted = self._noted().items()
        return {window: bool(checksum) for window, checksum in noted if self._is_as_noted(window, checksum)}

    def checked(self) -> Patchwork:
        """The parts with data, for a raster to be made of them; each is as it was written.

        Raises:
            OutputError: one of them was damaged or taken away since.
        """
        noted = sorted((window, checksum) for window, checksum in self._noted().items() if checksum)
        for window, checksum in noted:
            if not self._is_as_noted(window, checksum):
                raise OutputError(
                    f"{self._path(window)} was damaged since it was written; run the same command again to make it anew"
                )
        return Patchwork(
            self.folder, self.frame, self.bands, [(window, self._path(window).name) for window, _ in noted]
        )

    def write(self, block: Block) -> bool:
        """Write a part, then its line in the journal; one of nodata alone is only noted. Whether it holds data.

        Raises:
            OutputError: the disk is full or the folder cannot be written.
        """
        assert (len(block.values), block.values.dtype.name) == (self.bands, self.dtype)
        if (np.isnan(block.values) if self.dtype == "float32" else block.values == NODATA).all():
            self._note(block.window, None)
            return False
        path = self._path(block.window)
        with whole_file(path) as unfinished:
            _write(unfinished, block, self.frame)
            checksum = _checksum(unfinished)
        self._note(block.window, checksum)
        return True

    def read(self, part: Window, inside: Window) -> Block:
        """The pixels of a part with data that lie in the window `inside`, and in the part.

        Raises:
            OutputError: it cannot be read.
        """
        asked, path = inside.seen_from(part), self._path(part)
        place = RasterioWindow(asked.col, asked.row, asked.width, asked.height)
        with gdal(), opened(path, OutputError, "part") as dataset:
            try:
                return Block(inside, dataset.read(window=place))
            except RasterioError as error:
                raise OutputError(f"{path} cannot be read ({reason(error)}); run the job again") from error

    def remove(self, part: Window) -> None:
        """Take a part's file away; it counts as missing again."""
        with translated(self.folder, "cleared"):
            self._path(part).unlink(missing_ok=True)

    @property
    def _journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl")

    def _note(self, window: Window, checksum: str | None) -> None:
        self._journal.add(window=[window.row, window.col, window.height, window.width], sha256=checksum)

    def _noted(self) -> dict[Window, str | None]:
        """Windows of the parts that were written, and the checksums of those with data as they were written last."""
        return dict(self._journal.read(_entry))

    def _is_as_noted(self, window: Window, checksum: str | None) -> bool:
        try:
            return checksum is None or _checksum(self._path(window)) == checksum
        except OSError:
            return False

    def _path(self, window: Window) -> Path:
        return self.folder / f"r{window.row:07d}c{window.col:07d}.tif"


def _write(path: Path, block: Block, frame: Frame) -> None:
    placed = frame.crop(block.window)
    height, width = placed.shape
    # on a full disk GDAL closes a file without a word (rasterio 1.4): it writes to memory, and we to the disk
    with writing(path), gdal(), MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            dtype=block.values.dtype.name,
            count=len(block.values),
            height=height,
            width=width,
            transform=placed.transform,
            crs=placed.crs,
            nodata=NODATA if block.values.dtype == "uint8" else math.nan,
            tiled=True,
            blockxsize=TILE,
            blockysize=TILE,
            interleave="band",
            compress="zstd",
            zstd_level=1,
        ) as dataset:
            dataset.write(block.values)
        path.write_bytes(memory.getbuffer())


def _checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(window: Sequence[int], sha256: str | None) -> tuple[Window, str | None]:
    return Window(*window), sha256
