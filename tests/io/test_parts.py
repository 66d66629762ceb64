"""Parts become one raster that is whole, optimized for the cloud, and the same on every run."""

import resource
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal

from geounet.block import Array, Block
from geounet.errors import OutputError
from geounet.grid import Window
from geounet.io.cog import CogOptions, Layer, probability_layers, write_category_names
from geounet.io.overviews import Kind
from geounet.io.parts import Parts
from geounet.legend import NODATA, Legend
from tests.scenes import frame

CLASS, BUILDING = Layer(1, "class"), Layer(2, "building", 1 / 254)


def two_parts(folder: Path, values: Array) -> Parts:
    """Parts of a raster (2, 1100, 600), one above the other."""
    parts = Parts(folder, frame(*values.shape[1:]), bands=2)
    for rows in (slice(0, 700), slice(700, 1100)):
        part = values[:, rows]
        parts.write(Block(Window(rows.start, 0, part.shape[1], part.shape[2]), part))
    return parts


@pytest.fixture
def values() -> Array:
    drawn = np.random.default_rng(0).integers(0, 255, (2, 1100, 600)).astype("uint8")
    drawn[0] = drawn[0] > 127
    drawn[:, 100:900, 200:300] = NODATA
    return drawn


def test_an_assembled_raster_holds_the_parts_pixels_at_their_places(tmp_path: Path, values: Array) -> None:
    parts = two_parts(tmp_path / "parts", values)
    tags = {"GEOUNET_MODEL": "abc"}
    parts.checked().assemble(tmp_path / "b.tif", [BUILDING, CLASS], tags=tags, options=CogOptions("average", "zstd"))
    with rasterio.open(tmp_path / "b.tif") as raster:
        assert_array_equal(raster.read(), values[::-1])
        assert raster.descriptions == ("building", "class")
        assert raster.scales == (1 / 254, 1)
        assert raster.nodatavals == (NODATA, NODATA)
        assert raster.tags()["GEOUNET_MODEL"] == "abc"
        assert raster.compression.name == "zstd"
        assert raster.overviews(1) == [2, 4]


def test_overviews_are_the_mode_of_classes_and_the_mean_of_probabilities(tmp_path: Path, values: Array) -> None:
    parts = two_parts(tmp_path / "parts", values)
    rasters: list[tuple[Layer, Kind]] = [(CLASS, "mode"), (BUILDING, "average")]
    for layer, kind in rasters:
        parts.checked().assemble(tmp_path / "o.tif", [layer], tags={}, options=CogOptions(kind))
        with rasterio.open(tmp_path / "o.tif", overview_level=0) as overview:
            found = overview.read(1)
        fours = values[layer.band - 1].reshape(550, 2, 300, 2).transpose(0, 2, 1, 3).reshape(550, 300, 4)
        clear = (fours != NODATA).all(axis=2)
        if kind == "mode":
            assert set(np.unique(found)) <= {0, 1, NODATA}
            assert (found[clear & (fours.sum(axis=2) >= 3)] == 1).all()
        else:
            assert np.abs(found[clear] - fours[clear].mean(axis=1)).max() <= 0.5
        assert (found[(fours == NODATA).all(axis=2)] == NODATA).all()


def test_the_same_parts_give_the_same_bytes(tmp_path: Path, values: Array) -> None:
    for name in ("a", "b"):
        two_parts(tmp_path / name, values).checked().assemble(
            tmp_path / f"{name}.tif", [BUILDING], tags={"B": "2", "A": "1"}, options=CogOptions("average")
        )
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize("share", [0.002, 0.3, 0.9, 0.999], ids="{} of the room".format)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_raster_cut_short_by_a_full_disk_never_bears_its_name(tmp_path: Path, values: Array, share: float) -> None:
    parts = two_parts(tmp_path / "parts", values)
    options = CogOptions("average")
    parts.checked().assemble(tmp_path / "whole.tif", [BUILDING], tags={}, options=options)
    room = int(share * (tmp_path / "whole.tif").stat().st_size)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=r"cut\.tif cannot be written .*[^\n]$"):
            parts.checked().assemble(tmp_path / "cut.tif", [BUILDING], tags={}, options=options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "whole.tif"]


