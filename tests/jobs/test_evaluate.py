"""eval: a map against labels, on the map's grid or another's."""

import json
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from geounet.errors import LegendError, SceneError
from geounet.jobs.evaluate import evaluate
from geounet.legend import NODATA
from tests.scenes import UTM, Place, box, write_polygons, write_scene

PREDICTED = np.zeros((1, 60, 80), dtype="uint8")
PREDICTED[0, 10:30, 20:40] = 1  # 400 px; the truth is 10 px further right
FIGURES = {"iou": 200 / 600, "f1": 0.5, "precision": 0.5, "recall": 0.5, "accuracy": 1 - 400 / 4800}


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write_polygons(tmp_path / "truth.geojson", [box(UTM, 10, 30, 20, 20)])


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "classes.tif", PREDICTED, nodata=NODATA)


def pixel_figures(**result: object) -> dict[str, float]:
    found = result["pixel"]
    assert isinstance(found, dict)
    return found


def test_figures_are_counted_on_the_map_s_pixels(tmp_path: Path, classes: Path, truth: Path) -> None:
    result = evaluate(classes, labels=truth, out=tmp_path / "scores")
    found = pixel_figures(**result.metrics)
    assert {name: found[name] for name in FIGURES} == pytest.approx(FIGURES)
    assert found["iou_two_channel"] == pytest.approx((4800 - 400) / (4800 + 400))
    assert result.metrics["pixels_scored"] == 4800
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["pixel"] == found


def test_a_mask_serves_as_labels_and_what_it_does_not_know_is_not_scored(tmp_path: Path, classes: Path) -> None:
    mask = np.zeros_like(PREDICTED)
    mask[0, 10:30, 30:50] = 255
    found = pixel_figures(**evaluate(classes, labels=write_scene(tmp_path / "mask.tif", mask)).metrics)
    assert {name: found[name] for name in FIGURES} == pytest.approx(FIGURES)
    part = write_scene(tmp_path / "part.tif", mask[:, :, :60])
    assert evaluate(classes, labels=part).metrics["pixels_scored"] == 60 * 60


def test_labels_of_several_classes_without_a_building_are_refused(tmp_path: Path, classes: Path) -> None:
    many = write_scene(tmp_path / "many.tif", (PREDICTED * 2 + (np.arange(80) < 5)).astype("uint8"))
    with pytest.raises(LegendError, match=r"map has the classes class_7, the labels class_1, class_2: none is shared"):
        evaluate(write_scene(tmp_path / "seven.tif", PREDICTED * 7), labels=many)


def test_pixels_without_data_and_outside_the_label_area_are_not_scored(tmp_path: Path, truth: Path) -> None:
    holed = PREDICTED.copy()
    holed[0, :, 60:] = NODATA
    classes = write_scene(tmp_path / "holed.tif", holed, nodata=NODATA)
    assert evaluate(classes, labels=truth).metrics["pixels_scored"] == 60 * 60
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 0, 0, 60, 40)])
    inside = evaluate(classes, labels=truth, label_area=area).metrics
    assert inside["pixels_scored"] == 60 * 40
    assert pixel_figures(**inside)["recall"] == 1
    outside = evaluate(classes, labels=truth, ignore=area).metrics
    assert outside["pixels_scored"] == 60 * 20
    assert pixel_figures(**outside)["iou"] == 0


def test_an_area_to_ignore_that_misses_the_map_is_told(
    tmp_path: Path, classes: Path, truth: Path, caplog: pytest.LogCaptureFixture
) -> None:
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 1000, 1000, 60, 40)])
    assert evaluate(classes, labels=truth, ignore=area).metrics["pixels_scored"] == 60 * 80
    assert f"{area} lies beside {classes}: nothing is ignored; check its CRS" in caplog.messages


@pytest.mark.parametrize("finer", [3, 1, 0.5], ids="{} times finer".format)
def test_a_map_can_be_scored_on_another_raster_s_pixels(
    tmp_path: Path, classes: Path, truth: Path, finer: float
) -> None:
    place = Place(UTM.transform @ Affine.scale(1 / finer), UTM.crs)
    grid = write_scene(tmp_path / "grid.tif", np.zeros((1, int(60 * finer), int(80 * finer)), dtype="uint8"), place)
    metrics = evaluate(classes, labels=truth, grid=grid).metrics
    assert metrics["pixels_scored"] == 4800 * finer**2
    assert metrics["ground_resolution"] == pytest.approx(0.3 / finer, rel=0.001)
    assert pixel_figures(**metrics)["iou"] == pytest.approx(1 / 3, abs=0.02)


def test_a_grid_beside_the_map_scores_only_what_they_share(tmp_path: Path, classes: Path, truth: Path) -> None:
    grid = write_scene(tmp_path / "grid.tif", np.zeros((1, 60, 80), dtype="uint8"), UTM.cropped(-5, -30))
    metrics = evaluate(classes, labels=truth, grid=grid).metrics
    assert metrics["pixels_scored"] == 55 * 50


def test_a_grid_of_another_crs_or_direction_is_refused(tmp_path: Path, classes: Path, truth: Path) -> None:
    x, y = Transformer.from_crs(32633, 32634, always_xy=True).transform(UTM.transform.c, UTM.transform.f)
    for name, place in (
        ("turned", Place(UTM.transform @ Affine.rotation(10), UTM.crs)),
        ("other", Place(Affine(0.3, 0, x - 5, 0, -0.3, y + 5), "EPSG:32634")),
    ):
        grid = write_scene(tmp_path / f"{name}.tif", np.zeros((1, 60, 80), dtype="uint8"), place)
        with pytest.raises(SceneError, match=r"differ in CRS or direction"):
            evaluate(classes, labels=truth, grid=grid)


def test_one_crs_told_in_two_ways_is_one(tmp_path: Path, classes: Path, truth: Path) -> None:
    told = CRS(32633).to_wkt().replace("WGS 84 / UTM zone 33N", "zone of the survey")
    grid = write_scene(tmp_path / "grid.tif", PREDICTED, Place(UTM.transform, told))
    assert evaluate(classes, labels=truth, grid=grid).metrics["pixels_scored"] == 4800


def test_values_that_are_no_classes_are_refused(tmp_path: Path, truth: Path) -> None:
    levels = write_scene(tmp_path / "levels.tif", PREDICTED * 7)
    with pytest.raises(LegendError, match=r"holds the values \[7\]; a building map has 0, 1 and 255"):
        evaluate(levels, labels=truth)


def test_a_map_without_any_building_where_there_is_one_scores_0(tmp_path: Path, truth: Path) -> None:
    found = pixel_figures(**evaluate(write_scene(tmp_path / "e.tif", PREDICTED * 0), labels=truth).metrics)
    assert found["iou"] == found["f1"] == found["recall"] == 0
    assert found["precision"] is None
