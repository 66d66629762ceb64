"""No input makes a traceback, or a wrong map without a word: it is used, converted with a note, or refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.card import Architecture
from geounet.legend import NODATA
from tests.command import Told, files_below, geounet
from tests.models import card_for, tiny_model
from tests.scenes import (
    DEGREES_60N,
    MERCATOR_60N,
    NOWHERE,
    ROTATED,
    SOUTH_UP,
    UTM,
    Place,
    box,
    noise,
    three_buildings,
    write_polygons,
    write_scene,
)

Run = Callable[..., Told]
EXACT = ("--device", "cpu", "--precision", "fp32")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *words: geounet(capsys, *words)


@pytest.fixture
def refused(run: Run, tmp_path: Path) -> Callable[..., str]:
    """Runs a command that must fail with one line and leave every file as it was; returns the line."""

    def check(*words: object) -> str:
        before = files_below(tmp_path)
        told = run(*words)
        assert told.status == 1
        assert files_below(tmp_path) == before
        return told.error

    return check


@pytest.fixture(scope="module")
def roofs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that looks at each pixel alone: bright is building."""
    from geounet.nn.model_file import save_model
    from geounet.nn.unet import initialised

    card = card_for(Architecture(width=1, depth=1))
    weights = initialised(card.architecture, seed=0).state_dict()
    # one channel: of the normalised scene at full resolution, through the middle of each convolution
    for name, tensor in weights.items():
        if tensor.is_floating_point() and "norms" not in name:
            tensor.zero_()
        if "convolutions" in name and not name.startswith("bridge"):
            tensor[0, : 3 if tensor.shape[1] == 3 else 1, 1, 1] = 1 / 3 if tensor.shape[1] == 3 else 1
    weights["head.weight"] += 20
    weights["head.bias"] -= 10
    path = tmp_path_factory.mktemp("roofs") / "model.safetensors"
    save_model(path, weights, card)
    return path


def town(dtype: str = "uint8") -> Array:
    """Three bright roofs on dark ground."""
    pixels = np.full((3, 150, 170), 60, dtype=dtype)
    for rows, cols in (((10, 30), (12, 42)), ((70, 110), (80, 105)), ((120, 140), (20, 40))):
        pixels[:, slice(*rows), slice(*cols)] = 250
    return pixels


def not_a_raster(folder: Path) -> Path:
    (folder / "notes.tif").write_text("not a raster")
    return folder / "notes.tif"


def truncated(folder: Path) -> Path:
    path = write_scene(folder / "cut.tif", noise(400, 300))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


SCENES = [
    pytest.param(not_a_raster, "notes.tif cannot be opened as a scene", id="not a raster"),
    pytest.param(lambda folder: folder / "none.tif", "none.tif cannot be opened as a scene", id="not there"),
    pytest.param(lambda folder: folder, "is a folder; give the files in it", id="a folder"),
    pytest.param(truncated, "cut.tif cannot be read at row .* copy it again", id="truncated"),
]


@pytest.mark.parametrize(("make", "words"), SCENES)
def test_infer_refuses_a_scene_it_cannot_read(
    refused: Callable[..., str], tmp_path: Path, model: Path, make: Callable[[Path], Path], words: str
) -> None:
    error = refused("infer", make(tmp_path), "--model", model, "--out", tmp_path / "map")
    assert_matches(error, words)


@pytest.mark.parametrize(("make", "words"), SCENES)
def test_tile_refuses_a_scene_it_cannot_read(
    refused: Callable[..., str], tmp_path: Path, labels: Path, make: Callable[[Path], Path], words: str
) -> None:
    assert_matches(refused("tile", make(tmp_path), "--labels", labels, "--out", tmp_path / "chips"), words)
    assert_matches(refused("tile", make(tmp_path), "--inference", "--out", tmp_path / "windows"), words)


