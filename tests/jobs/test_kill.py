"""Promise 4: a map that was stopped anywhere and is asked for again ends with the bytes of one left alone."""

import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geounet.card import Architecture
from geounet.jobs.guard import alone
from geounet.jobs.outputs import PARTS, REPORT, SUMMARY
from tests.jobs.stopped import Left, Map, Stop
from tests.models import write_model
from tests.nn.cards import card_of
from tests.scenes import UTM, noise, write_scene

SHARES = [(number + random.Random(number).random()) / 12 for number in range(12)]  # noqa: S311 (no secrets here)


@dataclass(frozen=True)
class Whole:
    """A map that was left alone: its files, and what it left of its making."""

    asked: Map
    files: dict[str, bytes]
    left: Left

    @property
    def seconds(self) -> float:
        """How long it took, without starting the process."""
        seconds = self.asked.summary()["seconds"]
        assert isinstance(seconds, dict)
        return float(seconds["total"])

    def stop(self, share: float) -> Stop:
        """A kill at the moment that comes after a share of them all."""
        passed = self.left.moments[: int(share * len(self.left.moments)) + 1]
        return Stop(passed[-1], passed.count(passed[-1]))

    def elsewhere(self, folder: Path) -> Map:
        """The same map, still to be made."""
        return replace(self.asked, out=folder / "map")

    def check(self, other: Map) -> None:
        """That a map is this one, and that nothing of the work is left."""
        assert other.contents() == self.files
        assert {path.name for path in other.out.iterdir()} == {path.name for path in self.asked.out.iterdir()}


def whole(folder: Path, *classes: str) -> Whole:
    """A finished map of a scene with a collar and a hole without data."""
    pixels = noise(150, 170)
    pixels[:, :20] = pixels[:, :, :9] = pixels[:, 60:100, 80:135] = 0
    card = card_of(Architecture(width=3, depth=1, outputs=len(classes) + 1 if classes else 1), *classes)
    scene = write_scene(folder / "scene.tif", pixels, nodata=0)
    return left_alone(Map(scene, write_model(folder / "model.safetensors", card, seed=8), folder / "map"))


def left_alone(asked: Map) -> Whole:
    left = asked.made()
    assert left.status == 0, left.said
    return Whole(asked, asked.contents(), left)


