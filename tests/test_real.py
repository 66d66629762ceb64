"""The path on real scenes, which lie outside the project."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import rasterio

from geounet.chips import ChipsCard
from geounet.io.scene import open_scene
from geounet.jobs.infer import infer
from geounet.jobs.tile import tile
from geounet.legend import IGNORE, NODATA

DATA = Path(__file__).parents[2] / "shared" / "data"
ZANZIBAR, KAMPALA = DATA / "zanzibar_a", DATA / "kampala_a"
MASS, INRIA = DATA / "mass_22978945_15", DATA / "inria_austin"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ZANZIBAR.is_dir(), reason=f"the real scenes are not at {DATA}"),
]


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def share_of_buildings(chips: Path) -> float:
    labels = np.load(chips / "labels.npy", mmap_mode="r")
    return float((labels == 1).sum() / (labels != IGNORE).sum())


@pytest.mark.parametrize(
    ("folder", "scene", "labels", "gsd", "share"),
    [
        pytest.param(ZANZIBAR, "*_z21.tif", "*.geojson", 0.35, 0.085, id="zanzibar"),
        pytest.param(KAMPALA, "*_z21.tif", "*.geojson", 0.35, 0.24, id="kampala"),
        pytest.param(MASS, "*.tif", "*.gpkg", "native", 0.057, id="massachusetts"),
    ],
)
def test_tiling_finds_the_share_of_buildings_that_is_there(
    tmp_path: Path, *, folder: Path, scene: str, labels: str, gsd: float | Literal["native"], share: float
) -> None:
    result = tile(
        [one(folder, scene)],
        labels=[one(folder, labels)],
        out=tmp_path / "chips",
        gsd=gsd,
        keep_empty=1.0,
    )
    card = ChipsCard.read(tmp_path / "chips")
    assert share_of_buildings(tmp_path / "chips") == pytest.approx(share, rel=0.05)
    assert result.decoded <= 1.4
    assert result.windows["val"] > 0
    assert card.colours == ("red", "green", "blue")
    assert min(card.std) > 10


def test_folders_of_photographs_without_a_place_and_their_masks_make_windows(tmp_path: Path) -> None:
    result = tile(INRIA / "images", labels=INRIA / "gt", out=tmp_path / "chips", keep_empty=1.0, val=0.2)
    card = ChipsCard.read(tmp_path / "chips")
    assert sum(result.windows.values()) == len(card.windows) == 21
    assert (result.ground_resolution, card.legend.names) == (None, ("background", "building"))
    masks = []
    for path in sorted((INRIA / "gt").iterdir()):
        with rasterio.open(path) as mask:
            masks.append(mask.read(1) == 255)
    labels = np.load(tmp_path / "chips" / "labels.npy")
    by_scene = {window.scene: labels[number] for number, window in enumerate(card.windows)}
    assert all((by_scene[number] == mask).all() for number, mask in enumerate(masks))


def test_two_towns_make_one_set_at_one_ground_resolution(tmp_path: Path) -> None:
    scenes = [one(ZANZIBAR, "*_z19.tif"), one(KAMPALA, "*_z21.tif")]
    result = tile(
        scenes, labels=[one(ZANZIBAR, "*.geojson"), one(KAMPALA, "*.geojson")], out=tmp_path / "chips", gsd=0.35
    )
    card = ChipsCard.read(tmp_path / "chips")
    assert {window.scene for window in card.windows} == {0, 1}
    assert result.ground_resolution == pytest.approx(0.35, rel=0.01)  # what the grids really have


def test_scattered_holes_of_an_alpha_band_are_holes_of_the_scene() -> None:
    with open_scene(one(KAMPALA, "*_z21.tif")) as scene:
        valid = scene.read(scene.frame.window)[1].values
    assert 1 - valid.mean() == pytest.approx(0.0032, abs=0.0002)


@pytest.mark.parametrize(
    ("scene", "resolution"),
    [
        pytest.param(ZANZIBAR / "zanzibar_a_z21.tif", 0.074, id="z21"),
        pytest.param(ZANZIBAR / "zanzibar_a_z20.tif", 0.148, id="z20"),
        pytest.param(ZANZIBAR / "zanzibar_a_z19.tif", 0.297, id="z19"),
        pytest.param(DATA / "nepal_a" / "nepal_a_z21.tif", 0.066, id="nepal"),
    ],
)
def test_web_mercator_pixels_are_measured_on_the_ground(scene: Path, resolution: float) -> None:
    with open_scene(scene) as opened:
        assert opened.frame.ground_resolution == pytest.approx(resolution, rel=0.01)


def test_a_declared_nodata_that_no_pixel_has_costs_nothing(tmp_path: Path, model: Path) -> None:
    result = infer(
        one(MASS, "*.tif"), model=model, out=tmp_path / "map", no_resample=True, device="cpu", no_vectors=True
    )
    with rasterio.open(tmp_path / "map" / "classes.tif") as classes:
        assert not (classes.read(1) == NODATA).any()
        assert classes.crs.to_epsg() == 26986
    assert json.loads((tmp_path / "map" / "summary.json").read_text())["size"] == result.summary["size"] == [901, 1182]


def test_a_scene_without_crs_is_mapped_at_its_own_pixels(
    tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = sorted((INRIA / "images").iterdir())[0]
    with caplog.at_level("INFO"):
        result = infer(scene, model=model, out=tmp_path / "map", device="cpu")
    assert result.summary["size"] == [256, 256]
    assert "has no CRS: it is mapped at its own pixels, which should be about 0.3 m" in caplog.text
