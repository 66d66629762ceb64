"""Footprints to GeoParquet 1.1, with a column of bounding boxes by which readers find what is near."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS

from geounet.errors import OutputError
from geounet.footprints import Footprints
from geounet.io.attributes import FIELDS, About, batches

if TYPE_CHECKING:
    import pyarrow

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def check_pyarrow(path: Path) -> None:
    """Nothing, or an OutputError where the library that writes the format is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise OutputError(f"{path} needs pyarrow to be written; run pip install geounet[parquet]") from error


def write_geoparquet(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write GeoParquet, a group of rows for each batch of footprints; memory stays flat."""
    import pyarrow
    from pyarrow import parquet

    kinds = (pyarrow.string(), *[pyarrow.float64()] * 3, pyarrow.int32(), pyarrow.string())
    box = pyarrow.struct([(side, pyarrow.float64()) for side in _SIDES])
    schema = pyarrow.schema(
        [*zip(FIELDS, kinds, strict=True), ("geometry", pyarrow.binary()), ("bbox", box)],
        metadata={"geo": json.dumps(_geo(about.crs)), **about.provenance},
    )
    with path.open("wb") as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches(footprints):
            writer.write_table(_table(about, batch, schema))


def _table(about: About, footprints: Footprints, schema: "pyarrow.Schema") -> "pyarrow.Table":
    import pyarrow

    bounds = shapely.bounds(footprints.geometry).reshape(-1, 4).T
    columns = [
        *about.columns(footprints),
        shapely.to_wkb(footprints.geometry),
        pyarrow.StructArray.from_arrays([pyarrow.array(np.ascontiguousarray(side)) for side in bounds], _SIDES),
    ]
    arrays = [pyarrow.array(column, kind, from_pandas=True) for column, kind in zip(columns, schema.types, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=schema)


def _geo(crs: str | None) -> dict[str, object]:
    """What the format's specification wants to be told of the column of geometries (geoparquet.org, 1.1.0)."""
    column = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": None if crs is None else CRS.from_user_input(crs).to_json_dict(),
        "orientation": "counterclockwise",
        "covering": {"bbox": {side: ["bbox", side] for side in _SIDES}},
    }
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
