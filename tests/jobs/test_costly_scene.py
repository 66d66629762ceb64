"""infer of a scene that is costly to read in pieces: the same map, also after a kill, and nothing left of its spool."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from geounet.jobs.infer import infer
from tests.scenes import UTM, Place, noise, write_scene

OUTPUTS = ["classes.tif", "classes.tif.aux.xml", "footprints.gpkg", "probability.tif"]
mapped = partial(infer, device="cpu", precision="fp32", window=64)
LOW = {"_SIDE": 32, "_SMALL": 0, "_PIECE": 3000}  # limits of the spool
SLOW = f"""
import sys, time
from geounet.io import spool
vars(spool).update({LOW})
from geounet.io.parts import Parts
write = Parts.write
def slowly(self, block):
    write(self, block)
    time.sleep(0.2)
Parts.write = slowly
from geounet_cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LOW.items():
        monkeypatch.setattr(f"geounet.io.spool.{name}", value)


@pytest.fixture(scope="module")
def strips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in strips, with holes, of other pixels than the model wants."""
    seen = np.random.default_rng(2).random((150, 170)) < 0.97
    seen[:, :30] = False
    place = Place(UTM.transform @ UTM.transform.scale(0.6), UTM.crs)
    return write_scene(tmp_path_factory.mktemp("strips") / "scene.tif", noise(150, 170), place, mask=seen)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, strips: Path, model: Path) -> Path:
    """Its map, made without a spool."""
    return mapped(strips, model=model, out=tmp_path_factory.mktemp("plain") / "map").out


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@pytest.mark.parametrize("grid", ["working", "scene"])
def test_its_map_has_the_bytes_of_one_made_without_a_spool(
    strips: Path, model: Path, tmp_path: Path, request: pytest.FixtureRequest, grid: Literal["working", "scene"]
) -> None:
    mapped(strips, model=model, out=tmp_path / "plain", output_grid=grid)
    request.getfixturevalue("low_limits")
    mapped(strips, model=model, out=tmp_path / "spooled", output_grid=grid)
    assert outputs(tmp_path / "spooled") == outputs(tmp_path / "plain")
    assert sorted(path.name for path in (tmp_path / "spooled").iterdir()) == sorted(
        path.name for path in (tmp_path / "plain").iterdir()
    )


def test_a_killed_job_run_again_ends_with_the_same_bytes_and_no_spool(
    strips: Path, finished: Path, model: Path, tmp_path: Path, low_limits: None
) -> None:
    out = tmp_path / "map"
    words = ["infer", str(strips), "--model", str(model), "--out", str(out), "--window", "64"]
    words += ["--device", "cpu", "--precision", "fp32"]
    alike = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    running = subprocess.Popen([sys.executable, "-c", SLOW, *words], stderr=subprocess.PIPE, env=alike)
    journal = out / "parts" / "journal.jsonl"
    deadline = time.monotonic() + 300
    while not (journal.exists() and "sha256" in journal.read_text()):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    left = list((out / "parts" / "spool").rglob("*.raw"))
    assert left
    left[0].write_bytes(b"half")
    summary = mapped(strips, model=model, out=out).summary
    assert isinstance(summary["parts_resumed"], int)
    assert summary["parts_resumed"] > 0
    assert outputs(out) == outputs(finished)
    assert not (out / "parts").exists()
