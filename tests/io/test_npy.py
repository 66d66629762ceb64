"""Arrays of NumPy as scenes: which axes are which, and what is refused."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.errors import SceneError
from geounet.grid import Window
from geounet.io.scene import open_scene
from geounet.io.source import Reading
from tests.scenes import noise

PIXELS = noise(150, 170, bands=4, dtype="uint16")


def saved(path: Path, array: Array) -> Path:
    np.save(path, array)
    return path


@pytest.mark.parametrize(
    ("array", "pixels"),
    [
        pytest.param(PIXELS, PIXELS, id="bands first"),
        pytest.param(np.moveaxis(PIXELS, 0, -1), PIXELS, id="bands last"),
        pytest.param(PIXELS[0], PIXELS[:1], id="one band"),
        pytest.param(np.asfortranarray(PIXELS[0]), PIXELS[:1], id="columns first on disk"),
        pytest.param(PIXELS.astype(">u2"), PIXELS, id="big-endian"),
        pytest.param(PIXELS[0] > 2000, (PIXELS[:1] > 2000).astype("uint8"), id="bool"),
    ],
)
def test_an_array_is_a_scene_whichever_way_its_bands_lie(tmp_path: Path, array: Array, pixels: Array) -> None:
    with open_scene(saved(tmp_path / "a.npy", array)) as scene:
        assert (scene.frame.shape, scene.frame.crs, scene.dtype) == ((150, 170), None, pixels.dtype)
        read, valid = scene.read(Window(20, 30, 60, 50))
        assert_array_equal(read.values, pixels[:, 20:80, 30:80])
        assert valid.values.all()
        small, _ = scene.thumbnail(50)
        assert small.shape == (len(pixels), 44, 50)


def test_the_way_that_an_array_is_taken_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved(tmp_path / "a.npy", np.moveaxis(PIXELS, 0, -1))
    with caplog.at_level(logging.INFO), open_scene(path, Reading(bands=(3, 1))) as scene:
        assert_array_equal(scene.read(scene.frame.window)[0].values, PIXELS[[2, 0]])
    assert "a.npy of (150, 170, 4) is read as (h, w, bands)" in caplog.text


def test_three_bytes_a_pixel_are_colours(tmp_path: Path) -> None:
    with open_scene(saved(tmp_path / "a.npy", noise(50, 60))) as scene:
        assert scene.bands.colours == ("red", "green", "blue")


@pytest.mark.parametrize(
    ("dtype", "missing", "nodata"),
    [("float32", np.nan, "auto"), ("float32", -9999.9, -9999.9), ("uint16", 7, 7)],
    ids=["nan", "a value of floats", "a value"],
)
def test_missing_pixels_are_invalid(tmp_path: Path, dtype: str, missing: float, nodata: float | str) -> None:
    pixels = PIXELS.astype(dtype) + 100
    pixels[:, 5:9] = missing
    reading = Reading(nodata=nodata)  # type: ignore[arg-type]
    with open_scene(saved(tmp_path / "a.npy", pixels), reading) as scene:
        valid = scene.read(scene.frame.window)[1].values[0]
    assert_array_equal(valid.all(axis=1), ~np.isin(np.arange(150), range(5, 9)))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        pytest.param(np.zeros((64, 48, 56)), r"of \(64, 48, 56\) may be .* or .*; save it as a GeoTIFF", id="no bands"),
        pytest.param(np.zeros((3, 48, 4)), r"of \(3, 48, 4\) may be \(h, w, bands\) or \(bands", id="both"),
        pytest.param(np.zeros((9, 4, 48)), r"of \(9, 4, 48\) may be", id="few rows"),
        pytest.param(np.zeros(9), r"has 1 axes \(9,\); give \(h, w\)", id="one axis"),
        pytest.param(np.zeros((2, 3, 40, 50)), r"has 4 axes .*; give \(h, w\)", id="four axes"),
        pytest.param(np.zeros((40, 50), "complex64"), "holds complex64; save it as one of uint8", id="complex"),
        pytest.param(np.array([[{}]]), "cannot be read as an array .*Python objects", id="pickled objects"),
    ],
)
def test_an_array_that_could_be_something_else_is_refused(tmp_path: Path, array: Array, words: str) -> None:
    path = saved(tmp_path / "a.npy", array)
    with pytest.raises(SceneError, match=words), open_scene(path):
        pass


@pytest.mark.parametrize(
    ("dtype", "read_as"),
    [("bool", "uint8"), ("int8", "int16"), ("int64", "float64"), ("uint64", "float64"), ("float16", "float32")],
)
def test_types_that_no_raster_has_are_read_as_wider_ones(tmp_path: Path, dtype: str, read_as: str) -> None:
    array = np.random.default_rng(0).integers(0, 2, (40, 50)).astype(dtype)
    with open_scene(saved(tmp_path / "a.npy", array)) as scene:
        values = scene.read(scene.frame.window)[0].values
    assert (scene.dtype.name, values.dtype.name) == (read_as, read_as)
    assert_array_equal(values[0], array)


def test_a_file_that_is_no_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    np.savez(tmp_path / "many", PIXELS)
    (tmp_path / "many.npz").rename(tmp_path / "b.npy")
    (tmp_path / "c.npy").write_bytes(pickle.dumps(PIXELS[0]))
    for path in (tmp_path / name for name in ("a.npy", "b.npy", "c.npy", "none.npy")):
        with pytest.raises(SceneError, match=r"cannot be read as an array"), open_scene(path):
            pass
