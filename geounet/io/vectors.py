"""Footprints to a GeoPackage: a styled layer for each class, the same bytes on every run."""

import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from geounet.errors import OutputError
from geounet.files import advice, refuse_existing, whole_file
from geounet.footprints import Footprints, ground_size
from geounet.io.gdal import reason
from geounet.io.style import EPOCH, footprint_style
from geounet.legend import LegendClass

_BATCH = 20_000  # footprints written together: each write opens the file again
_FIELDS = ("class", "confidence", "area_m2", "perimeter_m", "flags")


@dataclass(frozen=True, slots=True)
class Written:
    """How many footprints a layer holds, and whether they know their confidence."""

    cls: LegendClass
    count: int
    graded: bool


@dataclass(frozen=True, slots=True)
class _Target:
    """The file to be (`path`), what it is called until it is whole, and what every layer of it shares."""

    path: Path
    unfinished: Path
    crs: str | None
    provenance: dict[str, str]


def write_geopackage(
    path: Path,
    classes: Sequence[LegendClass],
    footprints: Iterable[Footprints],
    *,
    crs: str | None,
    provenance: Mapping[str, str],
    overwrite: bool = False,
) -> dict[str, int]:
    """Write footprints in map coordinates, a layer for each class; returns the number in each layer.

    Attributes: class (text), confidence (4 digits; null where unknown), area_m2 and perimeter_m (on the ellipsoid, 2
    digits; in the units of the coordinates without a CRS), flags (text, empty or with commas between).

    Args:
        classes: of the footprints, in the order of the layers; those without any get an empty layer.
        footprints: of all classes, in any order; consumed in batches, so that memory stays flat.
        crs: WKT of the coordinates; None for the undefined cartesian one.
        provenance: what the file was made from; kept as metadata of the file and of each layer. No times, no paths,
            where the same bytes are wanted.

    Raises:
        OutputError: `path` exists, or it cannot be written. Nothing half-written is left behind.
    """
    refuse_existing(path, overwrite=overwrite)
    with whole_file(path) as unfinished, fixed_date():
        unfinished.unlink()  # GDAL makes it anew
        target = _Target(path, unfinished, crs, dict(provenance))
        try:
            written: dict[str, Written] = {}
            for number, batch in enumerate(_batches(footprints)):
                for cls in classes:
                    some = batch[batch.class_id == cls.id]
                    if number == 0 or len(some):
                        written[cls.name] = _append(target, cls, some, written)
            with _translated(path):
                _check_indexed(unfinished, written.values())
                _write_styles(unfinished, written.values())
        finally:
            for ending in ("-journal", "-wal", "-shm"):
                unfinished.with_name(unfinished.name + ending).unlink(missing_ok=True)
    return {name: row.count for name, row in written.items()}


def _append(target: _Target, cls: LegendClass, batch: Footprints, written: Mapping[str, Written]) -> Written:
    """Write a batch to its layer, which is made first where it is not there; what the layer then holds."""
    before = written.get(cls.name, Written(cls, 0, graded=False))
    created: dict[str, object] = {}
    if cls.name not in written:
        created["layer_metadata"] = target.provenance
        if target.crs is None:
            created["SRID"] = -1  # undefined cartesian
    if not written:
        created |= {"dataset_metadata": target.provenance, "VERSION": "1.2"}  # older GDAL warns about newer ones
    columns = _columns(batch, cls.name, target.crs)
    with _translated(target.path), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*'crs' was not provided.*")  # the job says so, in its own words
        pyogrio.raw.write(
            target.unfinished,
            shapely.to_wkb(batch.geometry),
            columns,
            list(_FIELDS),
            layer=cls.name,
            driver="GPKG",
            geometry_type="Polygon",
            crs=target.crs,
            append=cls.name in written,
            **created,
        )
    graded = before.graded or bool(np.isfinite(batch.confidence).any())
    return Written(cls, before.count + len(batch), graded)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, sqlite3.Error) as error:  # all of pyogrio's errors are RuntimeErrors
        raise OutputError(f"{path} cannot be written ({reason(error)}); {advice(error)}") from error


def _columns(batch: Footprints, name: str, crs: str | None) -> list[NDArray[Any]]:
    area, perimeter = ground_size(batch.geometry, crs)
    return [
        np.full(len(batch), name, object),
        np.round(batch.confidence.astype(np.float64), 4),
        np.round(area, 2),
        np.round(perimeter, 2),
        batch.flag_texts,
    ]


def _batches(footprints: Iterable[Footprints]) -> Iterator[Footprints]:
    """The footprints, gathered into batches worth a write; one empty batch where there are none."""
    waiting: list[Footprints] = []
    is_first = True
    for some in footprints:
        waiting.append(some)
        if sum(len(one) for one in waiting) >= _BATCH:
            yield Footprints.joined(waiting)
            waiting, is_first = [], False
    if is_first or waiting:
        yield Footprints.joined(waiting)


@contextmanager
def fixed_date() -> Iterator[None]:
    """GDAL writes one fixed date instead of today's."""
    name = "OGR_CURRENT_DATE"
    before = pyogrio.get_gdal_config_option(name)
    pyogrio.set_gdal_config_options({name: EPOCH})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({name: before})


def _check_indexed(path: Path, layers: Iterable[Written]) -> None:
    """Look for every footprint in its layer's spatial index: on a full disk GDAL leaves it out without a word.

    Raises:
        sqlite3.Error: a layer or an index that is missing or not whole.
    """
    with closing(sqlite3.connect(path)) as database:
        for layer in layers:
            quoted = f"rtree_{layer.cls.name}_geom".replace('"', '""')
            ((count,),) = database.execute(f'SELECT count(*) FROM "{quoted}"')  # noqa: S608
            if count != layer.count:
                raise sqlite3.DataError(f"the spatial index of {layer.cls.name} holds {count} of {layer.count}")


def _write_styles(path: Path, layers: Iterable[Written]) -> None:
    """The table `layer_styles`, from which QGIS takes the style of a layer when it is loaded."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), "
            "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), "
            "styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), "
            "update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (EPOCH,),
        )
        for layer in layers:
            database.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
                "VALUES ('', '', ?, 'geom', ?, ?, '', 1, 'footprints by confidence', '', ?)",
                (layer.cls.name, layer.cls.name[:30], footprint_style(layer.cls, graded=layer.graded), EPOCH),
            )
