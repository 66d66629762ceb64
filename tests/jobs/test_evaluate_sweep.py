"""eval --threshold-sweep: on a map that infer made, whose advice holds when it is followed."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize

from geounet.errors import SceneError, SettingsError
from geounet.jobs.evaluate import evaluate
from geounet.jobs.infer import infer
from geounet.legend import NODATA
from tests.command import geounet
from tests.scenes import UTM, box, noise, three_buildings, write_polygons, write_scene

mapped = partial(infer, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose left columns have no data, and labels."""
    folder = tmp_path_factory.mktemp("place")
    pixels = noise(150, 170)
    pixels[:, :, :20] = 0
    write_scene(folder / "scene.tif", pixels, nodata=0)
    write_polygons(folder / "labels.gpkg", three_buildings(UTM))
    return folder


@pytest.fixture
def folder(place: Path, model: Path, tmp_path: Path) -> Path:
    return mapped(place / "scene.tif", model=model, out=tmp_path / "map", min_area=0.5).out


def scores(folder: Path, place: Path, **options: Any) -> dict[str, Any]:
    return dict(evaluate(folder, labels=place / "labels.gpkg", **options).metrics)


def pixels_of(folder: Path, place: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability and truth of the pixels that have data, and class."""
    with rasterio.open(folder / "probability.tif") as dataset:
        levels = dataset.read(1)
        polygons = [(one, 1) for one in three_buildings(UTM)]
        truth = rasterize(polygons, dataset.shape, transform=dataset.transform, dtype="uint8")
    with rasterio.open(folder / "classes.tif") as dataset:
        classes = dataset.read(1)
    known = levels != NODATA
    return levels[known] / 254, truth[known] == 1, classes[known] == 1


def test_every_threshold_is_scored_as_if_the_map_had_been_made_with_it(folder: Path, place: Path) -> None:
    found = scores(folder, place, threshold_sweep=True)
    p, truth, classes = pixels_of(folder, place)
    assert found["pixels_scored"] == len(p)
    for one in found["sweep"]["thresholds"]:
        there = p >= one["threshold"] - 1e-9
        assert one["iou"] == pytest.approx((there & truth).sum() / (there | truth).sum(), abs=1e-6)
    assert found["sweep"]["chosen"]["iou"] == pytest.approx(found["pixel"]["iou"], abs=1e-6)
    assert found["pixel"]["iou"] == pytest.approx((classes & truth).sum() / (classes | truth).sum())
    best = found["sweep"]["best_iou"]
    assert best["iou"] == pytest.approx(max((p >= k / 254).__and__(truth).sum() / ((p >= k / 254) | truth).sum()
                                            for k in range(1, 255)), abs=1e-6)  # fmt: skip
    assert found["sweep"]["brier"] == pytest.approx(np.mean((p - truth) ** 2), abs=1e-6)
    counts = found["sweep"]["reliability"]["pixels"]["count"]
    assert counts == np.histogram(p, bins=np.append(np.arange(10) / 10, 1.01))[0].tolist()


def test_the_advice_holds_when_it_is_followed(folder: Path, place: Path, model: Path, tmp_path: Path) -> None:
    sweep = scores(folder, place, threshold_sweep=True)["sweep"]
    threshold = float(sweep["advice"].removeprefix("--threshold "))
    assert threshold != sweep["chosen"]["threshold"]
    again = mapped(place / "scene.tif", model=model, out=tmp_path / "again", threshold=threshold).out
    found = scores(again, place, threshold_sweep=True)
    assert found["pixel"]["iou"] == pytest.approx(sweep["best_iou"]["iou"], abs=1e-6)
    assert found["pixel"]["iou"] > sweep["chosen"]["iou"]
    assert found["sweep"]["chosen"]["threshold"] == threshold
    assert found["sweep"]["best_iou"] == sweep["best_iou"]


def test_footprints_are_scored_by_their_confidence(folder: Path, place: Path) -> None:
    """Three right ones and two that are none, the less sure of which is worth leaving out."""
    right = three_buildings(UTM)
    wrong = [box(UTM, 30, 100, 10, 10), box(UTM, 100, 140, 10, 10)]
    (folder / "footprints.gpkg").unlink()
    sure = [0.9, 0.8, 0.7, 0.95, 0.55]
    write_polygons(folder / "footprints.gpkg", right + wrong, crs=None, confidence=sure)
    found = scores(folder, place, threshold_sweep=True)
    assert found["sweep"]["footprints"] == {
        "least_confidence": 0.7, "f1": pytest.approx(6 / 7), "f1_of_all": 0.75, "kept": 4, "all": 5
    }  # fmt: skip
    reliability = found["sweep"]["reliability"]["footprints"]
    assert reliability["count"] == [0, 0, 0, 0, 0, 1, 0, 1, 1, 2]
    assert reliability["right"][-1] == 0.5
    assert reliability["error"] == pytest.approx((0.55 + 0.3 + 0.2 + 2 * 0.425) / 5)
    # of the order wrong, right, right, right, wrong: precision 1/2, 2/3, 3/4 at a recall of 1/3, 2/3, 1
    assert found["objects"]["ap"] == pytest.approx(0.75)


def test_scores_lie_in_the_map_and_go_when_it_is_made_anew(folder: Path, place: Path, model: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    scores(folder, place, threshold_sweep=True)
    files = {name: (folder / name).read_bytes() for name in ("metrics.json", "errors.gpkg", "sweep.png")}
    assert {path.name for path in folder.iterdir()} == before | set(files)
    scores(folder, place, threshold_sweep=True)
    assert {name: (folder / name).read_bytes() for name in files} == files
    scores(folder, place)
    assert not (folder / "sweep.png").exists()
    assert mapped(place / "scene.tif", model=model, out=folder, min_area=0.5).was_finished
    mapped(place / "scene.tif", model=model, out=folder, threshold=0.7, overwrite=True)
    assert {path.name for path in folder.iterdir()} == before


def test_the_sweep_needs_the_map_s_own_pixels_and_one_class(folder: Path, place: Path) -> None:
    with pytest.raises(SettingsError, match=r"--threshold-sweep needs probabilities, and .*classes\.tif comes without"):
        scores(folder / "classes.tif", place, threshold_sweep=True)
    with pytest.raises(SettingsError, match="leave out --grid"):
        scores(folder, place, threshold_sweep=True, grid=place / "scene.tif")


def test_a_map_without_footprints_is_traced_as_vectorize_does(place: Path, model: Path, tmp_path: Path) -> None:
    whole = mapped(place / "scene.tif", model=model, out=tmp_path / "map").out
    with_vectors = scores(whole, place)["objects"]
    bare = mapped(place / "scene.tif", model=model, out=tmp_path / "bare", no_vectors=True).out
    traced = scores(bare, place)["objects"]
    assert traced["found"] > 0
    assert traced["truth"] == with_vectors["truth"]
    assert traced["ap"] is not None  # their confidence is known


def test_the_table_fits_80_columns_and_json_is_one_document(
    folder: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("eval", folder, "--labels", place / "labels.gpkg", "--threshold-sweep")
    told = geounet(capsys, *words)
    assert told.status == 0
    lines = told.out.splitlines()
    assert max(map(len, (line for line in lines if str(folder) not in line))) <= 80
    metrics = json.loads(geounet(capsys, *words, "--json").out)
    assert metrics == json.loads((folder / "metrics.json").read_text())
    text = told.out
    assert f"{'pixels: IoU':<38} {metrics['pixel']['iou']:>9.3f}" in text
    assert f"vectorize {metrics['sweep']['advice']}" in text
    for name in ("metrics.json", "errors.gpkg", "sweep.png"):
        assert f" {folder / name}" in text
    assert geounet(capsys, *words, "--quiet").out == ""


def test_a_map_that_names_no_threshold_is_refused(folder: Path, place: Path) -> None:
    with rasterio.open(folder / "probability.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.update_tags(GEOUNET_THRESHOLD="high")
    with pytest.raises(SceneError, match="says that its threshold is 'high', which is none; map it again"):
        scores(folder, place, threshold_sweep=True)
    assert scores(folder, place)["pixels_scored"] > 0
