"""infer on many sheets, in an area of interest, with values stretched and blocks that cannot be read."""

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.errors import OutputError, SceneError, SettingsError, UnreadableError
from geounet.grid import Window
from geounet.jobs.infer import infer
from geounet.legend import NODATA
from tests.io.test_mosaic import OTHERS
from tests.io.test_sheet import with_bad_block
from tests.jobs.stopped import PART_BYTES
from tests.models import tiny_model
from tests.scenes import NOWHERE, UTM, noise, write_polygons, write_scene

mapped = partial(infer, device="cpu", precision="fp32", window=64)
OUTPUTS = ("classes.tif", "probability.tif", "footprints.gpkg")
CONTEXT = 16  # pixels, more than the halo of the tiny model


def levels(folder: Path) -> Array:
    with rasterio.open(folder / "probability.tif") as dataset:
        values: Array = dataset.read(1)
    return values


def sheets_of(folder: Path, windows: Sequence[Window], seed: int = 0) -> list[Path]:
    """Sheets of one surface."""
    surface = noise(300, 300, seed=seed)
    return [
        write_scene(folder / f"{i}.tif", surface[:, w.rows, w.cols], UTM.cropped(w.row, w.col))
        for i, w in enumerate(windows)
    ]


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("quarters")
    return sheets_of(folder, [Window(r, c, 80, 90) for r in (0, 80) for c in (0, 90)])


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, quarters: list[Path], model: Path) -> Path:
    """The map of the surface as one scene."""
    folder = tmp_path_factory.mktemp("one")
    whole = write_scene(folder / "whole.tif", noise(300, 300)[:, :160, :180])
    mapped(whole, model=model, out=folder / "map")
    return folder / "map"


def test_sheets_give_the_map_of_the_scene_they_were_cut_from(
    one: Path, quarters: list[Path], model: Path, tmp_path: Path
) -> None:
    mapped(quarters, model=model, out=tmp_path / "map")
    apart = np.abs(levels(tmp_path / "map").astype(int) - levels(one))
    assert apart.max() <= 1
    ours, theirs = (
        pyogrio.read_dataframe(folder / "footprints.gpkg", layer="building") for folder in (tmp_path / "map", one)
    )
    seam = shapely.box(*(UTM.transform @ (88, 160)), *(UTM.transform @ (92, 0)))
    assert ours.intersects(seam).sum() == theirs.intersects(seam).sum() > 0
    summary = json.loads((tmp_path / "map" / "summary.json").read_text())
    assert summary["scenes"] == [str(path) for path in quarters]
    assert summary["size"] == [160, 180]


@pytest.mark.parametrize("added", [Window(90, 170, 60, 70), Window(230, 230, 50, 50)], ids=["beside", "far"])
@pytest.mark.parametrize("first", [True, False])
def test_a_sheet_added_changes_the_answer_nowhere_else(
    tmp_path: Path, model: Path, added: Window, *, first: bool
) -> None:
    here = [Window(100, 100, 60, 70), Window(20, 90, 80, 60)]
    paths = sheets_of(tmp_path, [*here, added])
    mapped(paths[:2], model=model, out=tmp_path / "before")
    mapped([paths[2], *paths[:2]] if first else paths, model=model, out=tmp_path / "after")
    before, after = levels(tmp_path / "before"), levels(tmp_path / "after")
    whole = np.full((400, 400), NODATA)
    row, col = min(w.row for w in (*here, added)), min(w.col for w in (*here, added))
    whole[row : row + after.shape[0], col : col + after.shape[1]] = after
    now = whole[20 : 20 + before.shape[0], 90 : 90 + before.shape[1]]
    kept = np.ones(before.shape, dtype=bool)
    near = added.grown(2 * CONTEXT).within(Window(20, 90, *before.shape)).seen_from(Window(20, 90, *before.shape))
    kept[near.rows, near.cols] = False
    assert kept.mean() > 0.4
    # float32 sums differ in their last digits with the place in the window: a level, where it lies on the edge of two
    assert np.abs(before.astype(int) - now)[kept].max() <= 1
    assert_array_equal((before == NODATA)[kept], (now == NODATA)[kept])


