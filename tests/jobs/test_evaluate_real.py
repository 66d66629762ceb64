"""eval on labels of real scenes, which lie outside the project: scored against themselves, moved, and as masks."""

import warnings
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from scipy import ndimage

from geounet.jobs.evaluate import evaluate

DATA = Path(__file__).parents[3] / "shared" / "data"
KAMPALA = DATA / "kampala_a" / "kampala_a_labels.geojson"
ZANZIBAR = DATA / "zanzibar_a" / "zanzibar_a_labels.geojson"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not KAMPALA.exists(), reason=f"the real scenes are not at {DATA}"),
]


def metrics(prediction: Path, labels: Path, **options: Any) -> dict[str, Any]:
    return dict(evaluate(prediction, labels=labels, **options).metrics)


def test_labels_with_an_invalid_polygon_score_1_against_themselves(tmp_path: Path) -> None:
    found = metrics(KAMPALA, KAMPALA, out=tmp_path)
    assert found["pixel"]["iou"] == found["objects"]["f1"] == found["objects"]["matched_iou"] == 1
    assert (found["objects"]["truth"], found["polygons"]["invalid"], found["worst"]) == (108, 1, [])


def test_polis_of_labels_that_were_moved_is_the_mean_by_shapely(tmp_path: Path) -> None:
    truth = geopandas.read_file(ZANZIBAR).to_crs(32737)
    moved = truth.set_geometry(truth.translate(0.6, 0.4))
    moved.to_file(tmp_path / "moved.gpkg", driver="GPKG")
    found = metrics(tmp_path / "moved.gpkg", ZANZIBAR, out=tmp_path / "scores")
    pairs = [
        (one, other)
        for one, other in zip(truth.geometry, moved.geometry, strict=True)
        if one.intersection(other).area >= 0.5 * one.union(other).area
    ]
    assert found["objects"]["matched"] == len(pairs) > 100
    both = [
        np.mean([b.exterior.distance(p) for p in geopandas.points_from_xy(*np.array(a.exterior.coords[:-1])[:, :2].T)])
        for pair in pairs
        for a, b in (pair, pair[::-1])
        if not (a.interiors or b.interiors)
    ]
    assert found["polygons"]["polis_m"] == pytest.approx(np.mean(both), rel=0.02)
    assert found["polygons"]["rotation_deg"] == pytest.approx(0, abs=0.05)  # two rectangles may be all but alike
    assert found["polygons"]["vertices_ratio"] == pytest.approx(1, abs=0.005)  # one is cut at the edge


def test_a_scene_in_web_mercator_is_scored_in_metres_on_the_ground(tmp_path: Path) -> None:
    with rasterio.open(DATA / "zanzibar_a" / "zanzibar_a_z19.tif") as scene:
        profile = scene.profile | {"count": 1, "compress": "deflate", "photometric": "MINISBLACK"}
        truth = geopandas.read_file(ZANZIBAR).to_crs(scene.crs)
        mask = rasterize(truth.geometry, scene.shape, transform=scene.transform, dtype="uint8")
    with rasterio.open(tmp_path / "map.tif", "w", **profile) as raster:
        raster.write(np.roll(mask, 3, axis=1), 1)
    found = metrics(tmp_path / "map.tif", ZANZIBAR)
    both = np.roll(mask, 3, axis=1).astype(bool), mask.astype(bool)
    assert found["pixel"]["iou"] == pytest.approx((both[0] & both[1]).sum() / (both[0] | both[1]).sum())
    assert found["ground_resolution"] == pytest.approx(0.296, abs=0.001)
    areas = truth.to_crs(32737).area
    assert found["objects"]["by_size"]["below_50_m2"]["truth"] == pytest.approx((areas < 50).sum(), abs=2)
    low, high = found["intervals"]["pixel.iou"]
    assert low < found["pixel"]["iou"] < high
    assert found["intervals"]["blocks"] > 30


def test_masks_without_a_crs_are_scored_in_pixels(tmp_path: Path) -> None:
    truth = DATA / "inria_austin" / "gt" / "austin1_0.tif"
    with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning):
        with rasterio.open(truth) as raster:
            mask, profile = raster.read(1) > 0, raster.profile
        with rasterio.open(tmp_path / "map.tif", "w", **profile) as raster:
            raster.write(np.roll(mask, 2, axis=0).astype("uint8"), 1)
    found = metrics(tmp_path / "map.tif", truth)
    moved = np.roll(mask, 2, axis=0)
    assert found["pixel"]["iou"] == pytest.approx((mask & moved).sum() / (mask | moved).sum())
    assert found["objects"]["truth"] == ndimage.label(mask)[1]
    assert found["polygons"]["unit"] == "px"
    assert found["objects"]["recall"] > 0.8