def assert_matches(text: str, words: str) -> None:
    import re

    assert re.search(words, text), text


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        pytest.param(noise(40, 50, bands=1), r"has 1 band\(s\) \(gray\), wanted are 3 .*--bands", id="one band"),
        pytest.param(noise(40, 50, bands=4), r"has 4 band\(s\) .* wanted are 3 .*--bands", id="four unnamed bands"),
        pytest.param(noise(40, 50, dtype="uint16"), "has uint16 pixels, the model was trained on uint8", id="dtype"),
        pytest.param(noise(40, 50, dtype="float32"), "has float32 pixels, the model was", id="floats"),
    ],
)
def test_infer_refuses_a_scene_of_other_bands_or_type_than_the_model_s(
    refused: Callable[..., str], tmp_path: Path, model: Path, pixels: Array, words: str
) -> None:
    assert_matches(refused("infer", write_scene(tmp_path / "a.tif", pixels), "--model", model), words)


def test_four_bands_are_used_when_told_which(run: Run, tmp_path: Path, model: Path) -> None:
    pixels = noise(40, 50, bands=4)
    four = write_scene(tmp_path / "four.tif", pixels)
    three = write_scene(tmp_path / "three.tif", pixels[[3, 1, 0]])
    assert run("infer", four, "--model", model, "--bands", "4,2,1", "--no-vectors", *EXACT).status == 0
    assert run("infer", three, "--model", model, "--no-vectors", *EXACT).status == 0
    assert_array_equal(levels(tmp_path / "four_map"), levels(tmp_path / "three_map"))


@pytest.mark.parametrize("bands", ["9,1,2", "1,2"])
def test_bands_that_are_not_there_are_refused(
    refused: Callable[..., str], scene: Path, model: Path, bands: str
) -> None:
    assert_matches(refused("infer", scene, "--model", model, "--bands", bands), r"no band \[9\]|2 bands asked for")


def levels(folder: Path) -> Array:
    with rasterio.open(folder / "probability.tif") as dataset:
        values: Array = dataset.read(1)
    return values


def footprints(folder: Path) -> "pyogrio.geopandas.GeoDataFrame":
    return pyogrio.read_dataframe(folder / "footprints.gpkg", layer="building")


def test_a_scene_without_crs_is_mapped_in_pixels_with_a_note(
    run: Run, tmp_path: Path, roofs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_scene(tmp_path / "a.tif", town(), NOWHERE)
    with caplog.at_level("INFO"):
        assert run("infer", path, "--model", roofs, "--simplify", "0.01", *EXACT).status == 0
    assert "a.tif has no CRS: it is mapped at its own pixels" in caplog.text
    found = footprints(tmp_path / "a_map").sort_values("area_m2")
    assert found["area_m2"].tolist() == pytest.approx([400, 600, 1000], abs=8)
    assert found.geometry.iloc[1].symmetric_difference(shapely.box(12, -30, 42, -10)).area < 10


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(UTM, id="north up"),
        pytest.param(SOUTH_UP, id="south up"),
        pytest.param(ROTATED, id="rotated"),
        pytest.param(MERCATOR_60N, id="web mercator at 60 N"),
        pytest.param(DEGREES_60N, id="degrees at 60 N"),
    ],
)
def test_footprints_lie_on_their_roofs_and_measure_ground_metres(
    run: Run, tmp_path: Path, roofs: Path, place: Place
) -> None:
    path = write_scene(tmp_path / "a.tif", town(), place)
    assert run("infer", path, "--model", roofs, "--simplify", "0.01", *EXACT).status == 0
    found = footprints(tmp_path / "a_map").sort_values("area_m2")
    roofs_there = sorted(three_buildings(place), key=lambda roof: roof.area)
    assert len(found) == 3
    for shape, roof in zip(found.geometry, roofs_there, strict=True):
        assert shape.symmetric_difference(roof).area < 0.03 * roof.area
    in_utm = found.to_crs(32633)
    assert found["area_m2"].tolist() == pytest.approx(in_utm.area.tolist(), rel=0.01)
    assert found["perimeter_m"].tolist() == pytest.approx(in_utm.length.tolist(), rel=0.01)
    assert found["area_m2"].tolist() == pytest.approx([0.09 * 400, 0.09 * 600, 0.09 * 1000], rel=0.03)
    summary = json.loads((tmp_path / "a_map" / "summary.json").read_text())
    assert summary["ground_resolution"] == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize(
    ("dtype", "value", "nodata"),
    [
        pytest.param("uint8", 0, 0, id="0"),
        pytest.param("uint8", 255, 255, id="255"),
        pytest.param("float32", np.nan, None, id="nan"),
    ],
)
def test_a_collar_is_nodata_and_not_background(
    *, run: Run, tmp_path: Path, model: Path, dtype: str, value: float, nodata: float | None
) -> None:
    if dtype == "float32":
        model = tiny_model(tmp_path / "m.safetensors", dtype="float32", mean=0.0, std=50.0)
    pixels = noise(60, 70, dtype=dtype)
    collar = np.ones((60, 70), dtype=bool)
    collar[8:-8, 8:-8] = False
    pixels[:, collar] = value
    path = write_scene(tmp_path / "a.tif", pixels, nodata=nodata)
    assert run("infer", path, "--model", model, "--no-vectors", *EXACT).status == 0
    assert_array_equal(levels(tmp_path / "a_map") == NODATA, collar)


