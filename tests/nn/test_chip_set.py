"""Folders of training windows: damaged ones are refused, several are pooled."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geounet.errors import ChipsError
from geounet.legend import Legend
from geounet.nn.chip_set import ChipSet
from tests.nn.chips_folder import town, write_chips


def test_statistics_are_pooled_by_the_number_of_training_windows(tmp_path: Path) -> None:
    one, two = town(64, 128, seed=1), town(128, 128, seed=2)
    two = replace(two, pixels=(two.pixels * 0.5).astype("uint8"))
    write_chips(tmp_path / "a", one, splits=("train",))
    write_chips(tmp_path / "b", two, splits=("train",))
    data = ChipSet.open([tmp_path / "a", tmp_path / "b"])
    both = np.concatenate([one.pixels.reshape(3, -1), two.pixels.reshape(3, -1)], axis=1)
    assert data.mean == pytest.approx(tuple(both.mean(axis=1)))
    assert data.std == pytest.approx(tuple(both.std(axis=1)))


def test_pixels_of_a_class_weigh_the_median_share_over_its_own_and_ten_times_at_most(tmp_path: Path) -> None:
    scene = town(64, 128, classes=3, seed=1)
    scene.labels[:] = 0
    scene.labels[:, :32] = 1
    scene.labels[0, :40] = 2
    write_chips(tmp_path, scene, splits=("train",))
    one, two, three = 32 * 63, 40, 64 * 128 - 32 * 63 - 40
    expected = (one / three, 1.0, 10.0, 1.0)
    assert ChipSet.open([tmp_path]).class_weights == pytest.approx(expected)
    assert one / two > 10


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ground_resolution": 0.4}, "ground resolution 0.4 m and .* has 0.3 m"),
        ({"ground_resolution": None}, "ground resolution None"),
        ({"contact_width": 1.0}, "contact width 1.0"),
        ({"colours": ("blue", "green", "red")}, "bands .*blue"),
        ({"size": 16}, "size 16"),
    ],
    ids=["resolution", "no-crs", "contact", "bands", "size"],
)
def test_folders_that_do_not_go_together_are_refused(
    changes: dict[str, float | tuple[str, ...] | None], words: str, tmp_path: Path
) -> None:
    write_chips(tmp_path / "a", town(64, 128))
    write_chips(tmp_path / "b", town(64, 128), **changes)  # type: ignore[arg-type]
    with pytest.raises(ChipsError, match=words):
        ChipSet.open([tmp_path / "a", tmp_path / "b"])


def test_folders_of_other_classes_are_refused(tmp_path: Path) -> None:
    write_chips(tmp_path / "a", town(64, 128))
    write_chips(tmp_path / "b", replace(town(64, 128), legend=Legend.of_names("road")))
    with pytest.raises(ChipsError, match=r"classes .*road"):
        ChipSet.open([tmp_path / "a", tmp_path / "b"])


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChipsError, match=r"holds no chips.json; make training windows with"):
        ChipSet.open([tmp_path])
    scene = tmp_path / "scene.tif"
    scene.write_bytes(b"II*")
    with pytest.raises(ChipsError, match=r"scene.tif is no folder of training windows; .* with --labels"):
        ChipSet.open([scene])


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
def test_arrays_that_are_missing_or_cut_short_or_of_another_shape_are_refused(name: str, tmp_path: Path) -> None:
    write_chips(tmp_path, town(64, 128))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChipsError, match=f"{name} cannot be read"):
        ChipSet.open([tmp_path])
    np.save(tmp_path / name, np.zeros((3, 4), dtype="uint8"))
    with pytest.raises(ChipsError, match=rf"{name} is \(3, 4\) uint8 where chips.json says"):
        ChipSet.open([tmp_path])
    (tmp_path / name).unlink()
    with pytest.raises(ChipsError, match=f"{name} cannot be read"):
        ChipSet.open([tmp_path])


def test_labels_outside_the_legend_are_refused(tmp_path: Path) -> None:
    scene = town(64, 128)
    scene.labels[3, 5] = 9
    write_chips(tmp_path, scene)
    with pytest.raises(ChipsError, match="window 0 holds class 9, the legend ends at 1"):
        ChipSet.open([tmp_path])


def test_a_card_of_a_later_format_is_refused(tmp_path: Path) -> None:
    write_chips(tmp_path, town(64, 128))
    card = json.loads((tmp_path / "chips.json").read_text())
    (tmp_path / "chips.json").write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(ChipsError, match="later format than"):
        ChipSet.open([tmp_path])


def test_thinned_windows_are_spread_over_all(tmp_path: Path) -> None:
    write_chips(tmp_path, town(64, 256))
    windows = ChipSet.open([tmp_path]).windows("train")
    thinned = windows.thinned(4)
    assert len(thinned) == 4
    assert thinned.places[0] == windows.places[0]
    assert thinned.places[-1][1] > windows.places[len(windows) // 2][1]


SCENE = {"name": "town.tif", "bytes": 9, "modified_ns": 5}
JOB = {
    "scenes": [SCENE],
    "split": {"val": 0.15, "seed": 0},
    "gsd": 0.3,
    "areas": {"val_area": None},
}
KEPT = {"val_area": {"name": "val.gpkg", "bytes": 3, "modified_ns": 4}}


@pytest.mark.parametrize(
    ("one", "other", "is_noted"),
    [
        pytest.param(JOB, JOB, False, id="the same division"),
        pytest.param(JOB, {**JOB, "gsd": 0.5}, True, id="another resolution"),
        pytest.param(JOB, {**JOB, "split": {"val": 0.15, "seed": 1}}, True, id="another seed"),
        pytest.param(JOB, {**JOB, "scenes": [{**SCENE, "name": "next.tif"}], "gsd": 0.5}, False, id="another scene"),
        pytest.param({**JOB, "areas": KEPT}, {**JOB, "areas": KEPT, "gsd": 0.5}, False, id="one validation area"),
        pytest.param(JOB, {}, False, id="unknown"),
    ],
)
def test_folders_that_divide_one_scene_differently_are_used_with_a_note(
    one: dict[str, object],
    other: dict[str, object],
    is_noted: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, job in (("a", one), ("b", other)):
        card = write_chips(tmp_path / name, town(64, 128))
        card = replace(card, origin={"job": job})
        (tmp_path / name / "chips.json").write_text(card.to_json(), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        ChipSet.open([tmp_path / "a", tmp_path / "b"])
    assert ("hold the same scene town.tif, divided differently" in caplog.text) == is_noted
