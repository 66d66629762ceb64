"""Padded windows for other tools, and what is merged of their predictions (the round trip is in tests/test_cli.py)."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.enums import MaskFlags

from geounet.block import Array, Block
from geounet.errors import OutputError, SceneError
from geounet.io.rasters import BlockWriter
from geounet.io.scene import open_scene
from geounet.jobs.stitch import stitch
from geounet.jobs.windows import cut_windows
from tests.command import files_below, geounet
from tests.scenes import NOWHERE, UTM, Place, noise, write_scene


@settings(deadline=None, max_examples=15)
@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    window=st.integers(48, 110),
    origin=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    dtype=st.sampled_from(("uint8", "uint16", "float32")),
)
def test_merging_the_windows_of_any_scene_gives_it_back(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, int],
    window: int,
    origin: tuple[int, int],
    dtype: str,
) -> None:
    folder = tmp_path_factory.mktemp("windows")
    pixels = noise(*shape, dtype=dtype)
    scene = write_scene(folder / "a.tif", pixels, UTM.cropped(*origin))
    count = cut_windows(scene, out=folder / "w", window=window, halo=16)
    assert stitch(folder / "w", out=folder / "b.tif").windows == count
    with rasterio.open(folder / "b.tif") as merged:
        assert_array_equal(merged.read(), pixels)
        assert merged.transform.almost_equals(UTM.cropped(*origin).transform, 1e-9)


def test_windows_overlap_by_their_halos_and_carry_masks_and_places(tmp_path: Path) -> None:
    pixels = noise(100, 60)
    pixels[:, 50:] = 0
    scene = write_scene(tmp_path / "a.tif", pixels, nodata=0)
    cut_windows(scene, out=tmp_path / "w", window=64, halo=16)
    for path in (tmp_path / "w").glob("*.tif"):
        row, col = int(path.stem[1:8]), int(path.stem[9:])
        with rasterio.open(path) as window:
            assert window.transform.almost_equals(UTM.cropped(row, col).transform, 1e-9)
            valid = window.read_masks(1) > 0
            inside = np.s_[max(0, -row) : 100 - row, max(0, -col) : 60 - col]
            expected = np.zeros((100, 60), dtype=bool)
            expected[:50] = True
            assert_array_equal(
                valid[inside],
                expected[max(0, row) :, max(0, col) :][: valid[inside].shape[0]][:, : valid[inside].shape[1]],
            )


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """Windows of a scene of 100 x 60 px that has no data from row 40 on: not all of them were cut."""
    pixels = noise(100, 60)
    pixels[:, 40:] = 0
    scene = write_scene(tmp_path / "a.tif", pixels, NOWHERE, nodata=0)
    assert cut_windows(scene, out=tmp_path / "w", window=48, halo=16) == 12
    return tmp_path / "w"


def answered(windows: Path, folder: Path, answer: Callable[[Array], Array], **options: Any) -> Path:
    """Predictions of windows, made of their first band (1, h, w), in a folder of their own."""
    folder.mkdir()
    for path in windows.glob("*.tif"):
        with rasterio.open(path) as window:
            write_scene(folder / path.name, answer(window.read([1])), NOWHERE, **options)
    return folder


@pytest.mark.parametrize(
    "nodata", [pytest.param(255, id="of 255"), pytest.param(9, id="that is not the largest of its type")]
)
def test_where_no_window_was_predicted_the_raster_has_the_nodata_value_of_the_predictions(
    tmp_path: Path, half: Path, nodata: int
) -> None:
    answers = answered(half, tmp_path / "answers", lambda values: values // 128, nodata=nodata)
    stitch(answers, out=tmp_path / "b.tif", windows=half)
    with rasterio.open(tmp_path / "b.tif") as merged:
        assert merged.nodata == nodata
        found = merged.read(1)
    assert_array_equal(found[:40], noise(100, 60)[0, :40] // 128)
    assert (found[48:] == nodata).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_without_a_nodata_value_a_mask_tells_what_was_not_predicted_and_every_value_counts(
    tmp_path: Path, half: Path, dtype: str
) -> None:
    answers = answered(half, tmp_path / "answers", lambda values: (values // 128 * 255).astype(dtype))
    stitch(answers, out=tmp_path / "b.tif", windows=half)
    with rasterio.open(tmp_path / "b.tif") as merged:
        assert merged.nodata is None
        assert merged.mask_flag_enums[0] == [MaskFlags.per_dataset]
        found, valid = merged.read(1), merged.read_masks(1) > 0
    assert_array_equal(found[:40], noise(100, 60)[0, :40] // 128 * 255)
    assert valid[:40].all()
    assert not valid[48:].any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "answers", "b.tif", "w"]


def test_a_whole_map_of_0_and_255_gets_neither_nodata_nor_mask(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(100, 60), NOWHERE)
    cut_windows(scene, out=tmp_path / "w", window=48, halo=16)
    answers = answered(tmp_path / "w", tmp_path / "answers", lambda values: values // 128 * 255)
    stitch(answers, out=tmp_path / "b.tif", windows=tmp_path / "w")
    with rasterio.open(tmp_path / "b.tif") as merged:
        assert (merged.nodata, merged.mask_flag_enums[0]) == (None, [MaskFlags.all_valid])
        assert_array_equal(merged.read(1), noise(100, 60)[0] // 128 * 255)


def test_what_predictions_mask_out_is_masked_out_of_the_raster(tmp_path: Path, half: Path) -> None:
    stitch(half, out=tmp_path / "b.tif")  # windows carry masks
    with rasterio.open(tmp_path / "b.tif") as merged:
        assert_array_equal(merged.read_masks(1) > 0, np.broadcast_to(np.arange(100)[:, None] < 40, (100, 60)))


def test_predictions_that_declare_different_nodata_values_are_not_merged(tmp_path: Path, half: Path) -> None:
    answers = answered(half, tmp_path / "answers", lambda values: values // 128, nodata=255)
    odd = sorted(answers.iterdir())[0]
    values = noise(48, 48, bands=1)
    odd.unlink()
    write_scene(odd, values, nodata=0)
    with pytest.raises(SceneError, match=r"uint8 with nodata 0, the first prediction .* nodata 255; predict all"):
        stitch(answers, out=tmp_path / "b.tif", windows=half)


@pytest.mark.parametrize("nodata", [float("nan"), -9999.0])
def test_floats_keep_the_nodata_value_they_declare(tmp_path: Path, half: Path, nodata: float) -> None:
    answers = answered(half, tmp_path / "answers", lambda values: values.astype("float32"), nodata=nodata)
    stitch(answers, out=tmp_path / "b.tif", windows=half)
    with rasterio.open(tmp_path / "b.tif") as merged:
        assert_array_equal(merged.nodata, nodata)
        assert_array_equal(merged.read(1)[48:], np.full((52, 60), nodata, dtype="float32"))


def test_windows_may_be_cut_at_another_ground_resolution(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(100, 60))
    cut_windows(scene, out=tmp_path / "w", window=48, halo=16, gsd=0.6)
    stitch(tmp_path / "w", out=tmp_path / "b.tif")
    with open_scene(scene, resolution=0.6) as working, rasterio.open(tmp_path / "b.tif") as merged:
        assert merged.shape == working.frame.shape
        assert merged.transform.almost_equals(working.frame.transform, 1e-9)
        valid = merged.read_masks(1) > 0
        pixels, seen = working.read(working.frame.window)
        assert_array_equal(valid, seen.values[0])
        assert_array_equal(merged.read()[:, valid], pixels.values[:, valid])


def test_on_the_command_line_windows_are_cut_at_the_scene_s_pixels_unless_a_resolution_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = Place(UTM.transform @ UTM.transform.scale(1 / 3), UTM.crs)
    scene = write_scene(tmp_path / "a.tif", noise(100, 60), fine)
    sides = []
    for name, words in (("native", ()), ("auto", ("--gsd", "auto")), ("metres", ("--gsd", 0.2))):
        out = tmp_path / name
        told = geounet(capsys, "tile", scene, "--inference", "--window", 48, "--halo", 16, "--out", out, *words)
        assert told.status == 0
        with rasterio.open(next(out.glob("*.tif"))) as window:
            sides.append(window.transform.a)
    assert sides == pytest.approx([0.1, 0.3, 0.2], rel=0.01)


def test_options_without_a_meaning_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(100, 60))
    before = files_below(tmp_path)
    words = ("--inference", "--out", tmp_path / "w", "--labels", "x.gpkg", "--seed", 0, "--val-area", "v.gpkg")
    told = geounet(capsys, "tile", scene, *words)
    assert told.status == 2
    assert "--labels, --val-area, --seed mean nothing with --inference" in told.error
    told = geounet(capsys, "tile", scene, "--labels", "x.gpkg", "--window", 512)
    assert told.status == 2
    assert "--window mean nothing without --inference" in told.error
    assert files_below(tmp_path) == before


def test_what_is_written_at_once_does_not_grow_with_the_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(40, 900))
    cut_windows(scene, out=tmp_path / "w", window=64, halo=16)
    written: list[int] = []
    plain = BlockWriter.write

    def counted(writer: BlockWriter, block: Block, valid: Block | None = None) -> None:
        written.append(block.window.area)
        plain(writer, block, valid)

    monkeypatch.setattr(BlockWriter, "write", counted)
    stitch(tmp_path / "w", out=tmp_path / "b.tif")
    assert max(written) <= 32 * 32
    assert sum(written) == 40 * 900


def test_predictions_of_different_kinds_are_not_merged(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(100, 60))
    cut_windows(scene, out=tmp_path / "w", window=64, halo=16)
    odd = sorted((tmp_path / "w").glob("*.tif"))[-1]
    with rasterio.open(odd) as window:
        values = window.read([1])
    odd.unlink()
    write_scene(odd, values)
    with pytest.raises(
        SceneError, match=r"bands of uint8 with .*, the first prediction . bands of uint8 .*; predict all windows"
    ):
        stitch(tmp_path / "w", out=tmp_path / "b.tif")
    assert not (tmp_path / "b.tif").exists()


@pytest.mark.parametrize("room", [500, 5_000, 20_000], ids="{} bytes".format)
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path, room: int) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(100, 100))
    cut_windows(scene, out=tmp_path / "w", window=64, halo=16)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot be written .*[^\n]$"):
            stitch(tmp_path / "w", out=tmp_path / "b.tif")
        if room < 5_001:
            with pytest.raises(OutputError, match=r"cannot be written .*[^\n]$"):
                cut_windows(scene, out=tmp_path / "v", window=64, halo=16)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "w"]
