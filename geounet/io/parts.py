"""Parts: strips of a prediction as small GeoTIFFs with a journal, and the finished rasters that are made from them."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window as RasterioWindow

from geounet.block import Block
from geounet.errors import OutputError
from geounet.files import translated, whole_file
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.gdal import gdal, opened, reason, writing
from geounet.io.overviews import Kind, write_overviews
from geounet.io.written import check_written
from geounet.legend import NODATA, Legend
from geounet.rule import LEVELS

_TILE = 512


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

    @property
    def _journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def finished(self) -> dict[Window, bool]:
        """Windows of the parts that are whole, and whether they hold data."""
        found: dict[Window, bool] = {}
        try:
            lines = self._journal.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return found
        for line in lines:
            try:
                entry = json.loads(line)
                window, checksum = Window(*entry["window"]), entry["sha256"]
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a killed job may be cut short: its part is made again
            if checksum is None or _checksum(self._path(window)) == checksum:
                found[window] = checksum is not None
        return found

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
        self._note(block.window, _checksum(path))
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

    def _note(self, window: Window, checksum: str | None) -> None:
        entry = [window.row, window.col, window.height, window.width]
        with translated(self._journal):
            self.folder.mkdir(parents=True, exist_ok=True)
        with translated(self._journal), self._journal.open("a", encoding="utf-8") as journal:
            # a killed job may have left half a line: this one begins its own
            journal.write("\n" + json.dumps({"window": entry, "sha256": checksum}))
            journal.flush()
            os.fsync(journal.fileno())

    def _path(self, window: Window) -> Path:
        return self.folder / f"r{window.row:07d}c{window.col:07d}.tif"

    def assemble(self, out: Path, layers: "Sequence[Layer]", *, tags: Mapping[str, str], options: "CogOptions") -> None:
        """One Cloud Optimized GeoTIFF of some of the parts' bands.

        Raises:
            OutputError: it cannot be written.
        """
        parts = self._with_data()
        with gdal(), whole_file(out) as unfinished, writing(out):
            vrt = self._virtual(out.stem, _vrt(self.frame, parts, layers, tags))
            overviews = write_overviews(vrt, options.overviews, _TILE)
            vrt = self._virtual(out.stem, _vrt(self.frame, parts, layers, tags, overviews))
            rasterio.shutil.copy(str(vrt), str(unfinished), driver="COG", **options.creation())
            check_written(unfinished)

    @contextmanager
    def opened(self) -> Iterator[Callable[[Window], Block]]:
        """What reads any window of the raster that the parts make, (bands, height, width); of one thread alone.

        Raises:
            OutputError: a part that cannot be read.
        """
        layers = [Layer(band, "") for band in range(1, self.bands + 1)]
        with translated(self.folder):
            vrt = self._virtual("whole", _vrt(self.frame, self._with_data(), layers, {}))
        with gdal(), opened(vrt, OutputError, "raster of parts", sidecars=True) as dataset:  # as the scene around it

            def read(window: Window) -> Block:
                asked = RasterioWindow(window.col, window.row, window.width, window.height)
                try:
                    return Block(window, dataset.read(window=asked))
                except RasterioError as error:
                    raise OutputError(f"{self.folder} cannot be read ({reason(error)}); run the job again") from error

            yield read

    def _with_data(self) -> list[tuple[Window, str]]:
        """Windows and files of the parts that hold data."""
        windows = sorted(window for window, has_data in self.finished().items() if has_data)
        return [(window, self._path(window).name) for window in windows]

    def _virtual(self, name: str, content: bytes) -> Path:
        """A virtual raster, written beside the parts."""
        path = self.folder / f"{name}.vrt"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@dataclass(frozen=True, slots=True)
class Layer:
    """A band of a finished raster: which band of the parts, its description, and its scale."""

    band: int
    name: str
    scale: float | None = None


@dataclass(frozen=True, slots=True)
class CogOptions:
    """How overviews are made ('mode' for classes, 'average' for probabilities), and the compression."""

    overviews: Kind
    compress: str = "deflate"

    def creation(self) -> dict[str, object]:
        return {
            "COMPRESS": self.compress.upper(),
            "BLOCKSIZE": _TILE,
            "OVERVIEWS": "FORCE_USE_EXISTING",
            "BIGTIFF": "IF_SAFER",
            "NUM_THREADS": "ALL_CPUS",
        }


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
            blockxsize=_TILE,
            blockysize=_TILE,
            interleave="band",
            compress="zstd",
            zstd_level=1,
        ) as dataset:
            dataset.write(block.values)
        path.write_bytes(memory.getbuffer())


def _checksum(path: Path) -> str | None:
    """SHA-256 of a file; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _vrt(
    frame: Frame,
    parts: Sequence[tuple[Window, str]],
    layers: Sequence[Layer],
    tags: Mapping[str, str],
    overviews: Sequence[Path] = (),
) -> bytes:
    """A GDAL virtual raster over the parts; where there is none it reads as nodata."""
    root = ET.Element("VRTDataset", rasterXSize=str(frame.width), rasterYSize=str(frame.height))
    if frame.crs:
        ET.SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = frame.crs
    t = frame.transform
    ET.SubElement(root, "GeoTransform").text = ", ".join(repr(float(v)) for v in (t.c, t.a, t.b, t.f, t.d, t.e))
    metadata = ET.SubElement(root, "Metadata")
    for key, value in sorted(tags.items()):
        ET.SubElement(metadata, "MDI", key=key).text = value
    for number, layer in enumerate(layers, 1):
        band = ET.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        ET.SubElement(band, "Description").text = layer.name
        ET.SubElement(band, "NoDataValue").text = str(NODATA)
        if layer.scale is not None:
            ET.SubElement(band, "Scale").text = repr(layer.scale)
        for window, name in parts:
            source = ET.SubElement(band, "SimpleSource")
            ET.SubElement(source, "SourceFilename", relativeToVRT="1").text = name
            ET.SubElement(source, "SourceBand").text = str(layer.band)
            size = {"xSize": str(window.width), "ySize": str(window.height)}
            ET.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0"} | size)
            ET.SubElement(source, "DstRect", {"xOff": str(window.col), "yOff": str(window.row)} | size)
        for overview in overviews:
            source = ET.SubElement(band, "Overview")
            ET.SubElement(source, "SourceFilename", relativeToVRT="1").text = overview.name
            ET.SubElement(source, "SourceBand").text = str(number)
    return bytes(ET.tostring(root, encoding="utf-8"))


def write_category_names(raster: Path, legend: Legend) -> None:
    """RASTER.aux.xml: names and colours of the classes, background transparent; QGIS and GDAL show them at once."""
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names, colours = ET.SubElement(band, "CategoryNames"), ET.SubElement(band, "ColorTable")
    for c in legend.classes:
        ET.SubElement(names, "Category").text = c.name
        red, green, blue = c.rgb
        alpha = 0 if c.id == 0 else 255
        ET.SubElement(colours, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4=str(alpha))
    path = raster.with_name(raster.name + ".aux.xml")
    with whole_file(path) as unfinished:
        unfinished.write_bytes(ET.tostring(root, encoding="utf-8"))


def probability_layers(legend: Legend, *, contact: bool) -> list[Layer]:
    """Bands of probability.tif: one for each foreground class, then contact where the model has it."""
    names = [c.name for c in legend.foreground] + (["contact"] if contact else [])
    return [Layer(number, name, 1 / LEVELS) for number, name in enumerate(names, 2)]
