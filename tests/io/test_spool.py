"""A scene that is costly to read in pieces gives the same pixels, decoded once, and leaves nothing behind."""

import resource
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.testing import assert_array_equal

from geounet.assemble import part_core, part_input
from geounet.block import Array
from geounet.errors import OutputError, SceneError
from geounet.grid import Window, WindowGrid
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Reading, Stretch
from tests.scenes import UTM, Place, noise, write_scene

SEEN = np.random.default_rng(1).random((90, 120)) < 0.7


@pytest.fixture(autouse=True)
def low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a large scene otherwise: blocks of more than 32 px are costly, some 1000 px are decoded at once."""
    for name, value in (("_SIDE", 32), ("_SMALL", 0), ("_PIECE", 3000)):
        monkeypatch.setattr(f"geounet.io.spool.{name}", value)


def with_alpha(path: Path) -> Path:
    return write_scene(path, np.concatenate([noise(90, 120), 255 * SEEN[None].astype("uint8")]), alpha=True)


def png(path: Path) -> Path:
    rasterio.shutil.copy(str(with_alpha(path)), str(path.with_suffix(".png")), driver="PNG")
    return path.with_suffix(".png")


SCENES = [
    pytest.param(lambda path: write_scene(path, noise(90, 120, dtype="uint16"), mask=SEEN), id="strips and a mask"),
    pytest.param(lambda path: write_scene(path, noise(90, 120, bands=1, dtype="float32"), nodata=3), id="floats"),
    pytest.param(lambda path: write_scene(path, noise(90, 120), mask=SEEN, block=64), id="large tiles"),
    pytest.param(with_alpha, id="strips with alpha"),
    pytest.param(png, id="PNG"),
]
RATIOS = pytest.mark.parametrize("ratio", [0.6, 1.0, 2.3], ids="ratio {}".format)


@RATIOS
@pytest.mark.parametrize("make", SCENES)
def test_any_window_has_the_pixels_that_it_has_without_a_spool(
    tmp_path: Path, make: Callable[[Path], Path], ratio: float
) -> None:
    draw, path = np.random.default_rng(2), make(tmp_path / "a.tif")
    spool = Reading(spool=tmp_path / "spool")
    with open_scene(path, resolution=0.3 * ratio) as plain, open_scene(path, spool, resolution=0.3 * ratio) as scene:
        for _ in range(12):  # upward, too
            height, width = scene.frame.shape
            row, col = int(draw.integers(-20, height)), int(draw.integers(-20, width))
            window = Window(row, col, int(draw.integers(1, 70)), int(draw.integers(1, 70)))
            for one, other in zip(scene.read(window), plain.read(window), strict=True):
                assert_array_equal(one.values, other.values)
        for small, same in zip(scene.thumbnail(20), plain.thumbnail(20), strict=True):
            assert_array_equal(small, same)
        assert any((tmp_path / "spool").rglob("*.raw"))
    assert not (tmp_path / "spool").exists()


def walk(scene: Scene) -> list[Array]:
    """What a job reads: parts of a grid of windows that overlap, row by row."""
    grid = WindowGrid(*scene.frame.shape, largest=32, halo=8, alignment=4)
    found = []
    for plans in grid.parts(1, 1):
        if scene.covered(part_core(plans)).values.any():
            pixels, valid = scene.read(part_input(plans))
            found += [pixels.values, valid.values]
    return found


@RATIOS
@pytest.mark.parametrize("make", SCENES)
def test_a_job_decodes_each_block_once(tmp_path: Path, make: Callable[[Path], Path], ratio: float) -> None:
    path = make(tmp_path / "a.tif")
    spool = Reading(spool=tmp_path / "spool")
    with open_scene(path, spool, resolution=0.3 * ratio) as scene, open_scene(path, resolution=0.3 * ratio) as plain:
        assert len(walk(scene)) == len(walk(plain))
        assert scene.decoded <= 1.4 * 90 * 120
        assert plain.decoded > 3 * 90 * 120


def test_no_more_is_kept_than_the_rows_that_a_row_of_parts_needs(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(900, 120))
    with open_scene(path, Reading(spool=tmp_path / "spool")) as scene:
        most = 0
        for row in range(0, 900, 16):
            scene.read(Window(row - 8, 0, 32, 120))
            most = max(most, sum(file.stat().st_size for file in (tmp_path / "spool").rglob("*.raw")))
    assert 32 * 120 * 4 <= most <= 100 * 120 * 4  # three bands and where they are valid


@pytest.mark.parametrize("bad", [30, 80], ids="cut at {} %".format)
def test_blocks_that_cannot_be_read_are_missing_and_told_as_without_a_spool(tmp_path: Path, bad: int) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 120), block=64, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * bad // 100])
    found, told = [], []
    for spool in (None, tmp_path / "spool"):
        blocks: list[tuple[str, Window]] = []
        reading = Reading(spool=spool, unreadable=lambda *block, into=blocks: into.append(block))
        with open_scene(path, reading) as scene:
            found.append(walk(scene))
        told.append(blocks)
    assert set(told[0]) == set(told[1])
    assert len(told[1]) == len(set(told[1])) > 0
    for one, other in zip(*found, strict=True):
        assert_array_equal(one, other)


def test_a_scene_that_cannot_be_read_to_its_end_is_one_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 120))
    path.write_bytes(path.read_bytes()[:20_000])
    with (
        pytest.raises(SceneError, match=r"a\.tif cannot be read at row \d+, column 0 .* truncated"),
        open_scene(path, Reading(spool=tmp_path / "spool")) as scene,
    ):
        walk(scene)
    assert not (tmp_path / "spool").exists()


def test_a_full_disk_is_one_error(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 120))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(path, Reading(spool=tmp_path / "spool")))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)
        with pytest.raises(OutputError, match=r"spool.* cannot be written .*make room"):
            walk(scene)


@RATIOS
def test_sheets_of_a_mosaic_have_each_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float) -> None:
    monkeypatch.setattr("geounet.io.warp._CHUNK", 32)
    pixels = noise(90, 120)
    coarser = Place(UTM.cropped(40, 60).transform @ Affine.scale(1.5), UTM.crs)  # is warped
    sheets = [
        write_scene(tmp_path / "a.tif", pixels[:, :, :70]),
        write_scene(tmp_path / "b.tif", pixels[:, 10:, 70:], UTM.cropped(10, 70), block=64),
        write_scene(tmp_path / "c.tif", noise(60, 50, seed=2), coarser),
    ]
    spool = Reading(spool=tmp_path / "spool", stretch=Stretch(0, 200, "uint8"))
    plain = Reading(stretch=Stretch(0, 200, "uint8"))
    with open_scene(sheets, spool, resolution=0.3 * ratio) as scene:
        found, decoded = walk(scene), scene.decoded
    with open_scene(sheets, plain, resolution=0.3 * ratio) as scene:
        for one, other_one in zip(found, walk(scene), strict=True):
            assert_array_equal(one, other_one)
        assert decoded < scene.decoded / 2
    assert decoded <= 1.4 * (90 * 70 + 80 * 50 + 60 * 50)


def test_of_a_mosaic_no_more_is_kept_than_the_rows_that_a_row_of_parts_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geounet.io.warp._CHUNK", 32)
    tilted = Place(UTM.cropped(0, 120).transform @ Affine.rotation(3) @ Affine.scale(0.99), UTM.crs)
    sheets = [
        write_scene(tmp_path / "a.tif", noise(900, 60)),
        write_scene(tmp_path / "b.tif", noise(900, 60), UTM.cropped(0, 60)),
        write_scene(tmp_path / "c.tif", noise(900, 60), tilted),
    ]
    most = 0
    with open_scene(sheets, Reading(spool=tmp_path / "spool")) as scene:
        for row in range(0, scene.frame.height, 16):
            scene.read(Window(row, 0, 32, scene.frame.width))
            most = max(most, sum(file.stat().st_size for file in (tmp_path / "spool").rglob("*.raw")))
    assert 32 * 180 * 4 <= most <= 200 * 180 * 4  # three bands and where they are valid


def test_a_scene_that_is_cheap_to_read_in_pieces_has_none(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 120), block=32)
    with open_scene(path, Reading(spool=tmp_path / "spool")) as scene:
        walk(scene)
        assert not (tmp_path / "spool").exists()


def test_the_identity_is_that_of_the_file(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 120))
    with open_scene(path) as plain, open_scene(path, Reading(spool=tmp_path / "spool")) as scene:
        scene.read(scene.frame.window)
        assert scene.identity == plain.identity
        assert scene.paths == plain.paths
