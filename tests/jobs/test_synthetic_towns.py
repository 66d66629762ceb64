"""Synthetic towns beside a training's own windows: when they are taken, what they change, and what they leave alone."""

import errno
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from geounet.chips import ChipsCard
from geounet.errors import OutputError, SettingsError
from geounet.jobs import synthetic_towns
from geounet.jobs.synthetic_towns import NAME, are_wanted, tiled_towns
from geounet.jobs.tile import tile
from geounet.jobs.train import train
from geounet.jobs.train_run import TrainResult
from geounet.legend import Legend
from geounet.nn.augment import Augmentation
from geounet.nn.chip_set import ChipSet
from geounet.nn.chip_store import ChipFolder
from geounet.nn.model_file import read_card
from geounet.nn.samples import Samples
from geounet.nn.settings import TrainingSettings
from geounet.synthetic import LABELS, scenes
from tests.command import files_below, geounet
from tests.jobs.test_train import KilledError, killing
from tests.nn.chips_folder import RGB, town, write_chips

SIZE, RESOLUTION = 64, 0.8  # 51 m


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "chips"
    write_chips(folder, town(128, 512, seed=2), size=SIZE, ground_resolution=RESOLUTION)
    return folder


@pytest.fixture(scope="module")
def towns(chips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiled_towns(ChipSet.open([chips]), tmp_path_factory.mktemp("run"))


def quick(chips: Path, out: Path, **settings: object) -> TrainResult:
    defaults = {"steps": 4, "batch_size": 4, "width": 2, "depth": 1, "device": "cpu", "precision": "fp32"}
    return train(chips, out=out, **(defaults | settings))  # type: ignore[arg-type]


def card(path: Path, **changes: object) -> ChipsCard:
    return replace(ChipsCard.read(path), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "settings", "wanted"),
    [
        pytest.param({}, {}, True, id="buildings in colour"),
        pytest.param({}, {"augment": "strong"}, True, id="strong"),
        pytest.param({}, {"augment": "flips"}, False, id="imagery as it is"),
        pytest.param({}, {"synthetic": "none"}, False, id="not asked for"),
        pytest.param({"legend": Legend.of_names("road")}, {}, False, id="roads"),
        pytest.param({"legend": Legend.of_names("building", "road")}, {}, False, id="roads as well"),
        pytest.param({"legend": Legend.of_names("houses")}, {}, True, id="houses"),
        pytest.param({"colours": ("nir", "red", "green")}, {}, False, id="infrared"),
        pytest.param({"dtype": "uint16"}, {}, False, id="16 bits"),
        pytest.param({"ground_resolution": None}, {}, False, id="nowhere"),
        pytest.param({"ground_resolution": 10.0}, {}, False, id="from a satellite"),
        pytest.param({"ground_resolution": 0.05}, {}, False, id="from a kite"),
        pytest.param({"size": 32}, {}, False, id="windows that show no house"),
        pytest.param({"size": 512}, {}, False, id="windows wider than a town"),
        pytest.param({"ground_resolution": 1.00004, "size": 128}, {}, True, id="one metre by the CRS"),
        pytest.param({"ground_resolution": 0.50002, "size": 400}, {}, True, id="windows of 200 m by the CRS"),
        pytest.param({"ground_resolution": 0.19}, {"augment": "standard"}, False, id="finer than the towns bear"),
        pytest.param({"ground_resolution": 0.19998, "size": 256}, {}, True, id="twenty centimetres by the CRS"),
    ],
)
def test_towns_go_with_buildings_in_colour_alone(
    chips: Path, changes: dict[str, object], settings: dict[str, object], wanted: bool
) -> None:
    data = ChipSet((ChipFolder(chips, card(chips, **changes)),))
    assert are_wanted(data, TrainingSettings(**settings)) is wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colours": ("nir", "red", "green")}, "these bands are not"),
        ({"ground_resolution": None}, "the scenes have no CRS"),
        ({"ground_resolution": 0.15}, "they go with 0.2 to 1 m a pixel, and these windows have 0.15"),
        ({"size": 256}, r"they go with windows of 50 to 200 m, and these are 205 m wide \(--size\)"),
    ],
)
def test_where_towns_do_not_go_with_the_imagery_the_log_says_why(
    chips: Path, changes: dict[str, object], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert not are_wanted(ChipSet((ChipFolder(chips, card(chips, **changes)),)), TrainingSettings())
    assert re.search(f"no synthetic towns are learned from: .*{reason}", caplog.text)


def test_towns_are_tiled_like_the_windows_they_go_with(chips: Path, towns: Path) -> None:
    own, theirs = ChipsCard.read(chips), ChipsCard.read(towns)
    assert (theirs.size, theirs.colours, theirs.dtype) == (own.size, own.colours, own.dtype)
    assert theirs.ground_resolution == pytest.approx(RESOLUTION, rel=0.01)
    assert theirs.legend.names == ("background", "building")
    assert {window.split for window in theirs.windows} == {"train"}
    shares = [window.shares[1] for window in theirs.windows]
    assert 0.1 < sum(shares) / len(shares) < 0.4
    assert len({window.scene for window in theirs.windows}) == 12


def test_towns_have_contact_where_the_windows_have_it(tmp_path: Path) -> None:
    write_chips(tmp_path / "chips", town(128, 512), size=SIZE, ground_resolution=0.8, contact_width=2.4)
    theirs = tiled_towns(ChipSet.open([tmp_path / "chips"]), tmp_path / "run")
    assert ChipsCard.read(theirs).contact_width == 2.4
    folder = ChipFolder.open(theirs)
    assert any(folder.has_contact(number) for number in folder.card.of_split("train"))


def test_a_pass_has_every_window_once_and_one_of_a_town_to_three_of_them(chips: Path, towns: Path) -> None:
    data = ChipSet.open([chips])
    augmentation = Augmentation("standard", RGB, "uint8", data.mean, data.std)
    alone = Samples(data.folders, augmentation, 0)
    beside = Samples(data.folders, augmentation, 0, synthetic=ChipFolder.open(towns))
    assert (alone.pass_length, beside.pass_length) == (12, 16)
    seen = set()
    for number in range(5):
        order = beside._order(number)
        assert sorted(index for pool, index in order if pool == 0) == list(range(12))
        assert len({index for pool, index in order if pool == 1}) == 4
        seen |= {index for pool, index in order if pool == 1}
    assert len(seen) > 12  # others in each pass
    pixels, labels = beside[3]
    assert (pixels == beside[3][0]).all()
    assert labels.shape == (SIZE, SIZE)


def test_a_training_takes_towns_in_and_says_so(chips: Path, tmp_path: Path) -> None:
    result = quick(chips, tmp_path / "run")
    plain = quick(chips, tmp_path / "plain", synthetic="none")
    assert not (result.run / NAME).exists()
    assert result.model.read_bytes() != plain.model.read_bytes()
    assert [read_card(r.model).training["synthetic"] for r in (result, plain)] == [True, False]
    assert ["synthetic towns" in (r.run / "MODEL.md").read_text() for r in (result, plain)] == [True, False]
    # what is said of the data, and what is scored, is the training's own
    metrics = [json.loads((r.run / "metrics.json").read_text()) for r in (result, plain)]
    for key in ("training_windows", "validation_windows", "validation_pixels"):
        assert metrics[0][key] == metrics[1][key]
    assert read_card(result.model).mean == read_card(plain.model).mean


def test_a_training_with_towns_killed_and_resumed_ends_with_the_same_bytes(chips: Path, tmp_path: Path) -> None:
    straight = quick(chips, tmp_path / "straight")
    with pytest.raises(KilledError):
        quick(chips, tmp_path / "broken", track=killing(5))
    assert (tmp_path / "broken" / NAME).is_dir()
    resumed = quick(chips, tmp_path / "broken", resume=True)
    assert resumed.model.read_bytes() == straight.model.read_bytes()
    assert not (tmp_path / "broken" / NAME).exists()


def test_a_training_that_fails_before_its_first_checkpoint_leaves_no_windows(chips: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="too short"):
        quick(chips, tmp_path / "run", steps="auto", minutes=1e-4)
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="too short"):
        quick(chips, tmp_path / "run", steps="auto", minutes=1e-4)
    assert files_below(tmp_path / "run") == {"notes.txt": b"years of work"}


