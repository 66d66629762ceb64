"""A file as a source of pixels: stretched values, and blocks that cannot be read."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.card import Architecture
from geounet.errors import SceneError, SettingsError, UnreadableError
from geounet.grid import Window
from geounet.io.scene import open_scene
from geounet.io.source import Reading, Stretch, stretch_for
from tests.models import card_for
from tests.scenes import noise, write_scene


@pytest.mark.parametrize(
    ("stretch", "values", "expected"),
    [
        pytest.param(Stretch(0, 1000, "uint8"), [0, 500, 1000, 4000], [0, 128, 255, 255], id="16 bits to 8"),
        pytest.param(Stretch(100, 200, "uint16"), [99, 100, 150, 201], [0, 0, 32768, 65535], id="8 bits to 16"),
        pytest.param(Stretch(-1, 1, "float32"), [-2, 0, 1, np.nan], [0, 0.5, 1, 0], id="floats"),
        pytest.param(Stretch(0, 1e-320, "uint8"), [0, 1, 1.7e308, np.inf], [0, 255, 255, 255], id="a tiny range"),
        pytest.param(Stretch(0, 255, "int16"), [0, 255], [-32768, 32767], id="to signed"),
    ],
)
def test_a_stretch_brings_two_values_to_the_ends_of_a_type(
    stretch: Stretch, values: list[float], expected: list[float]
) -> None:
    stretched = stretch.applied(np.array(values))
    assert stretched.dtype == stretch.dtype
    assert stretched.tolist() == expected


@pytest.mark.parametrize(
    ("low", "high"),
    [(5, 5), (6, 5), (0, np.inf), (-np.inf, 0), (np.nan, 1), (0, np.nan), (-1.7e308, 1.7e308)],
    ids="{}".format,
)
def test_a_stretch_without_an_extent_that_is_a_number_is_refused(low: float, high: float) -> None:
    with pytest.raises(SettingsError, match=r"stretch \S+,\S+ must give a smaller number, then a larger one"):
        Stretch(low, high, "uint8")


@pytest.mark.parametrize(
    ("mean", "takes"), [(0.0, True), (0.4, True), (1.0, True), (2000.0, False), (-0.1, False)], ids="{}".format
)
def test_a_model_of_floats_takes_a_stretch_where_it_was_trained_on_values_around_0_to_1(
    mean: float, takes: bool
) -> None:
    card = card_for(Architecture(width=1, depth=1), dtype="float32", mean=mean)
    if takes:
        assert stretch_for(card, (0, 200)) == Stretch(0, 200, "float32")
    else:
        with pytest.raises(SettingsError, match=rf"values of 0 to 1, .* float32 with means of {mean:g}"):
            stretch_for(card, (0, 200))


def test_a_model_of_whole_numbers_takes_any_stretch() -> None:
    card = card_for(Architecture(width=1, depth=1), dtype="uint16", mean=2000.0)
    assert stretch_for(card, (0, 200)) == Stretch(0, 200, "uint16")
    assert stretch_for(card, None) is None


def test_nodata_is_looked_for_before_values_are_stretched(tmp_path: Path) -> None:
    pixels = np.full((1, 20, 20), 900, dtype="uint16")
    pixels[:, :5] = 3000  # beyond the stretch's end, like the pixels without data
    path = write_scene(tmp_path / "a.tif", pixels, nodata=3000)
    with open_scene(path, Reading(stretch=Stretch(0, 1000, "uint8"))) as scene:
        read, valid = scene.read(scene.frame.window)
    assert scene.dtype == "uint8"
    assert not valid.values[0, :5].any()
    assert valid.values[0, 5:].all()
    assert set(np.unique(read.values[:, 5:])) == {230}


def with_bad_block(path: Path, row: int, col: int) -> Array:
    """A scene of 4 x 5 blocks of 16 px, of which one holds rubbish; its pixels."""
    pixels = noise(64, 80)
    write_scene(path, pixels, block=16, compress="deflate")
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1))
        size = int(dataset.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = b"\xff" * size
    path.write_bytes(content)
    return pixels


def test_a_block_that_cannot_be_read_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with_bad_block(tmp_path / "a.tif", 1, 2)
    with (
        open_scene(tmp_path / "a.tif") as scene,
        pytest.raises(UnreadableError, match=r"a\.tif cannot be read at row 16, column 32 .* copy it again"),
    ):
        scene.read(scene.frame.window)


@pytest.mark.parametrize("ratio", [1.0, 2.0], ids="ratio {}".format)
def test_a_block_that_cannot_be_read_has_no_data_where_that_is_wanted_and_nothing_else_is_lost(
    tmp_path: Path, ratio: float
) -> None:
    pixels = with_bad_block(tmp_path / "a.tif", 1, 2)
    told = set()
    with open_scene(
        tmp_path / "a.tif", Reading(unreadable=lambda *block: told.add(block)), resolution=0.3 * ratio
    ) as scene:
        read, valid = scene.read(scene.frame.window)
        part, known = scene.read(Window(10, 20, 9, 11))
    assert told == {(str(tmp_path / "a.tif"), Window(16, 32, 16, 16))}
    assert_array_equal(known.values, valid.cut(known.window).values)
    assert_array_equal(np.where(known.values, part.values, 0), np.where(known.values, read.cut(part.window).values, 0))
    if ratio == 1:
        expected = np.ones((64, 80), dtype=bool)
        expected[16:32, 32:48] = False
        assert_array_equal(valid.values[0], expected)
        assert_array_equal(read.values[:, expected], pixels[:, expected])


@pytest.mark.parametrize("unreadable", [None, lambda *_: None], ids=["elsewhere an error", "skipped"])
def test_a_small_picture_of_a_scene_with_a_bad_block_shows_the_rest(
    tmp_path: Path, unreadable: Callable[[str, Window], None] | None
) -> None:
    with_bad_block(tmp_path / "a.tif", 1, 2)
    with open_scene(tmp_path / "a.tif", Reading(unreadable=unreadable)) as scene:
        _, valid = scene.thumbnail(40)
    assert valid.shape == (32, 40)
    assert (~valid).sum() == 8 * 8
    assert not valid[8:16, 16:24].any()


def seconds(of: Callable[[], object]) -> float:
    """What a call takes, the fastest of three times."""
    times = []
    for _ in range(3):
        begun = perf_counter()
        of()
        times.append(perf_counter() - begun)
    return min(times)


@pytest.mark.parametrize("block", [256, None], ids=["tiles", "strips"])
def test_a_small_picture_takes_no_longer_than_the_scene_and_shows_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int | None
) -> None:
    monkeypatch.setattr("geounet.io.gdal._CACHE", 1 << 16)  # less than a row of blocks, as of a wide scene
    pixels = noise(512, 4096, bands=1)
    path = write_scene(tmp_path / "a.tif", pixels, block=block, compress="deflate")
    with open_scene(path) as scene:
        picture, valid = scene.thumbnail(512)
        assert seconds(lambda: scene.thumbnail(512)) < 3 * seconds(lambda: scene.read(scene.frame.window))
    assert valid.all()
    assert_array_equal(picture, pixels[:, 4::8, 4::8])


def test_a_small_picture_is_made_of_overviews_that_are_fine_enough(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", np.full((1, 512, 512), 200, dtype="uint8"), block=64)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([4])
    with rasterio.open(path, "r+") as dataset:
        dataset.write(np.full((1, 512, 512), 100, dtype="uint8"))  # the overview still holds 200
    with open_scene(path) as scene:
        assert set(np.unique(scene.thumbnail(128)[0])) == {200}
        assert set(np.unique(scene.thumbnail(256)[0])) == {100}


def virtual(path: Path, sources: list[Path], width: int) -> Path:
    """A virtual raster of rasters side by side, each of `width` columns."""
    boxes = [f'<{{}}Rect xOff="{x}" yOff="0" xSize="{width}" ySize="64"/>' for x in (0, *range(0, 9 * width, width))]
    bands = [
        f'<VRTRasterBand dataType="Byte" band="{band}">'
        + "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="1">{source.name}</SourceFilename><SourceBand>{band}'
            f"</SourceBand>{boxes[0].format('Src')}{boxes[1 + number].format('Dst')}</SimpleSource>"
            for number, source in enumerate(sources)
        )
        + "</VRTRasterBand>"
        for band in (1, 2, 3)
    ]
    size = f'rasterXSize="{width * len(sources)}" rasterYSize="64"'
    path.write_text(f"<VRTDataset {size}>{''.join(bands)}</VRTDataset>", encoding="utf-8")
    return path


def test_a_virtual_raster_whose_source_is_gone_is_refused(tmp_path: Path) -> None:
    sources = [write_scene(tmp_path / f"{i}.tif", noise(64, 80), block=16) for i in range(2)]
    path = virtual(tmp_path / "m.vrt", sources, 80)
    sources[1].unlink()
    with pytest.raises(SceneError, match=r"m\.vrt is made of .*1\.tif, which is not there"), open_scene(path):
        pass


def test_a_bad_block_in_a_source_of_a_virtual_raster_is_not_taken_for_black_ground(tmp_path: Path) -> None:
    good = write_scene(tmp_path / "0.tif", noise(64, 80), block=16, compress="deflate")
    with_bad_block(tmp_path / "1.tif", 1, 2)
    path = virtual(tmp_path / "m.vrt", [good, tmp_path / "1.tif"], 80)
    with open_scene(path) as scene, pytest.raises(UnreadableError, match=r"m\.vrt cannot be read"):
        scene.read(scene.frame.window)