def test_ground_without_a_sheet_is_nodata_and_is_not_computed(tmp_path: Path, model: Path) -> None:
    paths = sheets_of(tmp_path, [Window(0, 0, 60, 60), Window(240, 240, 60, 60)])
    result = mapped(paths, model=model, out=tmp_path / "map")
    known = levels(tmp_path / "map") != NODATA
    expected = np.zeros((300, 300), dtype=bool)
    expected[:60, :60] = expected[240:, 240:] = True
    assert_array_equal(known, expected)
    windows, skipped = result.summary["windows"], result.summary["windows_skipped"]
    assert isinstance(windows, int)
    assert isinstance(skipped, int)
    assert windows <= 0.2 * (windows + skipped)


def test_sheets_give_the_map_of_their_scene_under_a_deep_model_that_sees_far_beyond_their_edge(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "model.safetensors", depth=6, width=1)  # its halo is 384
    surface = noise(460, 920)
    whole = write_scene(tmp_path / "whole.tif", surface)
    halves = [
        write_scene(tmp_path / f"{col}.tif", surface[:, :, col : col + 460], UTM.cropped(0, col)) for col in (0, 460)
    ]
    for scenes, name in ((whole, "one"), (halves, "two")):
        mapped(scenes, model=model, out=tmp_path / name, window=1100, no_vectors=True)
    assert_array_equal(levels(tmp_path / "two"), levels(tmp_path / "one"))


def test_an_area_of_interest_is_mapped_as_the_whole_is_and_no_more_is_computed(
    one: Path, quarters: list[Path], model: Path, tmp_path: Path
) -> None:
    ring = [UTM.transform @ corner for corner in ((40, 30), (100, 50), (90, 120), (50, 100))]
    aoi = write_polygons(tmp_path / "aoi.gpkg", [shapely.Polygon(ring)])
    result = mapped(quarters, model=model, out=tmp_path / "map", aoi=aoi)
    with rasterio.open(tmp_path / "map" / "probability.tif") as part, rasterio.open(one / "probability.tif") as whole:
        ours = part.read(1)
        col, row = (round(v) for v in ~whole.transform @ part.transform @ (0, 0))
        theirs = whole.read(1)[row : row + part.height, col : col + part.width].astype(int)
        centres = [part.transform @ (c + 0.5, r + 0.5) for r in range(part.height) for c in range(part.width)]
    polygon, points = shapely.Polygon(ring), shapely.points(centres)
    inside = shapely.contains(polygon, points).reshape(ours.shape)
    clear = shapely.distance(polygon.exterior, points).reshape(ours.shape) > 0.05  # it came here by way of degrees
    assert ours.shape[0] <= 94
    assert_array_equal((ours != NODATA)[clear], inside[clear])
    assert np.abs(ours - theirs)[ours != NODATA].max() <= 1
    assert result.summary["pixels"] == ours.size


