"""GeoPackages: the same bytes on every run, styled, measured, and whole or not there."""

import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS

from geounet.errors import OutputError
from geounet.footprints import Footprints
from geounet.io.style import footprint_style
from geounet.io.vectors import write_geopackage
from geounet.legend import LegendClass

UTM = CRS(32633).to_wkt()
BUILDING = LegendClass(1, "building", "#d55e00")
ODD = LegendClass(2, 'roof <"metal"> & co', "#0072b2")


def squares(count: int, *, confidence: float = 0.25) -> Footprints:
    """Squares of 10 m, ever more confident."""
    where = 20.0 * np.arange(count)
    return Footprints(
        shapely.box(500_000 + where, 5_600_000, 500_010 + where, 5_600_010),
        np.ones(count, np.uint8),
        np.linspace(confidence, 1, count, dtype=np.float32),
        (np.arange(count) % 4).astype(np.uint8),
    )


def write(path: Path, footprints: Iterable[Footprints], *classes: LegendClass, crs: str | None = UTM) -> dict[str, int]:
    provenance = {"MODEL": "abc", "NOTE": "ä"}
    return write_geopackage(path, classes or (BUILDING,), footprints, crs=crs, provenance=provenance, overwrite=True)


def test_two_runs_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geounet.io.vectors._BATCH", 7)
    for name, heap in (("a", (4, 5, 6, 1)), ("b", (4, 5, 6, 1))):
        batches = [squares(sum(heap))[start : start + size] for start, size in zip((0, 4, 9, 15), heap, strict=True)]
        assert write(tmp_path / f"{name}.gpkg", batches, BUILDING, ODD) == {
            "building": 16,
            ODD.name: 0,
        }
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gpkg", "b.gpkg"]


def test_footprints_of_several_classes_may_come_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geounet.io.vectors._BATCH", 3)
    mixed = replace(squares(8), class_id=np.array([2, 1, 1, 1, 2, 1, 1, 2], np.uint8))
    assert write(tmp_path / "a.gpkg", [mixed[:3], mixed[3:5], mixed[5:]], BUILDING, ODD) == {"building": 5, ODD.name: 3}
    assert pyogrio.list_layers(tmp_path / "a.gpkg")[:2, 0].tolist() == ["building", ODD.name]
    found = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer=ODD.name)
    assert found["class"].unique().tolist() == [ODD.name]
    assert found.geometry.tolist() == mixed.geometry[mixed.class_id == 2].tolist()


