"""What a file of polygons says of itself: its layers, and what footprints and training windows in it are like."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyogrio
from pandas import DataFrame
from pyogrio.errors import DataLayerError, DataSourceError

from geounet.block import Array
from geounet.errors import LabelError
from geounet.footprints import DOUBT
from geounet.io.polygon_files import crs_in, is_parquet, layers, parquet_columns, parquet_metadata, vector_info

ENDINGS = (".gpkg", ".geojson", ".json", ".shp", ".fgb", ".parquet", ".geoparquet", ".pmtiles", ".kml", ".gml", ".gdb")
_COUNTED = ("class", "split")  # fields whose values are counted
_MOST = 20  # values of one of them that are told
_HEAD = 1 << 16  # letters before the features of a GeoJSON file


def vector_facts(path: Path) -> dict[str, object]:
    """Of each layer its features, CRS, bounds and fields; of footprints and windows their classes, splits and doubt.

    Raises:
        LabelError: no file that can be read.
    """
    info = vector_info(path)
    if is_parquet(path):
        crs = None if info.crs is None else _crs_name(path, info.crs)
        facts: dict[str, object] = {
            "features": info.features,
            "crs": crs,
            "bounds": list(info.bounds) if info.features else None,
            "fields": list(info.fields),
        }
        told = {"layers": {path.stem: facts | _counts(parquet_columns(path, _wanted(info.fields)))}}
    else:
        told = {"layers": {name: _layer(path, name) for name in layers(path)}}
    made = _provenance(path)
    return {**told, "made from": made} if made else dict(told)


def _layer(path: Path, name: str) -> dict[str, object]:
    try:
        info = pyogrio.read_info(path, layer=name, force_feature_count=True, force_total_bounds=True)
        fields = list(map(str, info["fields"]))
        wanted = _wanted(fields)
        table = pyogrio.read_dataframe(path, layer=name, columns=wanted, read_geometry=False) if wanted else None
    except (DataSourceError, DataLayerError, ValueError) as error:
        raise LabelError(f"{path} cannot be read ({error}); repair or export it again") from error
    bounds = info["total_bounds"]
    facts: dict[str, object] = {
        "geometry": info["geometry_type"],
        "features": int(info["features"]),
        "crs": _crs_name(path, info["crs"]) if info["crs"] else None,
        "bounds": None if bounds is None else list(map(float, bounds)),
        "fields": fields,
    }
    if table is None:
        return facts
    facts["features"] = len(table)  # tiles cut some in two, and those of one zoom are read
    return facts | _counts(table)


def _wanted(fields: Sequence[str]) -> list[str]:
    return [field for field in (*_COUNTED, "confidence", "flags") if field in fields]


def _counts(table: DataFrame) -> dict[str, object]:
    """What the attributes of footprints or windows are, as far as there are any."""
    facts: dict[str, object] = {}
    for field in _COUNTED:
        if field in table:
            facts[f"by {field}"] = dict(Counter(map(str, table[field])).most_common(_MOST))
    if "confidence" in table and table["confidence"].notna().any():
        chances = table["confidence"]
        facts["mean confidence"] = round(float(chances.mean()), 3)
        facts["doubtful"] = int((chances < DOUBT).sum())
    if "flags" in table:
        words = ",".join(map(str, table["flags"].dropna())).split(",")
        facts["by flag"] = dict(sorted(Counter(word for word in words if word).items()))
    return facts


def _crs_name(path: Path, text: str) -> str:
    crs = crs_in(path, text)
    code = crs.to_epsg()
    return crs.name if code is None else f"{crs.name} (EPSG:{code})"


def _provenance(path: Path) -> dict[str, str]:
    """From what and how geounet made it, where it did."""
    try:
        found = _metadata(path)
    except (DataSourceError, DataLayerError, OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items() if str(key).isupper() and "DATE_LAST" not in str(key)}


def _metadata(path: Path) -> Mapping[object, object]:
    """Keys and texts in a file of footprints, wherever its format keeps them."""
    if is_parquet(path):
        return parquet_metadata(path)
    if path.suffix.casefold() == ".geojson":
        with path.open(encoding="utf-8") as file:
            head = file.readline(_HEAD)
        return dict(json.loads(f"{head.rstrip().removesuffix('[')}[]}}").get("provenance", {})) if head else {}
    info = pyogrio.read_info(path, layer=next(iter(layers(path)), None))
    kept = {**(info.get("dataset_metadata") or {}), **(info.get("layer_metadata") or {})}
    told = kept.pop("DESCRIPTION", kept.pop("description", ""))
    return dict(json.loads(told)) if str(told).startswith("{") else kept


def sizes_and_chances(path: Path) -> tuple[Array, Array]:
    """Areas in m² and confidences of the footprints of a map, of all layers; none without a file of them.

    Raises:
        LabelError: a file that cannot be read.
    """
    found: list[Array] = [np.empty((0, 2))]
    try:
        for name in layers(path) if path.exists() else ():
            table = pyogrio.read_dataframe(path, layer=name, columns=["area_m2", "confidence"], read_geometry=False)
            found.append(table[["area_m2", "confidence"]].to_numpy(dtype=np.float64))
    except (DataSourceError, DataLayerError, KeyError) as error:
        raise LabelError(f"{path} cannot be read ({error}); make it again") from error
    area, confidence = np.concatenate(found).T
    return area, confidence
