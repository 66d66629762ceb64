"""WGS 84: polygons in its degrees."""

import numpy as np
import shapely
from pyproj import CRS, Transformer

from geounet.footprints import Geometries


def in_wgs84(polygons: Geometries, crs: CRS | str) -> Geometries:
    """Polygons in degrees east and north; they go on across the antimeridian, beyond 180 degrees.

    Args:
        crs: of their coordinates.
    """
    points, owner = shapely.get_coordinates(polygons, return_index=True)
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*points.T)
    first = lon[np.searchsorted(owner, np.arange(len(polygons)))][owner]
    lon = np.where(np.abs(lon - first) > 180, lon + np.copysign(360, first), lon)
    there: Geometries = shapely.set_coordinates(polygons.copy(), np.stack([lon, lat], axis=1))
    return there