@pytest.mark.parametrize("side", [1, 5, 40], ids="{} px".format)
def test_a_scene_smaller_than_a_window_is_mapped_whole(run: Run, tmp_path: Path, model: Path, side: int) -> None:
    path = write_scene(tmp_path / "a.tif", noise(side, side))
    assert run("infer", path, "--model", model, *EXACT).status == 0
    found = levels(tmp_path / "a_map")
    assert found.shape == (side, side)
    assert (found != NODATA).all()


def test_a_scene_of_nodata_alone_makes_an_empty_map(run: Run, tmp_path: Path, model: Path) -> None:
    path = write_scene(tmp_path / "a.tif", np.zeros((3, 50, 60), dtype="uint8"), nodata=0)
    told = run("infer", path, "--model", model, "--json", *EXACT)
    assert told.status == 0
    summary = json.loads(told.out)
    assert (summary["windows"], summary["polygons"]) == (0, 0)
    assert (levels(tmp_path / "a_map") == NODATA).all()
    assert len(footprints(tmp_path / "a_map")) == 0


def test_a_scene_of_nodata_alone_is_nothing_to_train_on(
    refused: Callable[..., str], tmp_path: Path, labels: Path
) -> None:
    path = write_scene(tmp_path / "a.tif", np.zeros((3, 150, 170), dtype="uint8"), nodata=0)
    assert_matches(refused("tile", path, "--labels", labels), "no training window of .* has both data and labels")


def test_labels_that_miss_the_scene_are_refused_with_both_places(
    refused: Callable[..., str], tmp_path: Path, scene: Path
) -> None:
    path = write_polygons(tmp_path / "far.gpkg", [box(UTM, 9000, 9000, 20, 20)])
    assert_matches(
        refused("tile", scene, "--labels", path),
        r"labels in .*far.gpkg \(bounds .* in WGS 84\) miss the scene "
        r"\(bounds 15 59\S+ 15\S+ 59\S+ in WGS 84, .* in WGS 84 / UTM zone 33N\)",
    )


def test_labels_in_the_wrong_crs_are_refused(refused: Callable[..., str], tmp_path: Path, scene: Path) -> None:
    wrong = write_polygons(tmp_path / "wrong.gpkg", three_buildings(UTM), Place(UTM.transform, "EPSG:32634"), crs=None)
    assert_matches(refused("tile", scene, "--labels", wrong), "miss the scene")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(
            lambda f: write_polygons(f / "l.gpkg", []), "holds no features; give at least one polygon", id="empty"
        ),
        pytest.param(lambda f: f / "l.gpkg", "l.gpkg does not exist", id="not there"),
        pytest.param(not_a_raster, "is no vector file that GDAL can read", id="no vectors"),
        pytest.param(
            lambda f: write_polygons(f / "l.gpkg", [shapely.box(0, 0, 9, 9)], NOWHERE), "has a CRS and", id="no crs"
        ),
        pytest.param(
            lambda f: write_polygons(f / "l.gpkg", [box(UTM, 9, 9, 5, 5).centroid]), "holds no polygon", id="points"
        ),
    ],
)
@pytest.mark.parametrize("command", ["tile", "eval"])
def test_labels_that_say_nothing_are_refused(
    *,
    refused: Callable[..., str],
    tmp_path: Path,
    scene: Path,
    make: Callable[[Path], Path],
    words: str,
    command: str,
) -> None:
    if command == "eval":
        scene = write_scene(tmp_path / "classes.tif", np.zeros((1, 50, 60), dtype="uint8"))
    assert_matches(refused(command, scene, "--labels", make(tmp_path), "--out", tmp_path / "out"), words)


