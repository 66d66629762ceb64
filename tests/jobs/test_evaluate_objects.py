"""eval: objects and outlines of polygons and rasters, against shapely at once; what counts, and what is written."""

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from scipy import ndimage
from shapely import affinity

from geounet.errors import LegendError, OutputError, SceneError, SettingsError
from geounet.io.error_layers import POLYGONS
from geounet.jobs.evaluate import evaluate
from geounet.legend import NODATA
from geounet.objects import matched
from tests.in_qgis import opened_in_qgis
from tests.scenes import MERCATOR_60N, NOWHERE, UTM, Place, box, write_polygons, write_scene


def metrics(prediction: Path, labels: Path, **options: Any) -> dict[str, Any]:
    return dict(evaluate(prediction, labels=labels, **options).metrics)


def layer(folder: Path, name: str) -> geopandas.GeoDataFrame:
    return geopandas.read_file(folder / "errors.gpkg", layer=name)


def town(seed: int = 0) -> tuple[list[shapely.Polygon], list[shapely.Polygon]]:
    """Rotated houses on 240 x 320 px, and what a map has of them: off, missed, made up, split, merged."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for row in range(10, 230, 24):
        for col in range(10, 310, 30):
            house = affinity.rotate(shapely.box(col, row, col + rng.uniform(8, 18), row + rng.uniform(8, 14)), 20)
            truth.append(house)
            kind = rng.choice(["near", "missed", "split", "made up", "wide"], p=[0.6, 0.1, 0.1, 0.1, 0.1])
            if kind in ("near", "made up"):
                found.append(affinity.translate(affinity.rotate(house, rng.normal(0, 4)), *rng.normal(0, 1.2, 2)))
            if kind == "made up":
                found.append(affinity.translate(house, 0, 15))
            if kind == "split":
                left, bottom, right, top = house.bounds
                middle = (left + right) / 2 + 0.8
                found += [
                    house & shapely.box(left, bottom, middle, top),
                    house & shapely.box(middle, bottom, right, top),
                ]
            if kind == "wide":
                found.append(shapely.box(col - 2, row - 2, col + 44, row + 14))
    on_map = [affinity.affine_transform(one, [0.3, 0, 0, -0.3, UTM.transform.c, UTM.transform.f]) for one in truth]
    others = [affinity.affine_transform(one, [0.3, 0, 0, -0.3, UTM.transform.c, UTM.transform.f]) for one in found]
    return on_map, others


@pytest.fixture
def two_files(tmp_path: Path) -> tuple[Path, Path]:
    truth, found = town()
    labels = write_polygons(tmp_path / "labels.gpkg", truth, crs=None)
    return write_polygons(
        tmp_path / "map.gpkg", found, crs=None, confidence=np.linspace(0.3, 1, len(found)).tolist()
    ), labels


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


def test_layers_and_places_say_what_is_wrong_and_where(two_files: tuple[Path, Path]) -> None:
    result = evaluate(two_files[0], labels=two_files[1])
    objects: Any = result.metrics["objects"]
    layers = {name: layer(result.out, name) for name in (*POLYGONS, "worst")}
    assert len(layers["true_positive"]) == objects["matched"]
    assert len(layers["false_positive"]) == objects["found"] - objects["matched"]
    assert len(layers["false_negative"]) == objects["truth"] - objects["matched"]
    assert (len(layers["split"]), len(layers["merged"])) == (objects["split"], objects["merged"])
    assert layers["true_positive"]["iou"].between(0.5, 1).all()
    assert layers["true_positive"]["confidence"].between(0.3, 1).all()
    right = layers["true_positive"]
    np.testing.assert_allclose(right["area_m2"], right.area, rtol=0.002)
    worst = layers["worst"]
    places: Any = result.metrics["worst"]
    assert worst["rank"].tolist() == [place["rank"] for place in places] == list(range(1, len(worst) + 1))
    assert (np.diff(worst["area_m2"]) <= 0).all()
    assert set(worst["what"]) == {"missed", "made up", "merged", "split", "wrong shape"}
    there = worst.to_crs(4326).geometry
    for place, point in zip(places, there, strict=True):
        lat, lon = (float(text) for text in place["link"].removeprefix("geo:").split(","))
        assert (lat, lon) == pytest.approx((point.y, point.x), abs=1e-6)
        assert place["search"] == f"{lat:.6f}, {lon:.6f}"
    wrong = geopandas.GeoSeries([*layers["false_positive"].geometry, *layers["false_negative"].geometry,
                                 *layers["split"].geometry, *layers["merged"].geometry])  # fmt: skip
    assert worst.geometry.apply(lambda point: wrong.distance(point).min()).max() < 0.01


def test_a_house_found_in_a_wrong_shape_is_one_place(tmp_path: Path) -> None:
    labels = write_polygons(tmp_path / "labels.gpkg", [box(UTM, 10, 10, 10, 20)], crs=None)
    found = write_polygons(tmp_path / "found.gpkg", [box(UTM, 10, 22, 10, 20)], crs=None)
    (place,) = metrics(found, labels, aoi=write_polygons(tmp_path / "a.gpkg", [box(UTM, 0, 0, 60, 60)]))["worst"]
    assert place["what"] == "wrong shape"
    assert place["area_m2"] == pytest.approx(12 * 10 * 0.09, rel=0.001)


@pytest.mark.qgis
def test_qgis_opens_every_layer_in_its_style(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    folder = evaluate(two_files[0], labels=two_files[1]).out
    names = [*POLYGONS, "worst"]
    told = opened_in_qgis(tmp_path, *(f"{folder / 'errors.gpkg'}|layername={name}" for name in names))
    assert [one["name"] for one in told["layers"]] == names
    assert all(one["valid"] and one["renderer"] == "singleSymbol" for one in told["layers"])
    assert all(one["features"] > 3 and one["invalid"] == 0 for one in told["layers"])
    assert told["colours"] > 20


def test_scores_of_another_run_are_replaced_and_nothing_else(two_files: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "map_eval"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / ".eval-killed").mkdir()
    evaluate(two_files[0], labels=two_files[1])
    assert {path.name for path in folder.iterdir()} == {"notes.txt", "metrics.json", "errors.gpkg"}
    told = json.loads((folder / "metrics.json").read_text())
    assert told["objects"]["f1"] < 1
    evaluate(two_files[1], labels=two_files[1], out=folder)
    assert json.loads((folder / "metrics.json").read_text())["objects"]["f1"] == 1


def test_a_folder_that_cannot_be_written_is_an_error_and_none_is_left(
    two_files: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another --out"):
        evaluate(two_files[0], labels=two_files[1], out=tmp_path / "file")
    with pytest.raises(SceneError):
        evaluate(tmp_path / "none.gpkg", labels=two_files[1], out=tmp_path / "new")
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 90_000, 0, 5, 5)])
    with pytest.raises(Exception, match="miss the scene"):
        evaluate(two_files[0], labels=far, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gsd": -1.0}, "--gsd -1.0 must be above 0"),
        ({"grid": Path("x.tif")}, "--grid x.tif is for class rasters"),
        ({"threshold_sweep": True}, "--threshold-sweep needs probabilities, and polygons have none"),
        ({"classes": Path("c.csv")}, "--classes c.csv is for label rasters"),
    ],
)
def test_options_that_mean_nothing_for_polygons_are_refused(
    two_files: tuple[Path, Path], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        evaluate(two_files[0], labels=two_files[1], **options)


def test_files_that_are_no_map_are_refused(tmp_path: Path, two_files: tuple[Path, Path]) -> None:
    with pytest.raises(SceneError, match="does not exist; check the path"):
        evaluate(tmp_path / "none.tif", labels=two_files[1])
    with pytest.raises(SceneError, match=r"has no classes\.tif; give a folder in which infer has finished"):
        evaluate(tmp_path, labels=two_files[1])
    chances = write_scene(tmp_path / "p.tif", np.zeros((1, 60, 80), "float32"))
    with pytest.raises(SceneError, match="holds probabilities; give infer's folder"):
        evaluate(chances, labels=two_files[1])
    with pytest.raises(SettingsError, match="is for polygons; a raster is scored on its own pixels"):
        evaluate(chances, labels=two_files[1], gsd=0.5)
    empty = tmp_path / "empty.gpkg"
    pyogrio.write_dataframe(geopandas.GeoDataFrame(geometry=[], crs=UTM.crs), empty, geometry_type="Polygon")
    with pytest.raises(SceneError, match="holds no polygons; give --label-area or --aoi"):
        evaluate(empty, labels=two_files[1])
    area = write_polygons(tmp_path / "area.gpkg", [box(UTM, 0, 0, 240, 320)])
    assert metrics(empty, two_files[1], label_area=area)["objects"]["recall"] == 0
