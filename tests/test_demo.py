"""The demo does the main job, here with a training of a few steps."""

from pathlib import Path

import pytest

from geounet.jobs.demo import demo
from tests.command import geounet

ROOT = Path(__file__).parents[1]


def test_the_demo_tiles_trains_maps_and_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = demo(ROOT / "sample_tiles", out=tmp_path / "demo", steps=3)
    assert (result.run / "curves.png").exists()
    assert (result.map / "footprints.gpkg").exists()
    pixel = result.metrics["pixel"]
    assert isinstance(pixel, dict)
    assert 0 <= pixel["iou"] <= 1
    # the map covers the whole town, at twice its pixels, but for the collar of nodata, which is not scored
    assert 0.9 * 768**2 < result.metrics["pixels_scored"] < 768**2  # type: ignore[operator]

    # the command finds all of it done, and ends with the one file to open
    told = geounet(capsys, "demo", "--samples", ROOT / "sample_tiles", "--out", tmp_path / "demo", "--steps", 3)
    assert told.status == 0
    report = result.map / "report.html"
    wanted = report if report.exists() else result.map / "preview.png"
    assert told.out.splitlines()[-1] == f"  open now         {wanted}"
