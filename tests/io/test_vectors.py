"""Footprints in files: the same bytes on every run, measured, and whole or not there, in every format."""

import json
import re
import resource
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS, Geod, Transformer

from geounet.errors import OutputError
from geounet.footprints import Footprints
from geounet.io.style import CYAN, document, footprint_renderer
from geounet.io.vectors import write_footprints
from geounet.legend import LegendClass
from tests.in_qgis import opened_in_qgis
from tests.other_process import inside

UTM = CRS(32633).to_wkt()
BUILDING = LegendClass(1, "building", "#d55e00")
ODD = LegendClass(2, 'roof <"metal"> & co\'s', "#0072b2")
ENDINGS = [".gpkg", ".parquet", ".fgb", ".geojson", ".pmtiles"]
ANYWHERE = ENDINGS[:3]  # formats that need no CRS
FIELDS = ["class", "confidence", "area_m2", "perimeter_m", "vertices", "flags"]


def squares(count: int, *, confidence: float = 0.25, cls: LegendClass = BUILDING) -> Footprints:
    """Squares of 10 m with a courtyard, ever more confident."""
    where = 500_000 + 20.0 * np.arange(count)
    outer = shapely.box(where, 5_600_000, where + 10, 5_600_010)
    yard = shapely.box(where + 3, 5_600_003, where + 6, 5_600_006)
    return Footprints(
        shapely.orient_polygons(shapely.difference(outer, yard)),
        np.full(count, cls.id, np.uint8),
        np.linspace(confidence, 1, count, dtype=np.float32),
        (np.arange(count) % 4).astype(np.uint8),
    )


def write(path: Path, *footprints: Footprints, crs: str | None = UTM) -> dict[str, int]:
    provenance = {"MODEL": "abc", "NOTE": "ä"}
    return write_footprints(path, (BUILDING, ODD), footprints, crs=crs, provenance=provenance, overwrite=True)


