"""Footprints to formats that GDAL writes in one go, FlatGeobuf and PMTiles: it reads them from a file beside."""

import gzip
import json
import logging
import math
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from pyproj import CRS

from geounet.footprints import Footprints, Geometries, vertex_counts
from geounet.frame import crs_of, in_degrees
from geounet.io.attributes import LAYER, About, batches
from geounet.io.geopackage import append, crs_optional
from geounet.io.web_maps import Pieces, on_web_maps

log = logging.getLogger(__name__)

_ZOOMS = 12, 15  # of tiles; the finest step of the last is 0.3 m at the equator
_MOST_WORK = 1_000_000  # pieces of four corners that footprints are cut to: some minute
_CORNERS = 1250  # of a footprint, which cost as much again in every tile


def write_flatgeobuf(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write FlatGeobuf with its spatial index, for which GDAL keeps some hundreds of bytes a footprint in memory."""
    with _spooled(path, about, footprints) as (spool, _):
        _copy(spool, path, about, "FlatGeobuf", TITLE=LAYER)


def write_pmtiles(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write PMTiles; where a tile holds too much, GDAL makes outlines coarser and leaves some out.

    Footprints of the size of countries would be cut to millions of tiles: they get coarser ones.
    """
    assert about.crs is not None
    work, crs = 0.0, crs_of(about.crs)

    def cut(geometry: Geometries) -> Pieces:
        nonlocal work
        pieces = on_web_maps(geometry, crs)
        work += _work(pieces[0], crs)
        return pieces

    with _spooled(path, about, footprints, cut) as (spool, count), _one_thread():
        if count:
            least, most = _zooms(work)
            _copy(spool, path, about, "PMTiles", NAME=LAYER, MINZOOM=str(least), MAXZOOM=str(most))
        else:
            path.write_bytes(_no_tiles())


def _work(geometry: Geometries, crs: CRS) -> float:
    """Tiles of the finest zoom that footprints reach into beyond their first; more where they have many corners."""
    left, bottom, right, top = shapely.bounds(geometry).reshape(-1, 4).T
    lon, lat = in_degrees(crs, np.stack([left, left, right, right]), np.stack([bottom, top, bottom, top]))
    tiles = 2 ** _ZOOMS[1] / (2 * np.pi)  # a radian
    across = np.ptp(np.radians(lon), axis=0) * tiles
    down = np.ptp(np.arcsinh(np.tan(np.radians(lat.clip(-85, 85)))), axis=0) * tiles
    beyond = (across + 1) * (down + 1) - 1
    return float((beyond * (1 + vertex_counts(geometry) / _CORNERS)).sum())


def _zooms(work: float) -> tuple[int, int]:
    """The coarsest and the finest zoom of tiles; one less has a fourth of the tiles."""
    least, most = _ZOOMS
    if work <= _MOST_WORK:
        return least, most
    finest = max(0, most - (math.ceil(math.log(work / _MOST_WORK, 4)) if math.isfinite(work) else most))
    log.warning("tiles end at zoom %d, not %d: the footprints are so large that finer ones take hours", finest, most)
    return max(0, min(least, finest - 3)), finest


@contextmanager
def _spooled(
    path: Path, about: About, footprints: Iterable[Footprints], cut: Callable[[Geometries], Pieces] | None = None
) -> Iterator[tuple[Path, int]]:
    """A GeoPackage in a folder of its own beside `path`, with all footprints in one layer, and their number.

    Args:
        cut: makes the pieces that are drawn.
    """
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        spool, count = Path(folder) / "spool.gpkg", 0
        for batch in batches(footprints):
            pieces = cut(batch.geometry) if cut else None
            append(spool, LAYER, about, batch, is_new=not spool.exists(), pieces=pieces, SPATIAL_INDEX="NO")
            count += len(batch if pieces is None else pieces[0])
        yield spool, count


def _copy(spool: Path, path: Path, about: About, driver: str, **options: str) -> None:
    whole = spool.with_name("whole" + path.suffix)  # beside it GDAL makes what it needs meanwhile
    with crs_optional(), pyogrio.raw.open_arrow(spool, layer=LAYER, use_pyarrow=False) as (meta, stream):
        pyogrio.raw.write_arrow(
            stream,
            whole,
            layer=LAYER,
            driver=driver,
            geometry_type="Polygon",
            geometry_name=meta["geometry_name"],
            crs=about.crs,
            DESCRIPTION=json.dumps(dict(about.provenance), ensure_ascii=False),
            **options,
        )
    whole.replace(path)


@contextmanager
def _one_thread() -> Iterator[None]:
    """GDAL makes tiles in one thread: with more their bytes differ from run to run."""
    name = "GDAL_NUM_THREADS"
    before = pyogrio.get_gdal_config_option(name)
    pyogrio.set_gdal_config_options({name: "1"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({name: before})


def _no_tiles() -> bytes:
    """PMTiles without a tile, which GDAL does not write (github.com/protomaps/PMTiles, spec/v3)."""
    least, most = _ZOOMS
    told = {"vector_layers": [{"id": LAYER, "minzoom": least, "maxzoom": most, "fields": {}}]}
    directory, metadata = (gzip.compress(part, mtime=0) for part in (b"\0", json.dumps(told).encode()))
    start = 127  # bytes of the header
    middle, end = start + len(directory), start + len(directory) + len(metadata)
    places = (start, len(directory), middle, len(metadata), end, 0, end, 0, 0, 0, 0)
    kinds = (1, 2, 2, 1)  # clustered; directories and tiles by gzip; vector tiles
    world = (-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000)  # 1e-7 degrees
    header = struct.pack("<7sB11Q6B4iB2i", b"PMTiles", 3, *places, *kinds, *_ZOOMS, *world, least, 0, 0)
    return header + directory + metadata