def put(place: Path, kind: str, chips: Path) -> None:
    """Something of the user's where a training's windows of towns belong."""
    if kind == "a file":
        place.write_text("years of work")
    elif kind == "a link":
        place.symlink_to(chips)
    elif kind == "a folder":
        place.mkdir()
        (place / "precious.txt").write_text("years of work")
    elif kind == "windows of his own":
        shutil.copytree(chips, place)
    else:
        tile(scenes(), labels=[LABELS], out=place, size=SIZE, stride=SIZE, gsd=RESOLUTION, val=0.0)


@pytest.mark.parametrize("kind", ["a file", "a link", "a folder", "windows of his own", "windows of the same towns"])
def test_what_lies_where_the_windows_belong_is_not_touched(kind: str, chips: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quick(chips, run)
    put(run / NAME, kind, chips)
    before = files_below(run)
    with pytest.raises(OutputError, match=rf"{NAME} is where .* holds something else; move it away"):
        quick(chips, run, overwrite=True)
    assert files_below(run) == before
    quick(chips, run)  # nothing to do
    assert files_below(run) == before
    quick(chips, run, overwrite=True, synthetic="none")
    assert {path for path in before if NAME in str(path)} <= set(files_below(run))


def test_windows_of_ones_own_in_that_place_are_trained_on_and_stay(chips: Path, tmp_path: Path) -> None:
    own = tmp_path / "run" / NAME
    shutil.copytree(chips, own)
    with pytest.raises(OutputError, match="holds something else"):
        quick(own, tmp_path / "run")
    quick(own, tmp_path / "run", synthetic="none")
    assert files_below(own) == files_below(chips)


def test_an_empty_folder_is_as_good_as_none(chips: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / NAME).mkdir(parents=True)
    quick(chips, tmp_path / "run")
    assert not (tmp_path / "run" / NAME).exists()


def test_the_towns_of_a_training_are_not_trained_on_as_ones_own(chips: Path, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        quick(chips, tmp_path / "run", track=killing(5))
    with pytest.raises(SettingsError, match="holds windows of synthetic towns of a training"):
        quick(tmp_path / "run" / NAME / "windows", tmp_path / "run", overwrite=True)
    with pytest.raises(SettingsError, match="holds windows of synthetic towns of a training"):
        quick(tmp_path / "run" / NAME / "windows", tmp_path / "other", synthetic="none")
    assert (tmp_path / "run" / "last.ckpt").exists()


def test_windows_that_cannot_be_removed_are_no_failure(
    chips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy(path: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(shutil, "rmtree", busy)
    clear = synthetic_towns.clear_towns
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / synthetic_towns.MARK).touch()
    clear(tmp_path)
    assert "synthetic_towns cannot be removed (Device or resource busy)" in caplog.text


def test_a_run_with_towns_is_another_than_one_without(chips: Path, tmp_path: Path) -> None:
    quick(chips, tmp_path / "run")
    assert quick(chips, tmp_path / "run").repeated
    with pytest.raises(OutputError, match="synthetic towns were others, or none: --synthetic"):
        quick(chips, tmp_path / "run", synthetic="none")
    with pytest.raises(SettingsError, match="synthetic 'some' is unknown; use one of auto, none"):
        quick(chips, tmp_path / "other", synthetic="some")


def test_the_command_line_leaves_them_out_when_asked(
    chips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ["--steps", "2", "--batch-size", "2", "--width", "2", "--depth", "1", "--device", "cpu"]
    told = geounet(capsys, "train", chips, "--out", tmp_path / "run", *few, "--synthetic", "none")
    assert told.status == 0, told.err
    assert read_card(tmp_path / "run" / "model.safetensors").training["synthetic"] is False
