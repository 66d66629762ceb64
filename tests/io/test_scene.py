"""A scene's pixels on its working grid depend on their place alone, and their validity on the file alone."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from geounet.block import Array
from geounet.errors import SceneError
from geounet.grid import Window
from geounet.io.scene import open_scene
from geounet.io.source import Reading
from tests.scenes import NOWHERE, UTM, noise, write_scene

RATIOS = (0.27, 0.4, 0.8, 1.4, 2.0, 3.3, 7.9)  # of the working pixel to the scene's 0.3 m
slow = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
inside = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 40)] * 2)


def whole(path: Path, resolution: float | None = None, **read: object) -> tuple[Array, NDArray[np.bool_]]:
    with open_scene(path, Reading(**read), resolution=resolution) as scene:  # type: ignore[arg-type]
        pixels, valid = scene.read(scene.frame.window)
        return pixels.values, valid.values[0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("ratio", RATIOS, ids="ratio {}".format)
def test_any_window_read_is_the_crop_of_the_whole_read(tmp_path: Path, dtype: str, ratio: float) -> None:
    draw = np.random.default_rng(1)
    seen = draw.random((70, 90)) < 0.7
    path = write_scene(tmp_path / "a.tif", noise(70, 90, dtype=dtype), mask=seen, block=16)

    with open_scene(path, resolution=0.3 * ratio) as scene:
        pixels, valid = scene.read(scene.frame.window)
        height, width = scene.frame.shape
        for _ in range(12):
            row, col = int(draw.integers(height)), int(draw.integers(width))
            window = Window(row, col, int(draw.integers(1, height - row + 1)), int(draw.integers(1, width - col + 1)))
            part, known = scene.read(window)
            assert_array_equal(known.values, valid.cut(window).values)
            assert_array_equal(part.values, pixels.cut(window).values)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.3], ids="ratio {}".format)
def test_reading_in_many_chunks_gives_what_one_chunk_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratio: float
) -> None:
    path = write_scene(tmp_path / "a.tif", noise(300, 40, dtype="uint16"), block=16)
    at_once = whole(path, resolution=0.3 * ratio)
    monkeypatch.setattr("geounet.io.scene._CHUNK", 1)
    for one, other in zip(whole(path, resolution=0.3 * ratio), at_once, strict=True):
        assert_array_equal(one, other)


@slow
@given(st.sampled_from(RATIOS), st.integers(0, 30), st.integers(0, 30), st.fractions(0, 1, max_denominator=64))
def test_the_working_pixels_of_a_cropped_file_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, ratio: float, row: int, col: int, offset: Fraction
) -> None:
    folder = tmp_path_factory.mktemp("crop")
    place = UTM.cropped(0, 0)
    place = type(place)(place.transform @ place.transform.translation(float(offset), float(offset)), place.crs)
    pixels = noise(64, 60, dtype="uint16")
    of_whole = write_scene(folder / "whole.tif", pixels, place)
    of_crop = write_scene(folder / "crop.tif", pixels[:, row:, col:], place.cropped(row, col))
    with open_scene(of_whole, resolution=0.3 * ratio) as a, open_scene(of_crop, resolution=0.3 * ratio) as b:
        shift_col, shift_row = ~a.frame.transform @ b.frame.transform @ (0, 0)
        down, across = round(shift_row), round(shift_col)
        assert (shift_row, shift_col) == pytest.approx((down, across), abs=1e-3)
        rim = int(np.ceil(1 / ratio)) + 1  # pixels made of what the crop does not have
        part = b.read(b.frame.window)[0].values[:, rim:, rim:]
        same = a.read(Window(down, across, *b.frame.shape))[0].values[:, rim:, rim:]
    assert_array_equal(part[:, :-rim, :-rim], same[:, :-rim, :-rim])


def shares(start: float, ratio: float, count: int, length: int) -> Array:
    """Overlap of working pixels (count) with scene pixels (length), by brute force."""
    overlap = np.zeros((count, length))
    for i in range(count):
        for pixel in range(length):
            overlap[i, pixel] = max(0, min(start + (i + 1) * ratio, pixel + 1) - max(start + i * ratio, pixel))
    return overlap


@pytest.mark.parametrize("ratio", [1.4, 2.0, 3.3, 7.9], ids="ratio {}".format)
def test_down_is_the_average_of_the_valid_area_a_working_pixel_covers(tmp_path: Path, ratio: float) -> None:
    pixels = noise(40, 33, dtype="float32", seed=2)
    seen = np.random.default_rng(3).random((40, 33)) < 0.6
    path = write_scene(tmp_path / "a.tif", pixels, mask=seen)
    with open_scene(path, resolution=0.3 * ratio) as scene:
        read, valid = scene.read(scene.frame.window)
        to_pixels = ~scene.native.transform @ scene.frame.transform
    down = shares(to_pixels.f, to_pixels.e, read.window.height, 40)
    across = shares(to_pixels.c, to_pixels.a, read.window.width, 33)
    covered = down @ seen @ across.T
    mean = (down @ (pixels * seen) @ across.T) / np.maximum(covered, 1e-9)
    half = covered - to_pixels.a * to_pixels.e / 2
    assert_array_equal(valid.values[0][np.abs(half) > 1e-6], (half > 0)[np.abs(half) > 1e-6])
    good = valid.values[0]
    assert good.sum() > 5
    np.testing.assert_allclose(read.values[:, good], mean[:, good], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("ratio", [0.27, 0.4, 0.8], ids="ratio {}".format)
def test_up_is_a_straight_line_between_the_centres_of_pixels(tmp_path: Path, ratio: float) -> None:
    ramp = np.add.outer(2.0 * np.arange(30), 5.0 * np.arange(40))[None].astype("float32")
    path = write_scene(tmp_path / "a.tif", ramp)
    with open_scene(path, resolution=0.3 * ratio) as scene:
        read, valid = scene.read(scene.frame.window)
        to_pixels = ~scene.native.transform @ scene.frame.transform
    rows = to_pixels.f + (np.arange(scene.frame.height) + 0.5) * to_pixels.e - 0.5
    cols = to_pixels.c + (np.arange(scene.frame.width) + 0.5) * to_pixels.a - 0.5
    expected = np.add.outer(2 * np.clip(rows, 0, 29), 5 * np.clip(cols, 0, 39))
    seen = valid.values[0]
    np.testing.assert_allclose(read.values[0][seen], expected[seen], atol=0.05)


@pytest.mark.parametrize("ratio", RATIOS, ids="ratio {}".format)
def test_a_scene_without_holes_has_none_at_another_resolution(tmp_path: Path, ratio: float) -> None:
    path = write_scene(tmp_path / "a.tif", noise(50, 40))
    with open_scene(path, resolution=0.3 * ratio) as scene:
        valid = scene.read(scene.frame.window)[1].values[0]
        to_pixels = ~scene.native.transform @ scene.frame.transform
    tops = to_pixels.f + np.arange(scene.frame.height) * to_pixels.e
    lefts = to_pixels.c + np.arange(scene.frame.width) * to_pixels.a
    down = np.clip(np.minimum(tops + to_pixels.e, 50) - np.maximum(tops, 0), 0, None) / to_pixels.e
    across = np.clip(np.minimum(lefts + to_pixels.a, 40) - np.maximum(lefts, 0), 0, None) / to_pixels.a
    covered = np.multiply.outer(down, across)
    clear = np.abs(covered - 0.5) > 1e-6
    assert_array_equal(valid[clear], (covered > 0.5)[clear])


@pytest.mark.parametrize("ratio", [1.0, 1.7], ids="ratio {}".format)
@slow
@given(st.tuples(*[st.integers(-90, 60)] * 2, *[st.integers(1, 120)] * 2))
def test_beyond_its_edge_a_scene_is_mirrored_and_nothing_is_valid(
    tmp_path_factory: pytest.TempPathFactory, ratio: float, window: tuple[int, int, int, int]
) -> None:
    folder = tmp_path_factory.mktemp("mirror")
    seen = np.random.default_rng(5).random((37, 23)) < 0.8
    path = write_scene(folder / "a.tif", noise(37, 23), mask=seen)
    with open_scene(path, resolution=0.3 * ratio) as scene:
        pixels, valid = scene.read(scene.frame.window)
        read, known = scene.read(Window(*window))
    row, col, height, width = window
    margin = ((0, 0), (200, 200), (200, 200))
    there = slice(row + 200, row + 200 + height), slice(col + 200, col + 200 + width)
    assert_array_equal(read.values, np.pad(pixels.values, margin, mode="symmetric")[:, *there])
    assert_array_equal(known.values, np.pad(valid.values, margin)[:, *there])


MISSING = np.zeros((20, 30), dtype=bool)
MISSING[3:9, 5:17] = True


def with_holes(value: float, dtype: str, bands: int = 3) -> Array:
    pixels = noise(20, 30, bands=bands, dtype=dtype)
    pixels[:, MISSING] = value
    return pixels


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        pytest.param(noise(20, 30), {"mask": ~MISSING}, id="internal mask"),
        pytest.param(
            np.concatenate([noise(20, 30), 255 * (~MISSING[None]).astype("uint8")]), {"alpha": True}, id="alpha"
        ),
        pytest.param(with_holes(0, "uint8"), {"nodata": 0}, id="nodata 0"),
        pytest.param(with_holes(255, "uint8"), {"nodata": 255}, id="nodata 255"),
        pytest.param(with_holes(65535, "uint16"), {"nodata": 65535}, id="nodata in uint16"),
        pytest.param(with_holes(-9999.9, "float32"), {"nodata": -9999.9}, id="nodata that float32 rounds"),
        pytest.param(with_holes(np.nan, "float32"), {}, id="nan"),
        pytest.param(with_holes(np.nan, "float32"), {"nodata": np.nan}, id="declared nan"),
        pytest.param(with_holes(np.inf, "float32"), {}, id="infinity"),
    ],
)
def test_a_pixel_is_missing_where_the_file_says_so(tmp_path: Path, pixels: Array, told: dict[str, object]) -> None:
    path = write_scene(tmp_path / "a.tif", pixels, **told)  # type: ignore[arg-type]
    read, valid = whole(path)
    assert_array_equal(valid, ~MISSING)
    assert_array_equal(read[:, ~MISSING], pixels[:3, ~MISSING])


def test_a_pixel_is_there_when_one_used_band_has_another_value_than_nodata(tmp_path: Path) -> None:
    pixels = with_holes(0, "uint8")
    pixels[1, 4, 6] = 7
    path = write_scene(tmp_path / "a.tif", pixels, nodata=0)
    assert whole(path)[1][4, 6]
    assert not whole(path, bands=(1, 3))[1][4, 6]


def test_nan_in_one_used_band_is_enough_for_a_pixel_to_be_missing(tmp_path: Path) -> None:
    pixels = noise(20, 30, dtype="float32")
    pixels[1, 4, 6] = np.nan
    path = write_scene(tmp_path / "a.tif", pixels)
    assert not whole(path)[1][4, 6]
    assert whole(path, bands=(1, 3))[1].all()


def test_nodata_can_be_named_or_denied_by_the_user(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", with_holes(255, "uint8"), nodata=0)
    assert_array_equal(whole(path, nodata=255)[1], ~MISSING)
    assert whole(path, nodata="none")[1].all()


def test_a_nodata_value_named_by_the_user_is_rounded_as_the_scene_s_pixels_are(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", with_holes(-9999.9, "float32"))
    assert_array_equal(whole(path, nodata=-9999.9)[1], ~MISSING)


def test_overviews_are_never_read_in_place_of_pixels(tmp_path: Path) -> None:
    import rasterio
    from rasterio.enums import Resampling

    plain = write_scene(tmp_path / "plain.tif", noise(64, 64))
    other = write_scene(tmp_path / "other.tif", noise(64, 64))
    with rasterio.open(other, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.nearest)
    assert_array_equal(whole(plain, resolution=1.2)[0], whole(other, resolution=1.2)[0])


NIR = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
BGR = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
WANTED = ("red", "green", "blue")


@pytest.mark.parametrize(
    ("colours", "bands", "numbers"),
    [
        pytest.param(NIR, "auto", (1, 2, 3), id="a fourth band is left out"),
        pytest.param(BGR, "auto", (3, 2, 1), id="bands are put in the model's order"),
        pytest.param([ColorInterp.undefined] * 3, "auto", (1, 2, 3), id="unnamed bands are taken in order"),
        pytest.param(NIR, (4, 1, 2), (4, 1, 2), id="bands asked for are believed"),
    ],
)
def test_bands_are_found_by_their_colours(
    tmp_path: Path, colours: list[ColorInterp], bands: str, numbers: tuple[int, ...]
) -> None:
    path = write_scene(tmp_path / "a.tif", noise(9, 9, bands=len(colours)), colours=colours)
    with open_scene(path, Reading(bands=bands, colours=WANTED)) as scene:  # type: ignore[arg-type]
        assert scene.bands.numbers == numbers


@pytest.mark.parametrize(
    ("count", "bands", "words"),
    [
        pytest.param(1, "auto", r"has 1 band\(s\) \(gray\), wanted are 3 .*--bands", id="one band"),
        pytest.param(5, "auto", r"has 5 band\(s\) .* wanted are 3", id="five unnamed bands"),
        pytest.param(5, (1, 2), "2 bands asked for, 3 wanted", id="too few asked for"),
        pytest.param(3, (1, 2, 9), r"has no band \[9\]; it has \[1, 2, 3\]", id="a band it does not have"),
    ],
)
def test_a_scene_without_the_model_s_bands_is_refused(tmp_path: Path, count: int, bands: str, words: str) -> None:
    path = write_scene(tmp_path / "a.tif", noise(9, 9, bands=count))
    with (
        pytest.raises(SceneError, match=words),
        open_scene(path, Reading(bands=bands, colours=WANTED)),  # type: ignore[arg-type]
    ):
        pass


def test_alpha_is_never_a_band(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(9, 9, bands=4), alpha=True)
    with open_scene(path) as scene:
        assert scene.bands.numbers == (1, 2, 3)
        assert scene.bands.alpha == 4
    with pytest.raises(SceneError, match=r"has no band \[4\]"), open_scene(path, Reading(bands=(4,))):
        pass


def test_bands_of_a_type_no_network_takes_are_refused(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(9, 9, dtype="float32").astype("complex64"))
    with pytest.raises(SceneError, match="bands of type complex64"), open_scene(path):
        pass


def test_a_scene_without_georeference_lies_in_plain_pixels_with_y_down(tmp_path: Path) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(20, 30), NOWHERE), resolution=0.3) as scene:
        assert scene.frame.crs is None
        assert scene.frame.bounds == (0, -20, 30, 0)
        assert not scene.is_resampled


def test_what_was_decoded_counts_blocks_of_the_file_within_its_edges(tmp_path: Path) -> None:
    with open_scene(write_scene(tmp_path / "a.tif", noise(40, 50), block=16)) as scene:
        scene.read(Window(15, 0, 2, 16))
        assert scene.decoded == 2 * 16 * 16
        scene.read(Window(39, 49, 1, 1))
        assert scene.decoded == 2 * 16 * 16 + 8 * 2


def test_a_block_that_cannot_be_read_is_missing_whatever_is_read_with_it_and_however_often(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(90, 120), block=64, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 8 // 10])
    told: set[Window] = set()
    with open_scene(path, Reading(unreadable=lambda _, block: told.add(block))) as scene:
        for window in (scene.frame.window, Window(64, 0, 10, 120), Window(70, 30, 5, 60), Window(70, 90, 3, 3)) * 2:
            valid = scene.read(window)[1]
            assert valid.cut(Window(0, 0, 64, 120).within(window)).values.all()
            assert not valid.cut(Window(64, 0, 26, 120).within(window)).values.any()
    assert told == {Window(64, 0, 26, 64), Window(64, 64, 26, 56)}
