"""infer --output-grid scene: the map lies on the scene's own pixels."""

import json
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.testing import assert_array_equal

from geounet.block import Array, Block
from geounet.io.cog import CogOptions, Layer
from geounet.io.parts import Parts
from geounet.io.scene import Scene, open_scene
from geounet.jobs.infer import infer
from geounet.jobs.regrid import bring_back
from geounet.legend import NODATA, Legend
from geounet.rule import LEVELS, cut_level
from tests.jobs.stopped import Map, Stop
from tests.scenes import UTM, Place, box, noise, write_polygons, write_scene

RASTERS = ("classes.tif", "probability.tif")
OUTPUTS = [*RASTERS, "classes.tif.aux.xml", "footprints.gpkg"]
FINER, COARSER = 0.55, 1.7  # pixels of the scene to one of 0.3 m, which is the model's
mapped = partial(infer, device="cpu", precision="fp32", window=64, output_grid="scene")


def read(path: Path) -> Array:
    with rasterio.open(path) as dataset:
        values: Array = dataset.read()
    return values


def scaled(by: float) -> Place:
    return replace(UTM, transform=UTM.transform @ UTM.transform.scale(by))


def blotches(height: int, width: int) -> Array:
    """Pixels (3, height, width) of soft shapes some pixels wide, so that a network's answer is no mere noise."""
    coarse = noise(-(-height // 12), -(-width // 12))
    return np.kron(coarse, np.ones((1, 12, 12), dtype="uint8"))[:, :height, :width]


def with_holes(folder: Path, by: float) -> Path:
    pixels = blotches(150, 170)
    seen = np.random.default_rng(2).random((150, 170)) < 0.97
    seen[:20] = seen[:, :9] = seen[70:90, 60:100] = False
    return write_scene(folder / "scene.tif", pixels, scaled(by), mask=seen, block=64)


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of 150 x 170 px with holes, finer than the model wants it."""
    return with_holes(tmp_path_factory.mktemp("fine"), FINER)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, fine: Path, model: Path) -> Path:
    """A finished map of `fine` on its own pixels; do not write to it."""
    out = tmp_path_factory.mktemp("own") / "map"
    mapped(fine, model=model, out=out)
    return out


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geounet.jobs.regrid._PART", 2 * 64 * 64)


def test_both_rasters_lie_on_the_scene_s_pixels_and_the_summary_tells_of_them(finished: Path, fine: Path) -> None:
    with rasterio.open(fine) as scene:
        for name in RASTERS:
            with rasterio.open(finished / name) as raster:
                assert (raster.shape, raster.crs) == (scene.shape, scene.crs)
                assert raster.transform.almost_equals(scene.transform, 1e-9)
    summary = json.loads((finished / "summary.json").read_text())
    assert (summary["size"], summary["pixels"], summary["output_grid"]) == ([150, 170], 150 * 170, "scene")
    assert summary["ground_resolution"] == pytest.approx(0.3, rel=0.02)
    assert not (finished / "parts").exists()


@pytest.mark.parametrize("by", [FINER, COARSER], ids=["finer", "coarser"])
def test_nodata_is_exactly_where_the_scene_has_no_pixel_or_the_working_grid_no_answer(
    tmp_path: Path, model: Path, small_parts: None, by: float
) -> None:
    path = with_holes(tmp_path, by)
    for grid in ("working", "scene"):
        mapped(path, model=model, out=tmp_path / grid, output_grid=grid, no_vectors=True)
    classes, levels = (read(tmp_path / "scene" / name)[0] for name in RASTERS)
    with rasterio.open(path) as scene:
        there = scene.read_masks(1) > 0
    known = of_each_pixel(tmp_path / "working" / "classes.tif", path)
    assert (classes[~there] == NODATA).all()
    assert (classes[there & known.all(axis=0)] != NODATA).all()
    assert (classes[~known.any(axis=0)] == NODATA).all()
    assert_array_equal(classes == NODATA, levels == NODATA)
    there &= levels != NODATA
    assert_array_equal(classes[there], levels[there] >= cut_level(0.5))
    assert 0.05 < classes[there].mean() < 0.95


def of_each_pixel(working: Path, scene: Path) -> Array:
    """Whether working pixels are known: those under 9 points of each of the scene's pixels, (9, height, width)."""
    with rasterio.open(working) as raster, rasterio.open(scene) as own:
        to_working = ~raster.transform @ own.transform
        known = np.pad(raster.read(1) != NODATA, 1)
        shape = own.shape
    found = []
    for down in (0.001, 0.5, 0.999):
        for across in (0.001, 0.5, 0.999):
            rows = np.floor(to_working.f + (np.arange(shape[0]) + down) * to_working.e).astype(int) + 1
            cols = np.floor(to_working.c + (np.arange(shape[1]) + across) * to_working.a).astype(int) + 1
            found.append(known[rows.clip(0, known.shape[0] - 1)[:, None], cols.clip(0, known.shape[1] - 1)])
    return np.array(found)


def test_the_size_of_its_parts_changes_no_byte(
    finished: Path, fine: Path, model: Path, tmp_path: Path, small_parts: None
) -> None:
    mapped(fine, model=model, out=tmp_path / "map")
    assert outputs(tmp_path / "map") == outputs(finished)


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in OUTPUTS}


def test_where_nothing_is_resampled_it_changes_no_byte(tmp_path: Path, model: Path) -> None:
    path = with_holes(tmp_path, 1.0)
    for grid in ("working", "scene"):
        mapped(path, model=model, out=tmp_path / grid, output_grid=grid)
    assert outputs(tmp_path / "scene") == outputs(tmp_path / "working")


def brought(scene: Scene, strip: Array, folder: Path, legend: Legend) -> Array:
    """Class and levels on the scene's own pixels, of a strip (bands, h, w) uint8 on its working grid."""
    working, parts = (
        Parts(folder / name, frame, len(strip))
        for name, frame in (("working", scene.frame), ("own", scene.own_grid.frame))
    )
    working.write(Block(scene.frame.window, strip))
    bring_back(working.checked(), scene.own_grid, parts, legend, 0.5)
    layers = [Layer(band, str(band)) for band in range(1, len(strip) + 1)]
    parts.checked().assemble(folder / "own.tif", layers, tags={}, options=CogOptions("mode"))
    return read(folder / "own.tif")


@pytest.mark.parametrize("by", [0.19, FINER, COARSER, 3.1], ids="{} times the pixel".format)
def test_a_disc_found_on_the_working_grid_is_the_same_disc_on_the_scene_s(tmp_path: Path, by: float) -> None:
    side = round(60 / by)
    place = scaled(by)
    with open_scene(write_scene(tmp_path / "a.tif", noise(side, side), place), resolution=0.3) as scene:
        apart = distances(scene.frame.transform, scene.frame.shape, place, side)
        levels = np.rint(LEVELS * (0.5 + (4.5 - apart)).clip(0, 1)).astype("uint8")
        strip = np.stack([(levels >= cut_level(0.5)).astype("uint8"), levels])
        found = brought(scene, strip, tmp_path, Legend.of_names("building"))
    apart = distances(place.transform, (side, side), place, side)
    disc, building = apart < 4.5, found[0] == 1
    assert (disc & building).sum() / (disc | building).sum() > (0.97 if by < 1 else 0.93)
    rows, cols = np.nonzero(building)
    assert (rows.mean(), cols.mean()) == pytest.approx(((side - 1) / 2, (side - 1) / 2), abs=0.15 / by)


def distances(transform: Affine, shape: tuple[int, int], place: Place, side: int) -> Array:
    """Metres from the middle of a scene of `side` pixels to the centre of each pixel of a grid, (height, width)."""
    x, y = place.transform @ (side / 2, side / 2)
    xs = transform.c + (np.arange(shape[1]) + 0.5) * transform.a - x
    ys = transform.f + (np.arange(shape[0]) + 0.5) * transform.e - y
    apart: Array = np.hypot(xs, ys[:, None])
    return apart


@pytest.mark.parametrize("by", [FINER, COARSER], ids=["finer", "coarser"])
def test_of_more_classes_a_pixel_gets_the_one_that_most_of_the_working_pixels_around_have(
    tmp_path: Path, by: float
) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(40, 50), scaled(by)), resolution=0.3) as scene:
        height, width = scene.frame.shape
        winner = np.zeros((height, width), dtype="uint8")
        winner[:, width // 3 :] = 1
        winner[:, 2 * width // 3 :] = 2
        winner[: height // 4] = NODATA
        # levels that say nothing of the class: it is the network's word that counts
        strip = np.stack([winner, *[np.where(winner == NODATA, NODATA, 80).astype("uint8")] * 2])
        found = brought(scene, strip, tmp_path, Legend.of_names("house", "shed"))
        to_working = ~scene.frame.transform @ scene.own_grid.frame.transform
    cols = to_working.c + (np.arange(50) + 0.5) * to_working.a
    nearest = winner[-1, np.floor(cols).astype(int).clip(0, width - 1)]
    clear = np.abs(cols - np.round(cols)) > 1e-6
    known = found[0, -1] != NODATA
    assert known.mean() > 0.9
    assert_array_equal(found[0, -1][known & clear], nearest[known & clear])
    assert set(np.unique(found[1:])) == {80, NODATA}
    assert (found[:, 0] == NODATA).all()


def test_of_an_area_of_interest_the_rasters_are_the_crop_around_it(
    tmp_path: Path, fine: Path, finished: Path, model: Path
) -> None:
    area = write_polygons(tmp_path / "area.gpkg", [box(scaled(FINER), 100, 40, 40, 60)])
    mapped(fine, model=model, out=tmp_path / "map", aoi=area, no_vectors=True)
    with rasterio.open(fine) as scene, rasterio.open(tmp_path / "map" / "probability.tif") as raster:
        col, row = ~scene.transform @ raster.transform @ (0, 0)
        height, width = raster.shape
        levels = raster.read(1)
    assert (row, col) == pytest.approx((round(row), round(col)), abs=1e-6)
    row, col = round(row), round(col)
    assert 96 <= row <= 100
    assert 36 <= col <= 40
    whole = read(finished / "probability.tif")[0, row : row + height, col : col + width]
    inside = slice(103 - row, 137 - row), slice(43 - col, 97 - col)
    assert_array_equal(levels[inside] == NODATA, whole[inside] == NODATA)
    assert (levels[inside] != NODATA).mean() > 0.9


def test_of_a_mosaic_the_rasters_lie_on_the_pixels_of_its_first_sheet(tmp_path: Path, model: Path) -> None:
    pixels = blotches(100, 160)
    left = write_scene(tmp_path / "left.tif", pixels[:, :, :90], scaled(FINER))
    right = write_scene(tmp_path / "right.tif", pixels[:, 20:, 90:], scaled(FINER).cropped(20, 90))
    mapped([left, right], model=model, out=tmp_path / "map", no_vectors=True)
    with rasterio.open(left) as sheet, rasterio.open(tmp_path / "map" / "classes.tif") as raster:
        assert raster.transform.almost_equals(sheet.transform, 1e-9)
        assert raster.shape == (100, 160)
        classes = raster.read(1)
    assert (classes[:20, 90:] == NODATA).all()
    assert (classes[22:98, 2:158] != NODATA).all()


def test_parts_that_are_back_already_are_left_alone(tmp_path: Path, small_parts: None) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(150, 170), scaled(FINER)), resolution=0.3) as scene:
        strip = np.full((2, *scene.frame.shape), 1, dtype="uint8")
        brought(scene, strip, tmp_path, Legend.of_names("building"))
        files = sorted((tmp_path / "own").glob("r*.tif"))
        before = [file.stat().st_mtime_ns for file in files]
        files[0].write_bytes(b"damaged")
        brought(scene, strip, tmp_path, Legend.of_names("building"))
        after = [file.stat().st_mtime_ns for file in files]
    assert len(files) > 3
    assert [one == other for one, other in zip(before, after, strict=True)] == [False] + [True] * (len(files) - 1)


def test_masks_beside_the_files_of_a_virtual_scene_are_found_on_the_way_back(tmp_path: Path) -> None:
    seen = np.random.default_rng(4).random((60, 70)) < 0.6
    path = write_scene(tmp_path / "a.tif", noise(60, 70), scaled(FINER))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(seen)
    assert (tmp_path / "a.tif.msk").exists()
    rasterio.shutil.copy(str(path), str(tmp_path / "a.vrt"), driver="VRT")
    with open_scene(tmp_path / "a.vrt", resolution=0.3) as scene:
        strip = np.full((2, *scene.frame.shape), 1, dtype="uint8")
        found = brought(scene, strip, tmp_path, Legend.of_names("building"))
    assert (found[:, ~seen] == NODATA).all()


def test_a_job_killed_on_the_way_back_run_again_ends_with_the_bytes_of_one_left_alone(
    fine: Path, model: Path, tmp_path: Path
) -> None:
    small = {"geounet.jobs.regrid._PART": 2 * 64 * 64}
    straight, asked = (
        Map(fine, model, tmp_path / name, ("--output-grid", "scene"), limits=small) for name in ("straight", "map")
    )
    assert straight.made().status == 0
    assert asked.made(Stop("os.rename parts/scene/.r*c*-*.tif", 3)).status == -signal.SIGKILL
    assert len(list((asked.out / "parts" / "scene").glob("r*.tif"))) == 2
    assert asked.made().status == 0
    summary = asked.summary()
    assert summary["parts"] == summary["parts_resumed"]
    assert asked.contents() == straight.contents()