@pytest.fixture(scope="module")
def buildings(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole(tmp_path_factory.mktemp("buildings"))


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole(tmp_path_factory.mktemp("roads"), "house", "road")


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Whole:
    """A blended map of two sheets, large enough for overviews."""
    folder = tmp_path_factory.mktemp("sheets")
    pixels = np.kron(noise(18, 10), np.ones((1, 30, 30), dtype="uint8"))  # of fewer footprints than noise has
    left = write_scene(folder / "left.tif", pixels[:, :, :160])
    right = write_scene(folder / "right.tif", pixels[:, 20:, 160:], UTM.cropped(20, 160))
    return left_alone(Map(left, model, folder / "map", ("--stitch", "hann", "--window", "160"), [right]))


def test_the_maps_of_these_tests_have_parts_polygons_and_all_stages(buildings: Whole, roads: Whole) -> None:
    stages = {
        ".classes-*.tif", ".classes.tif.aux-*.xml", ".footprints-*.gpkg", ".job-*.json", ".map-*.qgz",
        ".preview-*.png", ".probability-*.qml", ".probability-*.tif", ".report-*.html", ".summary-*.json",
        "parts/.r*c*-*.tif",
    }  # fmt: skip
    for made in (buildings, roads):
        summary = made.asked.summary()
        assert 12 <= int(str(summary["parts"])) <= 20
        assert int(str(summary["polygons"])) > 50
        renamed = {moment.removeprefix("os.rename ") for moment in made.left.moments if "rename" in moment}
        assert renamed == stages


@pytest.mark.parametrize("share", SHARES, ids="after {:.2f} of all".format)
def test_a_map_killed_once_goes_on_and_computes_no_part_again(buildings: Whole, tmp_path: Path, share: float) -> None:
    asked = buildings.elsewhere(tmp_path)
    assert asked.made(buildings.stop(share)).status == -signal.SIGKILL
    assert asked.contents().items() <= buildings.files.items()
    was_finished, noted = (asked.out / SUMMARY).exists(), len(asked.noted_parts())
    assert asked.made().status == 0
    buildings.check(asked)
    assert was_finished or asked.summary()["parts_resumed"] == noted


def test_a_map_killed_before_its_report_is_finished_and_gets_it_when_it_is_asked_for_again(
    buildings: Whole, tmp_path: Path
) -> None:
    asked = buildings.elsewhere(tmp_path)
    assert asked.made(Stop("os.rename .report-*.html")).status == -signal.SIGKILL
    assert (asked.out / SUMMARY).exists()
    assert not (asked.out / REPORT).exists()
    left = asked.made()
    assert (left.status, [moment for moment in left.moments if "parts/" in moment]) == (0, [])
    buildings.check(asked)


def test_the_blended_map_has_overviews_and_sums_that_come_and_go(sheets: Whole) -> None:
    sums = [moment for moment in sheets.left.moments if "sums/" in moment]
    assert {"os.rename parts/sums/.r*c*-*.tif", "os.remove parts/sums/r*c*.tif"} <= set(sums)
    for name in ("classes.tif", "probability.tif"):
        with rasterio.open(sheets.asked.out / name) as raster:
            assert raster.overviews(1) == [2]


@pytest.mark.parametrize(("kind", "times"), [("roads", 9), ("sheets", 12)], ids=["classes", "blended sheets"])
def test_a_map_killed_again_and_again_ends_the_same(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, times: int
) -> None:
    made: Whole = request.getfixturevalue(kind)
    asked = made.elsewhere(tmp_path)
    moments = list(dict.fromkeys(made.left.moments))
    last = moments.index("os.rename .summary-*.json")  # beyond it the map is finished
    drawn = sorted(random.Random(5).sample(range(moments.index("open parts/journal.jsonl"), last + 1), times))  # noqa: S311
    for number in drawn:
        before = asked.noted_parts()
        assert asked.made(Stop(moments[number])).status == -signal.SIGKILL
        assert asked.contents().items() <= made.files.items()
        assert before.items() <= asked.noted_parts().items()
    assert asked.made().status == 0
    made.check(asked)


@pytest.mark.parametrize("seed", range(3), ids="seed {}".format)
def test_a_map_killed_at_random_times_ends_the_same(buildings: Whole, tmp_path: Path, seed: int) -> None:
    asked = buildings.elsewhere(tmp_path)
    draw = random.Random(seed)  # noqa: S311
    for _ in range(3):
        before = asked.noted_parts()
        left = asked.made(killed_after=draw.uniform(0.1, buildings.seconds))
        assert left.status in (0, -signal.SIGKILL)
        assert asked.contents().items() <= buildings.files.items()
        assert (asked.out / SUMMARY).exists() or before.items() <= asked.noted_parts().items()
    assert asked.made().status == 0
    buildings.check(asked)


def test_a_part_that_was_damaged_since_is_computed_again_and_the_others_are_not(
    buildings: Whole, tmp_path: Path
) -> None:
    asked = buildings.elsewhere(tmp_path)
    asked.made(Stop("tempfile.mkstemp .classes-*.tif"))
    part = sorted((asked.out / PARTS).glob("*.tif"))[3]
    part.write_bytes(part.read_bytes()[:-9] + b"nonsense" + b"x")
    before = asked.noted_parts()
    asked.made(Stop("tempfile.mkstemp .classes-*.tif"))
    assert len(before.items() - asked.noted_parts().items()) == 1
    assert asked.made().status == 0
    buildings.check(asked)


def test_a_map_interrupted_in_every_stage_says_each_time_how_to_go_on_and_ends_the_same(
    buildings: Whole, tmp_path: Path
) -> None:
    asked = buildings.elsewhere(tmp_path)
    stages = ["open .job-*.json", "open parts/.r*c*-*.tif", "os.rename .classes-*.tif", "os.chmod .probability-*.tif"]
    stages += ["sqlite3.connect .footprints-*.gpkg", "open .preview-*.png", "os.rename .summary-*.json"]
    stages += ["open .report-*.html"]
    for stage, number in zip(stages, cycle((signal.SIGINT, signal.SIGTERM)), strict=False):
        left = asked.made(Stop(stage, fate=partial(signal.raise_signal, number)))
        assert (left.status, left.error) == (130, "Error: interrupted; run the same command again to go on")
        assert not list(tmp_path.rglob(".*"))
    assert asked.made().status == 0
    buildings.check(asked)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def fill(ballast: Path) -> None:
    """Write a file until its disk is full."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_on_a_disk_that_fills_up_in_any_stage_a_map_goes_on_when_there_is_room(
    buildings: Whole, small_disk: Path
) -> None:
    asked, ballast = buildings.elsewhere(small_disk), small_disk / "ballast"
    stages = {
        "open .job-*.json": "job.json",
        "open parts/.r*c*-*.tif": r"r\d+c\d+.tif",
        # made at the same time as the probability and footprints, whose error goes first
        "tempfile.mkstemp .classes-*.tif": "(classes.tif|probability.tif|footprints.gpkg)",
        "open .classes.tif.aux-*.xml": "(classes.tif.aux.xml|probability.tif|footprints.gpkg)",
        "tempfile.mkstemp .probability-*.tif": "probability.tif",
        "tempfile.mkstemp .footprints-*.gpkg": "footprints.gpkg",
        "sqlite3.connect .footprints-*.gpkg": "footprints.gpkg",
        "open .preview-*.png": "preview.png",
        "open .summary-*.json": "summary.json",
        "open .report-*.html": "report.html",
    }
    for stage, name in stages.items():
        left = asked.made(Stop(stage, fate=partial(fill, ballast)))
        assert left.status == 1
        assert re.search(rf"{name} cannot be written \(.*\); make room and run the same command again", left.error)
        assert asked.contents().items() <= buildings.files.items()
        assert not list(small_disk.rglob(".*"))
        ballast.unlink()
    assert asked.made().status == 0
    buildings.check(asked)


def test_a_map_that_another_process_makes_is_refused(buildings: Whole, tmp_path: Path) -> None:
    asked = buildings.elsewhere(tmp_path)
    with alone(asked.out):
        left = asked.made()
    assert left.status == 1
    assert re.search("map is being written by another process; wait for it, or choose another --out$", left.error)
    assert not asked.out.exists()


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([signal.SIGINT], id="once"),
        pytest.param([signal.SIGTERM], id="by a scheduler"),
        pytest.param([signal.SIGINT, signal.SIGINT], id="twice"),
    ],
)
def test_a_command_interrupted_while_it_predicts_leaves_with_130_and_one_line(
    tmp_path: Path, numbers: list[signal.Signals]
) -> None:
    model = write_model(tmp_path / "m.safetensors", card_of(Architecture(width=16, depth=2)))
    asked = Map(write_scene(tmp_path / "a.tif", noise(900, 900)), model, tmp_path / "map")
    command = [sys.executable, "-m", "geounet_cli", *asked.words]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (asked.out / "job.json").exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    for number in numbers:
        running.send_signal(number)
        time.sleep(0.3)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.strip()) == (130, "Error: interrupted; run the same command again to go on")
    assert asked.out.is_dir()
    assert not (asked.out / SUMMARY).exists()
    assert not list(tmp_path.rglob(".*"))
