"""What `geounet info` tells: of everything that geounet reads or writes, finished or not, and its pictures."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from matplotlib.image import imread

from geounet.block import Array
from geounet.errors import GeoUNetError, SceneError
from geounet.io.scene import open_scene
from geounet.jobs import preview
from geounet.jobs.inform import inform
from geounet.jobs.picture import write_picture
from geounet.jobs.picture_scene import _missing
from geounet.jobs.tile import tile
from geounet.jobs.train import train
from geounet.jobs.vectorize import vectorize
from geounet.jobs.windows import cut_windows
from tests.command import geounet
from tests.jobs.test_infer import mapped
from tests.scenes import NOWHERE, UTM, noise, three_buildings, write_polygons, write_scene


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A scene with a hole, its labels, training windows, a run, a map, and padded windows."""
    folder = tmp_path_factory.mktemp("desk")
    hole = np.ones((150, 170), dtype=bool)
    hole[20:40, 30:70] = False
    hole[100, 100] = False
    scene = write_scene(folder / "scene.tif", noise(150, 170), mask=hole)
    labels = write_polygons(folder / "labels.gpkg", three_buildings(UTM))
    tile([scene], labels=[labels], out=folder / "chips", size=32, stride=32)
    train(folder / "chips", out=folder / "run", steps=2, width=2, batch_size=1, device="cpu")
    mapped(scene, model=model, out=folder / "map", min_area=0.5)
    cut_windows(scene, out=folder / "windows", window=64, halo=16)
    return folder


def test_footprints_are_told_by_layer_class_and_doubt(desk: Path) -> None:
    facts = inform(desk / "map" / "footprints.gpkg")
    layer = facts["layers"]["building"]  # type: ignore[index]
    assert facts["kind"] == "polygons"
    assert (
        layer["features"]
        == layer["by class"]["building"]
        == json.loads((desk / "map" / "summary.json").read_text())["polygons"]
    )
    assert layer["crs"].endswith("(EPSG:32633)")
    assert 0 <= layer["doubtful"] <= layer["features"]
    assert facts["made from"]["RASTER"] == "probability.tif"  # type: ignore[index]


@pytest.mark.parametrize("ending", ["gpkg", "parquet", "fgb", "geojson", "pmtiles"])
def test_footprints_of_every_format_are_told_alike(desk: Path, tmp_path: Path, ending: str) -> None:
    written = vectorize(desk / "map" / "probability.tif", out=tmp_path / f"building.{ending}", min_area=0.5)
    facts = inform(written.out)
    (layer,) = facts["layers"].values()  # type: ignore[attr-defined]
    assert layer["by class"] == {"building": layer["features"]}
    assert layer["by flag"] == dict(sorted(written.flags.items())) or ending == "pmtiles"  # tiles cut some in two
    assert set(layer["by flag"]) == set(written.flags)
    assert 0 < layer["mean confidence"] < 1
    made = facts["made from"]
    assert isinstance(made, dict)
    assert {name: made[name] for name in ("RASTER", "MIN_AREA", "GEOUNET_TTA")} == {
        "RASTER": "probability.tif",
        "MIN_AREA": "0.5",
        "GEOUNET_TTA": "none",
    }


def test_of_an_empty_parquet_file_no_bounds_are_told(desk: Path, tmp_path: Path) -> None:
    out = vectorize(desk / "map" / "probability.tif", out=tmp_path / "none.parquet", min_area=1e6).out
    (layer,) = inform(out)["layers"].values()  # type: ignore[attr-defined]
    assert (layer["features"], layer["bounds"], layer["by class"]) == (0, None, {})


def test_the_index_of_training_windows_is_told_by_split(desk: Path) -> None:
    layer = inform(desk / "chips" / "index.gpkg")["layers"]["windows"]  # type: ignore[index]
    wanted = {split: count for split, count in inform(desk / "chips")["windows"].items() if count}  # type: ignore[attr-defined]
    assert layer["by split"] == wanted


def test_padded_windows_say_what_comes_next(desk: Path) -> None:
    facts = inform(desk / "windows")
    files = len(list((desk / "windows").glob("*.tif")))
    assert (facts["kind"], facts["windows"], facts["files_there"]) == ("padded windows", files, files)
    assert "geounet stitch" in str(facts["next"])


