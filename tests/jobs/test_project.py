"""map.qgz: all of a map opens in QGIS at once, wherever it and its scene are moved together."""

import re
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pyogrio
import pytest
import rasterio
from matplotlib.image import imread
from rasterio.enums import ColorInterp

from geounet.card import Architecture
from geounet.jobs.infer import infer
from geounet.jobs.tile import tile
from tests.in_qgis import opened_in_qgis
from tests.models import write_model
from tests.nn.cards import card_of
from tests.scenes import UTM, noise, three_buildings, write_polygons, write_scene


@pytest.fixture
def place(tmp_path: Path, model: Path) -> Path:
    """A folder with a scene whose name needs escaping, and its map beside it."""
    folder = tmp_path / "a & b"
    folder.mkdir()
    scene = write_scene(folder / "scene <1> & 'more'.tif", noise(150, 170))
    infer(scene, model=model, out=folder / "map", device="cpu", precision="fp32")
    return folder


def project(folder: Path) -> ET.Element:
    """The document in the project of a map."""
    with zipfile.ZipFile(folder / "map.qgz") as archive:
        return ET.fromstring(archive.read("map.qgs"))  # noqa: S314 (we wrote it)


def test_layers_are_named_by_paths_from_the_project(place: Path) -> None:
    sources = [node.text or "" for node in project(place / "map").iterfind(".//datasource")]
    assert sources == [
        "./footprints.gpkg|layername=building",
        "./probability.tif",
        "./classes.tif",
        "../scene <1> & 'more'.tif",
    ]


def test_each_sheet_is_shown_by_its_own_bands(tmp_path: Path, model: Path) -> None:
    pixels, colours = noise(60, 140), (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    sheets = [
        write_scene(tmp_path / "a.tif", pixels[:, :, :70], colours=colours),
        write_scene(tmp_path / "b.tif", pixels[::-1, :, 70:], UTM.cropped(0, 70), colours=colours[::-1]),
    ]
    infer(sheets, model=model, out=tmp_path / "map", device="cpu", precision="fp32")
    shown = project(tmp_path / "map").iterfind(".//rasterrenderer[@type='multibandcolor']")
    bands = [tuple(renderer.get(f"{colour}Band") for colour in ("red", "green", "blue")) for renderer in shown]
    assert bands == [("1", "2", "3"), ("3", "2", "1")]


def test_the_same_map_has_the_same_project(place: Path, model: Path) -> None:
    (scene,) = place.glob("*.tif")
    infer(scene, model=model, out=place / "again", device="cpu", precision="fp32")
    for name in ("map.qgz", "probability.qml"):
        assert (place / "map" / name).read_bytes() == (place / "again" / name).read_bytes()


def test_without_vectors_the_classes_are_shown(tmp_path: Path, model: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(60, 70))
    infer(scene, model=model, out=tmp_path / "map", no_vectors=True, device="cpu", precision="fp32")
    shown = {
        node.get("name"): node.get("checked") == "Qt::Checked"
        for node in project(tmp_path / "map").iterfind(".//layer-tree-layer")
    }
    assert shown == {"probability": False, "classes": True, "scene": True}


def test_many_footprints_are_shaded_in_the_preview(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(60, 70))
    for name, most in (("outlined", 1000), ("shaded", 0)):
        monkeypatch.setattr("geounet.jobs.preview._OUTLINES", most)
        infer(scene, model=model, out=tmp_path / name, device="cpu", precision="fp32")
    pictures = [imread(tmp_path / name / "preview.png") for name in ("outlined", "shaded")]
    assert pictures[0].shape == pictures[1].shape
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize(
    ("given", "written"),
    [
        pytest.param("2019:05:04 10:11:12", "2019-05-04T10:11:12", id="TIFF's way"),
        pytest.param("2019-05-04", "2019-05-04", id="a day"),
        pytest.param("lately", "unknown", id="no date"),
        pytest.param("0000:00:00 00:00:00", "unknown", id="a clock never set"),
    ],
)
def test_the_date_of_the_scene_goes_into_the_footprints(given: str, written: str, tmp_path: Path, model: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(60, 70))
    with rasterio.open(scene, "r+") as dataset:
        dataset.update_tags(TIFFTAG_DATETIME=given)
    infer(scene, model=model, out=tmp_path / "map", device="cpu", precision="fp32")
    told = pyogrio.read_info(tmp_path / "map" / "footprints.gpkg", layer="building")["dataset_metadata"]
    assert told["GEOUNET_SCENE_DATE"] == written
    assert re.fullmatch("[0-9a-f]{64}", told["GEOUNET_MODEL_SHA256"])


@pytest.mark.qgis
def test_qgis_opens_a_map_with_its_scene_wherever_they_are_moved(place: Path, tmp_path: Path) -> None:
    moved = shutil.move(place, tmp_path / "elsewhere")
    told = opened_in_qgis(tmp_path, Path(moved) / "map" / "map.qgz")
    assert [(layer["valid"], layer["renderer"]) for layer in told["layers"]] == [
        (True, "multibandcolor"),
        (True, "paletted"),
        (True, "singlebandpseudocolor"),
        (True, "graduatedSymbol"),
    ]
    assert {layer["crs"] for layer in told["layers"]} == {"EPSG:32633"}
    assert told["shown"] == 2
    assert told["colours"] > 100


@pytest.mark.qgis
def test_qgis_finds_the_style_of_each_output(place: Path, tmp_path: Path) -> None:
    outputs = [place / "map" / name for name in ("classes.tif", "probability.tif")]
    told = opened_in_qgis(tmp_path, *outputs)
    assert [layer["renderer"] for layer in told["layers"]] == ["paletted", "singlebandpseudocolor"]
    assert told["colours"] > 20


@pytest.mark.qgis
def test_qgis_shows_training_windows_by_their_split(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(150, 170))
    labels = write_polygons(tmp_path / "labels.gpkg", three_buildings(UTM))
    tile([scene], labels=[labels], out=tmp_path / "chips", size=32, stride=32, gsd="native")
    (layer,) = opened_in_qgis(tmp_path, tmp_path / "chips" / "index.gpkg")["layers"]
    assert (layer["valid"], layer["renderer"]) == (True, "categorizedSymbol")


@pytest.mark.qgis
def test_qgis_shows_each_class_and_sheet_of_a_map_of_several(tmp_path: Path) -> None:
    pixels = noise(100, 140)
    sheets = [
        write_scene(tmp_path / f"{col}.tif", pixels[:, :, col : col + 70], UTM.cropped(0, col)) for col in (0, 70)
    ]
    card = card_of(Architecture(width=3, depth=1, outputs=3), "road & rail", "tree's")
    model = write_model(tmp_path / "model.safetensors", card)
    infer(sheets, model=model, out=tmp_path / "map", device="cpu", precision="fp32")
    told = opened_in_qgis(tmp_path, tmp_path / "map" / "map.qgz")
    assert [layer["name"] for layer in told["layers"]] == ["70", "0", "classes", "probability", "tree's", "road & rail"]
    assert all(layer["valid"] for layer in told["layers"])
    assert told["shown"] == 4
