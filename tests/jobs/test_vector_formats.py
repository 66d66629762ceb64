"""vectorize in every format, and where it cannot write: one line, and nothing is changed."""

import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geounet.jobs.infer import infer
from geounet.jobs.vectorize import vectorize
from tests.command import files_below, geounet
from tests.other_process import inside
from tests.scenes import NOWHERE, UTM, Place, noise, write_scene

ENDINGS = ["gpkg", "parquet", "fgb", "geojson", "pmtiles"]
Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Runs a command that must fail with one line and leave every file as it was; returns the line."""

    def check(*words: object) -> str:
        before = files_below(tmp_path)
        told = geounet(capsys, *words)
        assert told.status == 1
        assert files_below(tmp_path) == before
        return told.error

    return check


def chances(path: Path, place: Place = UTM, names: Sequence[str] = ("",)) -> Path:
    """Probabilities of two squares, at 0.55 and 0.95; a third lies at the edge. The same for each class."""
    levels = np.zeros((60, 60), np.uint8)
    levels[10:20, 10:20], levels[30:50, 10:40], levels[5:15, 50:] = 140, 242, 242
    write_scene(path, np.stack([levels] * len(names)), place)
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.open(path, "r+") as dataset,
    ):
        dataset.scales = [1 / 254] * len(names)
        for number, name in enumerate(names, 1):
            dataset.set_band_description(number, name)
    return path


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    return chances(tmp_path / "chance.tif")


@pytest.mark.parametrize("ending", ENDINGS)
def test_footprints_are_the_same_in_every_format(ending: str, raster: Path) -> None:
    out = raster.with_suffix(f".{ending}")
    assert vectorize(raster, out=out, regularize=False).polygons == {"building": 3}
    found = geopandas.read_parquet(out) if ending == "parquet" else pyogrio.read_dataframe(out, layer=0)
    found = found.sort_values("confidence")
    assert found["confidence"].tolist() == pytest.approx([140 / 254, 242 / 254, 242 / 254], abs=1e-4)
    assert found["flags"].tolist()[0] == "doubtful"
    assert sorted(found["flags"]) == ["", "doubtful", "edge"]
    assert found["area_m2"].sum() == pytest.approx((100 + 600 + 100) * 0.09, rel=0.1)


def regularized(out: Path) -> set[str]:
    """Layers of a GeoPackage in which footprints have straight walls, or were to have them."""
    names = [name for name, kind in pyogrio.list_layers(out) if kind]
    flags = {name: ",".join(pyogrio.read_dataframe(out, layer=name)["flags"]) for name in names}
    return {name for name, text in flags.items() if "regularized" in text or "refused" in text}


@pytest.mark.parametrize(
    ("names", "settings", "layers"),
    [
        pytest.param(["Roof", "road"], {}, {"Roof"}, id="a class of buildings"),
        pytest.param(["tree"], {}, set(), id="the only class, of others"),
        pytest.param([""], {}, {"building"}, id="the only class, without a name"),
        pytest.param(["Roof", "road"], {"regularize": True}, {"Roof", "road"}, id="asked for"),
        pytest.param(["Roof"], {"regularize": False}, set(), id="not wanted"),
        pytest.param(["Roof"], {"simplify": 0.0}, set(), id="every corner is to be kept"),
    ],
)
def test_walls_are_made_straight_of_buildings_alone(
    names: list[str], settings: dict[str, Any], layers: set[str], tmp_path: Path
) -> None:
    raster = chances(tmp_path / "chance.tif", names=names)
    assert regularized(vectorize(raster, **settings).out) == layers


@pytest.mark.parametrize(
    ("switches", "same_as"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(
            ["--regularize", "--no-separate"], {"regularize": True, "separate": False}, id="one and not the other"
        ),
        pytest.param(["--no-regularize", "--simplify", "0"], {"regularize": False, "simplify": 0.0}, id="exact"),
    ],
)
def test_the_command_hands_on_its_switches(
    switches: list[str], same_as: dict[str, Any], capsys: pytest.CaptureFixture[str], raster: Path
) -> None:
    assert geounet(capsys, "vectorize", raster, "--out", raster.with_name("a.gpkg"), *switches).status == 0
    assert (
        vectorize(raster, out=raster.with_name("b.gpkg"), **same_as).out.read_bytes()
        == raster.with_name("a.gpkg").read_bytes()
    )


def test_the_command_takes_an_ending_it_does_not_know_for_a_mistake(refused: Refused, raster: Path) -> None:
    assert "ends in .gpkg .parquet .fgb .geojson .pmtiles" in refused("vectorize", raster, "--out", "map.shp")


@pytest.mark.parametrize("ending", ["geojson", "pmtiles"])
def test_pixels_without_a_place_are_no_geojson(ending: str, refused: Refused, tmp_path: Path) -> None:
    raster = chances(tmp_path / "chance.tif", NOWHERE)
    error = refused("vectorize", raster, "--out", tmp_path / f"map.{ending}")
    assert "there is no CRS; assign one, or write a .gpkg" in error


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_cannot_be_made_is_one_line(ending: str, refused: Refused, raster: Path) -> None:
    assert "cannot be" in refused("vectorize", raster, "--out", raster / f"map.{ending}")


@contextmanager
def read_by_qgis(path: Path) -> Iterator[None]:
    """While a GeoPackage is open as QGIS opens it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("SELECT count(*) FROM building").fetchone()
        yield


def test_a_geopackage_that_is_open_elsewhere_is_not_replaced(refused: Refused, raster: Path) -> None:
    out = vectorize(raster).out
    with inside("tests.jobs.test_vector_formats", "read_by_qgis(path)", out):
        error = refused("vectorize", raster, "--overwrite")
    assert error.endswith("chance.gpkg is open in another program; close it there, or choose another --out")
    vectorize(raster, overwrite=True)


def test_a_map_whose_footprints_are_open_elsewhere_is_not_begun_anew(
    refused: Refused, tmp_path: Path, model: Path
) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(60, 70), UTM)
    infer(scene, model=model, out=tmp_path / "map", device="cpu")
    with inside("tests.jobs.test_vector_formats", "read_by_qgis(path)", tmp_path / "map" / "footprints.gpkg"):
        words = ("infer", scene, "--model", model, "--out", tmp_path / "map", "--device", "cpu", "--overwrite")
        assert "footprints.gpkg is open in another program" in refused(*words)
