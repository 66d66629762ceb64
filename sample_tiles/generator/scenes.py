"""A town as files: a JPEG GeoTIFF with an internal mask, and its labels in a GeoPackage of another CRS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pandas
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin
from shapely import Polygon

from .canvas import Mask
from .draw import draw_town
from .geometry import Axes, polygons_of
from .plan import Building
from .style import CRS, PIXEL, TownStyle
from .town import plan_town

LABEL_CRS = "EPSG:4326"
LAYER = "buildings"
SMALLEST_LABEL = 1.0
QUALITY = 85
# A GeoPackage holds the time it was written; every scene was drawn on this day.
DRAWN_ON = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawn town.

    Args:
        pixels: (side, side, 3) uint8, red green blue; the style's collar level where not valid.
        valid: (side, side), true inside the outline of the imagery.
        outline: that outline in plan metres.
        buildings: every building of the town, whole, also outside the scene.
    """

    style: TownStyle
    pixels: NDArray[np.uint8]
    valid: Mask
    outline: Polygon
    buildings: tuple[Building, ...]


def draw_scene(style: TownStyle) -> Scene:
    """The scene of a town; the same style gives the same scene."""
    rng = np.random.default_rng(style.seed)
    plan = plan_town(style, rng)
    pixels = draw_town(plan, style, rng)
    outline = valid_outline(style, rng)
    centres = (np.arange(style.side) + 0.5) * PIXEL
    shapely.prepare(outline)
    valid = shapely.contains_xy(outline, *np.meshgrid(centres, centres))
    pixels[~valid] = style.collar
    return Scene(style, pixels, valid, outline, plan.content.buildings)


def valid_outline(style: TownStyle, rng: np.random.Generator) -> Polygon:
    """Where the scene has imagery: a turned square whose lower edge is stepped, as flight strips end."""
    turn = math.radians(style.tilt)
    half = style.extent / 2 / (math.cos(turn) + abs(math.sin(turn))) - PIXEL
    axes = Axes(style.extent / 2, style.extent / 2, turn)
    ends = np.linspace(half, -half, 6) + np.array([0, *rng.uniform(-0.05, 0.05, 4), 0]) * style.extent
    depths = rng.uniform(0, 0.012, 5) * style.extent
    steps = [(float(u), half - float(depth)) for i, depth in enumerate(depths) for u in (ends[i], ends[i + 1])]
    return Polygon([axes.world(u, v) for u, v in [(-half, -half), (half, -half), *steps]])


def write_scene(style: TownStyle, folder: Path) -> Scene:
    """Draw a town and write `<name>.tif` and `<name>.gpkg` into a folder; the same bytes on every run."""
    scene = draw_scene(style)
    whole(folder / f"{style.name}.tif", lambda path: write_imagery(scene, path))
    whole(folder / f"{style.name}.gpkg", lambda path: write_labels([scene], path))
    return scene


def write_scenes(styles: Sequence[TownStyle], folder: Path, name: str) -> None:
    """Draw towns and write `<their names>.tif`, and the labels of all of them as `<name>.gpkg`."""
    scenes = [draw_scene(style) for style in styles]
    for scene in scenes:
        whole(folder / f"{scene.style.name}.tif", partial(write_imagery, scene))
    whole(folder / f"{name}.gpkg", lambda path: write_labels(scenes, path))


def whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a temporary name and rename it, so that nothing half-written bears the final name."""
    unfinished = path.with_name(f"unfinished-{path.name}")
    unfinished.unlink(missing_ok=True)
    write(unfinished)
    unfinished.replace(path)


def write_imagery(scene: Scene, path: Path) -> None:
    """Write the pixels as tiled JPEG in YCbCr with the mask inside the file."""
    style = scene.style
    profile = {
        "driver": "GTiff",
        "width": style.side,
        "height": style.side,
        "count": 3,
        "dtype": "uint8",
        "crs": CRS,
        "transform": from_origin(style.west, style.north, PIXEL, PIXEL),
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "JPEG",
        "photometric": "YCBCR",
        "jpeg_quality": QUALITY,
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_NUM_THREADS="1"), rasterio.open(path, "w", **profile) as file:
        file.write(scene.pixels.transpose(2, 0, 1))
        file.write_mask(scene.valid)


def write_labels(scenes: Sequence[Scene], path: Path) -> None:
    """Write the labels of some towns as layer `buildings`."""
    table = pandas.concat([labels(scene) for scene in scenes], ignore_index=True)
    with written_on(DRAWN_ON):
        pyogrio.write_dataframe(table, path, layer=LAYER, driver="GPKG", VERSION="1.2")


def labels(scene: Scene) -> geopandas.GeoDataFrame:
    """The buildings as a label file has them: in degrees, cut where the imagery ends (`whole` = 0 there).

    `building` is the building's place in `Scene.buildings`.
    """
    style = scene.style
    rows = [
        (index, "building", building.kind, building.roof, int(part.area == building.outline.area), part)
        for index, building in enumerate(scene.buildings)
        for part in visible(building.outline, scene.outline)
    ]
    outlines = shapely.transform([row[-1] for row in rows], lambda xy: xy * [1, -1] + [style.west, style.north])
    frame = geopandas.GeoDataFrame(
        [row[:-1] for row in rows],
        columns=["building", "class", "kind", "roof", "whole"],
        geometry=shapely.orient_polygons(outlines),
        crs=CRS,
    )
    return frame.to_crs(LABEL_CRS)


def visible(outline: Polygon, imagery: Polygon) -> list[Polygon]:
    """The parts of an outline that the imagery shows; the very same polygon where it shows all of it."""
    if imagery.contains(outline):
        return [outline]
    return polygons_of(outline.intersection(imagery), SMALLEST_LABEL)


@contextmanager
def written_on(day: str) -> Iterator[None]:
    """Let GDAL take `day` for the present time in the files it writes."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": day})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