def read(path: Path) -> geopandas.GeoDataFrame:
    """All footprints of a file in the order of their places."""
    if path.suffix == ".parquet":
        found = geopandas.read_parquet(path)
    elif path.suffix == ".gpkg":
        layers = [pyogrio.read_dataframe(path, layer=cls.name) for cls in (BUILDING, ODD)]
        found = geopandas.pd.concat([layer for layer in layers if len(layer)] or layers[:1])
    else:
        found = pyogrio.read_dataframe(path)
    return found.iloc[np.argsort(found.geometry.bounds["minx"].to_numpy(), kind="stable")].reset_index(drop=True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_two_runs_write_the_same_bytes(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geounet.io.attributes._BATCH", 7)
    some, others = squares(16), squares(5, cls=ODD)
    for name in "ab":
        counts = write(tmp_path / f"{name}{ending}", some[:4], others, some[4:9], some[9:15], some[15:])
        assert counts == {"building": 16, ODD.name: 5}
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{ending}", f"b{ending}"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_attributes_are_named_rounded_and_measured_on_the_ground(ending: str, tmp_path: Path) -> None:
    write(tmp_path / f"a{ending}", squares(4), squares(0, cls=ODD))
    found = read(tmp_path / f"a{ending}").drop(columns="mvt_id", errors="ignore")
    assert list(found.columns) == [*FIELDS, "geometry"]
    assert found["class"].unique().tolist() == ["building"]
    assert found["confidence"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found["area_m2"].tolist() == pytest.approx([91 / 0.9996**2] * 4, abs=0.01)
    assert found["perimeter_m"].tolist() == pytest.approx([52 / 0.9996] * 4, abs=0.01)
    assert found["vertices"].tolist() == [8] * 4
    assert found["flags"].tolist() == ["doubtful", "nodata,doubtful", "edge", "nodata,edge"]
    assert found.geometry.geom_type.unique().tolist() == ["MultiPolygon" if ending == ".pmtiles" else "Polygon"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_footprint_lies_where_it_lay_with_its_courtyard(ending: str, tmp_path: Path) -> None:
    some = squares(3)
    write(tmp_path / f"a{ending}", some)
    found = read(tmp_path / f"a{ending}").to_crs(UTM).geometry.to_numpy()
    slack = 0.6 if ending == ".pmtiles" else 0.02  # metres: the step of a tile, and of 7 digits
    assert shapely.hausdorff_distance(found, some.geometry).max() < slack
    assert shapely.get_num_interior_rings(shapely.get_geometry(found, 0)).tolist() == [1, 1, 1]
    if ending != ".pmtiles":
        assert shapely.is_ccw(shapely.get_exterior_ring(found)).all()


@pytest.mark.parametrize("ending", ENDINGS)
def test_unknown_confidence_is_null_and_no_doubt(ending: str, tmp_path: Path) -> None:
    write(tmp_path / f"a{ending}", squares(1, confidence=np.nan))
    found = read(tmp_path / f"a{ending}")
    assert "confidence" not in found or found["confidence"].isna().all()  # a tile leaves out what is null
    assert found["flags"].tolist() == [""]


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_footprints_are_a_valid_file(ending: str, tmp_path: Path) -> None:
    assert write(tmp_path / f"a{ending}") == {"building": 0, ODD.name: 0}
    assert len(read(tmp_path / f"a{ending}")) == 0


@pytest.mark.parametrize("ending", ANYWHERE)
def test_without_a_crs_the_coordinates_are_cartesian(ending: str, tmp_path: Path) -> None:
    write(tmp_path / f"a{ending}", squares(2), crs=None)
    found = read(tmp_path / f"a{ending}")
    assert found.crs is None or found.crs.name == "Undefined Cartesian SRS"
    assert found["area_m2"].tolist() == [91.0, 91.0]


@pytest.mark.parametrize("ending", ENDINGS[3:])
def test_formats_of_the_whole_earth_need_a_crs(ending: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"needs coordinates on the Earth, and there is no CRS; assign one"):
        write(tmp_path / f"a{ending}", squares(2), crs=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS[3:])
def test_formats_of_the_whole_earth_need_a_crs_that_lies_on_it(ending: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"its CRS 'a building site' lies nowhere on it; write a \.gpkg"):
        write(tmp_path / f"a{ending}", squares(2), crs='LOCAL_CS["a building site",UNIT["metre",1]]')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.shp", "a", "a.GPKG.zip"])
def test_an_unknown_ending_is_one_line_that_names_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in \.gpkg \.parquet \.fgb \.geojson \.pmtiles$"):
        write(tmp_path / name, squares(1))


def test_without_pyarrow_geoparquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(OutputError, match=r"needs pyarrow to be written; run pip install geounet\[parquet\]"):
        write(tmp_path / "a.parquet", squares(1))
    assert list(tmp_path.iterdir()) == []


def test_geoparquet_has_boxes_by_which_readers_find_what_is_near(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", squares(9))
    near = geopandas.read_parquet(tmp_path / "a.parquet", bbox=(500_021, 5_600_000, 500_045, 5_600_010))
    assert len(near) == 2


def test_geojson_is_as_rfc_7946_has_it(tmp_path: Path) -> None:
    write(tmp_path / "a.geojson", squares(2))
    told = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert "crs" not in told
    assert told["provenance"] == {"MODEL": "abc", "NOTE": "ä"}
    outer, yard = told["features"][0]["geometry"]["coordinates"]
    assert shapely.LinearRing(outer).is_ccw
    assert not shapely.LinearRing(yard).is_ccw
    numbers = np.array(outer)
    assert np.array_equal(numbers, numbers.round(7))
    assert 14.99 < numbers[:, 0].min() < numbers[:, 0].max() < 15.01


def test_no_coordinate_of_geojson_is_written_with_more_than_7_digits(tmp_path: Path) -> None:
    write(tmp_path / "a.geojson", squares(500))
    text = (tmp_path / "a.geojson").read_text(encoding="utf-8")
    assert max(len(digits) for digits in re.findall(r"\.(\d+)", text)) == 7


def test_geojson_goes_on_beyond_the_antimeridian(tmp_path: Path) -> None:
    square = shapely.box(-20, 0, 20, 30)
    some = Footprints(np.array([square]), np.ones(1, np.uint8), np.ones(1, np.float32), np.zeros(1, np.uint8))
    write(tmp_path / "a.geojson", some, crs=CRS.from_proj4("+proj=laea +lat_0=0 +lon_0=180 +ellps=WGS84").to_wkt())
    assert np.ptp(read(tmp_path / "a.geojson").total_bounds[[0, 2]]) < 0.001


def test_the_file_is_an_indexed_geopackage_1_2_with_its_provenance(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", squares(3))
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
    assert kinds == {"building": "features", ODD.name: "features", "layer_styles": "attributes"}


@pytest.mark.parametrize(
    ("footprints", "renderer"),
    [
        pytest.param(squares(3, cls=ODD), "graduatedSymbol", id="confidence known"),
        pytest.param(squares(1, confidence=np.nan, cls=ODD), "singleSymbol", id="confidence unknown"),
        pytest.param(squares(0, cls=ODD), "singleSymbol", id="nothing found"),
    ],
)
def test_every_layer_has_a_default_style(tmp_path: Path, footprints: Footprints, renderer: str) -> None:
    write(tmp_path / "a.gpkg", footprints)
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as database:
        query = "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        rows = database.execute(query).fetchall()
    assert [row[:3] for row in rows] == [("building", "geom", 1), (ODD.name, "geom", 1)]
    node = ET.fromstring(rows[1][3]).find("renderer-v2")  # noqa: S314 (we wrote it)
    assert node is not None
    assert node.get("type") == renderer


def fills(cls: LegendClass, *, is_only: bool) -> list[list[int]]:
    """Red, green, blue and alpha of each grade's fill."""
    root = ET.fromstring(document(footprint_renderer(cls, graded=True, is_only=is_only)))  # noqa: S314 (we wrote it)
    assert all(cls.name in node.get("label", "") for node in root.iterfind(".//range"))
    return [[int(number) for number in node.get("v", "").split(",")] for node in root.iterfind(".//prop[@k='color']")]


def test_grades_get_darker_with_confidence() -> None:
    grades = fills(ODD, is_only=False)
    lightness = [sum(grade[:3]) for grade in grades]
    assert len(grades) == 5
    assert lightness == sorted(lightness, reverse=True)
    assert grades[-1][:3] == [0, 114, 178]


def test_the_only_class_has_a_colour_that_stands_out() -> None:
    assert fills(BUILDING, is_only=True)[-1][:3] == list(CYAN)


def one_square(kilometres: float) -> Footprints:
    half = 500 * kilometres
    square = np.array([shapely.box(5e5 - half, 4e6 - half, 5e5 + half, 4e6 + half)])
    return Footprints(square, np.ones(1, np.uint8), np.ones(1, np.float32), np.zeros(1, np.uint8))


@pytest.mark.parametrize(("kilometres", "zooms"), [(1, (12, 15)), (20, (11, 14)), (70, (10, 13))])
def test_vector_tiles_of_countries_are_coarser_than_those_of_houses(
    kilometres: float, zooms: tuple[int, int], tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("geounet.io.single._MOST_WORK", 400)  # as if 20 km were a country
    write(tmp_path / "a.pmtiles", one_square(kilometres), crs=CRS(32631).to_wkt())
    assert tuple((tmp_path / "a.pmtiles").read_bytes()[100:102]) == zooms  # as the format's specification says
    assert ("tiles end at zoom" in caplog.text) == (zooms[1] < 15)


BEYOND = CRS.from_proj4("+proj=geos +h=35786023 +lon_0=0 +sweep=x +ellps=GRS80").to_wkt()


def at_the_limb() -> Footprints:
    """A square on the Earth's disk as a satellite sees it, and one that reaches beyond."""
    two = shapely.box([-5e5, 4e6], [-5e5, -5e5], [5e5, 6e6], [5e5, 5e5])
    return Footprints(two, np.ones(2, np.uint8), np.ones(2, np.float32), np.zeros(2, np.uint8))


@pytest.mark.parametrize("ending", ANYWHERE)
def test_what_reaches_beyond_the_earth_has_no_area(ending: str, tmp_path: Path) -> None:
    write(tmp_path / f"a{ending}", at_the_limb(), crs=BEYOND)
    found = read(tmp_path / f"a{ending}")
    assert found["area_m2"].isna().tolist() == found["perimeter_m"].isna().tolist() == [False, True]
    assert found["area_m2"][0] == pytest.approx(1e12, rel=0.02)


@pytest.mark.parametrize("ending", ENDINGS[3:])
def test_what_reaches_beyond_the_earth_is_one_line_where_a_format_needs_degrees(ending: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"some footprints reach beyond the Earth .*; choose an --out that ends in"):
        write(tmp_path / f"a{ending}", at_the_limb(), crs=BEYOND)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def half_written(path: Path) -> Iterator[None]:
    """While this process is writing footprints, of which some are on the disk."""
    begun = threading.Event()

    def endless() -> Iterator[Footprints]:
        yield squares(30_000)
        yield squares(30_000)
        begun.set()
        threading.Event().wait()

    threading.Thread(target=write_footprints, args=(path, [BUILDING], endless()),
                     kwargs={"crs": UTM, "provenance": {}}, daemon=True).start()  # fmt: skip
    begun.wait()
    yield


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_killed_process_left_goes_with_the_next_run(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    others = [tmp_path / name for name in (f".b-12345678{ending}", f".a-1234{ending}", f"a-12345678{ending}")]
    for other in others:
        other.write_text("somebody else's")
    with inside("tests.io.test_vectors", "half_written(path)", path):
        with pytest.raises(OutputError, match="is being written by another process; wait for it"):
            write(path, squares(1))
        assert len(list(tmp_path.iterdir())) > 4
    assert not path.exists()
    write(path, squares(3))
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    assert len(read(path)) == 3


def failing() -> Iterator[Footprints]:
    yield squares(2)
    raise ZeroDivisionError


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_behind_when_the_work_fails(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geounet.io.attributes._BATCH", 1)
    with pytest.raises(ZeroDivisionError):
        write_footprints(tmp_path / f"a{ending}", [BUILDING], failing(), crs=UTM, provenance={})
    assert list(tmp_path.iterdir()) == []
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_cannot_be_made_is_one_line(ending: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=rf"a\{ending} cannot be (written|looked at) .*[^\n]$"):
        write(tmp_path / "file" / f"a{ending}", squares(1))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_is_not_there_is_made(ending: str, tmp_path: Path) -> None:
    write(tmp_path / "new" / f"a{ending}", squares(1))
    assert len(read(tmp_path / "new" / f"a{ending}")) == 1


@pytest.mark.parametrize("room", [1_000, 60_000, 150_000, 550_000], ids="{} bytes".format)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_is_one_line_and_leaves_nothing(ending: str, tmp_path: Path, room: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    count = 40_000 if ending in (".parquet", ".pmtiles") else 4000  # which are small
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=rf"a\{ending} cannot be written .*[^\n]$"):
            write(tmp_path / f"a{ending}", squares(count))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_existing_file_stays_unless_it_may_go(ending: str, tmp_path: Path) -> None:
    write(tmp_path / f"a{ending}", squares(1))
    with pytest.raises(OutputError, match="exists already"):
        write_footprints(tmp_path / f"a{ending}", [BUILDING], [], crs=UTM, provenance={})
    assert len(read(tmp_path / f"a{ending}")) == 1


@contextmanager
def held_open(path: Path, *statements: str) -> Iterator[None]:
    """While this process has a GeoPackage open, and has begun to do something with it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement).fetchone()
        database.execute("SELECT count(*) FROM building").fetchone()
        yield


@pytest.mark.parametrize("statement", ["BEGIN EXCLUSIVE", "PRAGMA journal_mode = WAL", "BEGIN"])
def test_a_geopackage_that_is_open_elsewhere_is_left_alone(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "a.gpkg"
    write(path, squares(1))
    refused = pytest.raises(OutputError, match=r"a\.gpkg is open in another program; close it there")
    with inside("tests.io.test_vectors", f"held_open(path, {statement!r})", path), refused:
        write(path, squares(2))
    assert write(path, squares(2))["building"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["a.gpkg"]
    assert len(read(path)) == 2


@pytest.mark.qgis
def test_qgis_shows_the_layers_in_their_style(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", squares(6))
    told = opened_in_qgis(tmp_path, *(f"{tmp_path}/a.gpkg|layername={cls.name}" for cls in (BUILDING, ODD)))
    building, odd = told["layers"]
    assert (building["valid"], building["renderer"], building["features"]) == (True, "graduatedSymbol", 6)
    assert (building["crs"], building["invalid"], len(building["grades"])) == ("EPSG:32633", 0, 5)
    assert (odd["valid"], odd["renderer"], odd["features"]) == (True, "singleSymbol", 0)
    assert told["colours"] > 6


@pytest.mark.qgis
@pytest.mark.parametrize("ending", [".fgb", ".geojson"])  # Debian's GDAL knows no others
def test_qgis_shows_the_other_formats(ending: str, tmp_path: Path) -> None:
    write(tmp_path / f"a{ending}", squares(6))
    told = opened_in_qgis(tmp_path, tmp_path / f"a{ending}")
    (layer,) = told["layers"]
    assert (layer["valid"], layer["features"], layer["invalid"]) == (True, 6, 0)
    assert set(FIELDS) <= set(layer["fields"])
    assert told["colours"] > 2


def test_where_seven_digits_close_a_neck_geojson_has_the_larger_part(tmp_path: Path) -> None:
    x, y = squares(1).geometry[0].exterior.coords[0][:2]
    left, right = shapely.box(x, y, x + 3, y + 3), shapely.box(x + 4, y, x + 8, y + 4)
    neck = shapely.box(x + 2, y + 2 - 5e-4, x + 5, y + 2 + 5e-4)  # a tenth of what the last digit is
    spike = shapely.Polygon([(x, y + 9), (x + 4e-3, y + 9), (x + 2e-3, y + 9 + 3e-3)])  # and all of it is less
    shapes = np.array([shapely.orient_polygons(shapely.union_all([left, neck, right])), spike], object)
    some = Footprints(shapes, np.ones(2, np.uint8), np.ones(2, np.float32), np.zeros(2, np.uint8))
    write(tmp_path / "a.geojson", some)
    found = read(tmp_path / "a.geojson")
    assert shapely.is_valid(found.geometry).all()
    assert not shapely.is_empty(found.geometry).any()
    wide = found.to_crs(UTM).geometry.to_numpy()[shapely.area(found.geometry).argmax()]
    assert shapely.area(shapely.symmetric_difference(wide, shapely.buffer(right, 0.02))) < 10 * 0.04
    assert shapely.intersects(wide, shapely.Point(x + 6, y + 2))


def test_pixels_centred_on_a_pole_are_measured_and_written_up_to_it(tmp_path: Path) -> None:
    cap = np.array([shapely.box(10, 89.5, 12, 90.125), shapely.box(10, 60, 12, 60.5)], object)
    some = Footprints(cap, np.ones(2, np.uint8), np.ones(2, np.float32), np.zeros(2, np.uint8))
    write(tmp_path / "a.geojson", some, crs=CRS(4326).to_wkt())
    text = (tmp_path / "a.geojson").read_text()
    assert "NaN" not in text
    found = read(tmp_path / "a.geojson")
    assert found.total_bounds[3] == 90
    wanted = np.pi * Geod(ellps="WGS84").inv(0, 90, 0, 89.5)[2] ** 2 / 180  # a piece of a flat disk
    assert found["area_m2"].min() == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("ending", ENDINGS)
def test_another_format_of_the_same_map_may_be_written_meanwhile(ending: str, tmp_path: Path) -> None:
    def meanwhile() -> Iterator[Footprints]:
        yield squares(3)
        for other in ENDINGS:
            if other != ending:
                write(tmp_path / f"city{other}", squares(2))
        yield squares(2, cls=ODD)

    write_footprints(tmp_path / f"city{ending}", (BUILDING, ODD), meanwhile(), crs=UTM, provenance={})
    assert len(read(tmp_path / f"city{ending}")) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"city{other}" for other in ENDINGS)


def houses(x: float, y: float, crs: str | int, side: float) -> tuple[Footprints, str]:
    """Five squares side by side, the third one around x, on a map."""
    middle = x + side * np.arange(-4, 5, 2)
    shapes = shapely.box(middle - side / 2, y, middle + side / 2, y + side)
    return Footprints(shapes, np.ones(5, np.uint8), np.ones(5, np.float32), np.zeros(5, np.uint8)), CRS(crs).to_wkt()


@pytest.mark.parametrize(
    ("crs", "x", "y", "side"),
    [
        pytest.param(32760, 0, 8_140_000, 9, id="UTM"),
        pytest.param(4326, 180, -16.8, 1e-4, id="degrees"),
        pytest.param(4326, 200, -16.8, 1e-4, id="0 to 360"),
        pytest.param(4326, -180, 60, 1e-4, id="from the east"),
        pytest.param(3832, 0, -1_880_000, 10, id="Mercator of the Pacific"),
    ],
)
def test_tiles_show_a_house_on_the_antimeridian_where_it_stands(
    tmp_path: Path, crs: int, x: float, y: float, side: float
) -> None:
    if crs != 4326:
        x = float(Transformer.from_crs(4326, crs, always_xy=True).transform(180, -16.8)[0])
    some, wkt = houses(x, y, crs, side)
    write(tmp_path / "a.pmtiles", some, crs=wkt)
    found = read(tmp_path / "a.pmtiles")
    assert len(found) == (5 if x == 200 else 6)  # one of them on both sides
    assert shapely.area(found.geometry).max() < 500  # m² of Web Mercator
    write(tmp_path / "a.gpkg", some, crs=wkt)
    assert sorted(set(found["area_m2"])) == sorted(set(read(tmp_path / "a.gpkg")["area_m2"]))  # of the whole house


def test_tiles_leave_out_what_lies_too_near_a_pole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    some, wkt = houses(10, 86, 4326, 1e-3)
    write(tmp_path / "a.pmtiles", some, crs=wkt)
    assert "5 footprints lie too near a pole for web maps, and are left out" in caplog.text
    assert len(read(tmp_path / "a.pmtiles")) == 0
