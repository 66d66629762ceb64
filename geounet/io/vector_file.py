"""Vector files that are only read: what one says of itself, and its features."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from geounet.errors import LabelError
from geounet.files import translated

log = logging.getLogger(__name__)

# GDAL 3.12 writes an .aux.xml beside a GeoPackage with metadata that is only read: what we read stays as it is
pyogrio.set_gdal_config_options({"GDAL_PAM_ENABLED": "NO"})

_PARQUET = ".parquet"  # GDAL, as pyogrio brings it, does not read it


@dataclass(frozen=True, slots=True)
class Info:
    """What a vector file says of itself, without its features."""

    features: int
    crs: str | None
    fields: tuple[str, ...]
    bounds: tuple[float, ...]


def info_of(path: Path) -> Info:
    """What the first layer of a vector file is.

    Raises:
        LabelError: no vector file.
    """
    with translated(path, "looked at"):
        if not path.exists():
            raise LabelError(f"{path} does not exist; check the path")
    if path.suffix.lower() == _PARQUET:
        table = _parquet(path)
        crs = None if table.crs is None else table.crs.to_wkt()
        fields = tuple(str(name) for name in table.columns if name != table.geometry.name)
        return Info(len(table), crs, fields, tuple(table.total_bounds.tolist()))
    if "!" in str(path):  # GDAL's Python side takes what follows for a file in an archive
        raise LabelError(f"{path} has a '!' in its path, which cannot be read; rename it")
    try:
        info = pyogrio.read_info(path, layer=_first_layer(path), force_feature_count=True, force_total_bounds=True)
    except (DataSourceError, DataLayerError) as error:
        raise LabelError(f"{path} is no vector file that GDAL can read ({error}); give GPKG, GeoJSON, ...") from error
    bounds = info["total_bounds"] or ()
    return Info(info["features"], info["crs"], tuple(map(str, info["fields"])), tuple(map(float, bounds)))


def layers_of(path: Path) -> list[str]:
    """Layers with geometry: a GeoPackage may hold tables of styles, too."""
    return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]


def features_of(
    path: Path,
    layer: str | None = None,
    columns: Sequence[str] | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    *,
    read_geometry: bool = True,
) -> geopandas.GeoDataFrame:
    """Features of a layer, by default the first: those that meet a box, with those of the columns that are there.

    Raises:
        LabelError: they cannot be read.
    """
    if path.suffix.lower() == _PARQUET:
        table = _parquet(path)
        near = table if bbox is None else table[table.intersects(shapely.box(*bbox))]
        return near if columns is None else near[[*near.columns.intersection(columns), near.geometry.name]]
    try:
        return pyogrio.read_dataframe(
            path, layer=layer or _first_layer(path), columns=columns, bbox=bbox, read_geometry=read_geometry
        )
    except (DataSourceError, DataLayerError, shapely.GEOSException, ValueError) as error:
        raise LabelError(f"{path} cannot be read ({error}); repair or export it again") from error


def _first_layer(path: Path) -> str | None:
    """The first layer with geometry."""
    layers = layers_of(path)
    if len(layers) > 1:
        log.info("%s has the layers %s: %s is read", path, ", ".join(layers), layers[0])
    return layers[0] if layers else None


def _parquet(path: Path) -> geopandas.GeoDataFrame:
    try:
        return geopandas.read_parquet(path)
    except ImportError as error:
        raise LabelError(f"{path} needs pyarrow to be read; run pip install geounet[parquet]") from error
    except (ValueError, OSError) as error:
        raise LabelError(f"{path} is no GeoParquet that can be read ({error}); export it again") from error
