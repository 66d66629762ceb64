"""Padded windows for other tools, and what is merged of their predictions (the round trip is in tests/test_cli.py)."""

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from geounet.errors import OutputError, SceneError
from geounet.jobs.stitch import stitch
from geounet.jobs.windows import cut_windows
from tests.scenes import NOWHERE, UTM, noise, write_scene


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


def test_where_no_window_was_predicted_the_raster_has_nodata(tmp_path: Path) -> None:
    pixels = noise(100, 60)
    pixels[:, 40:] = 0
    scene = write_scene(tmp_path / "a.tif", pixels, NOWHERE, nodata=0)
    cut_windows(scene, out=tmp_path / "w", window=48, halo=16)
    answers = tmp_path / "answers"
    answers.mkdir()
    for path in (tmp_path / "w").glob("*.tif"):
        with rasterio.open(path) as window:
            write_scene(answers / path.name, window.read([1]) // 128, NOWHERE)
    stitch(answers, out=tmp_path / "b.tif", windows=tmp_path / "w")
    with rasterio.open(tmp_path / "b.tif") as merged:
        found = merged.read(1)
        assert merged.nodata == 255
    assert_array_equal(found[:40], pixels[0, :40] // 128)
    assert (found[64:] == 255).all()


def test_predictions_of_different_kinds_are_not_merged(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(100, 60))
    cut_windows(scene, out=tmp_path / "w", window=64, halo=16)
    odd = sorted((tmp_path / "w").glob("*.tif"))[-1]
    with rasterio.open(odd) as window:
        values = window.read([1])
    odd.unlink()
    write_scene(odd, values)
    with pytest.raises(SceneError, match=r"bands of uint8, the first prediction . of uint8; predict all windows alike"):
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
