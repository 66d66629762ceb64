"""eval: objects and outlines of polygons and rasters, against shapely at once; what counts, and what is written."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize
from scipy import ndimage
from shapely import affinity

from geounet.errors import LegendError, SettingsError
from geounet.jobs.evaluate import evaluate
from geounet.legend import NODATA
from geounet.objects import matched
from tests.jobs.towns import layer, metrics, town
from tests.scenes import (
    DEGREES_60N,
    MERCATOR_60N,
    NOWHERE,
    ROTATED,
    SOUTH_UP,
    UTM,
    Place,
    box,
    write_polygons,
    write_scene,
)


def test_polygons_are_matched_as_all_at_once(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    found = metrics(*two_files, aoi=write_polygons(tmp_path / "a.gpkg", [box(UTM, -20, -20, 300, 400)]))
    truth, other = (np.array(some, object) for some in town())
    whole = matched(truth, other)
    assert found["objects"]["f1"] == pytest.approx(whole.f1)
    assert found["objects"]["precision"] == pytest.approx(whole.precision)
    assert found["objects"]["recall"] == pytest.approx(whole.recall)
    assert found["objects"]["matched_iou"] == pytest.approx(whole.matched_iou)
    assert (found["objects"]["split"], found["objects"]["merged"]) == (whole.split, whole.merged)
    assert min(whole.split, whole.merged) > 3
    pairs = [(truth[a], other[b]) for a, b in whole.pairs]
    corners = [[len(one.exterior.coords) - 1 for one in pair] for pair in pairs]
    assert found["polygons"]["vertices_ratio"] == pytest.approx(np.divide(*np.sum(corners, axis=0)[::-1]))
    polis = [_one_way(a, b) / 2 + _one_way(b, a) / 2 for a, b in pairs]
    assert found["polygons"]["polis_m"] == pytest.approx(np.mean(polis), rel=0.001)  # UTM's scale there is 0.9996
    sizes = found["objects"]["by_size"].values()
    assert sum(one["truth"] for one in sizes) == len(truth)
    assert sum(one["found"] for one in sizes) == len(other)


def _one_way(one: shapely.Polygon, other: shapely.Polygon) -> float:
    return float(np.mean([other.exterior.distance(shapely.Point(p)) for p in one.exterior.coords[:-1]]))


@pytest.mark.parametrize("side", [37, 150])
def test_tiles_of_any_size_give_the_same_to_the_last_byte(
    two_files: tuple[Path, Path], side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = evaluate(two_files[0], labels=two_files[1]).out
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"metrics.json", "errors.gpkg"}
    monkeypatch.setattr("geounet.jobs.score_sources._SIDE", side)
    monkeypatch.setattr("geounet.jobs.score_sources.WINDOW", side**2)
    evaluate(two_files[0], labels=two_files[1])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_boundary_and_relaxed_scores_are_those_of_whole_distance_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    masks = [ndimage.gaussian_filter(rng.normal(size=(90, 120)), 4) > 0.02 for _ in range(2)]
    masks[1] = np.where(rng.random((90, 120)) < 0.02, masks[1], masks[0])
    labels = write_scene(tmp_path / "labels.tif", masks[0][None].astype("uint8"))
    pixels = metrics(write_scene(tmp_path / "map.tif", masks[1][None].astype("uint8")), labels)["pixel"]

    def far(mask: np.ndarray, step: float = 1.0) -> np.ndarray:
        return np.asarray(ndimage.distance_transform_edt(~mask, sampling=step))

    lines = [mask & ~ndimage.binary_erosion(mask, border_value=1) for mask in masks]
    for name, reach, step in (("1px", 1, 1), ("2px", 2, 1), ("3px", 3, 1), ("0.5m", 0.5, 0.3), ("1m", 1, 0.3)):
        recall = (far(lines[1], step)[lines[0]] <= reach).mean()
        precision = (far(lines[0], step)[lines[1]] <= reach).mean()
        assert pixels["boundary_f1"][name] == pytest.approx(2 * precision * recall / (precision + recall))
    assert pixels["relaxed"]["precision"] == pytest.approx((far(masks[0])[masks[1]] <= 3).mean())
    assert pixels["relaxed"]["recall"] == pytest.approx((far(masks[1])[masks[0]] <= 3).mean())


def test_windows_of_any_size_count_the_same_pixels(
    tmp_path: Path, two_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = np.random.default_rng(0).integers(0, 2, (1, 240, 320)).astype("uint8")
    ids[0, 100:130, 40:200] = NODATA
    raster = write_scene(tmp_path / "ids.tif", ids, nodata=NODATA, block=16)
    whole = metrics(raster, two_files[1])
    assert whole["pixels_scored"] == 240 * 320 - 30 * 160
    monkeypatch.setattr("geounet.jobs.score_sources.WINDOW", 1000)
    assert metrics(raster, two_files[1]) == whole


def test_gaps_between_towns_are_background_that_nobody_looks_at(tmp_path: Path) -> None:
    """Two houses 15 km apart: 2.5 thousand megapixels, of which some tiles are looked at."""
    truth = [box(UTM, 0, 0, 40, 40), box(UTM, 50_000, 50_000, 40, 40)]
    found = [box(UTM, 0, 0, 40, 20), box(UTM, 50_000, 50_000, 40, 40)]
    labels = write_polygons(tmp_path / "labels.gpkg", truth, crs=None)
    prediction = write_polygons(tmp_path / "map.gpkg", found, crs=None)
    told = metrics(prediction, labels)
    assert told["pixels_scored"] == pytest.approx(50_040**2, rel=0.001)
    assert told["pixel"]["iou"] == pytest.approx(0.75, abs=0.02)
    assert told["pixel"]["accuracy"] == pytest.approx(1 - 800 / told["pixels_scored"], abs=1e-8)
    near = write_polygons(tmp_path / "near.gpkg", [*found[:1], box(UTM, 900, 800, 9, 9)], crs=None)
    everywhere = write_polygons(tmp_path / "area.gpkg", [box(UTM, -9, -9, 2000, 2000)], crs=None)
    gaps, whole = metrics(near, labels), metrics(near, labels, label_area=everywhere)
    assert gaps["pixel"]["iou"] == whole["pixel"]["iou"]
    assert gaps["objects"]["f1"] == whole["objects"]["f1"]


def test_a_grid_over_half_the_world_is_refused(tmp_path: Path) -> None:
    labels = write_polygons(tmp_path / "labels.gpkg", [box(UTM, 0, 0, 40, 40)])
    world = write_polygons(tmp_path / "map.gpkg", [shapely.box(-170, -60, 170, 60)], Place(UTM.transform, "EPSG:4326"))
    with pytest.raises(SettingsError, match="is too large; give a larger --gsd"):
        metrics(world, labels)


def test_what_lies_mostly_outside_counts_on_neither_side(tmp_path: Path) -> None:
    """The house on the line lies half inside: it counts; those beyond do not, though found or missed there."""
    houses = [box(UTM, 10, 10, 10, 10), box(UTM, 10, 35, 10, 10), box(UTM, 10, 60, 10, 10)]
    ids = np.zeros((1, 60, 80), "uint8")
    ids[0, 10:20, 10:20] = ids[0, 40:50, 60:70] = ids[0, 40:50, 5:15] = 1
    raster = write_scene(tmp_path / "ids.tif", ids, nodata=NODATA)
    labels = write_polygons(tmp_path / "labels.gpkg", houses)
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 0, 0, 60, 41)])
    rest = write_polygons(tmp_path / "rest.gpkg", [box(UTM, 0, 41, 60, 39)])
    for options in ({"label_area": area}, {"aoi": area}, {"ignore": rest}):
        objects = metrics(raster, labels, **options)["objects"]
        assert (objects["truth"], objects["found"], objects["matched"]) == (2, 2, 1)
    assert metrics(raster, labels)["objects"]["truth"] == 3
    ids[0, :, 41:] = NODATA
    holed = write_scene(tmp_path / "holed.tif", ids, nodata=NODATA)
    objects = metrics(holed, labels)["objects"]
    assert (objects["truth"], objects["found"], objects["matched"]) == (2, 2, 1)


def test_a_house_below_another_where_nothing_is_scored_does_not_count(tmp_path: Path) -> None:
    twice = write_polygons(tmp_path / "labels.gpkg", [box(UTM, 10, 50, 9, 9)] * 2 + [box(UTM, 10, 10, 9, 9)])
    raster = write_scene(tmp_path / "ids.tif", np.zeros((1, 60, 80), "uint8"))
    rest = write_polygons(tmp_path / "rest.gpkg", [box(UTM, 0, 41, 60, 39)])
    assert metrics(raster, twice, ignore=rest)["objects"]["truth"] == 1


def test_polygons_are_compared_over_the_area_that_was_labelled(tmp_path: Path) -> None:
    labels = write_polygons(tmp_path / "labels.gpkg", [box(UTM, 10, 10, 10, 10), box(UTM, 200, 200, 20, 20)])
    found = write_polygons(tmp_path / "found.gpkg", [box(UTM, 10, 10, 10, 10)], MERCATOR_60N, crs=None)
    found = write_polygons(tmp_path / "found.gpkg", [box(UTM, 10, 10, 10, 10)], crs=3857)
    near = metrics(found, labels)
    assert (near["objects"]["truth"], near["pixel"]["recall"]) == (1, 1)
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 0, 0, 300, 300)])
    wide = metrics(found, labels, label_area=area, gsd=0.6)
    assert (wide["objects"]["truth"], wide["objects"]["recall"]) == (2, 0.5)
    assert wide["ground_resolution"] == pytest.approx(0.6, rel=0.001)
    assert wide["pixel"]["recall"] == pytest.approx(0.2, abs=0.01)


def test_masks_serve_as_labels_of_objects(tmp_path: Path) -> None:
    mask = np.zeros((1, 60, 80), "uint8")
    mask[0, 10:30, 10:30] = mask[0, 40:50, 50:70] = 255
    labels = write_scene(tmp_path / "mask.tif", mask)
    found = metrics(write_scene(tmp_path / "ids.tif", mask // 255), labels)
    assert (found["objects"]["truth"], found["objects"]["matched"]) == (2, 2)
    assert found["objects"]["matched_iou"] > 0.97
    assert found["polygons"]["polis_m"] < 0.3  # one is made straight, the other is not


def test_coloured_masks_are_read_by_a_class_table(tmp_path: Path) -> None:
    colours = np.zeros((3, 60, 80), "uint8")
    colours[:, 10:30, 10:30] = np.array([200, 30, 30])[:, None, None]
    colours[:, 40:50, 10:30] = np.array([0, 90, 200])[:, None, None]
    table = tmp_path / "classes.csv"
    table.write_text("name,r,g,b\nbackground,0,0,0\nwater,0,90,200\nroof,200,30,30\n")
    ids = (colours[:1] == 200).astype("uint8")
    labels = write_scene(tmp_path / "mask.tif", colours)
    raster = write_scene(tmp_path / "ids.tif", ids)
    with rasterio.open(raster, "r+") as dataset:
        dataset.update_tags(1, NOTE="plain")
    with pytest.raises(LegendError, match="the map has the classes class_1, the labels water, roof: none is shared"):
        metrics(raster, labels, classes=table)
    table.write_text("name,r,g,b\nbackground,0,0,0\nignore,0,90,200\nroof,200,30,30\n")
    found = metrics(raster, labels, classes=table)
    assert (found["pixel"]["iou"], found["pixels_scored"]) == (1, 60 * 80 - 10 * 20)


def named(path: Path, *names: str) -> None:
    """Category names beside a raster, as infer writes them."""
    rows = "".join(f"<Category>{name}</Category>" for name in names)
    path.with_name(f"{path.name}.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{rows}</CategoryNames></PAMRasterBand></PAMDataset>'
    )


def test_each_class_is_scored_and_objects_are_buildings(tmp_path: Path) -> None:
    ids = np.zeros((1, 60, 80), "uint8")
    ids[0, 10:30, 10:30], ids[0, 40:50, 10:50], ids[0, 0:5] = 1, 2, 3
    raster = write_scene(tmp_path / "ids.tif", ids, nodata=NODATA)
    named(raster, "background", "road", "House", "tree")
    places = [box(UTM, 10, 10, 20, 10), box(UTM, 40, 10, 10, 40), box(UTM, 52, 0, 5, 5)]
    labels = write_polygons(tmp_path / "labels.gpkg", places, use=["road", "building", "pond"])
    found = metrics(raster, labels, class_field="use")
    by_name = found["classes"]["by_name"]
    assert set(by_name) == {"building", "road"}
    assert (by_name["road"]["iou"], by_name["building"]["iou"]) == (0.5, 1)
    assert found["classes"]["mean_iou"] == 0.75
    assert (found["class"], found["pixel"]["iou"]) == ("building", 1)
    assert (found["objects"]["truth"], found["objects"]["matched"]) == (1, 1)


def test_without_a_crs_lengths_and_sizes_are_pixels(tmp_path: Path) -> None:
    ids = np.zeros((1, 100, 120), "uint8")
    ids[0, 10:50, 10:50] = 1
    moved = np.roll(ids, 2, axis=2)
    folder = tmp_path / "scores"
    found = metrics(
        write_scene(tmp_path / "i.tif", moved, NOWHERE), write_scene(tmp_path / "l.tif", ids, NOWHERE), out=folder
    )
    assert set(found["pixel"]["boundary_f1"]) == {"1px", "2px", "3px"}
    assert found["polygons"]["unit"] == "px"
    assert 0.5 < found["polygons"]["polis_m"] < 2
    assert found["objects"]["by_size"]["1024_to_9216_px"]["truth"] == 1
    assert layer(folder, "true_positive").crs.name == "Undefined Cartesian SRS"
    assert found["intervals"]["block_side"].endswith(" px")
    traced = tmp_path / "found.gpkg"
    write_polygons(traced, [box(Place(Affine(1, 0, 0, 0, -1, 0), None), 10, 12, 40, 40)], NOWHERE, crs=None)
    assert metrics(traced, tmp_path / "l.tif")["pixel"]["iou"] == pytest.approx(38 / 42)


@pytest.mark.parametrize(
    "place",
    [UTM, SOUTH_UP, ROTATED, MERCATOR_60N, DEGREES_60N],
    ids=["utm", "south up", "rotated", "web mercator", "degrees"],
)
def test_scores_are_the_same_wherever_and_however_a_scene_lies(tmp_path: Path, place: Place) -> None:
    """Two houses found a pixel or two off, one of them turned by 9 degrees; one missed, one made up."""
    truth = [(10, 12, 30, 40), (60, 50, 20, 30), (90, 120, 20, 25)]
    there = [shapely.box(col, row, col + width, row + height) for row, col, height, width in truth]
    shapes = [
        shapely.box(14, 10, 54, 40),
        affinity.rotate(shapely.box(51, 61, 81, 81), 9),
        shapely.box(110, 20, 130, 40),
    ]
    ids = rasterize(shapes, (120, 160), dtype="uint8")
    raster = write_scene(tmp_path / "ids.tif", ids[None], place, nodata=NODATA)
    labels = write_polygons(tmp_path / "labels.gpkg", [box(place, *one) for one in truth], place)
    found = metrics(raster, labels)
    objects, polygons = found["objects"], found["polygons"]
    assert (objects["truth"], objects["found"], objects["matched"]) == (3, 3, 2)
    assert objects["by_size"]["50_to_200_m2"]["truth"] == 2
    mask = rasterize(there, (120, 160), dtype="uint8")
    assert found["pixel"]["iou"] == pytest.approx((ids & mask).sum() / (ids | mask).sum())
    pairs = list(zip(there[:2], shapes[:2], strict=True))
    ious = [one.intersection(other).area / one.union(other).area for one, other in pairs]
    assert objects["matched_iou"] == pytest.approx(np.mean(ious), abs=0.01)  # it was traced from pixels
    far = [0.3 * (_one_way(one, other) + _one_way(other, one)) / 2 for one, other in pairs]
    assert polygons["polis_m"] == pytest.approx(np.mean(far), abs=0.06)
    assert polygons["rotation_deg"] == pytest.approx(4.5, abs=0.5)
    assert found["pixel"]["boundary_f1"]["1m"] == pytest.approx(found["pixel"]["boundary_f1"]["3px"], abs=0.02)
    assert [one["what"] for one in found["worst"]] == ["missed", "made up"]
    assert [one["area_m2"] for one in found["worst"]] == pytest.approx([500 * 0.09, 400 * 0.09], rel=0.05)
    assert found["intervals"]["block_side"] == "12.3 m"


def test_what_was_found_for_a_house_that_does_not_count_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    """The house lies 40 % in the area that was labelled, what was found for it 60 %; then it is the other way round."""
    label_area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 0, 0, 60, 40)])
    house, shape = box(UTM, 10, 36, 10, 10), box(UTM, 10, 34, 10, 10)
    for name, (truth, found), counted in (("a", (house, shape), 0), ("b", (shape, house), 1)):
        labels = write_polygons(tmp_path / f"l{name}.gpkg", [truth])
        mapped = write_polygons(tmp_path / f"f{name}.gpkg", [found])
        objects = metrics(mapped, labels, label_area=label_area)["objects"]
        assert (objects["truth"], objects["found"], objects["matched"]) == (counted, counted, counted)