def test_a_field_that_labels_do_not_have_is_refused(refused: Callable[..., str], scene: Path, labels: Path) -> None:
    assert_matches(refused("tile", scene, "--labels", labels, "--class-field", "roof"), "has no field 'roof'; it has")


def unwritable(folder: Path) -> list[Path]:
    (folder / "file").write_text("a file")
    return [folder / "file" / "out", folder / "file", Path("/proc/geounet")]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["below a file", "a file", "a folder of the system"])
def test_an_output_folder_that_cannot_be_written_is_refused(
    *, refused: Callable[..., str], tmp_path: Path, scene: Path, labels: Path, model: Path, which: int
) -> None:
    if which == 2 and not Path("/proc").is_dir():
        pytest.skip("this system has no /proc")
    out = unwritable(tmp_path)[which]
    words = r"(cannot be written|is a file|exists already).*; choose another --out(, or give --overwrite)?$"
    assert_matches(refused("infer", scene, "--model", model, "--out", out), words)
    assert_matches(refused("tile", scene, "--labels", labels, "--out", out), words)
    assert_matches(refused("tile", scene, "--inference", "--out", out), words)


def test_a_report_that_cannot_be_written_is_refused(refused: Callable[..., str], tmp_path: Path, labels: Path) -> None:
    classes = write_scene(tmp_path / "c.tif", np.zeros((1, 150, 170), dtype="uint8"))
    out = unwritable(tmp_path)[0]
    assert_matches(
        refused("eval", classes, "--labels", labels, "--out", out), r"file/out cannot be written \(Not a directory\)"
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("m.safetensors", b"nothing of the kind", "is no safetensors file", id="no model"),
        pytest.param("m.safetensors", b"", "is no safetensors file", id="an empty file"),
        pytest.param("other", b"", "other is not there; give a model file", id="not there"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    *, refused: Callable[..., str], tmp_path: Path, scene: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    assert_matches(refused("infer", scene, "--model", tmp_path / name), words)


def test_a_scene_given_as_the_model_is_refused(refused: Callable[..., str], scene: Path) -> None:
    assert_matches(refused("infer", scene, "--model", scene), "is no safetensors file")


MALFORMED = [
    pytest.param("", id="empty"),
    pytest.param("{", id="half"),
    pytest.param("[]", id="a list"),
    pytest.param("3", id="a number"),
    pytest.param('{"format": 1}', id="nothing in it"),
    pytest.param('{"format": 99}', id="of another format"),
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_chips_json_is_refused(refused: Callable[..., str], tmp_path: Path, text: str) -> None:
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "chips.json").write_text(text)
    error = refused("train", tmp_path / "chips", "--out", tmp_path / "run")
    assert_matches(error, "chips.json .*(tile the scene again|update geounet)")


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_job_json_guards_its_folder(
    refused: Callable[..., str], tmp_path: Path, scene: Path, model: Path, text: str
) -> None:
    (tmp_path / "map").mkdir()
    (tmp_path / "map" / "job.json").write_text(text)
    error = refused("infer", scene, "--model", model, "--out", tmp_path / "map")
    assert_matches(error, "map holds (other things|the output of another job)")


WINDOWS = [
    *MALFORMED,
    pytest.param(
        '{"format": 1, "frame": {"crs": null, "transform": [1, 0, 0, 0, -1]}, '
        '"grid": {"height": 9, "width": 9}, "windows": []}',
        id="half a transform",
    ),
    pytest.param(
        '{"format": 1, "frame": {"crs": null, "transform": [1, 0, 0, 0, -1, 0]}, '
        '"grid": {"height": "9", "width": 9}, "windows": []}',
        id="a text for a number",
    ),
    pytest.param(
        '{"format": 1, "frame": {"crs": null, "transform": [1, 0, 0, 0, -1, 0]}, '
        '"grid": {"height": 9, "width": 9}, "windows": [1, 2]}',
        id="numbers for names",
    ),
    pytest.param(
        '{"format": 1, "frame": {"crs": null, "transform": [1, 0, 0, 0, -1, 0]}, '
        '"grid": {"height": 9, "width": 9}, "windows": []}',
        id="no windows",
    ),
]


@pytest.mark.parametrize("text", WINDOWS)
def test_a_malformed_windows_json_is_refused(refused: Callable[..., str], tmp_path: Path, text: str) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "windows.json").write_text(text)
    assert_matches(
        refused("stitch", tmp_path / "w", "--out", tmp_path / "a.tif"),
        "windows.json .*(cut the windows again|update geounet)|lacks|no window",
    )


def test_folders_without_what_stitch_needs_are_refused(refused: Callable[..., str], run: Run, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(60, 70))
    out = tmp_path / "b.tif"
    assert_matches(refused("stitch", tmp_path / "none", "--out", out), "none holds no windows.json")
    assert run("tile", scene, "--inference", "--window", 64, "--halo", 16, "--out", tmp_path / "w").status == 0
    answers = tmp_path / "answers"
    assert_matches(refused("stitch", answers, "--windows", tmp_path / "w", "--out", out), "lacks|not there")
    answers.mkdir()
    assert_matches(refused("stitch", answers, "--windows", tmp_path / "w", "--out", out), r"lacks \d+ of \d+")
    window = sorted((tmp_path / "w").glob("*.tif"))[1]
    window.write_bytes(window.read_bytes()[:200])
    assert_matches(refused("stitch", tmp_path / "w", "--out", out), rf"{window.name.replace('+', '.')} cannot be")
    window.unlink()
    write_scene(window, noise(9, 9))
    assert_matches(refused("stitch", tmp_path / "w", "--out", out), "is 9 x 9 pixels, its window .* predict the whole")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(not_a_raster, "neither a raster nor a file of polygons", id="neither raster nor polygons"),
        pytest.param(
            lambda f: write_scene(f / "c.tif", noise(150, 170)),
            "give one band of class ids",
            id="a scene of three bands",
        ),
        pytest.param(
            lambda f: write_scene(f / "c.tif", noise(150, 170, bands=1)),
            "holds 250 values without a name",
            id="grey levels",
        ),
        pytest.param(lambda f: f, "has no classes.tif", id="a folder without a map"),
        pytest.param(lambda f: f / "none.tif", "does not exist; check the path", id="nothing"),
    ],
)
def test_eval_refuses_what_is_no_map(
    refused: Callable[..., str], tmp_path: Path, labels: Path, make: Callable[[Path], Path], words: str
) -> None:
    assert_matches(refused("eval", make(tmp_path), "--labels", labels), words)


