"""Footprints to GeoJSON as RFC 7946 has it: WGS 84, outer rings counter-clockwise, 7 digits."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Footprints, Geometries
from geounet.io.attributes import FIELDS, LAYER, About, batches
from geounet.io.wgs84 import in_wgs84

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
    columns = [_nullable(column) for column in about.columns(footprints)]
    for outline, *values in zip(_on_wgs84(footprints.geometry, crs), *columns, strict=True):
        # GEOS's own GeoJSON has numbers of more digits than they need
        rings = [shapely.get_coordinates(ring).tolist() for ring in shapely.get_rings(outline)]
        feature = {
            "type": "Feature",
            "properties": dict(zip(FIELDS, values, strict=True)),
            "geometry": {"type": "Polygon", "coordinates": rings},
        }
        yield json.dumps(feature, ensure_ascii=False, separators=(",", ":"))


def _nullable(column: NDArray[Any]) -> list[object]:
    """Values for JSON, which has no NaN."""
    values: list[object] = column.tolist()
    return [None if value != value else value for value in values]  # noqa: PLR0124 (not a number)


def _on_wgs84(geometry: Geometries, crs: str) -> Geometries:
    """Polygons in degrees east and north, rounded; across the antimeridian they go on beyond 180 degrees."""
    exact = in_wgs84(geometry, crs)
    lon, lat = shapely.get_coordinates(exact).T
    degrees = np.stack([lon, np.clip(lat, -90, 90)], axis=1)  # pixels centred on a pole reach beyond it
    rounded = shapely.set_coordinates(geometry.copy(), np.round(degrees, _DIGITS))
    broken = np.flatnonzero(~shapely.is_valid(rounded))
    broken = broken[shapely.is_valid(exact[broken])]  # around a pole no polygon in degrees is
    rounded[broken] = _snapped(exact[broken])
    turned: Geometries = shapely.orient_polygons(rounded)
    return turned


def _snapped(polygons: Geometries) -> Geometries:
    """Valid polygons with rounded coordinates where rounding each for itself closes a neck: the largest parts of them.

    Of one that is narrower than the last digit, the polygon as it is.
    """
    grid = 10.0**-_DIGITS
    parts, owner = shapely.get_parts(shapely.set_precision(polygons, grid), return_index=True)
    parts, owner = parts[there := ~shapely.is_empty(parts)], owner[there]
    largest = np.lexsort((shapely.area(parts), owner))
    last = largest[np.append(owner[largest][1:] != owner[largest][:-1], True)[: len(parts)]]
    snapped = polygons.copy()
    points = np.round(shapely.get_coordinates(parts[last]), _DIGITS)  # multiples of the grid, but for the last bit
    snapped[owner[last]] = shapely.set_coordinates(parts[last].copy(), points)
    return snapped
