"""Label rasters as people have them: ids, masks and coloured masks, on the scene's grid or on another."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.errors import GeoUNetError, LabelError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.class_rasters import ClassRaster
from geounet.io.gdal import Handles
from geounet.io.label_rasters import LabelRaster
from geounet.io.placing import Placing
from geounet.jobs.label_set import LabelSet
from geounet.legend import IGNORE
from geounet.working import working_grid
from tests.scenes import DEGREES_60N, MERCATOR_60N, NOWHERE, ROTATED, UTM, Place, frame, write_scene

TRUTH = np.zeros((150, 170), dtype="uint8")
TRUTH[10:30, 12:42] = TRUTH[70:110, 80:105] = TRUTH[120:140, 20:40] = 1
WHOLE = Window(0, 0, 150, 170)
CLASSES = "name,r,g,b\nbackground,0,0,0\nhouse,200,30,30\nroad,90,90,90\nvoid,255,255,255\n"


def burnt(
    path: Path, onto: Frame | None = None, native: Frame | None = None, classes: Path | None = None
) -> tuple[tuple[str, ...], Array]:
    """Names of the classes of a label file, and their ids on a frame."""
    onto = onto or frame(150, 170)
    with closing(Handles()) as handles:
        known = LabelSet.read([path], handles, classes=classes)
        return known.legend.names, known.on(path, onto, native or onto).burnt(onto.window)


def coloured(ids: Array) -> Array:
    colours = np.array([(0, 0, 0), (200, 30, 30), (90, 90, 90), (255, 255, 255)], dtype="uint8")
    return np.moveaxis(colours[ids], -1, 0)


@pytest.mark.parametrize("values", [(0, 1), (0, 255)], ids=["0 and 1", "0 and 255"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_a_raster_of_two_values_is_a_mask_of_buildings(tmp_path: Path, values: tuple[int, int], dtype: str) -> None:
    path = write_scene(tmp_path / "l.tif", np.array(values, dtype)[TRUTH][None])
    names, ids = burnt(path)
    assert names == ("background", "building")
    assert_array_equal(ids, TRUTH)


def test_a_black_and_white_mask_saved_in_colours_needs_no_table(tmp_path: Path) -> None:
    names, ids = burnt(write_scene(tmp_path / "l.tif", np.stack([TRUTH * 255] * 3)))
    assert names == ("background", "building")
    assert_array_equal(ids, TRUTH)


def test_a_coloured_mask_is_read_through_its_table(tmp_path: Path) -> None:
    classes = tmp_path / "class_dict.csv"
    classes.write_text(CLASSES)
    meant = TRUTH.copy()
    meant[60:90], meant[:5] = 2, 3
    names, ids = burnt(write_scene(tmp_path / "l.tif", coloured(meant)), classes=classes)
    assert names == ("background", "house", "road")
    assert_array_equal(ids, np.where(meant == 3, IGNORE, meant))


def test_a_colour_that_the_table_lacks_is_refused_and_the_table_named(tmp_path: Path) -> None:
    classes = tmp_path / "class_dict.csv"
    classes.write_text(CLASSES)
    pixels = coloured(TRUTH)
    pixels[:, 3, 4] = 1, 2, 3
    words = r"colour 1,2,3, first at row 3, column 4, which no class of .*class_dict.csv has; name each there"
    with pytest.raises(LabelError, match=words):
        burnt(write_scene(tmp_path / "l.tif", pixels), classes=classes)


def test_a_raster_with_a_colour_table_is_read_through_a_table_of_colours(tmp_path: Path) -> None:
    classes = tmp_path / "class_dict.csv"
    classes.write_text(CLASSES)
    path = write_scene(tmp_path / "l.tif", (TRUTH * 7)[None])
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (0, 0, 0, 255), 7: (90, 90, 90, 255)})
    _, ids = burnt(path, classes=classes)
    assert_array_equal(ids, TRUTH * 2)


def test_ids_without_names_are_numbered_in_their_order(tmp_path: Path) -> None:
    path = write_scene(
        tmp_path / "l.tif",
        np.array([0, 30, 20, 255], "uint8")[np.maximum(TRUTH, np.eye(150, 170, dtype="uint8") * 2)][None],
    )
    names, ids = burnt(path)
    assert names == ("background", "class_20", "class_30")
    assert ids[0, 0] == 1
    assert ids[25, 30] == 2


def test_255_among_ids_is_ignored(tmp_path: Path) -> None:
    odd = TRUTH.copy()
    odd[:9] = 255
    names, ids = burnt(write_scene(tmp_path / "l.tif", odd[None]))
    assert names == ("background", "building")
    assert_array_equal(ids, odd)


def test_a_mask_with_a_stray_value_is_refused_and_the_value_named(tmp_path: Path) -> None:
    mask = TRUTH * np.uint8(255)
    mask[140, 100] = 128
    with pytest.raises(LabelError, match=r"mask of 0 and 255, but holds the value 128, first at row 140, column 100;"):
        burnt(write_scene(tmp_path / "l.tif", mask[None]))


def test_that_255_is_ignored_is_said_where_it_occurs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sparse = np.full((150, 170), 255, np.uint8)  # what was labelled is a line of pixels
    sparse[70, :40], sparse[70, 40:60] = 0, 1
    with caplog.at_level("INFO", logger="geounet"):
        burnt(write_scene(tmp_path / "l.tif", sparse[None]))
        burnt(write_scene(tmp_path / "mask.tif", TRUTH[None] * np.uint8(255)))
    told = [message for message in caplog.messages if message.startswith("classes: ")]
    assert told == ["classes: 0 background, 1 building; 255 is ignored", "classes: 0 background, 1 building"]


def test_names_come_from_the_file_beside_the_raster(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "l.tif", (TRUTH * 2)[None])
    text = "".join(f"<Category>{name}</Category>" for name in ("land", "water", "roof"))
    (tmp_path / "l.tif.aux.xml").write_text(
        f"<PAMDataset><PAMRasterBand band='1'><CategoryNames>{text}</CategoryNames></PAMRasterBand></PAMDataset>"
    )
    names, ids = burnt(path)
    assert names == ("land", "water", "roof")
    assert_array_equal(ids, TRUTH * 2)


def test_names_come_from_a_table_of_ids(tmp_path: Path) -> None:
    classes = tmp_path / "classes.csv"
    classes.write_text("id,name\n0,ground\n4,barn\n9,void\n")
    odd = TRUTH * 4
    odd[0] = 9
    names, ids = burnt(write_scene(tmp_path / "l.tif", odd[None]), classes=classes)
    assert names == ("ground", "barn")
    assert_array_equal(ids, np.where(odd == 9, IGNORE, TRUTH))


def test_in_a_table_of_ids_0_may_be_void_and_another_one_the_background(tmp_path: Path) -> None:
    classes = tmp_path / "classes.csv"
    classes.write_text("id,name\n0,void\n1,Background\n2,barn\n")
    odd = TRUTH + 1
    odd[0] = 0
    names, ids = burnt(write_scene(tmp_path / "l.tif", odd[None]), classes=classes)
    assert names == ("Background", "barn")
    assert_array_equal(ids, np.where(odd == 0, IGNORE, TRUTH))


def test_where_the_raster_has_no_data_or_ends_labels_are_ignored(tmp_path: Path) -> None:
    odd = TRUTH + 1
    odd[40:50] = 7
    path = write_scene(tmp_path / "l.tif", odd[None, :, :100] - 1, nodata=6)
    _, ids = burnt(path)
    expected = np.where(odd == 7, IGNORE, TRUTH)
    expected[:, 100:] = IGNORE
    assert_array_equal(ids, expected)


def finer(place: Place, factor: int) -> Place:
    return Place(place.transform @ Affine.scale(1 / factor), place.crs)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_finer_labels_give_each_pixel_the_class_that_most_of_it_has(tmp_path: Path, factor: int) -> None:
    draw = np.random.default_rng(factor)
    fine = draw.choice(np.array([0, 1, 2], "uint8"), (60 * factor, 70 * factor), p=[0.5, 0.3, 0.2])
    path = write_scene(tmp_path / "l.tif", fine[None], finer(UTM, factor))
    _, ids = burnt(path, frame(60, 70))
    grouped = fine.reshape(60, factor, 70, factor).swapaxes(1, 2).reshape(60, 70, -1)
    counts = np.stack([(grouped == id_).sum(axis=-1) for id_ in range(3)])
    assert_array_equal(ids, counts.argmax(axis=0))


def test_coarser_labels_are_spread_over_the_pixels_that_they_cover(tmp_path: Path) -> None:
    coarse = np.random.default_rng(0).integers(0, 3, (30, 35)).astype("uint8")
    path = write_scene(tmp_path / "l.tif", coarse[None], Place(UTM.transform @ Affine.scale(5), UTM.crs))
    _, ids = burnt(path)
    assert_array_equal(ids[:, :170], coarse.repeat(5, axis=0).repeat(5, axis=1)[:, :170])


@pytest.mark.parametrize("place", [MERCATOR_60N, DEGREES_60N], ids=["web mercator", "degrees"])
def test_labels_in_another_crs_fall_on_their_ground(tmp_path: Path, place: Place) -> None:
    """A raster of 1 in a window of UTM, seen from another CRS whose pixels are about as large."""
    here = frame(150, 170, place)
    rows, cols = Placing(here, frame(1, 1)).samples(here.window, 1)
    first_row, first_col = int(rows.min()) - 5, int(cols.min()) - 5
    own = UTM.cropped(first_row, first_col)
    height, width = int(rows.max()) + 5 - first_row, int(cols.max()) + 5 - first_col
    mask = np.zeros((height, width), "uint8")
    mask[60:100, 40:120] = 1
    _, ids = burnt(write_scene(tmp_path / "l.tif", mask[None], own), here)
    inside = (rows - first_row >= 60) & (rows - first_row < 100) & (cols - first_col >= 40) & (cols - first_col < 120)
    assert_array_equal(ids, inside)
    assert 2500 < ids.sum() < 4000


def test_labels_of_a_rotated_grid_fall_on_their_ground(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "l.tif", TRUTH[None], ROTATED)
    turned = Frame(150, 170, ROTATED.transform, frame(1, 1).crs)
    assert_array_equal(burnt(path, turned)[1], TRUTH)
    there = burnt(path)[1]
    col, row = ~UTM.transform @ ROTATED.transform @ (90.5, 90.5)
    assert there[int(row), int(col)] == 1


@pytest.fixture(scope="module", params=[1.0, 2.7], ids=["as fine", "finer"])
def askew(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelRaster]:
    """Noise of Web Mercator on a grid of degrees."""
    path = tmp_path_factory.mktemp("askew") / "l.tif"
    noisy = np.random.default_rng(1).integers(0, 4, (300, 300)).astype("uint8")
    write_scene(path, noisy[None], Place(MERCATOR_60N.transform @ Affine.scale(1 / request.param), MERCATOR_60N.crs))
    onto = frame(150, 170, DEGREES_60N)
    with closing(Handles()) as handles:
        labels = LabelSet.read([path], handles).on(path, onto, onto)
        assert isinstance(labels, LabelRaster)
        yield labels


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 149), st.integers(0, 169), st.integers(1, 60), st.integers(1, 60))
def test_the_class_of_a_pixel_depends_on_its_place_alone(
    askew: LabelRaster, row: int, col: int, height: int, width: int
) -> None:
    part = Window(row, col, height, width).within(WHOLE)
    whole = askew.burnt(WHOLE)
    assert (whole != IGNORE).mean() > 0.4
    assert_array_equal(askew.burnt(part), whole[part.rows, part.cols])


def test_a_raster_that_lies_nowhere_is_taken_pixel_by_pixel_and_resampled_with_its_scene(tmp_path: Path) -> None:
    native = frame(150, 170)
    onto = working_grid(native, 0.6).frame
    path = write_scene(tmp_path / "l.tif", TRUTH[None], NOWHERE)
    placed = write_scene(tmp_path / "placed.tif", TRUTH[None])
    assert_array_equal(burnt(path, onto, native)[1], burnt(placed, onto, native)[1])
    assert_array_equal(burnt(path)[1], TRUTH)


def test_a_mask_whose_place_stands_in_a_file_beside_it_lies_there(tmp_path: Path) -> None:
    place, crs = UTM.cropped(20, 30).transform, UTM.crs
    profile = {"driver": "PNG", "height": 100, "width": 100, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "l.png", "w", **profile, transform=place, crs=crs) as dataset:
        dataset.write(TRUTH[None, 20:120, 30:130] * 255)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.png", "l.png.aux.xml"]
    _, ids = burnt(tmp_path / "l.png")
    expected = np.full_like(TRUTH, IGNORE)
    expected[20:120, 30:130] = TRUTH[20:120, 30:130]
    assert_array_equal(ids, expected)


def test_a_long_reading_is_made_in_pieces_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_scene(tmp_path / "l.tif", TRUTH[None], finer(UTM, 3), block=64)
    whole = burnt(path, frame(50, 57))[1]
    monkeypatch.setattr("geounet.io.label_rasters._SAMPLES", 5000)
    monkeypatch.setattr("geounet.io.class_rasters._PIECE", 1000)
    assert_array_equal(burnt(path, frame(50, 57))[1], whole)


def test_a_long_strip_of_a_turned_raster_is_read_near_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Place(UTM.transform @ Affine.rotation(45, (500, 500)), UTM.crs)
    path = write_scene(tmp_path / "l.tif", np.eye(1000, dtype="uint8")[None], turned, block=16)
    onto = frame(1000, 1000)
    strip = Window(480, 0, 16, 1000)
    with closing(Handles()) as handles:
        labels = LabelSet.read([path], handles).on(path, onto, onto)
        assert isinstance(labels, LabelRaster)
        whole, before = labels.burnt(strip), labels.raster.source.decoded
        monkeypatch.setattr("geounet.io.label_rasters._SAMPLES", 16_000)
        assert_array_equal(labels.burnt(strip), whole)
        assert labels.raster.source.decoded - before < 250_000


def test_moved_labels_lie_farther_right_and_down(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "l.tif", TRUTH[None])
    with closing(Handles()) as handles:
        raster = LabelSet.read([path], handles).on(path, frame(150, 170), frame(150, 170)).moved(3, 5)
        assert isinstance(raster, LabelRaster)
        assert_array_equal(raster.burnt(WHOLE)[5:, 3:], TRUTH[:-5, :-3])
        assert (raster.burnt(WHOLE)[:5] == IGNORE).all()


STRAY = coloured(TRUTH)
STRAY[:, 20, 33] = 1, 2, 3
NINE = TRUTH.copy()
NINE[20, 33] = 9
MANY = np.arange(150 * 170, dtype="uint16").reshape(1, 150, 170)


@pytest.mark.parametrize(
    ("pixels", "table", "words"),
    [
        pytest.param(
            STRAY, CLASSES, r"l\.tif holds the colour 1,2,3, first at row 20, column 33, which no", id="colour"
        ),
        pytest.param(STRAY, None, r"the colours 1,2,3 and 200,30,30, first at row 10, column 12", id="no table"),
        pytest.param(STRAY, "class,value\na,1\n", r"c\.csv has the columns class, value; give name", id="columns"),
        pytest.param(STRAY, "name,r,g,b\na,0,0,300\n", r"c\.csv: '0,0,300' of class 'a' must be", id="number"),
        pytest.param(STRAY, "name,r,g,b\n", r"c\.csv holds no class", id="empty"),
        pytest.param(STRAY, "name,r,g,b\na,1,1,1\nb,1,1,1\n", r"the colours 1,1,1 twice", id="colour twice"),
        pytest.param(STRAY, "id,name\n1,a\n", r"c\.csv names ids, and labels are coloured", id="ids for colours"),
        pytest.param(NINE[None], "id,name\n1,house\n", r"holds the value 9, first at row 20, column 33", id="value"),
        pytest.param(NINE[None], "id,name\n1,a\n1,b\n", r"c\.csv has the ids 1 twice", id="id twice"),
        pytest.param(NINE[None], "id,name\n1,a/b\n", r"c\.csv: class name 'a/b' must begin", id="name"),
        pytest.param((TRUTH * 0.5)[None], None, r"l\.tif holds 0\.5 at row 10, column 12; class ids", id="fraction"),
        pytest.param(MANY, None, r"holds more than 256 different values; is it a label raster\?", id="image"),
        pytest.param(MANY % 255 + 1, None, r"l\.tif: a legend of 255 classes; give", id="too many classes"),
        pytest.param(np.stack([TRUTH] * 2), None, r"l\.tif has 2 bands; labels are one band", id="two bands"),
        pytest.param(
            np.stack([TRUTH.astype("uint16")] * 3), None, r"l\.tif is uint16; a coloured", id="16-bit colours"
        ),
        pytest.param(TRUTH[None] * 0, None, r"l\.tif holds background alone; give labels", id="background alone"),
    ],
)
def test_a_label_raster_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, pixels: Array, table: str | None, words: str
) -> None:
    (tmp_path / "c.csv").write_text(table or "")
    path = write_scene(tmp_path / "l.tif", pixels)
    with pytest.raises(LabelError, match=words) as refused:
        burnt(path, classes=tmp_path / "c.csv" if table else None)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("pixels", "place", "nodata", "words"),
    [
        pytest.param(TRUTH[None] * 255, UTM, 255, "background alone; the rest is nodata: unset", id="nodata 255"),
        pytest.param(TRUTH[None], UTM, 0, "all but building is nodata, so that there is no background", id="nodata 0"),
        pytest.param(TRUTH[None], UTM.cropped(900, 900), None, r"labels in .*l\.tif miss the scene", id="elsewhere"),
        pytest.param(TRUTH[None, 1:], NOWHERE, None, r"has 149 x 170 pixels, its scene 150 x 170, and", id="size"),
    ],
)
def test_a_label_raster_that_does_not_fit_its_scene_is_refused(
    tmp_path: Path, pixels: Array, place: Place, nodata: float | None, words: str
) -> None:
    with pytest.raises(LabelError, match=words):
        burnt(write_scene(tmp_path / "l.tif", pixels, place, nodata=nodata))


def test_masks_among_rasters_of_ids_are_refused(tmp_path: Path) -> None:
    paths = [write_scene(tmp_path / f"{i}.tif", (TRUTH * factor)[None]) for i, factor in enumerate((3, 255))]
    with closing(Handles()) as handles, pytest.raises(LabelError, match=r"1\.tif looks like a mask of 0 and 255"):
        LabelSet.read(paths, handles)


def test_options_that_mean_nothing_for_the_labels_are_refused(tmp_path: Path, labels: Path) -> None:
    path = write_scene(tmp_path / "l.tif", TRUTH[None])
    for paths, options, words in (
        ([path], {"field": "kind"}, "--class-field kind is for polygons"),
        ([labels], {"classes": tmp_path / "c.csv"}, "--classes .* is for label rasters"),
        ([path, labels], {}, r"labels\.gpkg is no raster, other labels are"),
    ):
        with closing(Handles()) as handles, pytest.raises(GeoUNetError, match=words):
            LabelSet.read(paths, handles, **options)


@pytest.mark.parametrize(("driver", "factor"), [("JPEG", 120), ("GTiff", 120), ("GTiff", 255)], ids=str)
@pytest.mark.parametrize("bands", [1, 3])
def test_jpeg_labels_are_refused_where_they_changed(tmp_path: Path, driver: str, factor: int, bands: int) -> None:
    path = tmp_path / "l.img"
    profile = {"driver": driver, "height": 150, "width": 170, "count": bands, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile | ({"compress": "JPEG"} if driver == "GTiff" else {})) as dataset:
        dataset.write(np.stack([TRUTH * factor] * bands))
    with closing(Handles()) as handles, pytest.raises(LabelError, match=r"l\.img is JPEG, which changes class ids"):
        LabelSet.read([path], handles)


def test_an_array_of_ids_serves_as_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "l.npy", TRUTH.astype(bool))
    with closing(Handles()) as handles:
        assert ClassRaster.open(tmp_path / "l.npy", handles).survey(are_colours=False).keys == {0, 1}
    assert_array_equal(burnt(tmp_path / "l.npy")[1], TRUTH)
