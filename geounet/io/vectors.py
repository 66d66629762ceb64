"""Footprints to a file: the ending of its name says in which format. The same bytes on every run."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from geounet.errors import OutputError
from geounet.files import advice, refuse_existing, sole_writer, whole_file
from geounet.footprints import Footprints
from geounet.frame import crs_of
from geounet.io.attributes import About
from geounet.io.gdal import reason
from geounet.io.geojson import write_geojson
from geounet.io.geopackage import clear_way, fixed_date, write_geopackage
from geounet.io.geoparquet import check_pyarrow, write_geoparquet
from geounet.io.single import write_flatgeobuf, write_pmtiles
from geounet.legend import LegendClass

_Write = Callable[[Path, About, Iterable[Footprints]], None]
_FORMATS: Mapping[str, _Write] = {
    ".gpkg": write_geopackage,
    ".parquet": write_geoparquet,
    ".fgb": write_flatgeobuf,
    ".geojson": write_geojson,
    ".pmtiles": write_pmtiles,
}
_ON_EARTH = (".geojson", ".pmtiles")  # formats that know no coordinates but those of the Earth


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Nothing, or an error where no footprints could be written to `path`, as far as can be said beforehand.

    Raises:
        OutputError: an ending that is not known, or one whose library is missing; a file that is there and may not be
            overwritten, or that another program has open.
    """
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise OutputError(f"{path} is of no known format; give --out a name that ends in {' '.join(_FORMATS)}")
    if "!" in str(path.absolute()) and ending in (".gpkg", ".fgb", ".pmtiles"):
        # what writes them takes the rest of such a path for a file in an archive
        raise OutputError(f"{path} has a '!' in its path, where no {ending} can be written; choose another --out")
    refuse_existing(path, overwrite=overwrite)
    if ending == ".parquet":
        check_pyarrow(path)
    if ending == ".gpkg":
        clear_way(path)


def write_footprints(
    path: Path,
    classes: Sequence[LegendClass],
    footprints: Iterable[Footprints],
    *,
    crs: str | None,
    provenance: Mapping[str, str],
    overwrite: bool = False,
) -> dict[str, int]:
    """Write footprints in map coordinates, in the format of the path's ending; returns the number of each class.

    A GeoPackage has a styled layer for each class; in other formats all classes are in one layer. Attributes: class
    (text), confidence (4 digits; null where unknown), area_m2 and perimeter_m (on the ellipsoid, 2 digits; in the units
    of the coordinates without a CRS), vertices (their number), flags (text, empty or with commas between).

    Args:
        classes: of the footprints, in the order of the layers; those without any get an empty layer.
        footprints: of all classes, in any order; consumed in batches, so that memory stays flat.
        crs: WKT of the coordinates; None for the undefined cartesian one.
        provenance: what the file was made from; kept in it. No times, no paths, where the same bytes are wanted.

    Raises:
        OutputError: `path` exists, or it cannot be written, or another process is writing it. Nothing half-written is
            left behind, not even what a process left that was killed.
    """
    check_writable(path, overwrite=overwrite)
    on_earth = path.suffix.lower() in _ON_EARTH
    if on_earth:
        _check_on_earth(path, crs)
    about = About(classes, crs, dict(provenance), on_earth=on_earth)
    counts = Counter({cls.name: 0 for cls in classes})

    def counted() -> Iterator[Footprints]:
        for some in footprints:
            counts.update(about.counts(some))
            yield some

    with sole_writer(path), whole_file(path) as unfinished, translated_writing(path), fixed_date():
        _FORMATS[path.suffix.lower()](unfinished, about, counted())
        check_writable(path, overwrite=overwrite)  # it may have been opened, or made, meanwhile
    return dict(counts)


def _check_on_earth(path: Path, crs: str | None) -> None:
    if crs is None:
        raise OutputError(f"{path} needs coordinates on the Earth, and there is no CRS; assign one, or write a .gpkg")
    if crs_of(crs).geodetic_crs is None:
        name = crs_of(crs).name
        raise OutputError(f"{path} needs coordinates on the Earth; its CRS {name!r} lies nowhere on it; write a .gpkg")


@contextmanager
def translated_writing(path: Path) -> Iterator[None]:
    """Turns an error while a file is written into an OutputError."""
    try:
        yield
    except (RuntimeError, sqlite3.Error) as error:  # all of pyogrio's errors are RuntimeErrors
        raise OutputError(f"{path} cannot be written ({reason(error)}); {advice(error)}") from error
