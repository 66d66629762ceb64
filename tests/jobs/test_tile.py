"""tile: windows, labels, splits and statistics of a folder of training windows."""

import json
import logging
import re
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import shapely.affinity
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from geounet.block import Array, Block
from geounet.chips import ChipsCard
from geounet.errors import LabelError, OutputError, SceneError, SettingsError
from geounet.grid import Window
from geounet.io.scene import Scene
from geounet.jobs import chip_plan, chip_write
from geounet.jobs.tile import TileResult, tile
from geounet.legend import CONTACT, IGNORE
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

TRUTH = np.zeros((150, 170), dtype="uint8")
TRUTH[10:30, 12:42] = TRUTH[70:110, 80:105] = TRUTH[120:140, 20:40] = 1


def loaded(folder: Path) -> tuple[ChipsCard, Array, Array]:
    card = ChipsCard.read(folder)
    return card, np.load(folder / "images.npy"), np.load(folder / "labels.npy")


def cut(scenes: list[Path], labels: list[Path], out: Path, **options: object) -> TileResult:
    settings = {"size": 32, "stride": 32, "gsd": "native", "keep_empty": 1.0} | options
    return tile(scenes, labels=labels, out=out, **settings)  # type: ignore[arg-type]


def merged(card: ChipsCard, arrays: Array, shape: tuple[int, int], missing: float) -> Array:
    """Windows put back where they were cut."""
    size = card.size
    whole = np.full((*arrays.shape[1:-2], shape[0] + size, shape[1] + size), missing, dtype=arrays.dtype)
    for window, values in zip(card.windows, arrays, strict=True):
        whole[..., window.row : window.row + size, window.col : window.col + size] = values
    return whole[..., : shape[0], : shape[1]]


def test_areas_that_miss_the_scene_are_told_of(tmp_path: Path, labels: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(150, 170))
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 5000, 5000, 40, 40)])
    with pytest.raises(LabelError, match=r"the polygons of --label-area in .*far.gpkg .* miss the scene"):
        cut([scene], [labels], tmp_path / "chips", label_area=far)
    assert not (tmp_path / "chips").exists()
    cut([scene], [labels], tmp_path / "chips", ignore=far)
    assert f"no polygon of --ignore {far} lies on a scene: nothing is ignored by it" in caplog.messages


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_windows_hold_the_scene_s_pixels_and_the_labels_on_them(tmp_path: Path, labels: Path, dtype: str) -> None:
    pixels = noise(150, 170, dtype=dtype)
    result = cut([write_scene(tmp_path / "a.tif", pixels)], [labels], tmp_path / "chips")
    card, images, known = loaded(tmp_path / "chips")
    assert images.dtype == card.dtype == dtype
    assert images.shape == (30, 3, 32, 32)
    assert known.shape == (30, 32, 32)
    assert known.dtype == "uint8"
    assert sum(result.windows.values()) == 30
    assert_array_equal(merged(card, images, (150, 170), 0), pixels)
    assert_array_equal(merged(card, known, (150, 170), IGNORE), TRUTH)


def test_what_hangs_over_the_edge_is_ignored_and_holds_the_fill(tmp_path: Path, scene: Path, labels: Path) -> None:
    cut([scene], [labels], tmp_path / "chips")
    card, images, known = loaded(tmp_path / "chips")
    over = [i for i, window in enumerate(card.windows) if window.row + 32 > 150]
    assert over
    for i in over:
        outside = np.arange(32) + card.windows[i].row >= 150
        assert (known[i][outside] == IGNORE).all()
        assert (images[i][:, outside] == np.array(card.fill)[:, None, None]).all()
        assert card.windows[i].valid < 1


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(SOUTH_UP, id="south up"),
        pytest.param(ROTATED, id="rotated"),
        pytest.param(MERCATOR_60N, id="web mercator"),
        pytest.param(DEGREES_60N, id="degrees"),
    ],
)
def test_labels_fall_on_their_pixels_wherever_the_scene_lies(tmp_path: Path, place: Place) -> None:
    path = write_scene(tmp_path / "a.tif", noise(150, 170), place)
    labels = write_polygons(tmp_path / "l.geojson", three_buildings(place), place)
    cut([path], [labels], tmp_path / "chips")
    card, _, known = loaded(tmp_path / "chips")
    assert (merged(card, known, (150, 170), IGNORE) != TRUTH).mean() < 0.001
    assert card.ground_resolution == pytest.approx(0.3, rel=0.003)


def test_without_any_crs_labels_are_in_pixels_with_y_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_scene(tmp_path / "a.tif", noise(150, 170), NOWHERE)
    labels = write_polygons(tmp_path / "l.gpkg", [shapely.box(12, -30, 42, -10)], NOWHERE)
    with caplog.at_level(logging.INFO):
        cut([path], [labels], tmp_path / "chips", gsd=0.3)
    card, _, known = loaded(tmp_path / "chips")
    expected = np.zeros_like(TRUTH)
    expected[10:30, 12:42] = 1
    assert_array_equal(merged(card, known, (150, 170), IGNORE), expected)
    assert "has no CRS: windows are cut at its own pixels" in caplog.text
    assert card.ground_resolution is None


