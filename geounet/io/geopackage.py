"""Footprints to a GeoPackage: a styled layer for each class."""

import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from geounet.errors import OutputError
from geounet.files import translated
from geounet.footprints import Footprints, Geometries
from geounet.io.attributes import FIELDS, About, batches
from geounet.io.style import EPOCH, document, footprint_renderer

_BESIDE = ("-journal", "-wal", "-shm")  # endings of what SQLite keeps beside a file that is being written


def write_geopackage(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write a GeoPackage 1.2 with a layer for each class, its spatial index and its style; memory stays flat."""
    path.unlink(missing_ok=True)  # GDAL makes it anew
    graded: dict[str, bool] = {cls.name: False for cls in about.classes}
    try:
        for number, batch in enumerate(batches(footprints)):
            for cls in about.classes:
                some = batch[batch.class_id == cls.id]
                graded[cls.name] |= bool(np.isfinite(some.confidence).any())
                if number == 0 or len(some):
                    append(path, cls.name, about, some, is_new=number == 0)
        check_indexed(path, graded)
        is_only = len(about.classes) == 1
        write_styles(
            path,
            {
                cls.name: document(footprint_renderer(cls, graded=graded[cls.name], is_only=is_only))
                for cls in about.classes
            },
        )
    finally:
        for ending in _BESIDE:
            path.with_name(path.name + ending).unlink(missing_ok=True)


def append(
    path: Path,
    layer: str,
    about: About,
    footprints: Footprints,
    *,
    is_new: bool,
    pieces: tuple[Geometries, NDArray[np.intp]] | None = None,
    **created: object,
) -> None:
    """Add footprints to a layer of a GeoPackage, which is made where it `is_new`.

    Args:
        pieces: what is drawn in place of the footprints, and the one that each is a piece of.
        created: more of GDAL's options for a new layer.
    """
    columns = about.columns(footprints)
    drawn, owner = (footprints.geometry, slice(None)) if pieces is None else pieces
    if is_new:
        created["layer_metadata"] = dict(about.provenance)
        if about.crs is None:
            created["SRID"] = -1  # undefined cartesian
        if not path.exists():
            created |= {"dataset_metadata": dict(about.provenance), "VERSION": "1.2"}  # older GDAL warns about newer
    with crs_optional():
        pyogrio.raw.write(
            path,
            shapely.to_wkb(drawn),
            [column[owner] for column in columns],
            list(FIELDS),
            layer=layer,
            driver="GPKG",
            geometry_type="Polygon",
            crs=about.crs,
            append=not is_new,
            **created if is_new else {},
        )


@contextmanager
def crs_optional() -> Iterator[None]:
    """pyogrio does not warn of a file without a CRS: the job says so, in its own words."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*'crs' was not provided.*")
        yield


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


def clear_way(path: Path) -> None:
    """Make sure that a GeoPackage can be replaced: what another program keeps beside it would come into the new one.

    Raises:
        OutputError: another program has it open.
    """
    if path.exists():
        try:
            with closing(sqlite3.connect(path, timeout=0)) as database:
                database.execute("PRAGMA journal_mode = DELETE")  # only who is alone with a file may do so
                database.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise OutputError(
                    f"{path} is open in another program; close it there, or choose another --out"
                ) from error
    for ending in _BESIDE:  # of a program that was killed
        with translated(path):
            path.with_name(path.name + ending).unlink(missing_ok=True)


def check_indexed(path: Path, layers: Iterable[str]) -> None:
    """Look for every footprint in its layer's spatial index: on a full disk GDAL leaves it out without a word.

    Raises:
        sqlite3.Error: a layer or an index that is missing or not whole.
    """
    with closing(sqlite3.connect(path)) as database:
        for layer in layers:
            table, index = quoted(layer), quoted(f"rtree_{layer}_geom")
            ((count, indexed),) = database.execute(
                f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM {index})"  # noqa: S608
            )
            if count != indexed:
                raise sqlite3.DataError(f"the spatial index of {layer} holds {indexed} of {count}")


def quoted(name: str) -> str:
    """A name as SQL writes it.

    >>> quoted('of "glass"')
    '"of ""glass""\"'
    """
    return '"' + name.replace('"', '""') + '"'


def write_styles(path: Path, styles: Mapping[str, str]) -> None:
    """The table `layer_styles`, from which QGIS takes the style of a layer when it is loaded.

    Args:
        styles: QML documents by the names of layers.
    """
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
        database.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
            "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES ('', '', ?, 'geom', ?, ?, '', 1, 'default', '', ?)",
            [(layer, layer[:30], qml, EPOCH) for layer, qml in styles.items()],
        )
