"""Footprints to GeoJSON as RFC 7946 has it: WGS 84, outer rings counter-clockwise, 7 digits."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import shapely
from pyproj import Transformer

from geounet.footprints import Footprints, Geometries
from geounet.io.attributes import FIELDS, LAYER, About, batches

_DIGITS = 7  # of a degree: 1 cm


def write_geojson(path: Path, about: About, footprints: Iterable[Footprints]) -> None:
    """Write a FeatureCollection, a feature a line; memory stays flat. The coordinates need a CRS."""
    assert about.crs is not None
    head = {"type": "FeatureCollection", "name": LAYER, "provenance": about.provenance}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [')
        between = "\n"
        for batch in batches(footprints):
            for line in _features(about, batch, about.crs):
                file.write(between + line)
                between = ",\n"
        file.write("\n]}\n")


def _features(about: About, footprints: Footprints, crs: str) -> Iterable[str]:
    columns = [column.tolist() for column in about.columns(footprints)]
    columns[1] = [None if value != value else value for value in columns[1]]  # noqa: PLR0124 (not a number)
    for outline, *values in zip(_on_wgs84(footprints.geometry, crs), *columns, strict=True):
        # GEOS's own GeoJSON has numbers of more digits than they need
        rings = [shapely.get_coordinates(ring).tolist() for ring in shapely.get_rings(outline)]
        feature = {
            "type": "Feature",
            "properties": dict(zip(FIELDS, values, strict=True)),
            "geometry": {"type": "Polygon", "coordinates": rings},
        }
        yield json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def _on_wgs84(geometry: Geometries, crs: str) -> Geometries:
    """Polygons in degrees east and north, rounded; across the antimeridian they go on beyond 180 degrees."""
    to_wgs84 = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    points, owner = shapely.get_coordinates(geometry, return_index=True)
    lon, lat = to_wgs84.transform(*points.T)
    first = lon[np.searchsorted(owner, np.arange(len(geometry)))][owner]
    lon = np.where(np.abs(lon - first) > 180, lon + np.copysign(360, first), lon)
    degrees = np.round(np.stack([lon, lat], axis=1), _DIGITS)
    turned: Geometries = shapely.orient_polygons(shapely.set_coordinates(geometry.copy(), degrees))
    return turned