def test_an_unfinished_map_says_how_far_it_is_and_how_to_go_on(
    tmp_path: Path, scene: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("geounet.jobs.map_job._brought_back", power_cut)
        with pytest.raises(KeyboardInterrupt):
            mapped(scene, model=model, out=tmp_path / "map", window=64)
    facts = inform(tmp_path / "map")
    assert facts["kind"] == "map"
    assert "the same infer command again goes on" in str(facts["state"])
    assert facts["parts_written"] == len(list((tmp_path / "map" / "parts").glob("*.tif"))) > 0
    assert facts["scenes"] == ["scene.tif"]
    with pytest.raises(SceneError, match="holds an unfinished map, of which there is no picture"):
        write_picture(tmp_path / "map", tmp_path / "a.png")


def test_an_unfinished_training_says_how_to_go_on(desk: Path, tmp_path: Path) -> None:
    for name in ("last.ckpt", "model.safetensors"):
        (tmp_path / name).write_bytes((desk / "run" / name).read_bytes())
    assert "unfinished; go on with train --resume" in str(inform(tmp_path)["state"])
    (tmp_path / "model.safetensors").unlink()
    assert "without a model as yet" in str(inform(tmp_path)["state"])
    assert "state" not in inform(desk / "run")


def test_a_folder_of_images_and_labels_is_known(tmp_path: Path) -> None:
    for name in ("train", "train_labels"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.tif").touch()
    assert inform(tmp_path)["files"] == {"train": 1, "train_labels": 1}


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 but no more", b"{"], ids=repr)
@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".parquet", ".fgb"])
def test_a_damaged_file_of_polygons_is_one_line(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(content)
    with pytest.raises(GeoUNetError, match="damaged"):
        inform(path)


@pytest.mark.parametrize("name", ["scene.tif", "chips", "run", "run/model.safetensors", "map"])
def test_what_is_told_can_be_drawn_and_is_the_same_picture_each_time(desk: Path, tmp_path: Path, name: str) -> None:
    for out in ("a.png", "b.png"):
        write_picture(desk / name, tmp_path / out)
    first, again = ((tmp_path / out).read_bytes() for out in ("a.png", "b.png"))
    assert first == again
    picture = imread(io.BytesIO(first))
    assert min(picture.shape[:2]) > 400
    assert picture.std() > 0.05


@pytest.mark.parametrize(
    ("bands", "dtype", "place"),
    [(1, "uint8", NOWHERE), (5, "uint16", UTM), (2, "float32", NOWHERE)],
    ids=["grey without CRS", "five bands of 16 bits", "floats"],
)
def test_a_scene_of_any_kind_is_drawn(tmp_path: Path, bands: int, dtype: str, place: object) -> None:
    pixels = noise(40, 70, bands=bands, dtype=dtype)
    scene = write_scene(tmp_path / "a.tif", pixels, place)  # type: ignore[arg-type]
    write_picture(scene, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_scene_without_any_data_is_drawn(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(40, 70), mask=np.zeros((40, 70), dtype=bool))
    write_picture(scene, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5_000


@pytest.mark.parametrize("shape", [(15, 17), (150, 170), (7, 33), (1, 1)])
def test_nodata_is_counted_to_the_pixel_in_every_cell(desk: Path, shape: tuple[int, int]) -> None:
    with open_scene(desk / "scene.tif") as scene:
        missing, share = _missing(scene, shape)
        valid = scene.read(scene.frame.window)[1].values[0]
    rows, cols = (np.arange(side) for side in valid.shape)
    ends = [[side * i // count for i in range(count)] for side, count in zip(valid.shape, shape, strict=True)]
    cells = [np.searchsorted(end, along, side="right") - 1 for end, along in zip(ends, (rows, cols), strict=True)]
    wanted: Array = np.zeros(shape)
    sizes: Array = np.zeros(shape)
    for row in rows:
        for col in cols:
            wanted[cells[0][row], cells[1][col]] += not valid[row, col]
            sizes[cells[0][row], cells[1][col]] += 1
    np.testing.assert_allclose(missing, wanted / sizes)
    assert share == (~valid).mean() == 801 / (150 * 170)


def test_a_map_of_a_crowd_is_drawn_by_how_dense_it_is(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(desk / "map", tmp_path / "each.png")
    monkeypatch.setattr(preview, "_OUTLINES", 0)
    write_picture(desk / "map", tmp_path / "crowd.png")
    assert (tmp_path / "each.png").read_bytes() != (tmp_path / "crowd.png").read_bytes()


def test_a_map_that_is_moved_with_its_scene_is_drawn_over_it(
    desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy2(desk / "scene.tif", tmp_path)
    shutil.copytree(desk / "map", tmp_path / "map")
    summary = json.loads((tmp_path / "map" / "summary.json").read_text())
    summary["scenes"] = ["scene.tif"]  # as infer was told, in another folder
    (tmp_path / "map" / "summary.json").write_text(json.dumps(summary))
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    pictures = []
    for name in ("over.png", "alone.png"):
        write_picture(tmp_path / "map", tmp_path / name)
        pictures.append((tmp_path / name).read_bytes())
        (tmp_path / "scene.tif").unlink(missing_ok=True)
    write_picture(desk / "map", tmp_path / "where_it_was.png")
    assert pictures[0] == (tmp_path / "where_it_was.png").read_bytes() != pictures[1]


@pytest.mark.parametrize(
    ("name", "content", "say"),
    [
        ("summary.json", "[1]", "summary.json cannot be read"),
        ("footprints.gpkg", "no", "footprints.gpkg cannot be read"),
    ],
)
def test_a_map_with_a_damaged_file_is_one_line(desk: Path, tmp_path: Path, name: str, content: str, say: str) -> None:
    shutil.copytree(desk / "map", tmp_path / "map")
    (tmp_path / "map" / name).write_text(content)
    with pytest.raises(GeoUNetError, match=f"{say} .*; (run infer|make it) again"):
        write_picture(tmp_path / "map", tmp_path / "a.png")


def test_of_polygons_there_is_no_picture(desk: Path, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="of polygons there is no picture; open them in QGIS"):
        write_picture(desk / "labels.gpkg", tmp_path / "a.png")
    assert not any(tmp_path.iterdir())


def test_the_command_draws_where_it_is_told_and_beside_the_file_by_itself(
    capsys: pytest.CaptureFixture[str], desk: Path, tmp_path: Path
) -> None:
    told = geounet(capsys, "info", desk / "scene.tif", "--picture")
    assert (told.status, (desk / "scene_info.png").exists()) == (0, True)
    assert f"picture{' ' * 18}{desk / 'scene_info.png'}" in told.out
    facts = json.loads(geounet(capsys, "info", desk / "run", "--json", f"--picture={tmp_path / 'run.png'}").out)
    assert facts["picture"] == str(tmp_path / "run.png")
    assert (tmp_path / "run.png").exists()
    assert geounet(capsys, "info", desk / "run", "--picture", "run.jpg").status == 2


def test_a_map_s_rasters_tell_what_they_hold_how_much_of_it_and_what_made_them(desk: Path) -> None:
    classes, chances = (inform(desk / "map" / name) for name in ("classes.tif", "probability.tif"))
    with rasterio.open(desk / "map" / "classes.tif") as dataset:
        ids = dataset.read(1)
    known = ids != 255
    assert classes["kind"] == "classes"
    assert classes["shares"] == {
        name: pytest.approx((ids[known] == number).mean(), abs=1e-4)
        for number, name in enumerate(("background", "building"))
    }
    assert classes["nodata"] == pytest.approx(1 - known.mean(), abs=1e-4)
    assert chances["nodata"] == classes["nodata"]
    assert chances["kind"] == "probabilities"
    with rasterio.open(desk / "map" / "probability.tif") as dataset:
        levels = dataset.read(1)
    mean = levels[known].mean() / 254
    assert chances["mean probability"] == {"building": pytest.approx(mean, abs=1e-4)}
    for facts in (classes, chances):
        made = facts["made from"]
        assert isinstance(made, dict)
        assert made["THRESHOLD"] == "0.5"
    assert inform(desk / "scene.tif")["kind"] == "scene"