def test_a_part_of_nodata_alone_is_noted_without_a_file(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts", frame(40, 50), bands=2)
    parts.write(Block(Window(0, 0, 40, 50), np.full((2, 40, 50), NODATA, dtype="uint8")))
    assert parts.finished() == {Window(0, 0, 40, 50): False}
    assert [path.name for path in parts.folder.iterdir()] == ["journal.jsonl"]


def test_a_part_of_floats_is_read_back_where_it_is_asked_for_and_can_be_taken_away(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts", frame(40, 50), bands=2, dtype="float32")
    place, inside = Window(-8, 4, 40, 30), Window(3, 10, 20, 7)
    values = np.random.default_rng(0).random((2, 40, 30)).astype("float32")
    values[:, 12, 8] = np.nan
    assert parts.write(Block(place, values))
    assert_array_equal(parts.read(place, inside).values, Block(place, values).cut(inside).values)
    parts.remove(place)
    assert parts.finished() == {}
    assert not parts.write(Block(place, np.full_like(values, np.nan)))
    assert parts.finished() == {place: False}


def test_a_part_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts", frame(40, 50), bands=1, dtype="float32")
    place = Window(0, 0, 40, 50)
    parts.write(Block(place, np.random.default_rng(0).random((1, 40, 50)).astype("float32")))
    path = next(parts.folder.glob("*.tif"))
    content = bytearray(path.read_bytes())
    content[-4000:] = bytes(4000)
    path.write_bytes(content)
    with pytest.raises(OutputError, match=r"r0000000c0000000\.tif cannot be read .*; run the job again"):
        parts.read(place, place)


def cut_short(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-1])


@pytest.mark.parametrize("befalls", [cut_short, Path.unlink], ids=["damaged", "gone"])
def test_of_a_part_that_is_not_as_it_was_written_no_raster_is_made(
    tmp_path: Path, values: Array, befalls: Callable[[Path], None]
) -> None:
    parts = two_parts(tmp_path / "parts", values)
    befalls(sorted(parts.folder.glob("*.tif"))[1])
    with pytest.raises(OutputError, match=r"r0000700c0000000\.tif was damaged .*; run the same command again to make"):
        parts.checked()
    part = Window(700, 0, 400, 600)
    assert parts.finished() == {Window(0, 0, 700, 600): True}
    parts.write(Block(part, values[:, 700:]))
    assert [window for window, _ in parts.checked().files] == [Window(0, 0, 700, 600), part]


def test_what_was_written_last_of_a_part_counts(tmp_path: Path, values: Array) -> None:
    parts = two_parts(tmp_path / "parts", values)
    part = Window(0, 0, 700, 600)
    parts.write(Block(part, values[:, 400:]))
    assert len(parts.checked().files) == 2
    parts.write(Block(part, np.full_like(values[:, :700], NODATA)))
    assert [window for window, _ in parts.checked().files] == [Window(700, 0, 400, 600)]


def test_category_names_carry_names_and_colours_with_a_transparent_background(tmp_path: Path) -> None:
    write_category_names(tmp_path / "classes.tif", Legend.of_names("building", "road"))
    root = ET.parse(tmp_path / "classes.tif.aux.xml").getroot()  # noqa: S314 (we wrote it)
    assert [node.text for node in root.iterfind(".//Category")] == ["background", "building", "road"]
    assert [node.get("c4") for node in root.iterfind(".//Entry")] == ["0", "255", "255"]
    assert root.find(".//Entry[2]").attrib == {"c1": "213", "c2": "94", "c3": "0", "c4": "255"}  # type: ignore[union-attr]


def test_bands_of_probability_are_the_foreground_classes_then_contact() -> None:
    legend = Legend.of_names("house", "shed")
    assert [(layer.band, layer.name) for layer in probability_layers(legend, contact=True)] == [
        (2, "house"),
        (3, "shed"),
        (4, "contact"),
    ]
    assert len(probability_layers(legend, contact=False)) == 2
