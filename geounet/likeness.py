"""How like a polygon's outline is to the true one: PoLiS, and the angle between their directions.

PoLiS: Avbelj, Müller, Bamler (2015), "A Metric for Polygon Comparison and Building Extraction Evaluation".
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Geometries

Floats = NDArray[np.float64]


def on_ground(geometry: Geometries, origins: Floats, axes: Floats) -> Geometries:
    """Polygons in metres east and north of an origin each.

    Args:
        geometry: (n,) in pixels; `origins`: (n, 2), in pixels.
        axes: (n, 2, 2), as `Frame.ground_axes` gives them.
    """
    points, owner = shapely.get_coordinates(geometry, return_index=True)
    moved = np.einsum("nij,nj->ni", axes[owner], points - origins[owner])
    placed: Geometries = shapely.set_coordinates(geometry.copy(), moved)
    return placed


def polis(truth: Geometries, found: Geometries) -> Floats:
    """Of each pair, the mean of two means: of the distance of one's corners from the other's outline, and vice versa.

    >>> wide = np.array([shapely.box(0, 0, 4, 2)])
    >>> polis(wide, np.array([shapely.box(0, 0, 4, 3)])).tolist()
    [0.25]
    """
    return (_corner_distance(truth, found) + _corner_distance(found, truth)) / 2


def corners(geometry: Geometries) -> tuple[Floats, NDArray[np.int64]]:
    """Corners (m, 2) of polygons, those of holes included and none twice, and whose each is."""
    parts, owner = shapely.get_parts(geometry, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.diff(ring, prepend=-1) != 0  # it is the last one again
    return points[~first], owner[part[ring[~first]]]


def _corner_distance(of: Geometries, to: Geometries) -> Floats:
    points, owner = corners(of)
    far = shapely.distance(shapely.points(points), shapely.boundary(to)[owner])
    mean: Floats = np.bincount(owner, weights=far, minlength=len(of)) / np.bincount(owner, minlength=len(of))
    return mean


def directions(geometry: Geometries) -> Floats:
    """Direction in degrees, 0..90, of the smallest rectangle around each polygon."""
    points, owner = shapely.get_coordinates(shapely.oriented_envelope(geometry), return_index=True)
    first = np.searchsorted(owner, np.arange(len(geometry)))  # of a sliver it may be a line
    way = points[first + 1] - points[first]
    degrees: Floats = np.degrees(np.arctan2(way[:, 1], way[:, 0])) % 90
    return degrees


def turn(one: Floats, other: Floats) -> Floats:
    """Degrees, 0..45, by which directions that repeat every 90 degrees differ.

    >>> turn(np.array([1.0]), np.array([88.0])).tolist()
    [3.0]
    """
    apart = np.abs(one - other) % 90
    least: Floats = np.minimum(apart, 90 - apart)
    return least


def corner_counts(geometry: Geometries) -> NDArray[np.int64]:
    """How many corners each polygon has, those of holes included."""
    parts, owner = shapely.get_parts(geometry, return_index=True)
    rings = shapely.get_num_interior_rings(parts) + 1
    of_parts = shapely.get_num_coordinates(parts) - rings
    counts: NDArray[np.int64] = np.bincount(owner, weights=of_parts, minlength=len(geometry)).astype(np.int64)
    return counts
