"""Layers of a GeoPackage looked at: the first features by an order, with their attributes, and sums over all."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from geounet.errors import LabelError
from geounet.footprints import affine_transformed
from geounet.frame import Frame, same_crs
from geounet.io.geopackage import quoted
from geounet.io.polygon_files import layers

if TYPE_CHECKING:
    from geounet.block import Array

Value = str | float | int | None


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of a layer.

    Args:
        total: how many the layer has.
        geometry: (n,) of those read, in pixels (column, row).
        attributes: of each of them, by the names of the fields.
    """

    total: int
    geometry: "Array"
    attributes: Sequence[Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all features of a layer: how many, their area, and how many have a confidence in each of some grades."""

    count: int
    area: float
    grades: tuple[int, ...]


def layer_names(path: Path) -> list[str]:
    """Layers with geometry of a GeoPackage.

    Raises:
        LabelError: a file that cannot be read.
    """
    try:
        return layers(path)
    except (DataSourceError, DataLayerError) as error:
        raise _unreadable(path, error) from error


def first_features(path: Path, layer: str, frame: Frame, *, order: Sequence[str], most: int) -> Features:
    """The first features of a layer of a GeoPackage.

    Args:
        frame: whose pixels their coordinates are to be.
        order: names of fields, with a '-' before those whose largest values come first; unknown values come last.

    Raises:
        LabelError: a file that cannot be read, or whose CRS does not fit the frame's.
    """
    try:
        info = pyogrio.read_info(path, layer=layer, force_feature_count=True)
        fields = set(info["fields"])
        ordered = [f"{_by(key)}, " for key in order if key.removeprefix("-") in fields]
        sql = f"SELECT * FROM {quoted(layer)} ORDER BY {''.join(ordered)}rowid LIMIT {most:d}"  # noqa: S608
        table = pyogrio.read_dataframe(path, sql=sql)
    except (DataSourceError, DataLayerError, shapely.GEOSException, ValueError) as error:
        raise _unreadable(path, error) from error
    if not len(table):
        return Features(int(info["features"]), np.empty(0, object), [])
    if frame.crs is not None:  # without one, pixels are all there is
        if not info["crs"]:
            raise LabelError(f"{path} has no CRS and the map has one: they cannot be laid over each other; assign it")
        if not same_crs(info["crs"], frame.crs):
            table = table.to_crs(frame.crs)
    geometry = affine_transformed(shapely.force_2d(table.geometry.to_numpy()), ~frame.transform)
    columns = {str(name): table[name].tolist() for name in table.columns if name != table.geometry.name}
    rows = [{name: _plain(values[i]) for name, values in columns.items()} for i in range(len(table))]
    there = np.array([g is not None and not g.is_empty and np.isfinite(g.bounds).all() for g in geometry])
    kept = [row for row, is_there in zip(rows, there, strict=True) if is_there]
    return Features(int(info["features"]), geometry[there], kept)


def totals(path: Path, layer: str, ends: Sequence[float]) -> Totals:
    """Sums over a layer of footprints, without reading their outlines.

    Args:
        ends: lower ends of the grades of confidence, from the first, which has all below the second, to the last.

    Raises:
        LabelError: a file that cannot be read, or without confidences and areas.
    """
    below = [f"coalesce(sum(confidence < {end!r}), 0)" for end in map(float, ends[1:])]
    wanted = ", ".join(["count(*)", "coalesce(sum(area_m2), 0)", "count(confidence)", *below])
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            ((count, area, known, *lower),) = database.execute(f"SELECT {wanted} FROM {quoted(layer)}")  # noqa: S608
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    edges = [0, *lower, known]
    return Totals(count, float(area), tuple(int(end - start) for start, end in pairwise(edges)))


def _by(key: str) -> str:
    name = quoted(key.removeprefix("-"))
    return f"{name} IS NULL, {name}{' DESC' if key.startswith('-') else ''}"


def _plain(value: object) -> Value:
    """A value as JSON knows it: NaN and what is missing are None, what else there may be is text."""
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return None if value is None or str(value) in ("<NA>", "NaT") else str(value)


def _unreadable(path: Path, error: Exception) -> LabelError:
    return LabelError(f"{path} cannot be read ({error}); make it again")
