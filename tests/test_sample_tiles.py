"""The sample scenes are what their README says, and the generator that draws them is exact and repeatable."""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.enums import MaskFlags

from geounet import synthetic
from sample_tiles.generator import (
    COUNT,
    CRS,
    PIXEL,
    TEST,
    TRAIN,
    TownStyle,
    draw_scene,
    pixel_outline,
    small_town,
    true_buildings,
    varied_town,
    write_scene,
)
from sample_tiles.generator.canvas import CELL, Canvas, Patch
from sample_tiles.generator.light import sunlit
from sample_tiles.generator.plan import Building
from sample_tiles.generator.roofs import envelope
from sample_tiles.generator.scenes import whole
from sample_tiles.generator.style import Sun

FOLDER = Path(__file__).parents[1] / "sample_tiles"
TOWNS = pytest.mark.parametrize("style", [TRAIN, TEST], ids=["train", "test"])


def image_file(style: TownStyle) -> Path:
    return FOLDER / f"{style.name}.tif"


@functools.cache
def buildings_of(style: TownStyle) -> tuple[Building, ...]:
    return true_buildings(style)


def on_the_map(style: TownStyle, outlines: list[shapely.Polygon]) -> np.ndarray:
    """True outlines, plan metres, in the scene's CRS."""
    return np.asarray(shapely.transform(outlines, lambda xy: xy * [1, -1] + [style.west, style.north]))


@dataclass(frozen=True, slots=True)
class Town:
    """A committed town: its style, its labels, and the true outlines of all its buildings on the map."""

    style: TownStyle
    labels: geopandas.GeoDataFrame
    truth: np.ndarray

    def of_kind(self, kind: str) -> np.ndarray:
        """The outlines of the labels of one kind that the imagery's edge does not cut."""
        chosen = (self.labels["kind"] == kind) & (self.labels["whole"] == 1)
        return np.asarray(self.labels[chosen].geometry.values)


@pytest.fixture(scope="session", params=[TRAIN, TEST], ids=["train", "test"])
def town(request: pytest.FixtureRequest) -> Town:
    style: TownStyle = request.param
    outlines = on_the_map(style, [building.outline for building in buildings_of(style)])
    return Town(style, geopandas.read_file(FOLDER / f"{style.name}.gpkg"), outlines)


