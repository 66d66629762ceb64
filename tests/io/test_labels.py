"""Label files as people have them: several layers, our own footprints, reading that leaves no trace."""

import sys
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from geounet.errors import LabelError
from geounet.footprints import Footprints
from geounet.grid import Window
from geounet.io.labels import PixelPolygons, class_names, count_features, read_areas, read_labels, read_outlines
from geounet.io.vectors import write_footprints
from geounet.legend import Legend
from tests.scenes import UTM, box, frame, three_buildings, write_polygons

BUILDING = Legend.of_names("building")


@pytest.fixture
def footprints(tmp_path: Path) -> Path:
    """What infer writes: a layer of footprints and the table of its style."""
    shapes = np.array(three_buildings(UTM), dtype=object)
    flags = np.zeros(3, dtype="uint8")
    found = Footprints(shapes, np.ones(3, dtype="uint8"), np.full(3, 0.5, dtype="float32"), flags)
    path = tmp_path / "footprints.gpkg"
    write_footprints(path, BUILDING.foreground, [found], crs=frame(1, 1).crs, provenance={"MODEL": "abc"})
    return path


@pytest.mark.parametrize("ending", [".parquet", ".fgb", ".geojson"])
def test_footprints_of_every_format_serve_as_labels(ending: str, tmp_path: Path, footprints: Path) -> None:
    path = tmp_path / f"labels{ending}"
    shapes = geopandas.read_file(footprints, layer="building").geometry.to_numpy()
    ids = np.ones(3, dtype="uint8")
    found = Footprints(shapes, ids, np.full(3, 0.5, dtype="float32"), ids)
    write_footprints(path, BUILDING.foreground, [found], crs=frame(1, 1).crs, provenance={})
    labels = read_labels(path, frame(150, 170), BUILDING, "class")
    assert labels.burnt(Window(0, 0, 150, 170)).sum() == 600 + 1000 + 400
    assert class_names([path], "class") == ("building",)
    assert len(read_labels(path, frame(40, 170), BUILDING).ids) < 3
    with pytest.raises(LabelError, match=r"has no field 'kind'; it has class, confidence, "):
        class_names([path], "kind")


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing", b'{"type": "FeatureCollection"}'])
def test_what_is_no_geoparquet_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(LabelError, match=r"a\.parquet is no GeoParquet that can be read [^\n]*$"):
        read_labels(tmp_path / "a.parquet", frame(150, 170), BUILDING)


def test_without_pyarrow_labels_in_geoparquet_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LabelError, match=r"run pip install geounet\[parquet\]"):
        read_labels(tmp_path / "a.parquet", frame(150, 170), BUILDING)


def test_footprints_of_a_map_serve_as_labels_and_are_only_read(tmp_path: Path, footprints: Path) -> None:
    before = footprints.read_bytes()
    labels = read_labels(footprints, frame(150, 170), BUILDING)
    assert labels.burnt(Window(0, 0, 150, 170)).sum() == 600 + 1000 + 400
    assert len(read_outlines(footprints, frame(150, 170))) == count_features(footprints) == 3
    assert footprints.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["footprints.gpkg"]


@settings(deadline=None, max_examples=40)
@given(st.integers(-20, 140), st.integers(-20, 160), st.integers(1, 80), st.integers(1, 80))
def test_any_window_burnt_is_the_crop_of_the_whole(row: int, col: int, height: int, width: int) -> None:
    labels = _skewed()
    whole = labels.burnt(Window(-40, -40, 300, 300))
    part = labels.burnt(Window(row, col, height, width))
    assert_array_equal(part, whole[row + 40 : row + 40 + height, col + 40 : col + 40 + width])


def _skewed() -> PixelPolygons:
    shapes = np.array(
        [shapely.Polygon([(3.3, 4.1), (90.2, 17.7), (44.9, 120.6)]), shapely.Polygon([(60, 60), (150, 70), (70, 160)])],
        dtype=object,
    )
    return PixelPolygons.of(shapes, np.array([1, 2], dtype="uint8"))


def test_classes_of_several_files_are_named_in_one_order(tmp_path: Path) -> None:
    one = write_polygons(tmp_path / "a.gpkg", three_buildings(UTM), kind=["shed", "house", "shed"])
    other = write_polygons(tmp_path / "b.geojson", three_buildings(UTM), kind=["barn", "house", "house"])
    assert class_names([one, other], "kind") == ("barn", "house", "shed")
    assert class_names([one, other], None) == ("building",)


def test_a_polygon_without_a_class_is_refused(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "a.gpkg", three_buildings(UTM), kind=["shed", None, "shed"])
    with pytest.raises(LabelError, match="has 1 polygons without a value in 'kind'"):
        class_names([path], "kind")


def test_an_area_that_misses_the_scene_holds_no_pixel(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "far.gpkg", [box(UTM, 900, 900, 9, 9)])
    areas = read_areas(path, frame(150, 170), "--ignore")
    assert not areas.burnt(Window(0, 0, 150, 170)).any()


def test_of_several_layers_the_first_is_read_with_a_note(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_polygons(tmp_path / "a.gpkg", three_buildings(UTM))
    pyogrio.write_dataframe(pyogrio.read_dataframe(path).iloc[:1], path, layer="roads", append=False)
    with caplog.at_level("INFO"):
        labels = read_labels(path, frame(150, 170), BUILDING)
    assert len(labels.ids) == 3
    assert "a.gpkg has the layers a, roads: a is read" in caplog.text


def test_geoparquet_is_read_as_other_files_are(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = geopandas.GeoDataFrame({"kind": ["a", "b", "a"]}, geometry=three_buildings(UTM), crs=UTM.crs).to_crs(4326)
    path = tmp_path / "l.parquet"
    table.to_parquet(path)
    here = frame(150, 170)
    labels = read_labels(path, here, Legend.of_names("a", "b"), "kind")
    assert np.bincount(labels.burnt(Window(0, 0, 150, 170)).ravel()).tolist()[1:] == [600 + 400, 1000]
    with pytest.raises(LabelError, match=r"l\.parquet has no field 'sort'; it has kind"):
        class_names([path], "sort")
    with pytest.raises(LabelError, match=r"labels in .*l\.parquet .* miss the scene"):
        read_labels(path, frame(150, 170, UTM.cropped(900, 900)), BUILDING)


def test_geoparquet_needs_pyarrow_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "l.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LabelError, match=r"l\.parquet needs pyarrow to be read; run pip install"):
        class_names([tmp_path / "l.parquet"], "kind")


def test_a_broken_geoparquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / "l.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(LabelError, match=r"l\.parquet is no GeoParquet that can be read"):
        class_names([tmp_path / "l.parquet"], "kind")
