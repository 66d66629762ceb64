"""Finished rasters: Cloud Optimized GeoTIFFs of parts that lie on disk, and what they say of themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import rasterio.shutil
from rasterio.errors import RasterioError
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

TILE = 512


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
            "BLOCKSIZE": TILE,
            "OVERVIEWS": "FORCE_USE_EXISTING",
            "BIGTIFF": "IF_SAFER",
            "NUM_THREADS": "ALL_CPUS",
        }


@dataclass(frozen=True, slots=True)
class Patchwork:
    """A raster that is made of files in a folder, (bands, height, width) uint8: where there is none it is nodata.

    Args:
        files: windows and names of the files.
    """

    folder: Path
    frame: Frame
    bands: int
    files: Sequence[tuple[Window, str]]

    def assemble(self, out: Path, layers: Sequence[Layer], *, tags: Mapping[str, str], options: CogOptions) -> None:
        """Write one Cloud Optimized GeoTIFF of some of the bands.

        Raises:
            OutputError: it cannot be written.
        """
        with gdal(), whole_file(out) as unfinished, writing(out):
            vrt = self._virtual(out.stem, _vrt(self.frame, self.files, layers, tags))
            overviews = write_overviews(vrt, options.overviews, TILE)
            vrt = self._virtual(out.stem, _vrt(self.frame, self.files, layers, tags, overviews))
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
            vrt = self._virtual("whole", _vrt(self.frame, self.files, layers, {}))
        with gdal(), opened(vrt, OutputError, "raster of parts", sidecars=True) as dataset:  # as the scene around it

            def read(window: Window) -> Block:
                asked = RasterioWindow(window.col, window.row, window.width, window.height)
                try:
                    return Block(window, dataset.read(window=asked))
                except RasterioError as error:
                    raise OutputError(f"{self.folder} cannot be read ({reason(error)}); run the job again") from error

            yield read

    def _virtual(self, name: str, content: bytes) -> Path:
        """A virtual raster, written beside the parts."""
        path = self.folder / f"{name}.vrt"
        self.folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


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