def test_statistics_are_those_of_the_valid_pixels_of_training_windows(tmp_path: Path, labels: Path) -> None:
    pixels = noise(150, 170)
    pixels[:, :40, 90:] = 0
    cut([write_scene(tmp_path / "a.tif", pixels, nodata=0)], [labels], tmp_path / "chips")
    card, _, _ = loaded(tmp_path / "chips")
    parts = []
    for i in card.of_split("train"):
        window = card.windows[i]
        part = pixels[:, window.row : window.row + 32, window.col : window.col + 32]
        parts.append(part[:, (part != 0).any(axis=0)])
    together = np.concatenate(parts, axis=1).astype(float)
    np.testing.assert_allclose(card.mean, together.mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(card.std, together.std(axis=1), rtol=1e-9)
    assert card.fill == tuple(np.rint(card.mean))


@pytest.mark.parametrize("value", [32.77, 1e-3, 0.1, 12345.678, -7.3e6])
@pytest.mark.parametrize("count", [997, 20_011, 1_000_003])
def test_a_band_that_never_changes_has_a_deviation_of_one(value: float, count: int) -> None:
    pixels = np.full((1, 1, count), value, np.float32)
    valid = np.ones((1, count), bool)
    valid[0, ::3] = False
    found = chip_write.Statistics.none(1).plus(pixels, valid).plus(pixels, valid)
    assert found.std.tolist() == [1.0]
    varied = pixels + np.linspace(0, abs(value) / 100, count, dtype=np.float32)
    assert chip_write.Statistics.none(1).plus(varied, valid).std == pytest.approx(varied[0, valid].std(), rel=1e-2)


def test_pixels_without_data_are_ignored_filled_and_cost_no_window(tmp_path: Path, labels: Path) -> None:
    pixels = noise(150, 170)
    pixels[:, :40, 90:] = 0
    cut([write_scene(tmp_path / "a.tif", pixels, nodata=0)], [labels], tmp_path / "chips")
    card, images, known = loaded(tmp_path / "chips")
    missing = (pixels == 0).all(axis=0)
    assert_array_equal(merged(card, known, (150, 170), IGNORE), np.where(missing, IGNORE, TRUTH))
    assert not any(window.row == 0 and window.col >= 96 for window in card.windows)
    partly = next(i for i, window in enumerate(card.windows) if (window.row, window.col) == (32, 96))
    assert (images[partly][:, :8] == np.array(card.fill)[:, None, None]).all()
    assert card.windows[partly].valid == pytest.approx(0.75)


def test_shares_count_scored_pixels_alone(tmp_path: Path, scene: Path, labels: Path) -> None:
    cut([scene], [labels], tmp_path / "chips")
    card, _, known = loaded(tmp_path / "chips")
    for window, values in zip(card.windows, known, strict=True):
        scored = values[values != IGNORE]
        assert window.shares == pytest.approx(((scored == 0).mean(), (scored == 1).mean()))


def test_the_index_shows_each_window_where_it_lies(tmp_path: Path, scene: Path, labels: Path) -> None:
    cut([scene], [labels], tmp_path / "chips")
    card, _, known = loaded(tmp_path / "chips")
    table = pyogrio.read_dataframe(tmp_path / "chips" / "index.gpkg", layer="windows")
    assert table.crs.to_epsg() == 32633
    assert table["split"].tolist() == [window.split for window in card.windows]
    assert table["share_building"].tolist() == pytest.approx(
        [(v == 1).sum() / (v != IGNORE).sum() for v in known], abs=1e-4
    )
    for window, shape in zip(card.windows, table.geometry, strict=True):
        assert shape.symmetric_difference(box(UTM, window.row, window.col, 32, 32)).area < 1e-6


def test_chips_json_tells_what_the_arrays_hold(tmp_path: Path, scene: Path, labels: Path) -> None:
    result = cut([scene], [labels], tmp_path / "chips")
    content = json.loads((tmp_path / "chips" / "chips.json").read_text())
    assert content["counts"] == dict(result.windows)
    assert content["legend"][1]["name"] == "building"
    assert content["colours"] == ["red", "green", "blue"]
    assert sorted(path.name for path in (tmp_path / "chips").iterdir()) == [
        "chips.json", "images.npy", "index.gpkg", "labels.npy",
    ]  # fmt: skip


def test_two_runs_write_the_same_arrays(tmp_path: Path, scene: Path, labels: Path) -> None:
    for name in ("a", "b"):
        cut([scene], [labels], tmp_path / name, keep_empty=0.3)
    for file in ("images.npy", "labels.npy", "chips.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


AREA = box(UTM, 0, 0, 96, 170)


@pytest.mark.parametrize(
    ("option", "ignored"),
    [
        pytest.param("label_area", np.arange(150)[:, None] >= 96, id="outside the label area"),
        pytest.param("ignore", np.arange(150)[:, None] < 96, id="inside an ignored area"),
    ],
)
def test_areas_turn_labels_to_ignore(tmp_path: Path, scene: Path, labels: Path, option: str, ignored: Array) -> None:
    area = write_polygons(tmp_path / "area.gpkg", [AREA])
    cut([scene], [labels], tmp_path / "chips", **{option: area})
    card, _, known = loaded(tmp_path / "chips")
    assert_array_equal(merged(card, known, (150, 170), IGNORE), np.where(ignored, IGNORE, TRUTH))


def test_invalid_polygons_are_repaired_and_lines_left_out_with_a_note(
    tmp_path: Path, scene: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corners = [UTM.transform @ point for point in ((12, 10), (42, 30), (42, 10), (12, 30))]
    bowtie = shapely.Polygon(corners)
    assert not bowtie.is_valid
    path = write_polygons(tmp_path / "l.gpkg", [bowtie, box(UTM, 70, 80, 40, 25), shapely.LineString(corners)])
    with caplog.at_level(logging.INFO):
        cut([scene], [path], tmp_path / "chips")
    card, _, known = loaded(tmp_path / "chips")
    whole = merged(card, known, (150, 170), IGNORE)
    assert (whole == 1).sum() == pytest.approx(1000 + 300, abs=25)
    assert whole[20, 15] == whole[20, 39] == 1
    assert whole[12, 27] == 0
    assert "1 invalid polygons are repaired" in caplog.text
    assert "geometries that are no polygons are left out (1)" in caplog.text


def test_only_a_share_of_the_empty_training_windows_is_kept_and_all_for_validation(
    tmp_path: Path, scene: Path, labels: Path
) -> None:
    area = write_polygons(tmp_path / "val.gpkg", [box(UTM, 0, 96, 160, 80)])
    counts: dict[float, Mapping[str, int]] = {}
    empty: dict[float, int] = {}
    for share in (1.0, 0.25, 0.0):
        counts[share] = cut([scene], [labels], tmp_path / f"{share}", keep_empty=share, val_area=area).windows
        card, _, _ = loaded(tmp_path / f"{share}")
        empty[share] = sum(card.windows[i].shares[1] == 0 for i in card.of_split("train"))
    assert empty[0.0] == 0
    assert empty[0.25] == round(0.25 * empty[1.0])
    assert counts[1.0]["train"] - empty[1.0] == counts[0.0]["train"]
    assert counts[1.0]["val"] == counts[0.25]["val"] == counts[0.0]["val"] == 15


def seen_by(card: ChipsCard, split: str, scenes: list[Place]) -> shapely.Geometry:
    """Ground that pixels of a split's windows cover, in scenes of 150 x 170 px."""
    inside = [
        (w.scene, Window(w.row, w.col, card.size, card.size).within(Window(0, 0, 150, 170)))
        for w in card.windows
        if w.split == split
    ]
    return shapely.union_all(
        [box(scenes[scene], w.row + 0.4, w.col + 0.4, w.height - 0.8, w.width - 0.8) for scene, w in inside]
    )


@pytest.mark.parametrize("stride", [32, 20], ids="stride {}".format)
@pytest.mark.parametrize("kind", ["blocks", "areas"])
def test_no_validation_or_test_window_shares_ground_with_one_of_training(
    tmp_path: Path, labels: Path, stride: int, kind: str
) -> None:
    places = [UTM, UTM.cropped(50, 60)]  # the second scene lies over the first
    scenes = [write_scene(tmp_path / f"{i}.tif", noise(150, 170, seed=i), place) for i, place in enumerate(places)]
    options: dict[str, object] = {"val": 0.25, "test": 0.2}
    if kind == "areas":
        options = {
            "val_area": write_polygons(tmp_path / "v.gpkg", [box(UTM, 30, 120, 80, 30)]),
            "test_area": write_polygons(tmp_path / "t.gpkg", [box(UTM, 10, 10, 50, 50)]),
        }
    result = cut(scenes, [labels], tmp_path / "chips", stride=stride, **options)
    assert all(result.windows[split] for split in ("train", "val", "test"))
    card = ChipsCard.read(tmp_path / "chips")
    ground = {split: seen_by(card, split, places) for split in ("train", "val", "test")}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        assert ground[a].intersection(ground[b]).area == 0


def test_pixels_beyond_a_kept_area_s_border_belong_to_nobody_s_window_twice(
    tmp_path: Path, scene: Path, labels: Path
) -> None:
    area = write_polygons(tmp_path / "v.gpkg", [box(UTM, 0, 110, 150, 60)])  # through windows that begin at 96
    cut([scene], [labels], tmp_path / "chips", val_area=area)
    card, _, known = loaded(tmp_path / "chips")
    for window, values in zip(card.windows, known, strict=True):
        cols = window.col + np.flatnonzero((values != IGNORE).any(axis=0))
        assert (cols >= 110).all() if window.split == "val" else (cols < 110).all()


@pytest.mark.parametrize("nodata", [float("nan"), float("inf")], ids=str)
def test_a_nodata_value_that_json_cannot_hold_is_taken_and_the_same_job_is_known_again(
    tmp_path: Path, labels: Path, nodata: float
) -> None:
    pixels = noise(150, 170, dtype="float32")
    pixels[:, :40, 90:] = nodata
    scene = write_scene(tmp_path / "a.tif", pixels)
    cut([scene], [labels], tmp_path / "chips", nodata=nodata)
    card, _, known = loaded(tmp_path / "chips")
    assert_array_equal(merged(card, known, (150, 170), IGNORE) == IGNORE, ~np.isfinite(pixels[0]))
    assert cut([scene], [labels], tmp_path / "chips", nodata=nodata).was_finished


def test_the_card_states_the_ground_resolution_that_the_windows_have_not_the_one_asked_for(
    tmp_path: Path, scene: Path, labels: Path
) -> None:
    result = cut([scene], [labels], tmp_path / "chips", gsd=0.329)  # within 10 %: nothing is resampled
    card, _, _ = loaded(tmp_path / "chips")
    assert result.ground_resolution == card.ground_resolution == pytest.approx(0.3, rel=0.003)


def test_of_scenes_that_differ_a_little_the_card_states_the_mean_ground_resolution(
    tmp_path: Path, labels: Path
) -> None:
    places = [UTM, Place(UTM.transform @ UTM.transform.scale(0.93), UTM.crs)]
    scenes = [write_scene(tmp_path / f"{i}.tif", noise(150, 170, seed=i), place) for i, place in enumerate(places)]
    result = cut(scenes, [labels], tmp_path / "chips")
    assert result.ground_resolution == pytest.approx(0.3 * (1 + 0.93) / 2, rel=0.003)


def test_a_band_that_is_not_used_may_be_of_another_type(tmp_path: Path, labels: Path) -> None:
    rgb = write_scene(tmp_path / "rgb.tif", noise(150, 170))
    write_scene(tmp_path / "height.tif", noise(150, 170, bands=1, dtype="float32"))
    with rasterio.open(rgb) as dataset:
        place = f"<SRS>EPSG:32633</SRS><GeoTransform>{','.join(map(str, dataset.transform.to_gdal()))}</GeoTransform>"
    bands = "".join(
        f'<VRTRasterBand dataType="{dtype}" band="{number}"><SimpleSource><SourceFilename relativeToVRT="1">{file}'
        f"</SourceFilename><SourceBand>{source}</SourceBand></SimpleSource></VRTRasterBand>"
        for number, (dtype, file, source) in enumerate(
            [("Byte", "rgb.tif", 1), ("Byte", "rgb.tif", 2), ("Float32", "height.tif", 1)], 1
        )
    )
    both = tmp_path / "both.vrt"
    both.write_text(f'<VRTDataset rasterXSize="170" rasterYSize="150">{place}{bands}</VRTDataset>')
    cut([both], [labels], tmp_path / "chips", bands=(1, 2))
    card, images, _ = loaded(tmp_path / "chips")
    assert_array_equal(merged(card, images, (150, 170), 0), noise(150, 170)[:2])


@pytest.mark.parametrize(
    ("area", "words"),
    [
        pytest.param(box(UTM, 1000, 1000, 50, 50), r"no windows for validation: .*\(--val-area\) misses", id="misses"),
        pytest.param(box(UTM, 2, 2, 5, 5), r"no window for validation has its centre in .* draw it larger", id="small"),
    ],
)
def test_a_validation_area_without_windows_is_told_with_its_reason(
    tmp_path: Path, labels: Path, caplog: pytest.LogCaptureFixture, area: shapely.Polygon, words: str
) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(150, 170))
    path = write_polygons(tmp_path / "val.gpkg", [area])
    with caplog.at_level(logging.INFO):
        assert cut([scene], [labels], tmp_path / "chips", val_area=path).windows["val"] == 0
    assert re.search(words, caplog.text)
    assert "too small" not in caplog.text


@pytest.mark.parametrize(("size", "told"), [(32, False), (64, True)])
def test_validation_that_hangs_on_a_window_or_two_is_told(
    tmp_path: Path, scene: Path, labels: Path, caplog: pytest.LogCaptureFixture, size: int, *, told: bool
) -> None:
    with caplog.at_level(logging.INFO):
        count = cut([scene], [labels], tmp_path / "chips", size=size, stride=size, keep_empty=1.0).windows["val"]
    assert (0 < count < 3) is told
    assert (f"{count} window{'s' if count > 1 else ''} for validation: scores" in caplog.text) is told


def test_a_scene_too_small_to_divide_is_told(
    tmp_path: Path, scene: Path, labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cut([scene], [labels], tmp_path / "chips", size=256, stride=256)
    assert "no windows for validation: the scene is too small to divide; give --val-area" in caplog.text


@pytest.fixture
def pixels_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pixels of each reading of a scene, as they come."""
    read: list[int] = []
    plain = Scene.read

    def counted(scene: Scene, window: Window) -> tuple[Block, Block]:
        read.append(window.area)
        return plain(scene, window)

    monkeypatch.setattr(Scene, "read", counted)
    return read


@pytest.mark.parametrize("stride", [32, 24], ids="stride {}".format)
@pytest.mark.parametrize("shape", [(160, 1500), (1500, 160), (500, 500)], ids="{0[0]} x {0[1]}".format)
def test_what_is_read_at_once_does_not_grow_with_the_scene_and_blocks_are_decoded_at_most_1_4_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels_read: list[int], shape: tuple[int, int], stride: int
) -> None:
    monkeypatch.setattr(chip_write, "_RUN_BYTES", 6 * 200 * 200)
    scene = write_scene(tmp_path / "a.tif", noise(*shape), block=16)
    labels = write_polygons(tmp_path / "l.gpkg", [box(UTM, 10, 10, 100, 30)])
    result = cut([scene], [labels], tmp_path / "chips", stride=stride, val=0.0)
    assert len(pixels_read) > 4
    assert max(pixels_read) <= 200 * 200
    assert 0.9 < result.decoded <= 1.4
    card, images, _ = loaded(tmp_path / "chips")
    assert_array_equal(merged(card, images, shape, 0), noise(*shape))


def test_blocks_as_wide_as_the_scene_are_not_decoded_again_for_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixels_read: list[int]
) -> None:
    monkeypatch.setattr(chip_write, "_RUN_BYTES", 6 * 200 * 200)
    scene = write_scene(tmp_path / "a.tif", noise(300, 1500))
    labels = write_polygons(tmp_path / "l.gpkg", [box(UTM, 10, 10, 100, 30)])
    assert cut([scene], [labels], tmp_path / "chips").decoded <= 1.4
    assert max(pixels_read) < 300 * 1500


def test_how_many_pixels_are_read_or_burnt_at_once_changes_no_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: Path, labels: Path
) -> None:
    area = write_polygons(tmp_path / "v.gpkg", [box(UTM, 30, 110, 80, 60)])
    options: dict[str, object] = {"stride": 20, "keep_empty": 0.3, "val_area": area}
    cut([scene], [labels], tmp_path / "whole", **options)
    monkeypatch.setattr(chip_write, "_RUN_BYTES", 6 * 70 * 70)
    monkeypatch.setattr(chip_plan, "_RUN_PIXELS", 32 * 60)
    cut([scene], [labels], tmp_path / "runs", **options)
    by_place = []
    for name in ("whole", "runs"):
        card, images, known = loaded(tmp_path / name)
        places = [(window.row, window.col) for window in card.windows]
        order = sorted(range(len(places)), key=places.__getitem__)
        by_place.append(([card.windows[i] for i in order], images[order], known[order]))
    assert by_place[0][0] == by_place[1][0]
    assert_array_equal(by_place[0][1], by_place[1][1])
    assert_array_equal(by_place[0][2], by_place[1][2])


@pytest.mark.parametrize("resolution", ["native", 0.7])
@pytest.mark.parametrize(
    ("size", "stride"), [pytest.param(64, 64, id="side by side"), pytest.param(64, 48, id="overlapping")]
)
def test_each_block_is_decoded_at_most_1_4_times(
    tmp_path: Path, size: int, stride: int, resolution: float | str
) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(900, 400), block=64)
    labels = write_polygons(tmp_path / "l.gpkg", [box(UTM, 10, 10, 850, 30)])
    result = cut([scene], [labels], tmp_path / "chips", size=size, stride=stride, gsd=resolution, keep_empty=1.0)
    assert 0.9 < result.decoded <= 1.4


@pytest.mark.parametrize(
    ("pixel", "gsd", "expected"),
    [
        pytest.param(0.1, "auto", 0.3, id="fine imagery is averaged to 0.3 m"),
        pytest.param(0.1, "native", 0.1, id="native keeps it"),
        pytest.param(0.5, "auto", 0.5, id="coarser imagery stays"),
        pytest.param(0.1, 0.2, 0.2, id="metres asked for"),
    ],
)
def test_the_ground_resolution_is_what_was_asked_for(
    tmp_path: Path, pixel: float, gsd: float | str, expected: float
) -> None:
    place = Place(UTM.transform @ UTM.transform.scale(pixel / 0.3), UTM.crs)
    scene = write_scene(tmp_path / "a.tif", noise(120, 120), place)
    labels = write_polygons(tmp_path / "l.gpkg", [box(place, 10, 10, 50, 50)])
    result = cut([scene], [labels], tmp_path / "chips", gsd=gsd, size=16, stride=16)
    card, images, known = loaded(tmp_path / "chips")
    assert result.ground_resolution == card.ground_resolution == pytest.approx(expected, rel=0.001)
    assert (known == 1).sum() == pytest.approx(2500 * (pixel / expected) ** 2, rel=0.06)
    assert images.shape[2:] == (16, 16)


def test_class_names_come_from_a_field(tmp_path: Path, scene: Path) -> None:
    path = write_polygons(tmp_path / "l.gpkg", three_buildings(UTM), kind=["house", "shed", "house"])
    cut([scene], [path], tmp_path / "chips", class_field="kind")
    card, _, known = loaded(tmp_path / "chips")
    assert card.legend.names == ("background", "house", "shed")
    assert ((known == 1).sum(), (known == 2).sum()) == (1000, 1000)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 60))
def test_training_windows_cover_an_axis_and_the_last_one_begins_inside(length: int, size: int, stride: int) -> None:
    from geounet.jobs.chip_plan import starts

    stride = min(stride, size)
    first = list(starts(length, size, stride))
    assert first[0] == 0
    assert max(first) < length
    assert length - (first[-1] + size) < size / 32  # a sliver shows nothing
    assert all(b - a == stride for a, b in pairwise(first))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"size": 8}, "window size 8 must be between 16 and 4096", id="size"),
        pytest.param({"stride": 33}, "stride 33 must be between 1 and the window size 32", id="stride"),
        pytest.param({"keep_empty": 1.5}, r"keep-empty 1\.5 must be between 0 and 1", id="keep empty"),
        pytest.param({"gsd": -1.0}, r"ground resolution -1\.0 m must be above 0", id="resolution"),
        pytest.param({"val": 0.7, "test": 0.3}, "must be 0 or more and leave some for training", id="shares"),
        pytest.param({"val": float("nan")}, "must be 0 or more and leave some for training", id="share nan"),
        pytest.param({"split_block": float("nan")}, "split block nan m must be above 0", id="block nan"),
        pytest.param({"split_block": 0.0}, r"split block 0\.0 m must be above 0", id="block of nothing"),
    ],
)
def test_settings_out_of_range_are_refused(
    tmp_path: Path, scene: Path, labels: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        cut([scene], [labels], tmp_path / "chips", **options)
    assert not (tmp_path / "chips").exists()


def test_scenes_that_do_not_go_together_are_refused(tmp_path: Path, scene: Path, labels: Path) -> None:
    wide = write_scene(tmp_path / "wide.tif", noise(150, 170, dtype="uint16"))
    grey = write_scene(tmp_path / "grey.tif", noise(150, 170, bands=1))
    for other, words in ((wide, "is uint16, .* is uint8; convert one"), (grey, "has bands gray, .*--bands")):
        with pytest.raises(SceneError, match=words):
            cut([scene, other], [labels], tmp_path / "chips")
    with pytest.raises(SettingsError, match="3 label files for 2 scenes"):
        cut([scene, scene], [labels] * 3, tmp_path / "chips")


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path, scene: Path, labels: Path) -> None:
    out = tmp_path / "chips"
    out.mkdir()
    (out / "diary.txt").write_text("mine")
    with pytest.raises(OutputError, match="chips exists already; choose another --out, or give --overwrite"):
        cut([scene], [labels], out)
    with pytest.raises(OutputError, match=r"chips holds other things \(there is no chips\.json in it\)"):
        cut([scene], [labels], out, overwrite=True)
    assert [path.name for path in out.iterdir()] == ["diary.txt"]
    assert (out / "diary.txt").read_text() == "mine"


def test_a_folder_of_other_training_windows_goes_when_it_may(tmp_path: Path, scene: Path, labels: Path) -> None:
    cut([scene], [labels], tmp_path / "chips")
    with pytest.raises(OutputError, match="chips exists already"):
        cut([scene], [labels], tmp_path / "chips", size=64, stride=64)
    assert ChipsCard.read(tmp_path / "chips").size == 32
    cut([scene], [labels], tmp_path / "chips", size=64, stride=64, overwrite=True)
    assert ChipsCard.read(tmp_path / "chips").size == 64


def test_a_label_area_without_imagery_leaves_nothing_to_learn(tmp_path: Path, labels: Path) -> None:
    mask = np.ones((150, 170), bool)
    mask[:60] = False
    scene = write_scene(tmp_path / "scene.tif", noise(150, 170), mask=mask)
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 5, 5, 50, 50)])
    with pytest.raises(LabelError, match=r"no training window of .* has both data and labels"):
        cut([scene], [labels], tmp_path / "chips", label_area=area)
    assert not (tmp_path / "chips").exists()


@pytest.mark.parametrize("room", [10_000, 95_000], ids=["within the images", "within the index"])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path, scene: Path, labels: Path, room: int) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot be written .*[^\n]$"):
            cut([scene], [labels], tmp_path / "chips")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.gpkg", "scene.tif"]


def test_the_place_of_a_window_is_counted_on_the_working_grid(tmp_path: Path) -> None:
    place = Place(UTM.transform @ UTM.transform.scale(1 / 3), UTM.crs)
    scene = write_scene(tmp_path / "a.tif", noise(300, 300), place)
    labels = write_polygons(tmp_path / "l.gpkg", [box(place, 90, 90, 96, 96)])
    cut([scene], [labels], tmp_path / "chips", gsd=0.3)
    card, _, known = loaded(tmp_path / "chips")
    buildings = [(window, values) for window, values in zip(card.windows, known, strict=True) if (values == 1).any()]
    assert all(Window(w.row, w.col, 32, 32).within(Window(29, 29, 34, 34)).area for w, _ in buildings)
    assert sum((values == 1).sum() for _, values in buildings) == pytest.approx(32 * 32, rel=0.07)


def test_the_same_job_writes_the_same_bytes(tmp_path: Path, labels: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(150, 170))
    for name in ("one", "two"):
        cut([path], [labels], tmp_path / name)
        time.sleep(0.01)  # a time in a file would differ
    for file in ("images.npy", "labels.npy", "chips.json", "index.gpkg"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def rows_of_houses(place: Place) -> list[shapely.Polygon]:
    """Two rows of houses of 12 x 20 px that share their walls, and one that stands alone; on 150 x 170 px."""
    rows = [box(place, row, 10 + 12 * i, 20, 12) for row in (12, 57) for i in range(9)]
    return [*rows, box(place, 110, 60, 25, 30)]


@pytest.fixture
def terraces(tmp_path: Path) -> Path:
    return write_polygons(tmp_path / "terraces.gpkg", rows_of_houses(UTM))


def test_shared_walls_are_contact_as_wide_as_the_card_says(tmp_path: Path, scene: Path, terraces: Path) -> None:
    cut([scene], [terraces], tmp_path / "chips", contact=1.2)
    card, _, known = loaded(tmp_path / "chips")
    whole = merged(card, known, (150, 170), IGNORE)
    assert card.contact_width == 1.2  # four pixels
    assert_array_equal(whole[20, 10:46], [1] * 10 + ([CONTACT] * 4 + [1] * 8) * 2 + [CONTACT] * 2)
    assert (whole[110:135, 60:90] == 1).all()


@pytest.mark.parametrize(("size", "stride"), [(32, 20), (48, 48), (64, 13)])
def test_a_pixel_is_contact_by_its_place_alone(
    tmp_path: Path, scene: Path, terraces: Path, size: int, stride: int
) -> None:
    turned = [shapely.affinity.rotate(polygon, 20, origin=(0, 0)) for polygon in rows_of_houses(NOWHERE)]
    placed = shapely.transform(np.array(turned), lambda xy: np.array([UTM.transform @ point for point in xy]))
    labels = write_polygons(tmp_path / "turned.gpkg", list(placed))
    for name, side, step in (("whole", 176, 176), ("cut", size, stride)):
        cut([scene], [labels], tmp_path / name, contact=0.8, size=side, stride=step)
    card, _, known = loaded(tmp_path / "whole")
    whole = np.full((300, 300), IGNORE, np.uint8)
    whole[:176, :176] = known[0]
    assert (whole == CONTACT).sum() > 200
    card, _, known = loaded(tmp_path / "cut")
    for window, values in zip(card.windows, known, strict=True):
        assert_array_equal(values, whole[window.row : window.row + size, window.col : window.col + size])


def test_contact_is_drawn_of_itself_where_buildings_touch(
    tmp_path: Path, scene: Path, labels: Path, terraces: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cut([scene], [labels], tmp_path / "apart")
        assert "contact" not in caplog.text
        cut([scene], [terraces], tmp_path / "touching")
    assert ChipsCard.read(tmp_path / "apart").contact_width is None
    assert ChipsCard.read(tmp_path / "touching").contact_width == 0.9
    assert "95 % of the polygons have a neighbour within 0.9 m: contact is learned (--contact)" in caplog.text
    cut([scene], [terraces], tmp_path / "none", contact="none")
    card, _, known = loaded(tmp_path / "none")
    assert card.contact_width is None
    assert set(np.unique(known)) == {0, 1, IGNORE}


def test_contact_is_two_pixels_wide_at_least(tmp_path: Path, scene: Path, terraces: Path) -> None:
    cut([scene], [terraces], tmp_path / "chips", contact=0.1)
    assert ChipsCard.read(tmp_path / "chips").contact_width == 0.6


def test_contact_counts_as_building_in_the_shares(tmp_path: Path, scene: Path, terraces: Path) -> None:
    shares = {}
    for contact in ("none", 1.2):
        cut([scene], [terraces], tmp_path / f"{contact}", contact=contact)
        shares[contact] = [window.shares for window in ChipsCard.read(tmp_path / f"{contact}").windows]
    assert all(len(row) == 2 and sum(row) == pytest.approx(1) for row in shares[1.2])
    # beyond the outer walls, the round ends of zones
    np.testing.assert_allclose(np.array(shares[1.2]), np.array(shares["none"]), atol=0.04)


def test_what_is_ignored_is_no_contact(tmp_path: Path, scene: Path, terraces: Path) -> None:
    area = write_polygons(tmp_path / "area.gpkg", [AREA])
    cut([scene], [terraces], tmp_path / "chips", ignore=area)
    card, _, known = loaded(tmp_path / "chips")
    assert (merged(card, known, (150, 170), IGNORE)[:96] == IGNORE).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"contact": -1.0}, r"--contact -1\.0 must be above 0", id="negative"),
        pytest.param(
            {"contact": 1.0, "class_field": "kind"}, "--contact takes labels of one class, and polygons", id="classes"
        ),
    ],
)
def test_a_contact_that_cannot_be_is_refused(
    tmp_path: Path, scene: Path, options: dict[str, object], message: str
) -> None:
    labels = write_polygons(tmp_path / "l.gpkg", three_buildings(UTM), kind=["house", "road", "house"])
    with pytest.raises(SettingsError, match=message):
        cut([scene], [labels], tmp_path / "chips", **options)


@pytest.mark.parametrize(
    ("rows", "told"),
    [pytest.param(60, True, id="in a corner"), pytest.param(140, False, id="all over the scene")],
)
def test_labels_in_a_part_of_the_scene_alone_are_told_of(
    tmp_path: Path, scene: Path, caplog: pytest.LogCaptureFixture, rows: int, *, told: bool
) -> None:
    houses = [box(UTM, row, col, 8, 8) for row in range(0, rows, 20) for col in range(0, rows, 20)]
    labels = write_polygons(tmp_path / "l.gpkg", houses)
    cut([scene], [labels], tmp_path / "chips")
    assert ("scene.tif: if the rest was not labelled, say so with --label-area" in caplog.text) == told
    caplog.clear()
    area = write_polygons(tmp_path / "area.gpkg", [AREA])
    cut([scene], [labels], tmp_path / "area", label_area=area)
    assert "--label-area" not in caplog.text


@pytest.mark.parametrize("options", [{}, {"class_field": "kind"}, {"label_shift": "auto"}], ids=str)
def test_a_label_file_without_polygons_says_that_its_scene_has_none(
    tmp_path: Path, scene: Path, caplog: pytest.LogCaptureFixture, options: dict[str, object]
) -> None:
    caplog.set_level("INFO")
    houses = write_polygons(tmp_path / "l.gpkg", [box(UTM, 20, 20, 30, 30)], kind=["building"])
    bare = write_scene(tmp_path / "bare.tif", noise(150, 170, seed=3))
    nothing = tmp_path / "nothing.geojson"
    nothing.write_text('{"type": "FeatureCollection", "features": []}')
    cut([scene, bare], [houses, nothing], tmp_path / "chips", **options)
    card, _, known = loaded(tmp_path / "chips")
    of_scene = np.array([window.scene for window in card.windows])
    assert set(np.unique(known[of_scene == 0])) >= {0, 1}
    assert set(np.unique(known[of_scene == 1])) <= {0, IGNORE}
    assert "1 of 2 scenes have no polygon on them (nothing.geojson)" in caplog.text


def test_of_one_label_file_for_several_sheets_some_may_have_nothing_on_theirs(
    tmp_path: Path, scene: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bare = write_scene(tmp_path / "bare.tif", noise(150, 170, seed=3), UTM.cropped(0, 170))
    far = write_scene(tmp_path / "far.tif", noise(150, 170, seed=4), UTM.cropped(0, 5000))
    town = write_polygons(tmp_path / "town.gpkg", [box(UTM, 20, 20, 30, 30), box(UTM, 20, 500, 30, 30)])
    cut([scene, bare], [town], tmp_path / "chips")
    card, _, known = loaded(tmp_path / "chips")
    of_scene = np.array([window.scene for window in card.windows])
    assert (known[of_scene == 0] == 1).any()
    assert set(np.unique(known[of_scene == 1])) <= {0, IGNORE}
    assert "1 of 2 scenes have no polygon on them (town.gpkg)" in caplog.text
    with pytest.raises(LabelError, match=r"labels in .*town\.gpkg .* miss the scene"):
        cut([scene, far], [town], tmp_path / "none")
    with pytest.raises(LabelError, match=r"no polygon of .*town\.gpkg lies on a scene"):
        cut([bare, bare], [town], tmp_path / "none")
    with pytest.raises(LabelError, match="miss the scene"):
        cut([bare], [town], tmp_path / "none")


def test_label_files_without_any_polygon_are_refused(tmp_path: Path, scene: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(LabelError, match=r"a\.geojson holds no features; give at least one polygon"):
        cut([scene, scene], [tmp_path / "a.geojson", tmp_path / "b.geojson"], tmp_path / "chips")
    assert not (tmp_path / "chips").exists()


def test_a_scene_that_has_no_data_around_its_labels_is_labelled_in_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = noise(150, 170)
    pixels[:, 60:] = pixels[:, :, 60:] = 0
    scene = write_scene(tmp_path / "a.tif", pixels, nodata=0)
    houses = [box(UTM, row, col, 8, 8) for row in range(0, 60, 20) for col in range(0, 60, 20)]
    cut([scene], [write_polygons(tmp_path / "l.gpkg", houses)], tmp_path / "chips")
    assert "--label-area" not in caplog.text


def test_slivers_at_the_edge_are_no_windows_but_where_there_is_no_other(tmp_path: Path, labels: Path) -> None:
    def begins(height: int, width: int) -> set[tuple[int, int]]:
        name = f"{height}_{width}"
        scene = write_scene(tmp_path / f"{name}.tif", noise(height, width))
        here = write_polygons(tmp_path / f"{name}.gpkg", [box(UTM, 0, 0, 1, 1)])
        cut([scene], [here], tmp_path / name, size=64, stride=64, val=0.0)
        return {(window.row, window.col) for window in loaded(tmp_path / name)[0].windows}

    assert begins(65, 130) == {(0, 0), (0, 64), (0, 128)}  # a row of pixels is too little, two columns are enough
    assert begins(1, 1) == {(0, 0)}
    assert begins(1, 200) == {(0, 0), (0, 64), (0, 128), (0, 192)}  # a strip of a scene is all there is


def test_scenes_of_several_resolutions_are_told_of_and_where_labels_miss_one_it_is_named(
    tmp_path: Path, labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fine = write_scene(tmp_path / "fine.tif", noise(150, 170))
    coarse = write_scene(tmp_path / "coarse.tif", noise(75, 85), Place(UTM.transform @ Affine.scale(2), UTM.crs))
    cut([fine, coarse], [labels, labels], tmp_path / "chips")
    assert re.search(r"pixels of 0\.\d+ to [01]\.?\d* m are averaged to [01]\.?\d* m", caplog.text)
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 9000, 9000, 20, 20)])
    with pytest.raises(LabelError, match=r"coarse\.tif: labels in .*far\.gpkg .* miss the scene"):
        cut([fine, coarse], [labels, far], tmp_path / "none")
    with pytest.raises(LabelError, match=r"fine\.tif: .* right, or give each scene labels of its own"):
        cut([fine, coarse], [far, far], tmp_path / "none")


def test_a_label_file_among_the_scenes_is_told_for_what_it_is(tmp_path: Path, scene: Path, labels: Path) -> None:
    with pytest.raises(SettingsError, match="holds polygons and is no scene; write --labels before every label file"):
        cut([scene, labels], [labels], tmp_path / "none")
