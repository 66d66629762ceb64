"""Small made-up scenes and labels, written as the files that users have."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from geounet.block import Array
from geounet.frame import Frame


@dataclass(frozen=True)
class Place:
    """Where a scene lies: its transform, and its CRS (None: nowhere)."""

    transform: Affine
    crs: str | None

    def cropped(self, row: int, col: int) -> "Place":
        """The place of a crop that begins at a pixel."""
        return replace(self, transform=self.transform @ Affine.translation(col, row))


def _mercator(lon: float, lat: float, pixel: float) -> Place:
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    return Place(Affine(pixel, 0, x, 0, -pixel, y), "EPSG:3857")


UTM = Place(Affine(0.3, 0, 500_000.1, 0, -0.3, 6_650_000.2), "EPSG:32633")
SOUTH_UP = Place(Affine(0.3, 0, 500_000.1, 0, 0.3, 6_650_000.2), "EPSG:32633")
ROTATED = Place(
    Affine.translation(500_000.1, 6_650_000.2) @ Affine.rotation(30) @ Affine.scale(0.3, -0.3), "EPSG:32633"
)
MERCATOR_60N = _mercator(15.0, 60.0, 0.6)  # 0.3 m on the ground
DEGREES_60N = Place(Affine(0.3 / 55_800, 0, 15.0, 0, -0.3 / 111_412, 60.0), "EPSG:4326")
NOWHERE = Place(Affine.identity(), None)


def noise(height: int, width: int, *, bands: int = 3, dtype: str = "uint8", seed: int = 0) -> Array:
    """Pixels (bands, height, width) without order: 1..250 in uint8, 1..4000 in wider integers, around 0 in floats."""
    draw = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return draw.normal(0, 50, (bands, height, width)).astype(dtype)
    return draw.integers(1, 251 if dtype == "uint8" else 4001, (bands, height, width)).astype(dtype)


def write_scene(
    path: Path,
    pixels: Array,
    place: Place = UTM,
    *,
    mask: NDArray[np.bool_] | None = None,
    nodata: float | None = None,
    alpha: bool = False,
    colours: Sequence[ColorInterp] | None = None,
    block: int | None = None,
    compress: str | None = None,
) -> Path:
    """A GeoTIFF of pixels (bands, height, width).

    Args:
        mask: where the scene is valid, as an internal mask.
        alpha: whether the last band is the alpha band.
        block: side of its tiles; one strip of rows after another where None.
    """
    count, height, width = pixels.shape
    tiling = {"tiled": True, "blockxsize": block, "blockysize": block} if block else {}
    placed = {"transform": place.transform, "crs": place.crs} if place.crs else {}
    with (
        warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=count,
            height=height,
            width=width,
            dtype=pixels.dtype,
            nodata=nodata,
            photometric="RGB" if count - alpha == 3 and not colours else "MINISBLACK",
            compress=compress,
            **placed,
            **tiling,
        ) as dataset,
    ):
        if alpha:
            dataset.colorinterp = [*dataset.colorinterp[:-1], ColorInterp.alpha]
        if colours:
            dataset.colorinterp = colours
        dataset.write(pixels)
        if mask is not None:
            dataset.write_mask(mask)
    return path


def frame(height: int, width: int, place: Place = UTM) -> Frame:
    return Frame(height, width, place.transform, place.crs and rasterio.crs.CRS.from_string(place.crs).to_wkt())


def box(place: Place, row: float, col: float, height: float, width: float) -> shapely.Polygon:
    """A rectangle of pixels in the map coordinates of a place."""
    corners = ((col, row), (col + width, row), (col + width, row + height), (col, row + height))
    return shapely.Polygon([place.transform @ corner for corner in corners])


def write_polygons(
    path: Path,
    polygons: Sequence[shapely.Geometry],
    place: Place = UTM,
    *,
    crs: str | int | None = 4326,
    **columns: Sequence[object],
) -> Path:
    """Polygons in the map coordinates of a place as a vector file, in another CRS on purpose."""
    table = geopandas.GeoDataFrame(columns, geometry=list(polygons), crs=place.crs)
    table = table.to_crs(crs) if crs and place.crs else table
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*'crs' was not provided.*")
        if path.suffix == ".gpkg":
            table.to_file(path, driver="GPKG", VERSION="1.2")
        else:
            table.to_file(path)
    return path


def three_buildings(place: Place) -> list[shapely.Polygon]:
    """Footprints on a scene of 150 x 170 px; 600, 1000 and 400 px."""
    return [box(place, 10, 12, 20, 30), box(place, 70, 80, 40, 25), box(place, 120, 20, 20, 20)]
