"""Labels on the command line: what users type, see, and are told when something does not fit."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geounet.block import Array
from tests.command import geounet
from tests.jobs.test_datasets import folders
from tests.scenes import NOWHERE, noise, write_scene

TINY = ("--size", "32", "--stride", "32")


def test_a_folder_of_train_and_val_is_tiled_and_told_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folders(tmp_path / "set", {"train": 3, "val": 1})
    told = geounet(capsys, "tile", root, *TINY, "--keep-empty", "1")
    assert told.status == 0
    assert "set_chips: 12 train, 4 val at 0.3 m\n" in told.out
    assert "  next             geounet train " in told.out
    shown = geounet(capsys, "info", tmp_path / "set_chips").out
    lines = [line.split() for line in shown.splitlines()]
    assert ["train", "12", "windows", "#" * 40] in lines
    assert ["val", "4", "windows", "#" * 13] in lines
    assert ["building", "17.2%", "#" * 7] in lines
    assert "train and val: no pixel in common, the nearest windows are 10.8 m apart" in shown
    facts = json.loads(geounet(capsys, "info", tmp_path / "set_chips", "--json").out)
    assert facts["shares"]["train"] == pytest.approx({"background": 0.8281, "building": 0.1719}, abs=1e-3)
    assert facts["shares"]["test"] == {}


def test_such_a_folder_is_trained_on_in_one_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folders(tmp_path / "set", {"train": 2, "val": 1})
    small = ("--steps", "2", "--width", "2", "--depth", "2", "--batch-size", "1", "--device", "cpu")
    assert geounet(capsys, "train", root, *TINY, *small, "--out", tmp_path / "run").status == 0
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert (tmp_path / "run" / "chips" / "chips.json").exists()


def test_how_scenes_are_tiled_means_nothing_for_windows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "chips.json").touch()
    told = geounet(capsys, "train", tmp_path / "chips", "--gsd", "0.5", "--val", "0.3")
    assert told.status == 2
    assert "--gsd, --val say how SCENEs are tiled; for CHIPS give them to geounet tile" in told.err
    told = geounet(capsys, "train", tmp_path / "chips", "--track-uri", "sqlite:///a.db")
    assert told.status == 2
    assert "--track-uri means nothing without --track mlflow" in told.err


def test_smaller_windows_need_no_stride(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folders(tmp_path / "set", {"train": 2, "val": 1})
    assert geounet(capsys, "tile", root, "--size", "32", "--out", tmp_path / "chips").status == 0
    assert json.loads((tmp_path / "chips" / "chips.json").read_text())["stride"] == 32


@pytest.mark.parametrize("shift", ["sideways", "1", "1,2,3", "1,north"])
def test_a_shift_that_is_no_pair_of_metres_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shift: str
) -> None:
    told = geounet(capsys, "tile", "a.tif", "--labels", "l.gpkg", "--label-shift", shift)
    assert told.status == 2
    assert "is neither 'none' nor 'auto' nor two numbers" in told.err


def mask_of_another_size(folder: Path) -> list[object]:
    return ["--labels", write_scene(folder / "l.tif", np.eye(150, 169, dtype="uint8")[None], NOWHERE)]


def scene_as_labels(folder: Path) -> list[object]:
    return ["--labels", folder / "scene.tif"]


def array_of_two_readings(folder: Path) -> list[object]:
    np.save(folder / "l.npy", np.zeros((3, 150, 4), "uint8"))
    return ["--labels", folder / "l.npy"]


def table_that_is_not_there(folder: Path) -> list[object]:
    mask: Array = np.eye(150, 170, dtype="uint8")[None]
    return ["--labels", write_scene(folder / "l.tif", mask), "--classes", folder / "none.csv"]


def field_of_a_raster(folder: Path) -> list[object]:
    return ["--labels", write_scene(folder / "l.tif", np.eye(150, 170, dtype="uint8")[None]), "--class-field", "kind"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        pytest.param(mask_of_another_size, "its scene 150 x 170, and one of them has no CRS", id="another size"),
        pytest.param(scene_as_labels, "more than 256 different values; is it a label raster?", id="an image"),
        pytest.param(array_of_two_readings, "may be (h, w, bands) or (bands, h, w)", id="an array"),
        pytest.param(table_that_is_not_there, "none.csv does not exist; check the path", id="no table"),
        pytest.param(field_of_a_raster, "--class-field kind is for polygons, labels are rasters", id="a field"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(
    tmp_path: Path,
    scene: Path,
    capsys: pytest.CaptureFixture[str],
    labels: Callable[[Path], list[object]],
    words: str,
) -> None:
    told = geounet(capsys, "tile", scene, *labels(tmp_path), "--out", tmp_path / "chips")
    assert told.status == 1
    assert words in told.error
    assert not (tmp_path / "chips").exists()


def test_two_folders_of_images_and_masks_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(6):
        write_scene(tmp_path / "images" / f"{number}.tif", noise(32, 32, seed=number), NOWHERE)
        np.save(tmp_path / "masks" / f"{number}.npy", np.eye(32, dtype=bool))
    told = geounet(capsys, "tile", tmp_path / "images", "--labels", tmp_path / "masks", *TINY, "--json")
    assert json.loads(told.out)["windows"] == {"train": 5, "val": 1, "test": 0}