def test_a_scene_of_another_type_is_mapped_by_a_stretch_and_refused_without(tmp_path: Path, model: Path) -> None:
    eight = noise(80, 90)
    plain = write_scene(tmp_path / "8.tif", eight)
    sixteen = write_scene(tmp_path / "16.tif", eight.astype("uint16") * 4 + 100)
    with pytest.raises(SceneError, match=r"has uint16 pixels, .* uint8; give --stretch MIN,MAX"):
        mapped(sixteen, model=model, out=tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    mapped(plain, model=model, out=tmp_path / "plain")
    mapped(sixteen, model=model, out=tmp_path / "stretched", stretch=(100, 100 + 4 * 255))
    assert_array_equal(levels(tmp_path / "plain"), levels(tmp_path / "stretched"))


def test_a_block_that_cannot_be_read_stops_the_job_or_becomes_nodata_and_is_listed(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "a.tif"
    with_bad_block(path, 1, 2)
    with pytest.raises(
        SceneError, match=r"copy it again with its time \(cp -p\), or add --skip-unreadable, which makes"
    ):
        mapped(path, model=model, out=tmp_path / "map")
    result = mapped(path, model=model, out=tmp_path / "map", skip_unreadable=True)
    expected = np.zeros((64, 80), dtype=bool)
    expected[16:32, 32:48] = True
    assert_array_equal(levels(tmp_path / "map") == NODATA, expected)
    assert result.summary["unreadable"] == [{"scene": str(path), "window": [16, 32, 16, 16]}]


def test_blocks_that_could_not_be_read_are_listed_by_a_job_that_goes_on(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    with_bad_block(path, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr("geounet.jobs.map_job._brought_back", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            mapped(path, model=model, out=tmp_path / "map", skip_unreadable=True)
    result = mapped(path, model=model, out=tmp_path / "map", skip_unreadable=True)
    assert result.summary["parts_resumed"] == result.summary["parts"]
    assert result.summary["unreadable"] == [{"scene": str(path), "window": [16, 32, 16, 16]}]


def test_a_blended_map_keeps_its_sums_until_a_bad_sheet_is_copied_again_with_its_time(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geounet.jobs.blend.PART_BYTES", PART_BYTES)
    blended = partial(mapped, model=model, stitch="hann", window=40)
    path = tmp_path / "a.tif"
    with_bad_block(path, 3, 2)
    time = path.stat().st_mtime_ns
    with pytest.raises(UnreadableError):
        blended(path, out=tmp_path / "map")
    sums = list((tmp_path / "map" / "parts").rglob("*.tif"))
    assert {file.parent.name for file in sums} == {"sums"}
    write_scene(path, noise(64, 80), block=16, compress="deflate")
    os.utime(path, ns=(time, time))
    straight, again = (blended(path, out=tmp_path / name).summary for name in ("straight", "map"))
    assert int(str(again["windows"])) == int(str(straight["windows"])) - len(sums)


@pytest.mark.parametrize("stage", ["write_preview", "_brought_back"])
def test_a_block_that_cannot_be_read_in_a_later_stage_is_told_with_what_to_do(
    tmp_path: Path, model: Path, scene: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def unreadable(*_: object) -> None:
        raise UnreadableError("a.tif cannot be read; the file may be truncated: copy it again")

    with monkeypatch.context() as patch:
        patch.setattr(f"geounet.jobs.map_job.{stage}", unreadable)
        with pytest.raises(UnreadableError, match=r"copy it again with its time \(cp -p\), or add --skip-unreadable"):
            mapped(scene, model=model, out=tmp_path / "map")
    summary = mapped(scene, model=model, out=tmp_path / "map").summary
    assert summary["parts_resumed"] == summary["parts"]


def _power_cut(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "options",
    [{}, {"stitch": "hann"}, {"tta": "d4"}, {"stretch": (0.0, 240.0)}],
    ids=["exact", "hann", "augmented", "stretched"],
)
def test_what_lies_under_the_masks_of_sheets_changes_no_byte_of_the_map(
    tmp_path: Path, model: Path, options: dict[str, object]
) -> None:
    draw = np.random.default_rng(5)
    seen = [draw.random((70, 80)) < 0.95, draw.random((90, 90)) < 0.95]
    for rows in seen:
        rows[30:50, 40:60] = False
    maps = []
    for value in (0, 255):
        paths = []
        for number, (mask, place) in enumerate(zip(seen, (UTM, OTHERS["web mercator"]), strict=True)):
            pixels = np.where(mask, noise(*mask.shape, seed=number), np.uint8(value))
            paths.append(write_scene(tmp_path / f"{number}.tif", pixels, place, mask=mask))
        mapped(paths, model=model, out=tmp_path / str(value), **options)  # type: ignore[arg-type]
        maps.append([(tmp_path / str(value) / name).read_bytes() for name in OUTPUTS])
    assert maps[0] == maps[1]
    known = levels(tmp_path / "0") != NODATA
    assert 0.3 < known.mean() < 0.9


@pytest.mark.parametrize("changed", [0, 1], ids=["the first", "the second"])
def test_a_map_does_not_go_on_with_a_sheet_that_was_changed(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, changed: int
) -> None:
    paths = sheets_of(tmp_path, [Window(0, 0, 40, 50), Window(0, 50, 40, 50)])
    with monkeypatch.context() as patch:
        patch.setattr("geounet.jobs.map_job._brought_back", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            mapped(paths, model=model, out=tmp_path / "map")
    before = paths[changed].stat()
    os.utime(paths[changed], ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    with pytest.raises(OutputError, match=r"another job \(it differs in the scenes\)"):
        mapped(paths, model=model, out=tmp_path / "map")
    os.utime(paths[changed], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert mapped(paths, model=model, out=tmp_path / "map").summary["parts_resumed"]


@pytest.mark.parametrize("stitch", ["exact", "hann"])
@pytest.mark.parametrize("tta", ["flips", "d4"])
def test_with_augmentation_the_map_of_a_scene_turned_over_is_the_map_turned_over(
    tmp_path: Path, model: Path, tta: Literal["flips", "d4"], stitch: Literal["exact", "hann"]
) -> None:
    pixels = noise(64, 80)
    scene = write_scene(tmp_path / "a.tif", pixels, NOWHERE)
    turned = write_scene(tmp_path / "b.tif", pixels[:, ::-1], NOWHERE)

    def apart(tta: Literal["none", "flips", "d4"]) -> int:
        """How many levels a pixel differs at most."""
        a, b = (
            levels(mapped(path, model=model, out=tmp_path / tta / path.stem, window=1536, stitch=stitch, tta=tta).out)
            for path in (scene, turned)
        )
        return int(np.abs(a.astype(int) - b[::-1]).max())

    assert apart(tta) <= 1
    assert apart("none") > 20


def test_several_scenes_need_a_name_for_their_map(quarters: list[Path], model: Path) -> None:
    with pytest.raises(SettingsError, match="4 scenes make one map, which needs a name; give --out"):
        mapped(quarters, model=model)


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        pytest.param({"aoi": "aoi.gpkg"}, r"--aoi \(was none\)", id="an area"),
        pytest.param({"stretch": (0.0, 200.0)}, r"--stretch \(was none\)", id="a stretch"),
        pytest.param({"tta": "flips"}, r"--tta \(was none\)", id="augmentation"),
    ],
)
def test_each_new_setting_tells_one_job_from_another(
    tmp_path: Path, model: Path, scene: Path, options: dict[str, object], differing: str
) -> None:
    if "aoi" in options:
        box = shapely.box(*(UTM.transform @ (0, 100)), *(UTM.transform @ (100, 0)))
        options = {"aoi": write_polygons(tmp_path / "aoi.gpkg", [box])}
    mapped(scene, model=model, out=tmp_path / "map")
    with pytest.raises(OutputError, match=rf"differs in {differing}\)"):
        mapped(scene, model=model, out=tmp_path / "map", **options)  # type: ignore[arg-type]


def test_a_16_bit_model_maps_16_bit_sheets_of_two_crs(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "m.safetensors", dtype="uint16", mean=2000.0, std=1150.0)
    first = write_scene(tmp_path / "a.tif", noise(70, 80, dtype="uint16"))
    other = write_scene(tmp_path / "b.tif", noise(90, 90, dtype="uint16"), OTHERS["web mercator"])
    result = mapped([first, other], model=model, out=tmp_path / "map")
    assert result.summary["windows"]
    assert 0.5 < (levels(tmp_path / "map") != NODATA).mean() < 1


def test_footprints_cut_by_the_area_of_interest_are_at_an_edge(
    quarters: list[Path], model: Path, tmp_path: Path
) -> None:
    ring = [UTM.transform @ corner for corner in ((40, 30), (100, 50), (90, 120), (50, 100))]
    aoi = write_polygons(tmp_path / "aoi.gpkg", [shapely.Polygon(ring)])
    summary = mapped(quarters, model=model, out=tmp_path / "map", aoi=aoi).summary
    found = pyogrio.read_dataframe(tmp_path / "map" / "footprints.gpkg", layer="building")
    flags = {flag for text in found["flags"] for flag in text.split(",")}
    assert "edge" in flags
    assert "nodata" not in flags
    told = summary["flags"]
    assert isinstance(told, dict)
    assert set(told) == flags - {""}
