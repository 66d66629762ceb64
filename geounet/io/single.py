"""Footprints to formats that GDAL writes in one go, FlatGeobuf and PMTiles: it reads them from a file beside."""

import gzip
import json
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyogrio

from geounet.footprints import Footprints
from geounet.io.attributes import LAYER, About, batches
from geounet.io.geopackage import append, crs_optional

_ZOOMS = 12, 15  # of tiles; the finest step of the last is 0.3 m at the equator


def write_flatgeobuf(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write FlatGeobuf with its spatial index, for which GDAL keeps some hundreds of bytes a footprint in memory."""
    with _spooled(path, about, footprints) as (spool, _):
        _copy(spool, path, about, "FlatGeobuf", TITLE=LAYER)


def write_pmtiles(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write PMTiles; where a tile holds too much, GDAL makes outlines coarser and leaves some out."""
    least, most = _ZOOMS
    with _spooled(path, about, footprints) as (spool, count), _one_thread():
        if count:
            _copy(spool, path, about, "PMTiles", NAME=LAYER, MINZOOM=str(least), MAXZOOM=str(most))
        else:
            path.write_bytes(_no_tiles())


@contextmanager
def _spooled(path: Path, about: About, footprints: Iterable[Footprints]) -> Iterator[tuple[Path, int]]:
    """A GeoPackage in a folder of its own beside `path`, with all footprints in one layer, and their number."""
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        spool, count = Path(folder) / "spool.gpkg", 0
        for batch in batches(footprints):
            append(spool, LAYER, about, batch, is_new=not spool.exists(), SPATIAL_INDEX="NO")
            count += len(batch)
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