def test_a_town_drawn_twice_has_the_same_bytes(tmp_path: Path) -> None:
    style = small_town(side=256, seed=3)
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        write_scene(style, tmp_path / folder)
    for suffix in (".tif", ".gpkg"):
        first, second = (tmp_path / folder / f"{style.name}{suffix}" for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_another_seed_is_another_town(tmp_path: Path) -> None:
    first, second = (write_scene(small_town(side=256, seed=seed), tmp_path) for seed in (3, 4))
    assert len(first.buildings) != len(second.buildings)
    assert np.abs(first.pixels.astype(int) - second.pixels).mean() > 10


def test_the_scenes_take_no_more_than_four_megabytes() -> None:
    files = [FOLDER / f"{style.name}{suffix}" for style in (TRAIN, TEST) for suffix in (".tif", ".gpkg")]
    assert sum(file.stat().st_size for file in files) <= 4_000_000


@TOWNS
def test_a_scene_is_a_tiled_jpeg_of_thirty_centimetres_in_utm(style: TownStyle) -> None:
    with rasterio.open(image_file(style)) as scene:
        assert scene.crs == CRS
        assert scene.res == (PIXEL, PIXEL) == (0.3, 0.3)
        assert (scene.count, scene.dtypes[0], scene.shape) == (3, "uint8", (style.side, style.side))
        assert scene.profile["tiled"]
        assert scene.compression.value == "JPEG"
        assert scene.photometric.value == "YCbCr"


@TOWNS
def test_a_scene_has_its_collar_in_an_internal_mask(style: TownStyle) -> None:
    with rasterio.open(image_file(style)) as scene:
        assert scene.mask_flag_enums[0] == [MaskFlags.per_dataset]
        assert not list(FOLDER.glob("*.msk"))
        valid, pixels = scene.dataset_mask() > 0, scene.read()
    assert 0.03 <= 1 - valid.mean() <= 0.07
    # JPEG rings where the imagery ends; beyond the next block of 16 pixels only the collar's own grey is left.
    deep = cv2.erode((~valid).astype(np.uint8), np.ones((35, 35), dtype=np.uint8)) > 0
    assert deep.any()
    assert np.abs(pixels[:, deep].astype(int) - style.collar).max() <= 2


def test_labels_are_valid_polygons_in_another_crs_than_the_scene(town: Town) -> None:
    assert town.labels.crs == "EPSG:4326"
    assert set(town.labels.geom_type) == {"Polygon"}
    assert town.labels.is_valid.all()
    assert set(town.labels["class"]) == {"building"}
    assert {"detached", "row", "courtyard", "hall"} <= set(town.labels["kind"])
    assert {"gable", "hip", "flat"} <= set(town.labels["roof"])


def test_labels_lie_inside_the_imagery(town: Town) -> None:
    here = town.labels.to_crs(CRS)
    with rasterio.open(image_file(town.style)) as scene:
        bounds, valid = scene.bounds, scene.dataset_mask() > 0
    assert shapely.contains(shapely.box(*bounds).buffer(0.01), here.geometry.values).all()
    inside = here.geometry.representative_point()
    rows = ((town.style.north - inside.y) / PIXEL).astype(int)
    cols = ((inside.x - town.style.west) / PIXEL).astype(int)
    assert valid[rows, cols].all()


def test_whole_labels_are_the_truth_and_cut_ones_a_part_of_it(town: Town) -> None:
    here, meant = town.labels.to_crs(CRS).geometry.values, town.truth[town.labels["building"]]
    complete = town.labels["whole"].to_numpy() == 1
    assert shapely.hausdorff_distance(here[complete], meant[complete]).max() < 1e-5
    assert shapely.within(here[~complete], shapely.buffer(meant[~complete], 1e-5)).all()
    assert (~complete).sum() > 5


def test_every_building_the_imagery_shows_is_labelled(town: Town) -> None:
    left, top, extent = town.style.west, town.style.north, town.style.extent
    middle = shapely.box(left, top - extent, left + extent, top).buffer(-60, join_style="mitre")
    shown = np.flatnonzero(shapely.within(town.truth, middle))
    assert len(shown) > 100
    assert set(shown) <= set(town.labels["building"])


def test_row_houses_share_their_walls_vertex_for_vertex(town: Town) -> None:
    rows = town.of_kind("row")
    assert shapely.coverage_is_valid(rows)
    first, second = shapely.STRtree(rows).query(rows, predicate="touches")
    shared = shapely.length(shapely.intersection(rows[first], rows[second]))
    assert np.count_nonzero((first < second) & (shared > 0)) > 30


def test_courtyards_are_interior_rings(town: Town) -> None:
    rings = shapely.get_num_interior_rings(town.of_kind("courtyard"))
    assert len(rings) > 0
    assert (rings == 1).all()


def test_buildings_do_not_overlap(town: Town) -> None:
    first, second = shapely.STRtree(town.truth).query(town.truth, predicate="intersects")
    pairs = first < second
    assert shapely.area(shapely.intersection(town.truth[first[pairs]], town.truth[second[pairs]])).max(initial=0) < 1e-6


def test_buildings_cover_fifteen_to_twenty_five_percent(town: Town) -> None:
    with rasterio.open(image_file(town.style)) as scene:
        imagery = float((scene.dataset_mask() > 0).sum()) * PIXEL**2
    assert 0.15 <= town.labels.to_crs(CRS).area.sum() / imagery <= 0.25


def test_the_two_towns_differ_in_their_roofs_and_their_light() -> None:
    shares = []
    for style in (TRAIN, TEST):
        covers = Counter(building.cover for building in buildings_of(style))
        shares.append({name: count / covers.total() for name, count in covers.items()})
    apart = sum(abs(shares[0].get(name, 0) - shares[1].get(name, 0)) for name in {*shares[0], *shares[1]}) / 2
    assert 0.1 < apart < 0.6
    assert abs(TRAIN.sun.azimuth - TEST.sun.azimuth) > 30


@TOWNS
def test_the_committed_files_are_what_the_generator_writes(style: TownStyle, tmp_path: Path) -> None:
    write_scene(style, tmp_path)
    assert (tmp_path / f"{style.name}.gpkg").read_bytes() == (FOLDER / f"{style.name}.gpkg").read_bytes()
    with rasterio.open(tmp_path / f"{style.name}.tif") as new, rasterio.open(image_file(style)) as committed:
        assert np.array_equal(new.dataset_mask(), committed.dataset_mask())
        # The bytes are equal on one kind of processor. Another one's vector units may round a grey level differently,
        # and JPEG spreads that over 16 pixels; any change to the generator itself moves nearly every pixel.
        assert (new.read() == committed.read()).mean() > 0.99


def test_a_drawn_roof_covers_exactly_its_outline() -> None:
    cells = np.arange(2000) * CELL + CELL / 2
    drawn = 0
    for building in true_buildings(small_town(side=384, seed=5)):
        left, top, right, bottom = building.outline.bounds
        if left < 0 or top < 0 or right > 300 * PIXEL or bottom > 300 * PIXEL:
            continue
        patch = Patch(slice(int(top / CELL), int(bottom / CELL) + 1), slice(int(left / CELL), int(right / CELL) + 1))
        x, y = np.meshgrid(cells[patch.cols], cells[patch.rows])
        # A centre within a millimetre of the outline may fall on either side of it in float32.
        sure = shapely.distance(building.outline.boundary, shapely.points(x, y)) > 1e-3
        inside = shapely.contains_xy(building.outline, x, y)
        assert np.array_equal(envelope(patch, building.parts).inside[sure], inside[sure])
        drawn += 1
    assert drawn >= 5


def test_pixel_outlines_are_plan_metres_divided_by_the_pixel() -> None:
    square = shapely.box(3.0, 6.0, 9.0, 12.0)
    assert pixel_outline(square).equals_exact(shapely.box(10, 20, 30, 40), 1e-9)


@pytest.mark.parametrize(
    ("azimuth", "towards"), [(180, (-1, 0)), (90, (0, -1)), (270, (0, 1))], ids=["noon", "am", "pm"]
)
def test_a_shadow_falls_away_from_the_sun_as_far_as_it_must(azimuth: float, towards: tuple[int, int]) -> None:
    height = np.zeros((161, 161), dtype=np.float32)
    height[70:91, 70:91] = 4.0
    light = sunlit(height, Sun(azimuth=azimuth, elevation=45.0))
    reach = 10 + 4.0 / math.tan(math.radians(45.0)) / CELL
    near, far = (tuple(80 + round(step * (reach + off)) for step in towards) for off in (-4, 4))
    opposite = tuple(80 - 14 * step for step in towards)
    assert light[near] < 0.05
    assert light[far] > 0.95
    assert light[opposite] > 0.95
    assert light[80, 80] > 0.95


def test_a_canvas_refuses_patches_that_lie_outside_it() -> None:
    layer = np.zeros((20, 20), dtype=np.float32)
    albedo, slope = np.zeros((20, 20, 3), dtype=np.float32), np.zeros((2, 20, 20), dtype=np.float32)
    canvas = Canvas(albedo, layer, slope, fine=layer, middle=layer, coarse=layer)
    assert canvas.patch((5.0, 5.0, 6.0, 6.0)) is None
    assert canvas.patch((-1.0, -1.0, 9.0, 9.0)) == Patch(slice(0, 20), slice(0, 20))


def test_a_file_half_written_never_bears_its_name(tmp_path: Path) -> None:
    target = tmp_path / "town.tif"
    target.write_text("whole")

    def failing(path: Path) -> None:
        path.write_text("ha")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        whole(target, failing)
    assert target.read_text() == "whole"


def test_writing_labels_leaves_gdal_its_own_clock(tmp_path: Path) -> None:
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    write_scene(small_town(side=128, seed=1), tmp_path)
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_the_varied_towns_are_all_there_with_labels_and_unlike_each_other() -> None:
    styles = [varied_town(number) for number in range(COUNT)]
    assert [path.stem for path in synthetic.scenes()] == [style.name for style in styles]
    labels = geopandas.read_file(synthetic.LABELS).to_crs(CRS)
    assert labels.geometry.is_valid.all()
    greys = []
    for path, style in zip(synthetic.scenes(), styles, strict=True):
        with rasterio.open(path) as file:
            assert (file.count, file.width, file.height, file.res) == (3, style.side, style.side, (PIXEL, PIXEL))
            share = labels.cx[slice(*file.bounds[::2]), slice(*file.bounds[1::2])].area.sum() / (style.extent**2)
            greys.append(file.read(out_shape=(3, 64, 64)).mean(axis=(1, 2)))
        assert 0.05 < share < 0.4, path
    apart = np.linalg.norm(np.array(greys)[:, None] - np.array(greys)[None], axis=-1)
    assert apart[np.triu_indices(COUNT, 1)].min() > 1.0
    assert apart.max() > 60.0


def test_a_committed_varied_town_is_what_the_generator_writes(tmp_path: Path) -> None:
    style = varied_town(5)
    write_scene(style, tmp_path)
    with rasterio.open(tmp_path / "town_05.tif") as written, rasterio.open(synthetic.scenes()[5]) as kept:
        # another processor's vector units may round a grey level the other way
        assert (written.read() == kept.read()).mean() > 0.99
        bounds = written.bounds
    drawn = geopandas.read_file(tmp_path / "town_05.gpkg")
    all_of_them = geopandas.read_file(synthetic.LABELS).to_crs(CRS)
    here = all_of_them.cx[bounds.left : bounds.right, bounds.bottom : bounds.top].to_crs(drawn.crs)
    assert len(here) == len(drawn)
    assert shapely.hausdorff_distance(here.geometry.to_numpy(), drawn.geometry.to_numpy()).max() < 1e-7


def test_tints_change_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    plain = small_town(side=256, seed=3)
    red = replace(plain, ground_tints=(("asphalt", (1.8, 0.5, 0.5)),))
    one, other = draw_scene(plain), draw_scene(red)
    redder = (
        other.pixels[..., 0].astype(int) - other.pixels[..., 1]
        > one.pixels[..., 0].astype(int) - one.pixels[..., 1] + 20
    )
    assert 0.03 < redder.mean() < 0.4
    assert (one.pixels == other.pixels).mean() > 0.5
    assert [b.outline for b in one.buildings] == [b.outline for b in other.buildings]


def test_the_tint_of_a_roof_is_not_that_of_the_ground_of_the_same_name() -> None:
    flat_roofs = replace(small_town(side=256, seed=3), flat=(("gravel", 1.0),), pitched=(("gravel", 1.0),))
    dark = replace(flat_roofs, roof_tints=(("gravel", (0.2, 0.2, 0.2)),))
    one, other = draw_scene(flat_roofs), draw_scene(dark)
    roofs = shapely.union_all([pixel_outline(building.outline) for building in one.buildings])
    inside = shapely.contains_xy(roofs.buffer(-3), *np.meshgrid(np.arange(256) + 0.5, np.arange(256) + 0.5))
    outside = ~shapely.contains_xy(roofs.buffer(3), *np.meshgrid(np.arange(256) + 0.5, np.arange(256) + 0.5))
    assert other.pixels[inside].mean() < 0.8 * one.pixels[inside].mean()
    assert (one.pixels == other.pixels)[outside].mean() > 0.99
