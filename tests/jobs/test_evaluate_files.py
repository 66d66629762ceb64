"""eval: layers and places of errors, what is written where, and what is refused."""

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest

from geounet.errors import LabelError, OutputError, SceneError, SettingsError
from geounet.io.error_layers import POLYGONS
from geounet.jobs.evaluate import evaluate
from tests.command import geounet
from tests.in_qgis import opened_in_qgis
from tests.jobs.towns import layer, metrics
from tests.scenes import (
    NOWHERE,
    UTM,
    box,
    write_polygons,
    write_scene,
)


def test_layers_and_places_say_what_is_wrong_and_where(two_files: tuple[Path, Path]) -> None:
    result = evaluate(two_files[0], labels=two_files[1])
    objects: Any = result.metrics["objects"]
    layers = {name: layer(result.out, name) for name in (*POLYGONS, "worst")}
    assert len(layers["true_positive"]) == objects["matched"]
    assert len(layers["false_positive"]) == objects["found"] - objects["matched"]
    assert len(layers["false_negative"]) == objects["truth"] - objects["matched"]
    assert (len(layers["split"]), len(layers["merged"])) == (objects["split"], objects["merged"])
    assert layers["true_positive"]["iou"].between(0.5, 1).all()
    assert layers["true_positive"]["confidence"].between(0.3, 1).all()
    right = layers["true_positive"]
    np.testing.assert_allclose(right["area_m2"], right.area, rtol=0.002)
    worst = layers["worst"]
    places: Any = result.metrics["worst"]
    assert worst["rank"].tolist() == [place["rank"] for place in places] == list(range(1, len(worst) + 1))
    assert (np.diff(worst["area_m2"]) <= 0).all()
    assert set(worst["what"]) == {"missed", "made up", "merged", "split", "wrong shape"}
    there = worst.to_crs(4326).geometry
    for place, point in zip(places, there, strict=True):
        lat, lon = (float(text) for text in place["link"].removeprefix("geo:").split(","))
        assert (lat, lon) == pytest.approx((point.y, point.x), abs=1e-6)
        assert place["search"] == f"{lat:.6f}, {lon:.6f}"
    wrong = geopandas.GeoSeries([*layers["false_positive"].geometry, *layers["false_negative"].geometry,
                                 *layers["split"].geometry, *layers["merged"].geometry])  # fmt: skip
    assert worst.geometry.apply(lambda point: wrong.distance(point).min()).max() < 0.01


def test_a_house_found_in_a_wrong_shape_is_one_place(tmp_path: Path) -> None:
    labels = write_polygons(tmp_path / "labels.gpkg", [box(UTM, 10, 10, 10, 20)], crs=None)
    found = write_polygons(tmp_path / "found.gpkg", [box(UTM, 10, 22, 10, 20)], crs=None)
    (place,) = metrics(found, labels, aoi=write_polygons(tmp_path / "a.gpkg", [box(UTM, 0, 0, 60, 60)]))["worst"]
    assert place["what"] == "wrong shape"
    assert place["area_m2"] == pytest.approx(12 * 10 * 0.09, rel=0.001)