def test_attributes_are_named_rounded_and_measured_on_the_ground(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", [squares(4)])
    found = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="building")
    assert list(found.columns) == ["class", "confidence", "area_m2", "perimeter_m", "flags", "geometry"]
    assert found["class"].unique().tolist() == ["building"]
    assert found["confidence"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found["area_m2"].tolist() == pytest.approx([100 / 0.9996**2] * 4, abs=0.01)
    assert found["perimeter_m"].tolist() == pytest.approx([40 / 0.9996] * 4, abs=0.01)
    assert found["flags"].tolist() == ["", "nodata", "edge", "nodata,edge"]
    assert found.crs.to_epsg() == 32633
    assert found.geometry.geom_type.unique().tolist() == ["Polygon"]


def test_the_file_is_an_indexed_geopackage_1_2_with_its_provenance(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", [squares(3)])
    told = pyogrio.read_info(tmp_path / "a.gpkg", layer="building")
    assert told["layer_metadata"]["MODEL"] == told["dataset_metadata"]["MODEL"] == "abc"
    assert told["layer_metadata"]["NOTE"] == "ä"
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (10200,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM rtree_building_geom").fetchone() == (3,)
        dates = database.execute("SELECT DISTINCT last_change FROM gpkg_contents").fetchall()
        kinds = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
    assert dates == [("1970-01-01T00:00:00.000Z",)]
    assert kinds == {"building": "features", "layer_styles": "attributes"}


@pytest.mark.parametrize(
    ("footprints", "renderer"),
    [
        pytest.param([squares(3)], "graduatedSymbol", id="confidence known"),
        pytest.param([squares(3, confidence=np.nan)[:1]], "singleSymbol", id="confidence unknown"),
        pytest.param([], "singleSymbol", id="nothing found"),
    ],
)
def test_every_layer_has_a_default_style(tmp_path: Path, footprints: list[Footprints], renderer: str) -> None:
    write(tmp_path / "a.gpkg", footprints, replace(ODD, id=1))
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        query = "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ((table, column, default, qml),) = database.execute(query)
    assert (table, column, default) == (ODD.name, "geom", 1)
    node = ET.fromstring(qml).find("renderer-v2")  # noqa: S314 (we wrote it)
    assert node is not None
    assert node.get("type") == renderer


def test_grades_get_darker_with_confidence() -> None:
    root = ET.fromstring(footprint_style(ODD, graded=True))  # noqa: S314 (we wrote it)
    fills = [node.get("v", "") for node in root.iterfind(".//prop[@k='color']")]
    lightness = [sum(map(int, fill.split(",")[:3])) for fill in fills]
    assert len(fills) == 5
    assert lightness == sorted(lightness, reverse=True)
    assert fills[-1].startswith("0,114,178,")
    assert all(ODD.name in node.get("label", "") for node in root.iterfind(".//range"))


def test_unknown_confidence_is_null(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", [squares(1, confidence=np.nan)])
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        assert database.execute("SELECT confidence FROM building").fetchall() == [(None,)]


def test_without_a_crs_the_coordinates_are_cartesian(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", [squares(2)], BUILDING, ODD, crs=None)
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        assert set(database.execute("SELECT srs_id FROM gpkg_geometry_columns")) == {(-1,)}
        assert database.execute("SELECT area_m2, perimeter_m FROM building").fetchall() == [(100.0, 40.0)] * 2


def failing() -> Iterator[Footprints]:
    yield squares(2)
    raise ZeroDivisionError


def test_nothing_is_left_behind_when_the_work_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geounet.io.vectors._BATCH", 1)
    with pytest.raises(ZeroDivisionError):
        write(tmp_path / "a.gpkg", failing())
    assert list(tmp_path.iterdir()) == []
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.gpkg cannot be written .*[^\n]$"):
        write(tmp_path / "file" / "a.gpkg", [squares(1)])


@pytest.mark.parametrize("room", [1_000, 60_000, 150_000, 550_000], ids="{} bytes".format)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, room: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=r"a\.gpkg cannot be written .*[^\n]$"):
            write(tmp_path / "a.gpkg", [squares(2000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_unless_it_may_go(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", [squares(1)])
    with pytest.raises(OutputError, match="exists already"):
        write_geopackage(tmp_path / "a.gpkg", [BUILDING], [], crs=UTM, provenance={})
    assert len(pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="building")) == 1


@pytest.mark.qgis
def test_qgis_shows_the_layers_in_their_style(tmp_path: Path) -> None:
    if subprocess.run(["/usr/bin/python3", "-c", "import qgis"], capture_output=True, check=False).returncode:
        pytest.skip("the system's Python has no QGIS")
    write(tmp_path / "a.gpkg", [squares(6)], BUILDING, ODD)
    sources = [f"{tmp_path}/a.gpkg|layername={cls.name}" for cls in (BUILDING, ODD)]
    script = Path(__file__).parents[1] / "qgis_open.py"
    done = subprocess.run(
        ["/usr/bin/python3", script, tmp_path / "a.png", *sources],
        capture_output=True,
        check=True,
        timeout=120,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    told = json.loads(done.stdout)
    building, odd = told["layers"]
    assert (building["valid"], building["renderer"], building["features"]) == (True, "graduatedSymbol", 6)
    assert (building["crs"], building["invalid"], len(building["grades"])) == ("EPSG:32633", 0, 5)
    assert (odd["valid"], odd["renderer"], odd["features"]) == (True, "singleSymbol", 0)
    assert told["colours"] > 6
