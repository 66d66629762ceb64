"""infer of a scene that is costly to read in pieces: the same map, also after a kill, and nothing left of its spool."""

import signal
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from geounet.jobs.infer import infer
from geounet.jobs.outputs import PARTS, SPOOL
from tests.jobs.stopped import Map, Stop
from tests.scenes import UTM, Place, noise, write_scene

OUTPUTS = ["classes.tif", "classes.tif.aux.xml", "footprints.gpkg", "probability.tif"]
mapped = partial(infer, device="cpu", precision="fp32", window=64)
LOW = {"geounet.io.spool._SIDE": 32, "geounet.io.spool._SMALL": 0, "geounet.io.spool._PIECE": 3000}


@pytest.fixture
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LOW.items():
        monkeypatch.setattr(name, value)


@pytest.fixture(scope="module")
def strips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in strips, with holes, of other pixels than the model wants."""
    seen = np.random.default_rng(2).random((150, 170)) < 0.97
    seen[:, :30] = False
    place = Place(UTM.transform @ UTM.transform.scale(0.6), UTM.crs)
    return write_scene(tmp_path_factory.mktemp("strips") / "scene.tif", noise(150, 170), place, mask=seen)


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
    strips: Path, model: Path, tmp_path: Path
) -> None:
    plain, asked = Map(strips, model, tmp_path / "plain"), Map(strips, model, tmp_path / "map", limits=LOW)
    assert plain.made().status == 0
    assert asked.made(Stop("os.rename parts/.r*c*-*.tif", 3)).status == -signal.SIGKILL
    left = list((asked.out / PARTS / SPOOL).rglob("*.raw"))
    assert left
    left[0].write_bytes(b"half")
    assert asked.made().status == 0
    assert asked.summary()["parts_resumed"] == 2
    assert asked.contents() == plain.contents()
    assert not (asked.out / PARTS).exists()
