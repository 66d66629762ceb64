"""geounet view: it opens the report in the browser, or says where it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from geounet.jobs.infer import infer
from geounet.jobs.train import train
from tests.command import geounet
from tests.reports import patches
from tests.scenes import write_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A map in a folder whose name a browser needs escaped."""
    place = tmp_path_factory.mktemp("a b & 50%")
    scene = write_scene(place / "scene.tif", patches(6, 6))
    return infer(scene, model=model, out=place / "map", device="cpu", no_vectors=True).out


def viewed(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process with no display but what is given."""
    return subprocess.run(
        [sys.executable, "-m", "geounet_cli", "view", *map(str, words)],
        env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_browser_is_given_the_report(folder: Path, tmp_path: Path) -> None:
    told, browser = tmp_path / "told", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{told}"\n')
    browser.chmod(0o755)
    done = viewed(folder, BROWSER=str(browser))
    assert (done.returncode, done.stdout) == (0, f"{folder / 'report.html'}\n")
    assert told.read_text() == (folder / "report.html").as_uri()


def test_without_a_display_it_only_says_where_the_report_is(folder: Path) -> None:
    done = viewed(folder, "--json")
    assert json.loads(done.stdout) == {"report": str(folder / "report.html"), "opened": False}
    assert viewed(folder, "--quiet").stdout == ""


def test_where_there_is_neither_a_report_nor_what_it_is_made_of_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for place in ("empty", "nowhere"):
        told = geounet(capsys, "view", tmp_path / place)
        assert told.status == 1
        assert told.error.endswith("holds no report, nor a finished map or training; give infer's --out or train's")


def test_an_old_report_whose_map_is_damaged_is_an_error_that_names_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(folder / "report.html", ns=(0, 0))
    (folder / "classes.tif").rename(folder / "gone.tif")
    try:
        told = geounet(capsys, "view", folder, "--no-open")
    finally:
        (folder / "gone.tif").rename(folder / "classes.tif")
    assert (told.status, "classes.tif" in told.error) == (1, True)


def test_where_nothing_can_be_written_an_old_report_is_shown_as_it_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "disk")]
    if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(folder, tmp_path / "disk" / "map")
        os.utime(tmp_path / "disk" / "map" / "report.html", ns=(0, 0))
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], check=True)
        told = geounet(capsys, "view", tmp_path / "disk" / "map", "--no-open")
    finally:
        subprocess.run(["umount", tmp_path / "disk"], check=True)
    assert (told.status, told.out) == (0, f"{tmp_path / 'disk' / 'map' / 'report.html'}\n")
    assert "the report is shown as it is" in caplog.text


def test_a_training_has_a_report_of_its_scores_and_curves(
    scene: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from geounet.jobs.tile import tile

    chips = tile([scene], labels=[labels], out=tmp_path / "chips", size=32, stride=32, val=0.3)
    run = train(chips.out, out=tmp_path / "run", steps=2, width=2, depth=2, batch_size=1, workers=0, device="cpu").run
    told = geounet(capsys, "view", run, "--no-open")
    assert (told.status, told.out) == (0, f"{run / 'report.html'}\n")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert '"title":"Training of run"' in page
    assert page.count("data:image/webp") == 2
    assert "weights after step" in page
