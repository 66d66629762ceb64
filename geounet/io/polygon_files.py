"""Files of polygons: what GDAL opens, and GeoParquet, looked at and read."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import geopandas
import pyogrio
import shapely
from pandas import DataFrame
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from geounet.errors import LabelError
from geounet.files import translated

log = logging.getLogger(__name__)

_UNDEFINED = "Undefined Cartesian SRS"  # how GeoPackages name that there is no CRS
_BATCH = 50_000  # features that are read together

# GDAL 3.12 writes an .aux.xml beside a GeoPackage with metadata that is only read: what we read stays as it is
pyogrio.set_gdal_config_options({"GDAL_PAM_ENABLED": "NO"})


@dataclass(frozen=True, slots=True)
class VectorInfo:
    """What a vector file says of itself, without its features."""

    features: int
    crs: str | None
    fields: tuple[str, ...]
    bounds: tuple[float, ...]


def vector_info(path: Path, layer: str | None = None) -> VectorInfo:
    """What a file says of itself and of a layer (None: the first).

    Raises:
        LabelError: no file, or none of polygons.
    """
    with translated(path, "looked at"):
        if not path.exists():
            raise LabelError(f"{path} does not exist; check the path")
    if "!" in str(path):  # GDAL's Python side takes what follows for a file in an archive
        raise LabelError(f"{path} has a '!' in its path, which cannot be read; rename it")
    if is_parquet(path):
        table = _parquet(path)
        crs = table.crs.to_wkt() if table.crs else None
        fields = [str(name) for name in table.columns if name != table.geometry.name]
        return VectorInfo(len(table), crs, tuple(fields), tuple(map(float, table.total_bounds)))
    try:
        info = pyogrio.read_info(path, layer=layer or _layer(path), force_feature_count=True, force_total_bounds=True)
    except (DataSourceError, DataLayerError) as error:
        raise LabelError(f"{path} is no vector file that GDAL can read ({error}); give GPKG, GeoJSON, ...") from error
    bounds = info["total_bounds"] or ()
    crs = None if _UNDEFINED in (info["crs"] or "") else info["crs"]
    return VectorInfo(info["features"], crs, tuple(map(str, info["fields"])), tuple(map(float, bounds)))


def is_polygon_file(path: Path) -> bool:
    """Whether a file may hold polygons, by its name or as GDAL knows it."""
    if is_parquet(path) or "!" in str(path):  # whose errors say what is missing, or to be done
        return True
    try:
        return len(pyogrio.list_layers(path)) > 0
    except DataSourceError:
        return False


def layers(path: Path) -> list[str]:
    """Layers with geometry: a GeoPackage may hold tables of styles, too."""
    return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]


def _layer(path: Path) -> str | None:
    """The first layer with geometry."""
    found = layers(path)
    if len(found) > 1:
        log.info("%s has the layers %s: %s is read", path, ", ".join(found), found[0])
    return found[0] if found else None


def features_of(
    path: Path,
    layer: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    bbox: tuple[float, float, float, float] | None = None,
) -> geopandas.GeoDataFrame:
    """Features of a layer (None: the first), with the fields of those names that it has (None: all).

    Args:
        bbox: left, bottom, right and top, in the file's CRS, of what is wanted; what is returned may reach beyond it.

    Raises:
        LabelError: a file that cannot be read.
    """
    if is_parquet(path):
        table = _parquet(path)
        return table if bbox is None else table.cx[bbox[0] : bbox[2], bbox[1] : bbox[3]]
    return _read(path, layer=layer or _layer(path), columns=columns, bbox=bbox)


def _read(path: Path, **wanted: object) -> geopandas.GeoDataFrame:
    try:
        return pyogrio.read_dataframe(path, **wanted)
    except (DataSourceError, DataLayerError, shapely.GEOSException, ValueError) as error:
        raise LabelError(f"{path} cannot be read ({error}); repair or export it again") from error


def feature_batches(
    path: Path,
    layer: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    bbox: tuple[float, float, float, float] | None = None,
) -> Iterator[geopandas.GeoDataFrame]:
    """Features as `features_of` gives them, so many at once that memory stays flat (but for GeoParquet)."""
    if is_parquet(path):
        table = features_of(path, bbox=bbox)
        yield from (table.iloc[first : first + _BATCH] for first in range(0, len(table), _BATCH))
        return
    layer = layer or _layer(path)
    for first in count(0, _BATCH):
        some = _read(path, layer=layer, columns=columns, bbox=bbox, skip_features=first, max_features=_BATCH)
        if len(some):
            yield some
        if len(some) < _BATCH:
            return


def is_parquet(path: Path) -> bool:
    return path.suffix.casefold() in (".parquet", ".geoparquet")


def _parquet(path: Path) -> geopandas.GeoDataFrame:
    """All of a GeoParquet file: no GDAL that comes with this project reads them."""
    try:
        return geopandas.read_parquet(path)
    except ImportError as error:
        raise LabelError(f"{path} needs pyarrow to be read; run pip install geounet[parquet]") from error
    except (OSError, ValueError) as error:
        raise LabelError(f"{path} is no GeoParquet that can be read ({error}); export it again") from error


def parquet_columns(path: Path, names: Sequence[str]) -> DataFrame:
    """Some columns of a Parquet file, without its geometries."""
    from pyarrow.parquet import read_table

    table: DataFrame = read_table(path, columns=list(names)).to_pandas()
    return table


def parquet_metadata(path: Path) -> dict[object, object]:
    """Keys and texts that a Parquet file holds beside its columns."""
    from pyarrow.parquet import read_schema

    found = read_schema(path).metadata or {}
    return {key.decode(): text.decode() for key, text in found.items()}


def crs_in(path: Path, text: str | None) -> CRS:
    """The CRS that a file names.

    Raises:
        LabelError: one that PROJ does not know.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise LabelError(f"{path} has a CRS that PROJ does not know ({text}); assign one that it knows") from error