def test_a_scene_with_a_transform_without_area_is_refused(
    refused: Callable[..., str], tmp_path: Path, model: Path
) -> None:
    flat = write_scene(tmp_path / "flat.tif", noise(40, 40), Place(Affine(0.3, 0, 5e5, 0.3, 0, 6e6), "EPSG:32633"))
    assert_matches(refused("infer", flat, "--model", model), "transform without area; georeference it again")


def test_a_finished_map_whose_summary_is_damaged_is_no_traceback(
    run: Run, tmp_path: Path, scene: Path, model: Path
) -> None:
    words = ("infer", scene, "--model", model, "--no-vectors", "--out", tmp_path / "map", *EXACT)
    assert run(*words).status == 0
    before = levels(tmp_path / "map")
    (tmp_path / "map" / "summary.json").write_text("{")
    assert run(*words).status == 0
    assert json.loads((tmp_path / "map" / "summary.json").read_text())["windows"] > 0
    assert_array_equal(levels(tmp_path / "map"), before)


def test_spaces_and_letters_beyond_ascii_in_names_do_no_harm(run: Run, tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "Grundstück № 7"
    folder.mkdir()
    path = write_scene(folder / "Luft bild.tif", noise(40, 50))
    assert run("infer", path, "--model", model, *EXACT).status == 0
    assert (folder / "Luft bild_map" / "classes.tif").exists()
