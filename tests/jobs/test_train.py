"""The job `train`, whole: what it writes, and how it goes on, repeats or refuses."""

import csv
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from geounet.block import Block, Piece
from geounet.card import Architecture
from geounet.errors import ChipsError, ModelError, OutputError, SettingsError, TrainingError
from geounet.grid import Window
from geounet.jobs import train_job, train_keep
from geounet.jobs.train import train
from geounet.jobs.train_run import TrainResult
from geounet.legend import CONTACT
from geounet.nn.segmenter import load_segmenter
from geounet.nn.training import stepped
from geounet.track import Track
from tests.command import files_below
from tests.nn.chips_folder import town, voided, write_chips

OUTPUTS = {"model.safetensors", "last.ckpt", "history.csv", "curves.png", "samples.png", "metrics.json", "MODEL.md"}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def quick(chips: Path | list[Path], out: Path | None = None, **settings: object) -> TrainResult:
    """A training of a few steps of a tiny network."""
    defaults = {"steps": 6, "batch_size": 4, "width": 2, "depth": 1, "device": "cpu", "precision": "fp32"}
    return train(chips, out=out, **(defaults | settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "town_chips"
    write_chips(folder, voided(town(64, 256, seed=2), slice(0, 10), slice(0, 300)), size=32)
    return folder


@pytest.fixture(scope="module")
def straight(chips: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A training with the quick settings, left alone to its end."""
    return quick(chips, tmp_path_factory.mktemp("straight") / "run")


def test_a_training_writes_its_run_beside_the_windows(chips: Path) -> None:
    result = quick(chips, lr=0.02, steps=60, width=4)
    assert result.run == chips.parent / "town_chips_run"
    assert {path.name for path in result.run.iterdir()} == OUTPUTS
    metrics = json.loads((result.run / "metrics.json").read_text())
    assert metrics["iou"] == result.iou == result.class_iou["building"]
    assert result.iou is not None
    assert result.iou > 0.5
    assert metrics["pixel"]["building"]["iou"] == result.iou
    assert set(metrics["pixel"]["building"]) == {"iou", "f1", "precision", "recall", "accuracy", "iou_two_channel"}
    assert f"| building | {result.iou:.3f} |" in (result.run / "MODEL.md").read_text()
    rows = list(csv.DictReader((result.run / "history.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(3, 61, 3))
    assert max(float(row["iou"]) for row in rows) == pytest.approx(result.iou)


def test_the_model_has_all_that_a_map_takes(straight: TrainResult) -> None:
    segmenter = load_segmenter(straight.run, device="cpu")
    assert segmenter.card.architecture == Architecture(bands=3, outputs=1, width=2, depth=1)
    assert segmenter.card.legend.names == ("background", "building")
    assert segmenter.card.training["iou"] == straight.iou
    assert "seconds" not in segmenter.card.training
    place = Window(0, 0, 16, 16)
    piece = Piece(Block(place, np.zeros((3, 16, 16), np.uint8)), Block(place, np.ones((1, 16, 16), bool)), place)
    (strip,) = segmenter.predict([piece])
    assert strip.values.shape == (2, 16, 16)


def test_the_same_seed_gives_the_same_model_and_pictures_and_another_one_others(
    chips: Path, straight: TrainResult, tmp_path: Path
) -> None:
    quick(chips, tmp_path / "again")
    quick(chips, tmp_path / "other", seed=4)
    for name in ("model.safetensors", "history.csv", "curves.png", "samples.png"):
        assert (tmp_path / "again" / name).read_bytes() == (straight.run / name).read_bytes()
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != straight.model.read_bytes()


class KilledError(Exception):
    """Stands for whatever ends a process."""


def killing(after: int) -> Track:
    """A track that ends the job after so many records."""

    def track(items, stage, *, total, unit, amount=None, tell=None):  # type: ignore[no-untyped-def]
        for index, item in enumerate(items):
            if index == after:
                raise KilledError("here")
            yield item

    return track


@pytest.mark.parametrize("after", [0, 2, 8, 11], ids=lambda after: f"record{after}")
def test_a_training_killed_anywhere_and_resumed_ends_with_the_same_bytes(
    after: int, chips: Path, straight: TrainResult, tmp_path: Path
) -> None:
    with pytest.raises(KilledError, match="here"):
        quick(chips, tmp_path / "broken", track=killing(after))
    left = {path.name for path in (tmp_path / "broken").iterdir()} if (tmp_path / "broken").exists() else set()
    assert left <= OUTPUTS - {"metrics.json"}
    resumed = quick(chips, tmp_path / "broken", resume=True)
    assert resumed.iou == straight.iou
    for name in ("model.safetensors", "history.csv", "curves.png", "samples.png"):
        assert (tmp_path / "broken" / name).read_bytes() == (straight.run / name).read_bytes()


@pytest.mark.parametrize("writing", ["save_model", "save_checkpoint"])
def test_a_training_killed_between_two_of_its_files_and_resumed_ends_with_the_same_bytes(
    writing: str, chips: Path, straight: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, count = getattr(train_keep, writing), 0

    def killed(*given: object) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise KilledError("here")
        write(*given)

    monkeypatch.setattr(train_keep, writing, killed)
    with pytest.raises(KilledError, match="here"):
        quick(chips, tmp_path / "broken")
    monkeypatch.undo()
    quick(chips, tmp_path / "broken", resume=True)
    for name in ("model.safetensors", "history.csv", "curves.png", "samples.png"):
        assert (tmp_path / "broken" / name).read_bytes() == (straight.run / name).read_bytes()


def test_what_is_told_of_a_training_is_its_loss_and_its_last_score(chips: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def track(items, stage, *, total, unit, amount=None, tell=None):  # type: ignore[no-untyped-def]
        for item in items:
            yield item
            if stage == "training":
                said.append(tell(item))

    run = quick(chips, tmp_path / "run", track=track).run
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert "IoU" not in said[0]
    assert said[-1].endswith(f"IoU {float(rows[-1]['iou']):.3f}")
    assert all(words.startswith("loss ") for words in said)


def test_samples_drawn_otherwise_make_another_training(
    chips: Path, straight: TrainResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(straight.run, tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    monkeypatch.setattr(train_job, "REVISION", 0)
    with pytest.raises(SettingsError, match=r"began otherwise \(this version of geounet varies its samples otherwise"):
        quick(chips, tmp_path / "run", resume=True)


def test_a_finished_training_is_not_done_again_and_another_not_overwritten(
    chips: Path, straight: TrainResult, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(straight.run, run)
    before = (run / "last.ckpt").stat().st_mtime_ns
    again = quick(chips, run)
    assert again.repeated
    assert again.iou == straight.iou
    assert (run / "last.ckpt").stat().st_mtime_ns == before
    with pytest.raises(OutputError, match=r"another finished training \(seed was 0 and is 9 now\); choose"):
        quick(chips, run, seed=9)
    assert not quick(chips, run, seed=9, overwrite=True).repeated


def test_an_unfinished_training_is_resumed_only_when_asked_and_only_with_its_settings(
    chips: Path, tmp_path: Path
) -> None:
    with pytest.raises(KilledError, match="here"):
        quick(chips, tmp_path / "run", track=killing(4))
    with pytest.raises(OutputError, match="holds an unfinished training; go on with --resume"):
        quick(chips, tmp_path / "run")
    with pytest.raises(
        SettingsError, match=r"began otherwise \(lr was auto and is 0.5 now\); resume it as it began, or"
    ):
        quick(chips, tmp_path / "run", resume=True, lr=0.5)
    other = tmp_path / "other_chips"
    write_chips(other, town(64, 256, seed=77), size=32)
    with pytest.raises(SettingsError, match=r"began otherwise \(the training windows were others\)"):
        quick(other, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"precision": "bf16"}, "precision was fp32 and is bf16 now", id="precision"),
        pytest.param({"init": "straight"}, "--init was another model, or none", id="init"),
    ],
)
@pytest.mark.parametrize("state", ["finished", "unfinished"])
def test_what_the_answer_depends_on_is_compared_and_named(
    state: str, *, changes: dict[str, object], words: str, chips: Path, straight: TrainResult, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(straight.run, run)
    if state == "unfinished":
        (run / "metrics.json").unlink()
    if "init" in changes:
        changes = {"init": straight.run}
    error = OutputError if state == "finished" else SettingsError
    with pytest.raises(error, match=words):
        quick(chips, run, resume=True, **changes)


def test_another_model_to_start_from_makes_another_training(chips: Path, straight: TrainResult, tmp_path: Path) -> None:
    first, second = straight.run, quick(chips, tmp_path / "second", seed=5).run
    run = tmp_path / "run"
    quick(chips, run, init=first)
    assert quick(chips, run, init=first).repeated
    with pytest.raises(OutputError, match=r"another finished training \(--init was another model, or none\)"):
        quick(chips, run, init=second)


def test_a_training_does_not_replace_the_model_it_starts_from(
    chips: Path, straight: TrainResult, tmp_path: Path
) -> None:
    shutil.copytree(straight.run, tmp_path / "run")
    with pytest.raises(SettingsError, match="is the model that the training would replace; choose another --out"):
        quick(chips, tmp_path / "run", init=tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == straight.model.read_bytes()


def test_resuming_what_has_no_checkpoint_yet_begins_again_and_says_so(
    chips: Path, straight: TrainResult, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.safetensors").write_bytes(b"left behind")
    with pytest.raises(OutputError, match="holds an unfinished training; go on with --resume"):
        quick(chips, run)
    quick(chips, run, resume=True)
    assert "run has nothing to go on from: the training begins at its first step" in caplog.text
    assert (run / "model.safetensors").read_bytes() == straight.model.read_bytes()


def test_a_finished_training_without_its_model_says_so(chips: Path, straight: TrainResult, tmp_path: Path) -> None:
    shutil.copytree(straight.run, tmp_path / "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    with pytest.raises(OutputError, match="has lost its model"):
        quick(chips, tmp_path / "run")


def test_several_folders_train_one_model(chips: Path, tmp_path: Path) -> None:
    write_chips(tmp_path / "second", town(64, 128, seed=5), size=32)
    result = quick([chips, tmp_path / "second"], tmp_path / "run")
    metrics = json.loads((result.run / "metrics.json").read_text())
    assert metrics["training_windows"] == 12 + 6
    write_chips(tmp_path / "third", town(64, 128, seed=5), size=16)
    with pytest.raises(ChipsError, match=r"size 16 and .* has 32"):
        quick([chips, tmp_path / "third"], tmp_path / "run3")


def test_without_validation_windows_the_last_weights_are_kept(tmp_path: Path) -> None:
    write_chips(tmp_path / "chips", town(64, 128), size=32, splits=("train",))
    result = quick(tmp_path / "chips")
    assert result.iou is None
    assert result.best_step == result.steps == 6
    assert json.loads((result.run / "metrics.json").read_text())["iou"] is None


@pytest.mark.parametrize(("classes", "contact"), [(1, True), (3, False), (2, True)], ids=["contact", "three", "both"])
def test_more_classes_and_contact_train_to_a_band_each(classes: int, contact: bool, tmp_path: Path) -> None:
    scene = town(64, 128, classes=classes)
    if contact:
        scene.labels[:, ::16] = CONTACT
    write_chips(tmp_path / "chips", scene, size=32, contact_width=1.0 if contact else None)
    result = quick(tmp_path / "chips")
    segmenter = load_segmenter(result.run, device="cpu")
    assert segmenter.card.architecture.outputs == 1 + classes + contact
    assert len(result.class_iou) == 1 + classes
    metrics = json.loads((result.run / "metrics.json").read_text())
    rows = {int(row["step"]): row for row in csv.DictReader((result.run / "history.csv").read_text().splitlines())}
    assert ("contact_iou" in metrics) == contact
    if contact:
        assert f"{metrics['contact_iou']}" == rows[result.best_step]["contact_iou"]


def test_a_model_can_start_from_another(chips: Path, tmp_path: Path) -> None:
    first = quick(chips, tmp_path / "first", steps=40, lr=0.02)
    second = quick(chips, tmp_path / "second", steps=1, lr=1e-9, width="auto", depth=4, init=first.run)
    assert second.iou == pytest.approx(first.iou, abs=0.1)
    assert load_segmenter(second.run, device="cpu").card.architecture.depth == 1
    with pytest.raises(SettingsError, match="width 8 contradicts --init, whose width is 2"):
        quick(chips, tmp_path / "third", width=8, init=first.run)
    with pytest.raises(SettingsError, match="depth 2 contradicts --init, whose depth is 1"):
        quick(chips, tmp_path / "third", width="auto", depth=2, init=first.run)
    with pytest.raises(SettingsError, match="--no-skips contradicts --init"):
        quick(chips, tmp_path / "third", skips=False, init=first.run)
    with pytest.raises(ModelError, match="is not there"):
        quick(chips, tmp_path / "third", init=tmp_path / "nowhere")


def test_class_weights_that_would_have_no_part_are_refused(chips: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--class-weights have no part in --loss dice"):
        quick(chips, tmp_path / "run", loss="dice", class_weights="auto")


def test_minutes_are_kept_to_with_all_that_is_around_the_steps(chips: Path, tmp_path: Path) -> None:
    result = quick(chips, tmp_path / "run", steps="auto", minutes=0.4)
    assert 0.6 * 24 < result.seconds < 1.15 * 24
    assert result.steps > 20


def test_minutes_too_few_for_a_step_are_refused_with_the_least_it_takes(chips: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--minutes 0.001 is too short .* take 0.\d+ minutes; give more"):
        quick(chips, tmp_path / "run", steps="auto", minutes=0.001)


def test_another_model_of_other_bands_and_classes_is_a_start_and_says_what_is_new(
    chips: Path, straight: TrainResult, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_chips(tmp_path / "four", town(64, 128, bands=4, classes=2), colours=("red", "green", "blue", "nir"))
    with caplog.at_level("INFO", logger="geounet"):
        quick(tmp_path / "four", tmp_path / "run", init=straight.run, width="auto")
    told = "learned anew: band 4 (nir), class background, class building, class road"
    assert [message for message in caplog.messages if told in message]


def test_a_run_is_left_as_it_is_when_what_the_new_one_starts_from_cannot_be_read(
    chips: Path, straight: TrainResult, tmp_path: Path
) -> None:
    shutil.copytree(straight.run, tmp_path / "run")
    (tmp_path / "other.safetensors").write_bytes(straight.model.read_bytes()[:-9])
    before = files_below(tmp_path / "run")
    with pytest.raises(ModelError, match="is no safetensors file"):
        quick(chips, tmp_path / "run", init=tmp_path / "other.safetensors", overwrite=True)
    assert files_below(tmp_path / "run") == before


def test_a_pipeline_from_a_file_trains_and_another_one_makes_another_training(chips: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    transform: dict[str, object] = {"__class_fullname__": "D4", "p": 1.0}
    path.write_text(json.dumps({"transform": transform}))
    result = quick(chips, tmp_path / "run", augment=str(path))
    assert str(load_segmenter(result.run, device="cpu").card.training["augment"]).startswith("mine.json ")
    path.write_text(json.dumps({"transform": {"__class_fullname__": "HorizontalFlip", "p": 1.0}}))
    with pytest.raises(OutputError, match=r"finished training \(augment was mine.json \w+ and is mine.json \w+"):
        quick(chips, tmp_path / "run", augment=str(path))
    with pytest.raises(SettingsError, match=r"nowhere.json cannot be read"):
        quick(chips, tmp_path / "other", augment="nowhere.json")
    assert not (tmp_path / "other").exists()


def test_a_window_that_ends_as_one_pixel_alone_is_refused(chips: Path, tmp_path: Path) -> None:
    for settings in ({"batch_size": 1}, {"batch_size": 4, "accumulate": 4}):
        with pytest.raises(
            SettingsError, match=r"one window of 32 px alone, halved 5 times, is a single pixel, .*batch"
        ):
            quick(chips, tmp_path / "run", depth=5, **settings)
    assert quick(chips, tmp_path / "run", depth=5, batch_size=2, steps=1).steps == 1


def test_validation_ground_without_a_building_is_told_of_and_chooses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = town(64, 256, seed=2)
    scene.labels[:, 192:] = np.minimum(scene.labels[:, 192:], 0)
    write_chips(tmp_path / "chips", scene, size=32, splits=("train",) * 6 + ("val",) * 2)
    result = quick(tmp_path / "chips")
    assert result.iou is None
    assert "no validation window has a class to be found; the last weights are kept, unscored" in caplog.text
    assert "after step 6 of 6, the last ones" in (result.run / "MODEL.md").read_text()


def test_a_loss_that_becomes_no_number_leaves_the_best_model_so_far(
    chips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter = quick(chips, tmp_path / "shorter", steps=40, lr=0.02)
    count = 0

    def poisoned(*given: object) -> torch.Tensor:
        nonlocal count
        count += 1
        return stepped(*given) * (math.nan if count == 25 else 1)  # type: ignore[arg-type]

    monkeypatch.setattr("geounet.nn.loop.stepped", poisoned)
    with pytest.raises(TrainingError, match="no longer a number after step 25; the best model so far is kept"):
        quick(chips, tmp_path / "run", steps=40, lr=0.02)
    assert load_segmenter(tmp_path / "run").card.architecture == load_segmenter(shorter.run).card.architecture
    monkeypatch.undo()
    assert quick(chips, tmp_path / "run", steps=40, lr=0.02, resume=True).steps == 40
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == shorter.model.read_bytes()


def test_windows_that_cannot_be_halved_so_often_are_refused(chips: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"windows of 32 px cannot be halved 6 times; .* multiple of 64"):
        quick(chips, tmp_path / "run", depth=6)
    assert not (tmp_path / "run").exists()


def test_windows_given_twice_or_to_be_written_among_are_refused(chips: Path, tmp_path: Path) -> None:
    before = files_below(chips)
    with pytest.raises(SettingsError, match="town_chips is given more than once; give each folder once"):
        quick([chips, chips.parent / "." / chips.name], tmp_path / "run")
    with pytest.raises(SettingsError, match=r"town_chips holds the training windows, .*choose another --out"):
        quick(chips, chips)
    assert files_below(chips) == before


def test_a_training_that_patience_ends_says_so(chips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="geounet"):
        result = quick(chips, tmp_path / "run", steps=200, lr=1e-12, patience=2)
    assert result.steps < 200
    told = f"stopped after step {result.steps} of 200: no better score in 2 validations (--patience)"
    assert told in caplog.messages


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChipsError, match=r"holds no chips.json"):
        quick(tmp_path / "nowhere")
