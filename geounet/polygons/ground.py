"""Local frames: pixels drawn as they lie on the ground, where angles and lengths are true."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Geometries, affine_transformed
from geounet.frame import Frame
from geounet.polygons.arrays import Coordinates
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags

_CELL = 1024  # pixels of the side of a cell, at most
_EXTENT = 1000.0  # metres of it, at most: within one the ground's scale changes by less than 1e-3 up to 80 N


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A frame for each polygon, that of its cell of the raster: it depends on its place alone.

    Lengths there are in pixels of the cell, areas are those that the raster's pixels have.

    Args:
        axes: (n, 2, 2) from pixel coordinates, of determinant 1 or -1.
        origin: (n, 2) the cell's corner in pixel coordinates.
        resolution: (n,) metres on the ground to a pixel's length.
        frame: of the raster.
    """

    axes: NDArray[np.float64]
    origin: Coordinates
    resolution: NDArray[np.float64]
    frame: Frame

    def points(self, pixels: Coordinates, polygon: Integers) -> Coordinates:
        """Places of points of polygons on the ground."""
        return _product(self.axes, polygon, pixels - self.origin[polygon])

    def pixels(self, points: Coordinates, polygon: Integers) -> Coordinates:
        """The way back from `points`."""
        return _product(np.linalg.inv(self.axes).astype(np.float64, copy=False), polygon, points) + self.origin[polygon]

    def within(self, points: Coordinates, polygon: Integers) -> Coordinates:
        """Points of polygons, those beyond the raster's edge moved onto it: walls that end there may meet beyond it."""
        pixels = self.pixels(points, polygon)
        inside = self._clipped(pixels)
        beyond = (inside != pixels).any(axis=1)
        return np.where(beyond[:, None], self.points(inside, polygon), points) if beyond.any() else points

    def on_map(self, polygons: Geometries) -> Geometries:
        """All polygons, which lie within the raster, in map coordinates, with exteriors counter-clockwise there."""
        points, polygon = shapely.get_coordinates(polygons, return_index=True)
        pixels = self._clipped(self.pixels(points, polygon))  # the last bit may lie beyond
        return on_map(shapely.set_coordinates(polygons.copy(), pixels), self.frame)

    def _clipped(self, pixels: Coordinates) -> Coordinates:
        return np.clip(pixels, 0, (self.frame.width, self.frame.height))

    def __getitem__(self, which: Flags | Integers) -> "Ground":
        """The frames of some polygons."""
        return Ground(self.axes[which], self.origin[which], self.resolution[which], self.frame)


def ground_of(polygons: Geometries, cluster: Integers, frame: Frame) -> Ground:
    """The local frame of each polygon, the same one throughout a cluster: that around its middle.

    Args:
        polygons: in pixel coordinates.
        cluster: (n,) numbers of the clusters, from 0 on.
    """
    least, most = np.full((2, int(cluster.max(initial=-1)) + 1, 2), np.inf)
    bounds = shapely.bounds(polygons)
    np.minimum.at(least, cluster, bounds[:, :2])
    np.minimum.at(most, cluster, -bounds[:, 2:])
    return ground_at((least - most) / 2, frame)[cluster]


def ground_at(place: Coordinates, frame: Frame) -> Ground:
    """The local frames around places in pixels, (n, 2)."""
    side = max(1, min(_CELL, int(_EXTENT / (frame.ground_resolution or 1.0))))
    cells, cell = np.unique(np.floor(place / side), axis=0, return_inverse=True)
    # what lies beside the raster may lie beside the map, too
    axes = frame.ground_axes(*np.minimum((cells + 0.5) * side, (frame.width, frame.height)).T)
    resolution = np.sqrt(np.abs(np.linalg.det(axes)))
    cell = cell.ravel()
    return Ground((axes / resolution[:, None, None])[cell], cells[cell] * side, resolution[cell], frame)


def on_map(polygons: Geometries, frame: Frame) -> Geometries:
    """Polygons in pixel coordinates in map coordinates, with exteriors counter-clockwise there."""
    moved: Geometries = shapely.orient_polygons(affine_transformed(polygons, frame.transform))
    return moved


def _product(matrices: NDArray[np.float64], which: Integers, points: Coordinates) -> Coordinates:
    x, y = points.T
    (a, b), (c, d) = matrices.transpose(1, 2, 0)
    return np.stack([a[which] * x + b[which] * y, c[which] * x + d[which] * y], axis=1)
