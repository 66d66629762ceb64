"""The functions of the package take files as strings and as paths."""

from pathlib import Path

import geounet
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
