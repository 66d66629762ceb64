"""The functions of the package take files as strings and as paths."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import geounet
from geounet.errors import SettingsError
from tests.scenes import UTM, noise, three_buildings, write_polygons, write_scene


def test_files_may_be_strings_all_the_way(tmp_path: Path, model: Path) -> None:
    scene = str(write_scene(tmp_path / "scene.tif", noise(150, 170)))
    labels = str(write_polygons(tmp_path / "labels.gpkg", three_buildings(UTM)))
    chips = geounet.tile(scene, labels=labels, size=32, stride=32)
    assert chips.out == tmp_path / "scene_chips"
    run = geounet.train(str(chips.out), out=str(tmp_path / "run"), steps=1, width=2, batch_size=1, device="cpu")
    assert run.model == tmp_path / "run" / "model.safetensors"
    again = geounet.train(
        [scene], labels=[labels], out=str(tmp_path / "both"), init=str(run.run), steps=1, batch_size=1, device="cpu"
    )
    assert again.model.exists()
    mapped = geounet.infer(scene, model=str(model), aoi=labels, out=str(tmp_path / "map"), device="cpu")
    assert mapped.out == tmp_path / "map"
    scored = geounet.evaluate(str(mapped.out), labels=labels, label_area=labels, out=str(tmp_path / "score"))
    assert scored.out == tmp_path / "score"
    found = geounet.vectorize(str(mapped.out / "probability.tif"), out=str(tmp_path / "again.geojson"))
    assert found.out == tmp_path / "again.geojson"
    assert found.out.exists()


@pytest.mark.parametrize(
    "job",
    [
        partial(geounet.tile, labels="labels.gpkg"),
        geounet.train,
        lambda path: geounet.infer("scene.tif", model="run", out=path),
        geounet.vectorize,
        partial(geounet.evaluate, labels="labels.gpkg"),
        lambda path: geounet.evaluate("map.gpkg", labels=path),
    ],
    ids=["tile", "train", "infer", "vectorize", "evaluate", "labels"],
)
def test_a_name_that_is_no_utf_8_is_refused_before_anything_is_done(
    job: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"na\ufffdve\.tif has a name that is no UTF-8; rename it"):
        job(os.fsdecode(b"na\xefve.tif"))
    assert not any(tmp_path.iterdir())
