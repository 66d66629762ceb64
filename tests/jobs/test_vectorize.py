"""vectorize: rasters of every kind become layers, whole, named and measured."""

import logging
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from geounet_cli.vectorize import command
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from scipy import ndimage

from geounet.errors import GeoUNetError, OutputError, SceneError, SettingsError
from geounet.io.cog import write_category_names
from geounet.jobs.vectorize import vectorize
from geounet.legend import Legend
from geounet.polygons import outlines

NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 5_600_000)
Make = Callable[..., Path]


@pytest.fixture
def raster(tmp_path: Path) -> Make:
    def make(
        values: NDArray[np.generic],
        *,
        names: tuple[str, ...] = (),
        scale: float | None = None,
        crs: str | None = "EPSG:32633",
        name: str = "map.tif",
        **profile: object,
    ) -> Path:
        bands = values[None] if values.ndim == 2 else values
        shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2]}
        placed = {"transform": NORTH_UP, "crs": crs} if crs else {}
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.open(
                tmp_path / name, "w", driver="GTiff", dtype=bands.dtype, **shape, **placed, **profile
            ) as dataset,
        ):
            dataset.write(bands)
            if scale:
                dataset.scales = [scale] * len(bands)
            for number, text in enumerate(names, 1):
                dataset.set_band_description(number, text)
        return tmp_path / name

    return make


