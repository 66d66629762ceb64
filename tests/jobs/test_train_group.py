"""Training by several processes: the curve of one that takes the same shares in turn; one writes, one speaks."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from geounet.jobs.train import train
from geounet.legend import CONTACT
from geounet.track import Track, untracked
from tests.jobs.test_train import KilledError, killing
from tests.nn.chips_folder import town, write_chips

QUICK = ["--steps", "6", "--batch-size", "4", "--width", "2", "--depth", "1", "--device", "cpu", "--precision", "fp32"]


def started(
    words: list[object], *, processes: int, program: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`geounet` run by so many processes that torchrun starts."""
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--rdzv-backend", "c10d"]
    command = [sys.executable, *torchrun, "--rdzv-endpoint", "localhost:0", *(program or ["-m", "geounet_cli"])]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *map(str, words)], capture_output=True, text=True, env=environment, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "town_chips"
    scene = town(64, 256, classes=2, seed=2)
    scene.labels[:, ::16] = CONTACT
    write_chips(folder, scene, size=32, contact_width=1.0)
    return folder


@pytest.fixture(scope="module")
def pair(chips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of two processes."""
    run = tmp_path_factory.mktemp("pair") / "run"
    done = started(["train", chips, "--out", run, *QUICK], processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("model.safetensors: 6 steps") == 1
    return run


def alone(chips: Path, run: Path, *, accumulate: int = 1, track: Track = untracked) -> None:
    """The same training in this one process."""
    train(
        chips,
        out=run,
        steps=6,
        batch_size=4,
        width=2,
        depth=1,
        device="cpu",
        precision="fp32",
        accumulate=accumulate,
        track=track,
    )


def curve(run: Path) -> list[list[float]]:
    rows = csv.DictReader((run / "history.csv").read_text().splitlines())
    return [[float(value) for value in row.values()] for row in rows]


def test_two_processes_give_the_curve_of_one_that_takes_the_same_halves_in_turn(
    chips: Path, pair: Path, tmp_path: Path
) -> None:
    alone(chips, tmp_path / "run", accumulate=2)
    assert len(curve(pair)) == 6
    for one, two in zip(curve(tmp_path / "run"), curve(pair), strict=True):
        assert one == pytest.approx(two, abs=1e-4)
    first, second = (json.loads((run / "metrics.json").read_text()) for run in (tmp_path / "run", pair))
    assert first["job"] == second["job"]
    assert first["validation_pixels"] == second["validation_pixels"]


def test_two_processes_go_on_with_what_one_began(chips: Path, pair: Path, tmp_path: Path) -> None:
    with pytest.raises(KilledError, match="here"):
        alone(chips, tmp_path / "run", accumulate=2, track=killing(7))
    done = started(["train", chips, "--out", tmp_path / "run", *QUICK, "--resume"], processes=2)
    assert done.returncode == 0, done.stderr
    for one, two in zip(curve(tmp_path / "run"), curve(pair), strict=True):
        assert one == pytest.approx(two, abs=1e-4)


def test_whole_batches_give_another_curve_than_halves(chips: Path, pair: Path, tmp_path: Path) -> None:
    alone(chips, tmp_path / "run")
    assert curve(tmp_path / "run")[0] != pytest.approx(curve(pair)[0], abs=1e-4)


def test_a_finished_run_of_two_is_told_once_and_not_done_again(chips: Path, pair: Path) -> None:
    before = (pair / "last.ckpt").stat().st_mtime_ns
    done = started(["train", chips, "--out", pair, *QUICK], processes=2)
    assert (done.returncode, done.stdout.count("nothing to do")) == (0, 1)
    assert (pair / "last.ckpt").stat().st_mtime_ns == before


def test_a_batch_that_the_processes_cannot_share_is_refused_in_one_line(chips: Path, tmp_path: Path) -> None:
    done = started(["train", chips, "--out", tmp_path / "run", *QUICK, "--batch-size", "5"], processes=2)
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if line.startswith("Error: ")] == [
        "Error: a batch of 5 windows cannot be shared by 2 processes with --accumulate 1; use a --batch-size that is "
        "a multiple of 2"
    ]


def test_a_loss_that_is_no_number_in_one_process_stops_all_with_one_line(chips: Path, tmp_path: Path) -> None:
    done = started(["train", chips, "--out", tmp_path / "run", *QUICK, "--lr", "1e30"], processes=2)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "the loss is no longer a number after step" in line


FAILING = """
import os, sys
from geounet_cli.main import main
from geounet.errors import ChipsError
from geounet.nn import samples

def failing(numbers):
    raise ChipsError("images.npy cannot be read")

def killed(numbers):
    os._exit(9)

if os.environ["RANK"] == "1":
    samples.collated = {"error": failing, "killed": killed}[sys.argv.pop(1)]
else:
    sys.argv.pop(1)
main()
"""


@pytest.mark.parametrize(
    ("fate", "words"),
    [("error", "images.npy cannot be read"), ("killed", "with --resume")],
    ids=["an error", "killed"],
)
def test_what_happens_to_one_process_ends_all_with_one_line(fate: str, words: str, chips: Path, tmp_path: Path) -> None:
    program = tmp_path / "failing.py"
    program.write_text(FAILING)
    done = started([fate, "train", chips, "--out", tmp_path / "run", *QUICK], processes=2, program=[str(program)])
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert words in line
