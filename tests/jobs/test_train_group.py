"""Training by several processes: the curve of one that takes the same shares in turn; one writes, one speaks."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from geounet.jobs.synthetic_towns import NAME
from geounet.jobs.train import train
from geounet.legend import CONTACT
from geounet.nn.model_file import read_card
from geounet.track import Track, untracked
from tests.jobs.test_train import KilledError, killing
from tests.nn.chips_folder import town, write_chips

QUICK = ["--steps", "6", "--batch-size", "4", "--width", "2", "--depth", "1", "--device", "cpu", "--precision", "fp32"]
QUICK += ["--augment", "flips"]  # the others import for seconds

EACH_IN_TURN = """
import json, os, sys
from pathlib import Path
from geounet_cli.main import main

def writing(*given, **named):
    raise AssertionError("only the first process writes")

if os.environ["RANK"] == "1":
    Path.replace = Path.write_text = Path.write_bytes = writing

for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as ended:
        if ended.code:
            raise
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)  # as `python -m geounet_cli` leaves a group
"""


def started(program: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """A program run by two processes that torchrun starts."""
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
    command = [sys.executable, *torchrun, "--rdzv-endpoint", "localhost:0", program, *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "town_chips"
    scene = town(64, 256, classes=2, seed=2)
    scene.labels[:, ::16] = CONTACT
    write_chips(folder, scene, size=32, contact_width=1.0)
    return folder


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows that synthetic towns go with."""
    folder = tmp_path_factory.mktemp("data") / "houses"
    write_chips(folder, town(128, 512, seed=2), size=64, ground_resolution=0.8)
    return folder


def alone(chips: Path, run: Path, *, accumulate: int = 1, augment: str = "flips", track: Track = untracked) -> None:
    """The same training in this one process."""
    train(
        chips,
        out=run,
        steps=6,
        batch_size=4,
        width=2,
        depth=1,
        device="cpu",
        augment=augment,
        precision="fp32",
        accumulate=accumulate,
        track=track,
    )


def curve(run: Path) -> list[list[float]]:
    rows = csv.DictReader((run / "history.csv").read_text().splitlines())
    return [[float(value) for value in row.values()] for row in rows]


@pytest.fixture(scope="module")
def together(chips: Path, houses: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made: `pair`, the same again, `broken` brought to its end, and `houses` with towns."""
    folder = tmp_path_factory.mktemp("together")
    with pytest.raises(KilledError, match="here"):
        alone(chips, folder / "broken", accumulate=2, track=killing(7))
    pair, broken = (["train", str(chips), "--out", str(folder / name), *QUICK] for name in ("pair", "broken"))
    towns = ["train", str(houses), "--out", str(folder / "houses"), *QUICK, "--augment", "standard"]
    (folder / "program.py").write_text(EACH_IN_TURN)
    done = started(folder / "program.py", json.dumps([pair, pair, [*broken, "--resume"], towns]))
    assert done.returncode == 0, done.stderr
    (folder / "told").write_text(done.stdout)
    return folder


def test_two_processes_give_the_curve_of_one_that_takes_the_same_halves_in_turn(
    chips: Path, together: Path, tmp_path: Path
) -> None:
    alone(chips, tmp_path / "run", accumulate=2)
    assert len(curve(together / "pair")) == 6
    for one, two in zip(curve(tmp_path / "run"), curve(together / "pair"), strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    first, second = (json.loads((run / "metrics.json").read_text()) for run in (tmp_path / "run", together / "pair"))
    assert first["job"] == second["job"]
    assert first["validation_pixels"] == second["validation_pixels"]


def test_two_processes_take_in_the_same_synthetic_towns_as_one(houses: Path, together: Path, tmp_path: Path) -> None:
    alone(houses, tmp_path / "run", accumulate=2, augment="standard")
    for one, two in zip(curve(tmp_path / "run"), curve(together / "houses"), strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    assert read_card(together / "houses" / "model.safetensors").training["synthetic"] is True
    assert not (together / "houses" / NAME).exists()


def test_two_processes_go_on_with_what_one_began(together: Path) -> None:
    for one, two in zip(curve(together / "broken"), curve(together / "pair"), strict=True):
        assert one == pytest.approx(two, abs=1e-4)


def test_whole_batches_give_another_curve_than_halves(chips: Path, together: Path, tmp_path: Path) -> None:
    alone(chips, tmp_path / "run")
    assert curve(tmp_path / "run")[0] != pytest.approx(curve(together / "pair")[0], abs=1e-4)


def test_each_run_of_two_is_told_once_and_a_finished_one_is_not_done_again(together: Path) -> None:
    # below each of them stands what to open next
    lines = [line for line in (together / "told").read_text().splitlines() if not line.startswith("  ")]
    told = [line.partition(": ")[2].partition(",")[0] for line in lines]
    assert told == ["6 steps", "was finished before by the same job; nothing to do", "6 steps", "6 steps"]


FAILING = """
import os, sys
from geounet_cli.main import main
from geounet.errors import ChipsError
from geounet.nn import loader

def failing(*batch):
    raise ChipsError("images.npy cannot be read")

def killed(*batch):
    os.kill(os.getpid(), 9)

fate = sys.argv.pop(1)
if os.environ["RANK"] == "1" and fate != "none":
    loader.fill = {"error": failing, "killed": killed}[fate]
main()
"""


@pytest.mark.parametrize(
    ("fate", "rate", "words"),
    [
        ("error", "0.01", "images.npy cannot be read"),
        # torchrun may interrupt the other one before it notices
        ("killed", "0.01", r"(a process of the group is gone \([^\[/]+; start all again|interrupted.*) with --resume"),
        ("none", "1e30", "the loss is no longer a number after step"),
        ("none", "1e40", r"lr 1e\+40 must be at most 1e\+30"),
    ],
    ids=["an error in one", "one killed", "an error in all", "a setting"],
)
def test_what_goes_wrong_in_one_process_or_all_is_told_in_one_line(
    fate: str, rate: str, words: str, chips: Path, tmp_path: Path
) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    done = started(tmp_path / "failing.py", fate, "train", chips, "--out", tmp_path / "run", *QUICK, "--lr", rate)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert re.search(words, line), line
