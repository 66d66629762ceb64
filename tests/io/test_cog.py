"""The rasters of a map are Cloud Optimized GeoTIFFs to the judge of others, and say what they hold."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.shutil import copy
from rio_cogeo.cogeo import cog_validate

from geounet import __version__
from geounet.block import Array
from geounet.card import Architecture
from geounet.jobs.infer import infer
from geounet.legend import NODATA
from geounet.nn.model_file import model_hash
from tests.models import write_model
from tests.nn.cards import card_of
from tests.scenes import noise, write_scene

CLASSES = ("house", "road")


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Maps, each made once, of a scene without data in its upper left corner."""
    made: dict[tuple[object, ...], Path] = {}

    def make(height: int, width: int, classes: tuple[str, ...] = (), compress: str = "deflate") -> Path:
        key = (height, width, classes, compress)
        if key not in made:
            folder = tmp_path_factory.mktemp("map")
            pixels = noise(height, width)
            pixels[:, : height // 4, : width // 4] = 0
            architecture = Architecture(width=3, depth=1, outputs=len(classes) + 1 if classes else 1)
            model = write_model(folder / "m.safetensors", card_of(architecture, *classes), seed=8)
            scene = write_scene(folder / "scene.tif", pixels, nodata=0)
            options = {"compress": compress, "no_vectors": True, "device": "cpu", "precision": "fp32"}
            made[key] = infer(scene, model=model, out=folder / "map", **options).out  # type: ignore[arg-type]
        return made[key]

    return make


@pytest.mark.parametrize("name", ["classes.tif", "probability.tif"])
@pytest.mark.parametrize("compress", ["deflate", "zstd"])
@pytest.mark.parametrize("classes", [(), CLASSES], ids=["buildings", "three classes"])
@pytest.mark.parametrize("shape", [(150, 170), (1100, 700)], ids=["small", "with overviews"])
def test_a_judge_of_cogs_finds_neither_errors_nor_warnings(
    *, mapped: Callable[..., Path], shape: tuple[int, int], classes: tuple[str, ...], compress: str, name: str
) -> None:
    path = mapped(*shape, classes, compress) / name
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])
    with rasterio.open(path) as raster:
        assert raster.compression.name == compress
        assert raster.overviews(1) == ([2, 4] if shape[0] > 512 else [])


def halved(folder: Path, name: str, band: int = 1) -> tuple[Array, Array]:
    """The first overview of a band, and the four pixels below each of its own: (h, w) and (h, w, 4)."""
    with rasterio.open(folder / name) as raster:
        values = raster.read(band)
    with rasterio.open(folder / name, overview_level=0) as raster:
        overview: Array = raster.read(band)
    height, width = overview.shape
    return overview, values.reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4)


def test_overviews_hold_the_commonest_class(mapped: Callable[..., Path]) -> None:
    overview, fours = halved(mapped(1100, 700, CLASSES), "classes.tif")
    assert set(np.unique(overview)) == {0, 1, 2, NODATA}
    for cls in (0, 1, 2):
        wins = (fours == cls).sum(axis=2) >= 3
        assert wins.any()
        assert (overview[wins] == cls).all()


@pytest.mark.parametrize("band", [1, 2])
def test_overviews_hold_the_mean_probability(mapped: Callable[..., Path], band: int) -> None:
    overview, fours = halved(mapped(1100, 700, CLASSES), "probability.tif", band)
    known = (fours != NODATA).all(axis=2)
    assert np.abs(overview[known] - fours[known].mean(axis=1)).max() <= 0.5
    np.testing.assert_array_equal(overview == NODATA, (fours == NODATA).all(axis=2))


def as_gdal_reads(path: Path, folder: Path) -> ET.Element:
    """All that GDAL knows of a raster, as it writes it into a virtual one."""
    copy(path, folder / "raster.vrt", driver="VRT")
    return ET.parse(folder / "raster.vrt").getroot()  # noqa: S314 (GDAL wrote it)


def test_classes_have_names_and_colours_and_a_transparent_background(
    mapped: Callable[..., Path], tmp_path: Path
) -> None:
    path = mapped(150, 170, CLASSES) / "classes.tif"
    with rasterio.open(path) as raster:
        assert raster.colorinterp == (ColorInterp.palette,)
        colours = raster.colormap(1)
        assert [colours[number] for number in (1, 2)] == [(213, 94, 0, 255), (0, 114, 178, 255)]
        assert colours[0][3] == 0
        assert (raster.dtypes, raster.nodatavals, raster.descriptions) == (("uint8",), (NODATA,), ("class",))
    told = as_gdal_reads(path, tmp_path)
    assert [node.text for node in told.iterfind(".//Category")] == ["background", *CLASSES]
    assert [node.get("c4") for node in told.iterfind(".//Entry")][:3] == ["0", "255", "255"]


def test_probabilities_have_a_band_each_with_its_name_scale_and_nodata(
    mapped: Callable[..., Path], tmp_path: Path
) -> None:
    path = mapped(150, 170, CLASSES) / "probability.tif"
    with rasterio.open(path) as raster:
        assert raster.descriptions == CLASSES
        assert (raster.scales, raster.offsets) == ((1 / 254, 1 / 254), (0, 0))
        assert (raster.dtypes, raster.nodatavals) == (("uint8", "uint8"), (NODATA, NODATA))
    told = as_gdal_reads(path, tmp_path)
    assert [float(node.text or 0) for node in told.iterfind(".//Scale")] == [1 / 254, 1 / 254]
    assert [node.text for node in told.iterfind(".//Description")] == list(CLASSES)


@pytest.mark.parametrize("name", ["classes.tif", "probability.tif"])
def test_tags_tell_how_a_raster_was_made_and_neither_when_nor_where(mapped: Callable[..., Path], name: str) -> None:
    folder = mapped(150, 170)
    with rasterio.open(folder / name) as raster:
        tags = {key: value for key, value in raster.tags().items() if key != "AREA_OR_POINT"}
    assert tags == {
        "GEOUNET_VERSION": __version__,
        "GEOUNET_MODEL_SHA256": model_hash(folder.with_name("m.safetensors")),
        "GEOUNET_THRESHOLD": "0.5",
        "GEOUNET_WINDOW": "1536",
        "GEOUNET_HALO": str(card_of(Architecture(width=3, depth=1)).halo),
        "GEOUNET_STITCH": "exact",
        "GEOUNET_TTA": "none",
        "GEOUNET_PRECISION": "fp32",
        "GEOUNET_BANDS": "[1, 2, 3]",
        "GEOUNET_NODATA": "auto",
        "GEOUNET_STRETCH": "none",
        "GEOUNET_SCENE_DATE": "unknown",
    }