@pytest.mark.qgis
def test_qgis_opens_every_layer_in_its_style(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    folder = evaluate(two_files[0], labels=two_files[1]).out
    names = [*POLYGONS, "worst"]
    told = opened_in_qgis(tmp_path, *(f"{folder / 'errors.gpkg'}|layername={name}" for name in names))
    assert [one["name"] for one in told["layers"]] == names
    assert all(one["valid"] and one["renderer"] == "singleSymbol" for one in told["layers"])
    assert all(one["features"] > 3 and one["invalid"] == 0 for one in told["layers"])
    assert told["colours"] > 20


def test_scores_of_another_run_are_replaced_and_nothing_else(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "map_eval"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / ".eval-killed").mkdir()
    evaluate(two_files[0], labels=two_files[1])
    assert {path.name for path in folder.iterdir()} == {"notes.txt", "metrics.json", "errors.gpkg"}
    told = json.loads((folder / "metrics.json").read_text())
    assert told["objects"]["f1"] < 1
    evaluate(two_files[1], labels=two_files[1], out=folder)
    assert json.loads((folder / "metrics.json").read_text())["objects"]["f1"] == 1


def test_a_folder_that_cannot_be_written_is_an_error_and_none_is_left(
    two_files: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another --out"):
        evaluate(two_files[0], labels=two_files[1], out=tmp_path / "file")
    with pytest.raises(SceneError):
        evaluate(tmp_path / "none.gpkg", labels=two_files[1], out=tmp_path / "new")
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 90_000, 0, 5, 5)])
    with pytest.raises(Exception, match="miss the scene"):
        evaluate(two_files[0], labels=far, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("option", ["label_area", "aoi"])
def test_an_area_elsewhere_is_an_error_and_the_scores_that_were_there_stay(option: str, tmp_path: Path) -> None:
    classes = write_scene(tmp_path / "classes.tif", (np.indices((1, 60, 80))[2] < 30).astype("uint8"))
    labels = write_polygons(tmp_path / "labels.gpkg", [box(UTM, 0, 0, 30, 60)])
    evaluate(classes, labels=labels, out=tmp_path / "out")
    before = (tmp_path / "out" / "metrics.json").read_bytes()
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 90_000, 0, 5, 5)])
    areas: dict[str, Any] = {option: far}
    with pytest.raises(LabelError, match=f"polygons of --{option.replace('_', '-')} in .*far.gpkg .* miss the scene"):
        evaluate(classes, labels=labels, out=tmp_path / "out", **areas)
    assert (tmp_path / "out" / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gsd": -1.0}, "--gsd -1.0 must be above 0"),
        ({"grid": Path("x.tif")}, "--grid x.tif is for class rasters"),
        ({"threshold_sweep": True}, "--threshold-sweep needs probabilities, and polygons have none"),
        ({"classes": Path("c.csv")}, "--classes c.csv is for label rasters"),
    ],
)
def test_options_that_mean_nothing_for_polygons_are_refused(
    two_files: tuple[Path, Path], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        evaluate(two_files[0], labels=two_files[1], **options)


def test_files_that_are_no_map_are_refused(tmp_path: Path, two_files: tuple[Path, Path]) -> None:
    with pytest.raises(SceneError, match="does not exist; check the path"):
        evaluate(tmp_path / "none.tif", labels=two_files[1])
    with pytest.raises(SceneError, match=r"has no classes\.tif; give a folder in which infer has finished"):
        evaluate(tmp_path, labels=two_files[1])
    chances = write_scene(tmp_path / "p.tif", np.zeros((1, 60, 80), "float32"))
    with pytest.raises(SceneError, match="holds probabilities; give infer's folder"):
        evaluate(chances, labels=two_files[1])
    with pytest.raises(SettingsError, match="is for polygons; a raster is scored on its own pixels"):
        evaluate(chances, labels=two_files[1], gsd=0.5)
    empty = tmp_path / "empty.gpkg"
    pyogrio.write_dataframe(geopandas.GeoDataFrame(geometry=[], crs=UTM.crs), empty, geometry_type="Polygon")
    with pytest.raises(SceneError, match="holds no polygons; give --label-area or --aoi"):
        evaluate(empty, labels=two_files[1])
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 0, 0, 240, 320)])
    assert metrics(empty, two_files[1], label_area=area)["objects"]["recall"] == 0


def test_masks_on_both_sides_are_of_buildings_and_nothing_is_said_of_files_between(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mask = np.zeros((1, 60, 80), "uint8")
    mask[0, 10:30, 10:30] = 255
    paths = [write_scene(tmp_path / f"{name}.tif", mask, NOWHERE) for name in ("map", "truth")]
    told = geounet(capsys, "eval", paths[0], "--labels", paths[1])
    assert told.out.startswith("building ")
    assert ".eval-" not in told.err + caplog.text
    assert f"{paths[0]} has no CRS" in caplog.text