def town(seed: int = 0, size: int = 120) -> NDArray[np.uint8]:
    """Levels with blotches of building, some at the edge, and a square without data."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 3)
    levels: NDArray[np.uint8] = np.clip(127 + 800 * noise, 0, 254).astype(np.uint8)
    levels[40:80, 40:80] = 255
    return levels


def test_probabilities_become_a_layer_with_confidence(raster: Make) -> None:
    path = raster(town(), names=("building", "contact")[:1], scale=1 / 254, nodata=255)
    result = vectorize(path, regularize=False)
    assert result.out == path.with_suffix(".gpkg")
    found = pyogrio.read_dataframe(result.out, layer="building")
    assert result.polygons == {"building": len(found)}
    assert len(found) > 5
    assert found["confidence"].between(0.5, 1).all()
    assert (found["area_m2"] > 3.99).all()
    assert {"edge", "nodata,edge"} <= set(found["flags"])
    assert found.is_valid.all()
    assert found.crs.to_epsg() == 32633


def test_a_tiled_raster_of_many_strips_gives_the_same_file(raster: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raster(town(), scale=1 / 254, nodata=255, tiled=True, blockxsize=16, blockysize=16)
    whole = vectorize(path).out.read_bytes()
    monkeypatch.setattr("geounet.io.strips._STRIP_BYTES", 1)
    assert vectorize(path, out=path.with_name("again.gpkg")).out.read_bytes() == whole


def terrace() -> NDArray[np.uint8]:
    """Levels of the building and of contact: four houses of 16 x 20 px in a row, and one that stands alone."""
    both = np.zeros((2, 60, 100), np.uint8)
    both[0, 10:30, 8:72] = both[0, 40:55, 10:40] = 250
    for wall in (24, 40, 56):
        both[1, 10:30, wall - 1 : wall + 1] = 200
    return both


def test_buildings_that_touch_come_apart_where_there_is_a_band_of_contact(raster: Make) -> None:
    path = raster(terrace(), names=("building", "contact"), scale=1 / 254, nodata=255)
    apart = pyogrio.read_dataframe(vectorize(path).out, layer="building").geometry.to_numpy()
    assert len(apart) == 5
    assert shapely.area(shapely.union_all(apart)) == pytest.approx(shapely.area(apart).sum())
    whole = vectorize(path, out=path.with_name("whole.gpkg"), separate=False)
    assert whole.polygons == {"building": 2}


def test_without_contact_nothing_is_taken_apart(raster: Make) -> None:
    path = raster(terrace()[0], names=("building",), scale=1 / 254, nodata=255)
    auto, whole = (
        pyogrio.read_dataframe(vectorize(path, separate=wanted, overwrite=True).out, layer="building")
        for wanted in ("auto", False)
    )
    assert len(auto) > 0
    assert auto.equals(whole)
    with pytest.raises(SceneError, match=r"has no band of contact, .*; leave out --separate, or train on windows"):
        vectorize(path, separate=True, overwrite=True)


def test_houses_smaller_than_the_smallest_polygon_stay_together(raster: Make) -> None:
    path = raster(terrace(), names=("building", "contact"), scale=1 / 254, nodata=255)
    assert vectorize(path, min_area=90).polygons == {"building": 2}  # houses of 80 m²


def test_a_contact_band_is_no_class(raster: Make) -> None:
    path = raster(np.stack([town(), town(1)]), names=("building", "contact"), scale=1 / 254, nodata=255)
    assert list(vectorize(path).polygons) == ["building"]


def test_the_last_of_more_bands_is_contact_in_a_raster_of_geounet(raster: Make) -> None:
    path = raster(np.stack([town(), town(1), town(2)]), names=("road", "roof", "contact"), scale=1 / 254, nodata=255)
    assert list(vectorize(path).polygons) == ["road", "roof"]


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        pytest.param(("road", "contact"), ["class_1", "class_2"], id="contact"),
        pytest.param(("contact", "road"), ["class_1", "class_2"], id="contact first"),
        pytest.param(("p < 1", "road"), ["class_1", "class_2"], id="no name of a layer"),
        pytest.param(("road", "water"), ["road", "water"], id="others"),
    ],
)
def test_no_class_of_another_tool_is_left_out_for_its_name(
    names: tuple[str, ...], layers: list[str], raster: Make
) -> None:
    path = raster(np.stack([town(), town(1)]) / np.float32(255), names=names)
    result = vectorize(path)
    assert list(result.polygons) == layers
    assert all(result.polygons.values())


def test_probabilities_that_rounding_took_beyond_1_are_1(raster: Make) -> None:
    p = np.zeros((20, 20), np.float32)
    p[5:15, 5:15], p[0, 0] = 1.0000001, -1e-7
    found = pyogrio.read_dataframe(vectorize(raster(p)).out, layer="building")
    assert found["confidence"].tolist() == [1.0]


def test_nodata_is_known_at_any_scale(raster: Make) -> None:
    percent = np.full((20, 20), 255, np.uint8)
    percent[5:15, 5:15] = 80
    found = pyogrio.read_dataframe(
        vectorize(raster(percent, scale=0.01, nodata=255), regularize=False).out, layer="building"
    )
    assert found["confidence"].tolist() == pytest.approx([0.8], abs=0.002)
    assert found["flags"].tolist() == ["nodata"]


def test_a_simplification_of_0_keeps_every_corner_of_the_pixels(raster: Make) -> None:
    ids = np.zeros((50, 50), np.uint8)
    for row in range(4, 44):
        ids[row, 4 : row // 2 + 4] = 1
    exact = pyogrio.read_dataframe(vectorize(raster(ids), simplify=0, min_area=0).out, layer="class_1")
    tidy = pyogrio.read_dataframe(vectorize(raster(ids), overwrite=True, min_area=0).out, layer="class_1")
    assert shapely.get_num_coordinates(exact.geometry[0]) >= 40
    assert shapely.get_num_coordinates(tidy.geometry[0]) < 12


@pytest.mark.parametrize(("simplify", "code"), [("0", 0), ("auto", 0), ("1.5", 0), ("-1", 2)])
def test_the_command_takes_a_simplification_of_0(simplify: str, code: int, raster: Make) -> None:
    path = raster(town(), scale=1 / 254, nodata=255)
    assert CliRunner().invoke(command, [str(path), "--simplify", simplify]).exit_code == code


def test_a_grey_image_is_no_map_of_classes(raster: Make) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = raster(grey)
    with pytest.raises(SceneError, match=r"map\.tif holds 254 values without a name, as images do; give class ids"):
        vectorize(path)
    assert [file.name for file in path.parent.iterdir()] == ["map.tif"]


def test_floats_are_probabilities_and_not_a_number_is_nodata(raster: Make) -> None:
    levels = town()
    p = np.where(levels == 255, np.nan, levels / 254).astype(np.float32)
    by_levels = vectorize(raster(levels, scale=1 / 254, nodata=255, name="levels.tif"))
    by_floats = vectorize(raster(p, name="floats.tif"))
    a, b = (pyogrio.read_dataframe(result.out, layer="building") for result in (by_levels, by_floats))
    assert a.equals(b)


def test_other_scales_are_read_as_they_say(raster: Make) -> None:
    percent = np.zeros((20, 20), np.uint8)
    percent[5:15, 5:15] = 80
    found = pyogrio.read_dataframe(vectorize(raster(percent, scale=0.01)).out, layer="building")
    assert found["confidence"].tolist() == pytest.approx([0.8], abs=0.002)


def test_classes_become_layers_with_their_names(raster: Make) -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[2:12, 2:12], ids[20:35, 5:30] = 1, 2
    path = raster(ids, nodata=255)
    write_category_names(path, Legend.of_names("house", "shed", "tent"))
    result = vectorize(path, simplify=0.1)
    assert result.polygons == {"house": 1, "shed": 1, "tent": 0}
    found = pyogrio.read_dataframe(result.out, layer="shed")
    assert found["area_m2"].tolist() == pytest.approx([15 * 25 * 0.25], rel=0.01)
    assert found["confidence"].isna().all()


def test_classes_without_names_are_numbered(raster: Make) -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[2:12, 2:12], ids[20:35, 5:30] = 3, 7
    assert vectorize(raster(ids)).polygons == {"class_3": 1, "class_7": 1}


@pytest.mark.parametrize("values", [(4,), (3,), (1, 2), (2, 4, 6), (128,), (1, 255), (254,)])
@pytest.mark.parametrize("place", [(0, 0), (20, 18), (20, 20)], ids=["first", "inside", "last"])
def test_a_class_is_found_wherever_its_one_pixel_lies(
    values: tuple[int, ...], place: tuple[int, int], raster: Make
) -> None:
    ids = np.zeros((21, 21), np.uint8)
    ids[3 : 3 + len(values), 5] = values
    row, col = place
    ids[row, col] = values[-1]
    found = vectorize(raster(ids, nodata=255), min_area=0, simplify=0).polygons
    assert list(found) == [f"class_{number}" for number in values if number < 255]


@pytest.mark.parametrize("inside", [1, 255])
def test_a_raster_of_one_class_without_a_name_is_taken_for_buildings(raster: Make, inside: int) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[2:12, 2:22] = inside
    found = pyogrio.read_dataframe(vectorize(raster(mask)).out, layer=f"class_{inside}")
    assert found["flags"].tolist() == ["regularized"]
    assert found["vertices"].tolist() == [4]


def test_a_mask_of_0_and_255_is_one_class(raster: Make) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[2:12, 2:12] = 255
    assert vectorize(raster(mask)).polygons == {"class_255": 1}


@pytest.mark.parametrize("inside", [1, 255])
def test_the_background_of_a_mask_may_be_declared_as_nodata(raster: Make, inside: int) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[2:12, 2:12] = inside
    found = pyogrio.read_dataframe(vectorize(raster(mask, nodata=0)).out, layer=f"class_{inside}")
    assert found["flags"].str.contains("nodata").tolist() == [False]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32], ids=lambda dtype: str(np.dtype(dtype)))
def test_class_ids_may_be_whole_numbers_of_any_type(raster: Make, dtype: type[np.generic]) -> None:
    ids = np.zeros((40, 40), dtype)
    ids[2:12, 2:12], ids[20:35, 5:30], ids[39, 39] = 3, 200, 9999
    assert vectorize(raster(ids, nodata=9999)).polygons == {"class_3": 1, "class_200": 1}


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16], ids=lambda dtype: str(np.dtype(dtype)))
@pytest.mark.parametrize("nodata", [255, None], ids=["declared", "not declared"])
def test_255_means_the_same_in_class_ids_of_any_type(raster: Make, dtype: type[np.generic], nodata: int | None) -> None:
    ids = np.zeros((40, 40), dtype)
    ids[2:12, 2:12], ids[30:] = 1, 255
    assert vectorize(raster(ids, name="ids.tif", nodata=nodata)).polygons == {"class_1": 1}
    ids[2:12, 2:12] = 255
    found = {"class_1": 0} if nodata else {"class_255": 2}
    assert vectorize(raster(ids, name="mask.tif", nodata=nodata)).polygons == found


def test_classes_without_names_have_the_colours_of_the_colour_table(raster: Make) -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[2:12, 2:12], ids[20:35, 5:30] = 3, 7
    path = raster(ids)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {3: (18, 52, 86, 255), 7: (200, 100, 50, 255)})
    with closing(sqlite3.connect(vectorize(path).out)) as database:
        styles = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles"))
    assert "18,52,86" in styles["class_3"]
    assert "200,100,50" in styles["class_7"]


def test_an_id_that_the_legend_does_not_name_is_told(raster: Make) -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[2:12, 2:12], ids[20, 24] = 1, 7
    path = raster(ids, nodata=255)
    write_category_names(path, Legend.of_names("house", "shed"))
    with pytest.raises(SceneError, match=r"map\.tif holds 7 at row 20, column 24, which is none of the 2 classes"):
        vectorize(path)


def test_neighbouring_classes_of_a_map_share_their_border(raster: Make) -> None:
    scores = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(3, 60, 60)), (0, 4, 4))
    p = np.exp(60 * scores) / np.exp(60 * scores).sum(axis=0)
    path = raster(p.argmax(axis=0).astype(np.uint8), name="classes.tif", nodata=255)
    beside = raster(np.rint(254 * p[1:]).astype(np.uint8), name="p.tif", names=("a", "b"), scale=1 / 254, nodata=255)
    result = vectorize(path, probability=beside, min_area=0, fill_holes=0, simplify=0)
    one, other = (pyogrio.read_dataframe(result.out, layer=f"class_{number}").geometry.union_all() for number in (1, 2))
    assert one.intersection(other).area == pytest.approx(0, abs=1e-9)
    assert one.intersection(other).length > 10


def test_polygons_are_counted_by_their_flags(raster: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    p = np.zeros((80, 80), np.uint8)
    p[5:25, 5:30], p[40:60, 40:65], p[70:, :20], p[30:36, 70:] = 254, 140, 254, 254
    p[10:15, 2:6] = p[72:75, 20:23] = 255
    monkeypatch.setattr(outlines, "_TOGETHER", 8)  # one by one
    result = vectorize(raster(p, scale=1 / 254, nodata=255))
    written = pyogrio.read_dataframe(result.out, layer="building")["flags"]
    counts = Counter(name for text in written for name in text.split(",") if name)
    assert result.flags == counts
    assert (counts["nodata"], counts["edge"], counts["doubtful"]) == (2, 2, 1)
    assert list(result.flags) == [
        name for name in ("nodata", "edge", "regularized", "refused", "doubtful") if counts[name]
    ]
    assert result.flagged == 4


def test_an_empty_map_is_a_valid_file_and_is_told(raster: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    result = vectorize(raster(np.full((10, 10), 255, np.uint8), scale=1 / 254, nodata=255))
    assert result.polygons == {"building": 0}
    assert result.flags == {}
    assert "nothing was found" in caplog.text
    assert len(pyogrio.read_dataframe(result.out, layer="building")) == 0


@pytest.mark.parametrize("regularize", [True, False])
def test_a_footprint_may_reach_beyond_the_earth_that_a_satellite_sees(raster: Make, regularize: bool) -> None:
    ids = np.zeros((200, 200), np.uint8)
    ids[2:10, 2:10] = ids[95:105, 150:199] = ids[90:110, 90:110] = 1  # in space, at the limb, in the middle
    crs = "+proj=geos +h=35786023 +lon_0=0 +sweep=x +ellps=GRS80 +units=m"
    path = raster(ids)
    with rasterio.open(path, "r+") as dataset:
        dataset.crs, dataset.transform = crs, Affine(60_000, 0, -6e6, 0, -60_000, 6e6)
    result = vectorize(path, regularize=regularize)
    found = pyogrio.read_dataframe(result.out, layer="class_1")
    assert found["area_m2"].isna().tolist() == [True, True, False]
    assert found["area_m2"][2] == pytest.approx((20 * 60_000) ** 2, rel=0.05)
    assert np.isfinite(found.total_bounds).all()


def test_without_a_crs_the_work_is_done_in_pixels_and_says_so(raster: Make, caplog: pytest.LogCaptureFixture) -> None:
    ids = np.zeros((20, 20), np.uint8)
    ids[2:12, 3:9] = 1
    with caplog.at_level(logging.WARNING):
        result = vectorize(raster(ids, crs=None))
    assert "has no CRS" in caplog.text
    found = pyogrio.read_dataframe(result.out, layer="class_1")
    assert found.total_bounds.tolist() == pytest.approx([3, -12, 9, -2], abs=0.5)


def test_a_higher_threshold_gives_smaller_polygons(raster: Make) -> None:
    path = raster(town(), scale=1 / 254, nodata=255)
    areas = [
        pyogrio.read_dataframe(vectorize(path, threshold=t, overwrite=True).out, layer="building")["area_m2"].sum()
        for t in (0.3, 0.5, 0.9)
    ]
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize(
    ("values", "profile", "match"),
    [
        pytest.param(np.full((4, 4), 3, np.complex64), {}, "is of type complex64", id="complex"),
        pytest.param(np.full((4, 4), 300, np.uint16), {}, "300 to 300 are no class ids; give 0 to 254", id="heights"),
        pytest.param(np.full((4, 4), -1, np.int16), {}, "-1 to -1 are no class ids", id="below 0"),
        pytest.param(
            np.full((4, 4), 1.5, np.float32), {}, "rows 0 to 3: values 1.5 to 1.5 are no probabilities", id="beyond 1"
        ),
        pytest.param(np.full((4, 4), -3.0, np.float64), {}, "are no probabilities", id="logits"),
        pytest.param(np.zeros((3, 4, 4), np.uint8), {}, "3 bands without a scale", id="an image"),
    ],
)
def test_rasters_of_another_kind_are_refused(
    raster: Make, values: NDArray[np.generic], profile: dict[str, object], match: str
) -> None:
    path = raster(values, **profile)
    with pytest.raises(SceneError, match=match):
        vectorize(path)
    assert [file.name for file in path.parent.iterdir()] == ["map.tif"]


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        pytest.param({"threshold": 0.0}, SettingsError, "threshold", id="threshold"),
        pytest.param({"min_area": -1.0}, SettingsError, "--min-area", id="area"),
        pytest.param({"out": Path("map.shp")}, OutputError, "no known format", id="format"),
    ],
)
def test_settings_are_checked_before_any_work(
    tmp_path: Path, settings: dict[str, object], error: type[GeoUNetError], match: str
) -> None:
    with pytest.raises(error, match=match):
        vectorize(tmp_path / "not there.tif", **settings)  # type: ignore[arg-type]


def test_no_raster_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="cannot be opened"):
        vectorize(tmp_path / "not there.tif")


def test_a_truncated_raster_leaves_nothing_behind(raster: Make) -> None:
    path = raster(town(), scale=1 / 254, nodata=255, compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SceneError):
        vectorize(path)
    assert [file.name for file in path.parent.iterdir()] == ["map.tif"]


def test_classes_with_their_probabilities_beside_them_have_a_confidence(raster: Make) -> None:
    classes = np.zeros((40, 40), np.uint8)
    classes[4:20, 4:20], classes[24:36, 4:36] = 1, 2
    chances = np.zeros((2, 40, 40), np.uint8)
    chances[0][classes == 1], chances[1][classes == 2] = 127, 254
    path = raster(classes, name="classes.tif", nodata=255)
    beside = raster(chances, name="chances.tif", names=("road", "roof"), scale=1 / 254, nodata=255)
    result = vectorize(path, probability=beside)
    found = [pyogrio.read_dataframe(result.out, layer=f"class_{number}") for number in (1, 2)]
    assert [list(layer["confidence"]) for layer in found] == [[0.5], [1.0]]


def test_a_setting_that_would_change_nothing_is_refused(raster: Make) -> None:
    classes = raster(np.ones((20, 20), np.uint8), name="classes.tif", nodata=255)
    levels = np.full((20, 20), 254, np.uint8)
    one, other = (raster(levels, name=f"{name}.tif", scale=1 / 254, nodata=255) for name in ("one", "other"))
    with pytest.raises(SettingsError, match=r"classes\.tif holds classes, which no --threshold changes"):
        vectorize(classes, threshold=0.8)
    with pytest.raises(SettingsError, match=r"one\.tif holds probabilities itself; leave out --probability"):
        vectorize(one, probability=other)
    assert not [*classes.parent.glob("*.gpkg")]
    assert vectorize(one, probability=one).polygons == {"building": 1}


def test_probabilities_of_another_grid_are_refused(raster: Make) -> None:
    path = raster(np.zeros((8, 8), np.uint8), name="classes.tif", nodata=255)
    beside = raster(np.zeros((8, 9), np.uint8), name="chances.tif", scale=1 / 254, nodata=255)
    with pytest.raises(SceneError, match=r"no probabilities on the grid of .*classes\.tif"):
        vectorize(path, probability=beside)


def test_the_raster_that_is_read_is_never_replaced(raster: Make, tmp_path: Path) -> None:
    path = raster(np.ones((20, 20), np.uint8))
    linked = tmp_path / "linked.gpkg"
    linked.symlink_to(path)
    before = path.read_bytes()
    for out in (path, linked):
        with pytest.raises(OutputError, match="is what is read, too; choose another --out"):
            vectorize(path, out=out, overwrite=True)
    assert path.read_bytes() == before


def test_a_raster_geopackage_is_not_its_own_output(tmp_path: Path) -> None:
    path = tmp_path / "r.gpkg"
    with rasterio.open(
        path, "w", driver="GPKG", width=20, height=20, count=1, dtype="uint8", crs="EPSG:32633", transform=NORTH_UP
    ) as dataset:
        dataset.write(np.ones((1, 20, 20), np.uint8))
    with pytest.raises(OutputError, match=r"r\.gpkg is what is read, too"):
        vectorize(path, overwrite=True)
    with rasterio.open(path) as dataset:
        assert dataset.read(1).all()


def own_map(raster: Make, levels: NDArray[np.uint8]) -> Path:
    """Probabilities as `infer` writes them, of as many classes."""
    names = ("road", "tree", "water")[: len(levels)]
    path = raster(levels, names=names, scale=1 / 254, nodata=255, name="probability.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(GEOUNET_VERSION="0.1.0")
    return path


def test_of_a_map_of_several_classes_the_likeliest_holds(raster: Make, tmp_path: Path) -> None:
    fields = ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(4, 120, 120)), (0, 5, 5))
    chances = np.exp(fields / fields.std())
    levels = np.rint(254 * chances / chances.sum(0)).astype(np.uint8)[1:]
    levels[:, 40:60, :30] = 255
    background = 254 - levels.sum(axis=0, dtype=np.int32)
    ids = np.concatenate([background[None], levels]).argmax(axis=0)
    ids[40:60, :30] = 0
    made = vectorize(own_map(raster, levels), out=tmp_path / "m.gpkg", min_area=0, fill_holes=0, simplify=0).out
    pixel = 0.25  # m²
    for number, name in enumerate(("road", "tree", "water"), 1):
        found = pyogrio.read_dataframe(made, layer=name)
        assert found.area.sum() / pixel == pytest.approx(np.count_nonzero(ids == number), rel=0.03)
        assert found["confidence"].between(0.25, 1).all()
    everything = np.concatenate([pyogrio.read_dataframe(made, layer=n).geometry for n in ("road", "tree", "water")])
    assert shapely.area(shapely.union_all(everything)) == pytest.approx(shapely.area(everything).sum())  # no overlap
    alone = vectorize(own_map(raster, levels), out=tmp_path / "t.gpkg", min_area=0, threshold=0.6).out
    roads = pyogrio.read_dataframe(alone, layer="road")
    assert roads.area.sum() / pixel == pytest.approx(np.count_nonzero((levels[0] >= 153) & (levels[0] < 255)), rel=0.1)


def test_where_a_probability_is_unknown_it_counts_as_none(raster: Make, tmp_path: Path) -> None:
    ids = np.zeros((40, 40), np.uint8)
    ids[5:35, 5:35] = 1
    chance = np.full((1, 40, 40), 254, np.uint8)
    chance[:, :20] = 255
    classes = raster(ids, name="classes.tif", nodata=255)
    made = vectorize(classes, probability=own_map(raster, chance), out=tmp_path / "m.gpkg").out
    assert pyogrio.read_dataframe(made, layer="class_1")["confidence"].tolist() == pytest.approx([0.5])
    told = CliRunner().invoke(
        command, [str(classes), "--probability", str(tmp_path / "probability.tif"), "--out", str(tmp_path / "c.gpkg")]
    )
    assert told.exit_code == 0, told.output
    assert (tmp_path / "c.gpkg").read_bytes() == made.read_bytes()


def test_a_file_read_over_the_network_has_its_polygons_in_the_working_folder(
    raster: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = raster(np.ones((20, 20), np.uint8))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert vectorize(f"/vsisubfile/0,{path}").out == Path("map.gpkg")
    assert (tmp_path / "here" / "map.gpkg").exists()


def test_polygons_that_begin_at_a_pole_have_the_size_of_their_middle(tmp_path: Path) -> None:
    ids = np.zeros((200, 300), np.uint8)
    ids[:40] = 1
    with rasterio.open(
        tmp_path / "globe.tif", "w", driver="GTiff", width=300, height=200, count=1, dtype="uint8", crs="EPSG:4326",
        transform=Affine(0.25, 0, -100, 0, -0.25, 90.125), nodata=255,
    ) as dataset:  # fmt: skip
        dataset.write(ids, 1)
    found = pyogrio.read_dataframe(vectorize(tmp_path / "globe.tif").out, layer="class_1")
    cap = 2 * np.pi * 6_371_000**2 * (1 - np.sin(np.radians(80.125))) * 75 / 360  # of a sphere
    assert found["area_m2"].tolist() == pytest.approx([cap], rel=0.01)
    assert found["perimeter_m"].notna().all()


def test_of_classes_beside_probabilities_with_contact_houses_stay_together_and_it_is_said(
    raster: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    chances = np.zeros((2, 40, 40), np.uint8)
    chances[0, 5:35, 5:35] = 250
    chances[1, :, 19:21] = 200
    probability = raster(chances, names=("building", "contact"), scale=1 / 254, nodata=255, name="probability.tif")
    classes = raster((chances[0] > 0).astype(np.uint8), name="classes.tif", nodata=255)
    assert vectorize(classes, probability=probability).polygons == {"class_1": 1}
    assert "touching buildings stay together here; they come apart in" in caplog.text
    with pytest.raises(SceneError, match=r"holds classes: touching buildings come apart in .*probability\.tif itself"):
        vectorize(classes, probability=probability, separate=True, overwrite=True)


@pytest.mark.parametrize("kind", ["classes", "probabilities"])
@pytest.mark.parametrize("rim", [0, 1])
def test_what_the_scene_s_edge_cuts_says_edge_whether_its_outermost_pixels_have_data_or_not(
    raster: Make, kind: str, rim: int
) -> None:
    ids = np.zeros((60, 60), np.uint8)
    ids[:10, 25:35] = ids[50:, 25:35] = ids[25:35, :10] = ids[25:35, 50:] = 1  # above, below, left and right
    ids[14:22, 14:22], ids[14:22, 22:26] = 1, 255  # beside a gap inside of the scene
    ids[38:46, 38:46] = 1
    if rim:
        ids[[0, -1]] = ids[:, [0, -1]] = 255
    if kind == "probabilities":
        path = raster(np.where(ids == 1, 250, ids).astype(np.uint8), scale=1 / 254, nodata=255)
    else:
        path = raster(ids, nodata=255)
    (layer,) = (polygons := vectorize(path, regularize=False).polygons)
    assert polygons == {layer: 6}
    found = pyogrio.read_dataframe(path.with_suffix(".gpkg"), layer=layer)
    flags = [text.replace(",doubtful", "") for text in found["flags"]]
    assert sorted(flags) == sorted(["", "nodata", *["nodata,edge" if rim else "edge"] * 4])
