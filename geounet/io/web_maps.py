"""Web maps: what of polygons a map in Web Mercator can show, which ends at a meridian and before the poles."""

import logging

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geounet.footprints import Geometries
from geounet.frame import in_degrees
from geounet.io.wgs84 import in_wgs84

log = logging.getLogger(__name__)

Pieces = tuple[Geometries, NDArray[np.intp]]
"""Polygons, and the number of the one that each is a piece of."""

_NORTHERNMOST = 85.0511  # degrees of latitude: there the world is as high as it is wide
_GAP = 1e-7  # degrees on each side of the meridian at which a map begins and ends: a vertex on it lies on either side


def on_web_maps(polygons: Geometries, crs: CRS) -> Pieces:
    """The polygons in their own CRS, cut where the map ends; none where they lie beyond its northernmost latitude."""
    numbers = np.arange(len(polygons))
    if not len(polygons):
        return polygons, numbers
    left, bottom, right, top = shapely.bounds(polygons).T
    lon, lat = in_degrees(crs, np.stack([left, left, right, right]), np.stack([bottom, top, bottom, top]))
    known = np.isfinite(lon).all(axis=0)  # what reaches beyond the Earth is left to whoever measures it
    shown = ~known | (np.abs(lat).min(axis=0) <= _NORTHERNMOST)
    if not shown.all():
        log.warning("%d footprints lie too near a pole for web maps, and are left out", int((~shown).sum()))
    lon = np.where(known, lon, 0)
    odd = shown & ((np.ptp(lon, axis=0) > 180) | (np.abs(lon) > 180).any(axis=0))
    whole = numbers[shown & ~odd]
    if not odd.any():
        return polygons[whole], whole
    pieces, owner = _cut(polygons[odd], crs)
    order = np.argsort(np.append(whole, numbers[odd][owner]), kind="stable")
    return np.append(polygons[whole], pieces)[order], np.append(whole, numbers[odd][owner])[order]


def _cut(polygons: Geometries, crs: CRS) -> Pieces:
    """Polygons across the meridian of 180 degrees, or beyond it, in pieces that each lie on one side."""
    there, to_degrees = in_wgs84(polygons, crs), Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    pieces, of = [], []
    for turn in (-360.0, 0.0, 360.0):
        world = shapely.box(turn - 180 + _GAP, -90, turn + 180 - _GAP, 90)
        parts, number = shapely.get_parts(shapely.intersection(there, world), return_index=True)
        flat = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
        moved = shapely.transform(
            parts[flat],
            lambda at, turn=turn: np.stack(to_degrees.transform(at[:, 0] - turn, at[:, 1], direction="INVERSE"), 1),
        )
        pieces.append(moved)
        of.append(number[flat])
    return np.concatenate(pieces), np.concatenate(of)
