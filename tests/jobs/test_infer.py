"""infer: what it writes, what it refuses, and how it goes on."""

import hashlib
import json
import re
from collections import Counter
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Literal

import numpy as np
import pyogrio
import pytest
import rasterio
import torch
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.errors import GridError, ModelError, OutputError, SceneError, SettingsError
from geounet.jobs.infer import default_out, infer
from geounet.jobs.predict import Predicted, predict_parts
from geounet.legend import NODATA
from geounet.nn.segmenter import TorchSegmenter
from geounet.rule import cut_level
from tests.jobs.stopped import PART_BYTES
from tests.models import tiny_model
from tests.scenes import MERCATOR_60N, UTM, noise, write_scene

OUTPUTS = ["classes.tif", "classes.tif.aux.xml", "footprints.gpkg", "map.qgz", "probability.qml", "probability.tif"]
mapped = partial(infer, device="cpu", precision="fp32")


def read(path: Path) -> Array:
    with rasterio.open(path) as dataset:
        values: Array = dataset.read()
    return values


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of 150 x 170 px with a collar without data."""
    pixels = noise(150, 170)
    pixels[:, :20] = pixels[:, :, :9] = 0
    return write_scene(tmp_path_factory.mktemp("holed") / "scene.tif", pixels, nodata=0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, holed: Path, model: Path) -> Path:
    """A finished map of `holed` in small windows; do not write to it."""
    out = tmp_path_factory.mktemp("infer") / "map"
    result = mapped(holed, model=model, out=out, window=64)
    assert not result.was_finished
    return out


def test_the_folder_holds_what_is_promised_and_nothing_of_the_work(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir()) == sorted(
        [*OUTPUTS, "job.json", "preview.png", "report.html", "summary.json"]
    )


def test_rasters_lie_on_the_scene_and_are_optimized_for_the_cloud(finished: Path, holed: Path) -> None:
    with rasterio.open(holed) as scene:
        for name in ("classes.tif", "probability.tif"):
            with rasterio.open(finished / name) as raster:
                assert (raster.shape, raster.crs) == (scene.shape, scene.crs)
                assert raster.transform.almost_equals(scene.transform, 1e-9)
                assert (raster.dtypes[0], raster.nodata) == ("uint8", NODATA)
                assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_class_and_probability_follow_the_one_rule(finished: Path) -> None:
    classes, levels = read(finished / "classes.tif")[0], read(finished / "probability.tif")[0]
    known = levels != NODATA
    assert_array_equal(classes[known], levels[known] >= cut_level(0.5))
    assert 0.1 < classes[known].mean() < 0.9
    with rasterio.open(finished / "probability.tif") as raster:
        assert raster.scales == (1 / 254,)
        assert raster.descriptions == ("building",)


def test_nodata_is_255_in_both_rasters_exactly_where_the_scene_has_none(finished: Path, holed: Path) -> None:
    missing = (read(holed) == 0).all(axis=0)
    for name in ("classes.tif", "probability.tif"):
        assert_array_equal(read(finished / name)[0] == NODATA, missing)


def test_the_summary_counts_what_was_done(finished: Path, holed: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["scenes"] == [str(holed)]
    assert (summary["size"], summary["pixels"]) == ([150, 170], 150 * 170)
    assert summary["windows"] + summary["windows_skipped"] >= 4
    assert summary["network_pixels"] % summary["windows"] == 0
    assert summary["window"] <= 64
    assert (summary["parts_resumed"], summary["device"], summary["precision"]) == (0, "cpu", "fp32")
    assert summary["polygons"] == len(pyogrio.read_dataframe(finished / "footprints.gpkg", layer="building"))
    spent = summary["seconds"]
    assert spent.keys() == {"total", "read", "forward", "write", "assemble", "vectorize"}
    assert sum(spent.values()) - spent["total"] <= spent["total"] + 0.1
    assert max(spent.values()) == spent["total"]


def test_another_window_size_gives_the_same_map(finished: Path, holed: Path, model: Path, tmp_path: Path) -> None:
    mapped(holed, model=model, out=tmp_path / "map", window=1536)
    one, other = (read(folder / "probability.tif").astype(int) for folder in (finished, tmp_path / "map"))
    assert np.abs(one - other).max() <= 1
    assert (one != other).mean() < 0.001
    differing = read(finished / "classes.tif") != read(tmp_path / "map" / "classes.tif")
    assert (np.abs(one[differing] - cut_level(0.5)) <= 1).all()


def test_buildings_do_not_come_apart_by_what_the_model_has_not_learned(
    holed: Path, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="--separate needs a model of buildings that has learned their contact"):
        mapped(holed, model=model, out=tmp_path / "map", separate=True)
    assert list(tmp_path.iterdir()) == []


def test_an_identical_finished_job_is_left_as_it_is(finished: Path, holed: Path, model: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in finished.iterdir()}
    result = mapped(holed, model=model, out=finished, window=64)
    assert result.was_finished
    assert result.summary["pixels"] == 150 * 170
    assert {path.name: path.stat().st_mtime_ns for path in finished.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        pytest.param({"threshold": 0.4}, r"--threshold \(was 0\.5\)", id="another threshold"),
        pytest.param({"window": 80}, r"--window \(was 64\)", id="another window"),
        pytest.param({"min_area": 9.0}, r"--min-area \(was 4\.0\)", id="other footprints"),
        pytest.param({"no_vectors": True}, r"--no-vectors \(was off\)", id="no footprints"),
        pytest.param({"nodata": "none"}, r"--nodata \(was auto\)", id="another nodata"),
    ],
)
def test_another_job_on_the_folder_is_refused_and_names_the_difference(
    finished: Path, holed: Path, model: Path, options: dict[str, object], differing: str
) -> None:
    before = outputs(finished)
    with pytest.raises(OutputError, match=f"another job .it differs in {differing}.; choose another --out"):
        mapped(holed, model=model, out=finished, **{"window": 64, **options})  # type: ignore[arg-type]
    assert outputs(finished) == before


def test_a_nodata_value_of_nan_is_the_same_job_when_given_again(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "m.safetensors", dtype="float32", mean=0.0, std=50.0)
    scene = write_scene(tmp_path / "a.tif", noise(40, 50, dtype="float32"))
    results = [mapped(scene, model=model, nodata=float("nan"), no_vectors=True) for _ in range(2)]
    assert [result.was_finished for result in results] == [False, True]


def test_overwrite_replaces_the_map_and_leaves_other_files(scene: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "map"
    mapped(scene, model=model, out=out)
    (out / "notes.txt").write_text("mine")
    result = mapped(scene, model=model, out=out, no_vectors=True, overwrite=True)
    assert not result.was_finished
    assert not (out / "footprints.gpkg").exists()
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_other_things_is_left_as_it_is_whatever_is_asked_for(
    scene: Path, model: Path, tmp_path: Path, *, overwrite: bool
) -> None:
    mine = [tmp_path / "map" / name for name in ("classes.tif", "parts/a.txt")]
    mine[1].parent.mkdir(parents=True)
    for path in mine:
        path.write_text("mine")
    with pytest.raises(OutputError, match=r"map holds other things .*; choose another --out$"):
        infer(scene, model=model, out=tmp_path / "map", overwrite=overwrite)
    assert [path.read_text() for path in mine] == ["mine", "mine"]
    assert sorted(path for path in (tmp_path / "map").rglob("*") if path.is_file()) == mine


def test_a_part_that_is_lost_while_the_others_are_made_is_told_and_made_anew_by_the_next_run(
    finished: Path, holed: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = tmp_path / "map" / "parts"

    def lossy(*given: object, **options: object) -> Predicted:
        predicted = predict_parts(*given, **options)  # type: ignore[arg-type]
        min(parts.glob("*.tif")).unlink()
        return predicted

    with monkeypatch.context() as patch:
        patch.setattr("geounet.jobs.map_job.predict_parts", lossy)
        patch.setattr("geounet.jobs.predict.PART_BYTES", PART_BYTES)
        with pytest.raises(OutputError, match="was damaged since it was written; run the same command again"):
            mapped(holed, model=model, out=parts.parent, window=64)
    monkeypatch.setattr("geounet.jobs.predict.PART_BYTES", PART_BYTES)
    summary = mapped(holed, model=model, out=parts.parent, window=64).summary
    assert summary["parts_resumed"] == int(str(summary["parts"])) - 1
    assert outputs(parts.parent) == outputs(finished)


def test_a_part_is_read_once_to_be_sure_of_it(
    holed: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, sure = hashlib.file_digest, Counter[str]()

    def counted(file: BufferedReader, name: str) -> object:
        sure[Path(file.name).name] += 1
        return digest(file, name)

    monkeypatch.setattr("hashlib.file_digest", counted)
    monkeypatch.setattr("geounet.jobs.predict.PART_BYTES", PART_BYTES)
    mapped(holed, model=model, out=tmp_path / "map", window=64)
    times = [number for name, number in sure.items() if re.fullmatch(r"r\d+c\d+\.tif", name)]
    assert len(times) > 9
    assert set(times) == {1}


@pytest.mark.parametrize("stitch", ["exact", "hann"])
def test_windows_too_large_for_the_memory_can_be_made_smaller_as_the_error_says(
    holed: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stitch: Literal["exact", "hann"]
) -> None:
    answered = TorchSegmenter._inner_answer

    def in_little_memory(self: TorchSegmenter, x_BCHW: torch.Tensor, trim: int) -> object:  # noqa: N803
        if max(x_BCHW.shape[2:]) > 64:
            raise MemoryError
        return answered(self, x_BCHW, trim)

    monkeypatch.setattr(TorchSegmenter, "_inner_answer", in_little_memory)
    with pytest.raises(SettingsError, match="not enough memory; use a smaller --window or --batch-size"):
        mapped(holed, model=model, out=tmp_path / "map", window=96, stitch=stitch)
    assert not (tmp_path / "map").exists()
    assert not mapped(holed, model=model, out=tmp_path / "map", window=64, stitch=stitch).was_finished


def test_what_a_job_killed_while_writing_left_is_taken_away_by_the_next(
    finished: Path, holed: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "map"
    out.mkdir()
    (out / "job.json").write_bytes((finished / "job.json").read_bytes())
    (out / ".classes-abc123.tif").write_bytes(b"half")
    (out / ".footprints-abc123.gpkg").write_bytes(b"half")
    mapped(holed, model=model, out=out, window=64)
    assert outputs(out) == outputs(finished)
    assert not list(out.glob(".*"))


def test_a_scene_at_another_resolution_is_brought_to_the_model_s(
    tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixel = MERCATOR_60N.transform @ MERCATOR_60N.transform.scale(0.5)
    path = write_scene(tmp_path / "a.tif", noise(200, 240), type(UTM)(pixel, MERCATOR_60N.crs))
    with caplog.at_level("INFO"):
        result = mapped(path, model=model, no_vectors=True)
    assert result.summary["ground_resolution"] == pytest.approx(0.3, rel=0.01)
    assert result.summary["size"] == pytest.approx([100, 120], abs=2)
    assert "pixels of 0.15 m are brought to the model's 0.3 m" in caplog.text


def test_no_resample_keeps_the_pixels_with_a_warning(
    tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_scene(tmp_path / "a.tif", noise(60, 70), type(UTM)(UTM.transform @ UTM.transform.scale(2), UTM.crs))
    with caplog.at_level("INFO"):
        result = mapped(path, model=model, no_resample=True, no_vectors=True)
    assert result.summary["size"] == [60, 70]
    assert "has pixels of 0.6 m, the model was trained at 0.3 m: expect errors" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        pytest.param({"window": 16}, GridError, "window 16 leaves no core", id="window all halo"),
        pytest.param({"threshold": 0.0}, SettingsError, "--threshold 0 must be above 0", id="threshold"),
        pytest.param({"min_area": -1.0}, SettingsError, "--min-area -1 must be 0 or more", id="areas"),
        pytest.param({"device": "tpu"}, SettingsError, "device 'tpu' is unknown", id="device"),
        pytest.param({"bands": (1, 2)}, SceneError, "2 bands asked for, 3 wanted", id="bands"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(
    scene: Path, model: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        infer(scene, model=model, **options)  # type: ignore[arg-type]
    assert not default_out([scene]).exists()


@pytest.mark.parametrize("room", [3_000, 40_000, 120_000], ids="{} bytes".format)
def test_a_full_disk_is_one_error_and_no_output_bears_its_name_half_written(
    holed: Path, model: Path, finished: Path, tmp_path: Path, room: int
) -> None:
    import resource

    out = tmp_path / "map"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot be written .*[^\n]$"):
            mapped(holed, model=model, out=out, window=64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    whole = outputs(finished)
    assert all((out / name).read_bytes() == whole[name] for name in OUTPUTS if (out / name).exists())
    assert not (out / "summary.json").exists()
    mapped(holed, model=model, out=out, window=64)
    assert outputs(out) == whole


def test_where_no_geopackage_can_be_written_rasters_can(scene: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "map!"
    with pytest.raises(OutputError, match=r"has a '!' in its path, .*; choose another --out, or give --no-vectors$"):
        mapped(scene, model=model, out=out)
    assert not out.exists()
    mapped(scene, model=model, out=out, no_vectors=True)
    assert (read(out / "classes.tif") != NODATA).all()


@pytest.mark.parametrize("name", [None, "map"])
def test_no_scene_at_all_is_refused(tmp_path: Path, model: Path, name: str | None) -> None:
    with pytest.raises(SettingsError, match="there is no scene to be mapped; give one"):
        infer([], model=model, out=name and tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_model_of_bad_bytes_is_refused(scene: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="is no safetensors file"):
        infer(scene, model=tmp_path)


@pytest.mark.parametrize(
    ("scene", "out"),
    [
        ("/data/a.tif", "/data/a_map"),
        ("https://example.org/a.tif?x=1", "a_map"),
        ("/vsicurl/https://example.org/b.tif", "b_map"),
    ],
    ids=["file", "url", "vsi"],
)
def test_the_default_folder_lies_beside_a_file_and_here_for_a_url(scene: str, out: str) -> None:
    assert str(default_out([scene])) == out


def test_a_model_whose_training_was_stopped_is_told_of(
    tmp_path: Path, holed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_model(tmp_path / "model.safetensors")
    (tmp_path / "last.ckpt").touch()
    infer(holed, model=tmp_path, out=tmp_path / "map", no_vectors=True)
    assert f"{tmp_path} is an unfinished training: weights after step" in caplog.text
    (tmp_path / "metrics.json").touch()
    caplog.clear()
    infer(holed, model=model, out=tmp_path / "other", no_vectors=True)
    assert "unfinished" not in caplog.text
