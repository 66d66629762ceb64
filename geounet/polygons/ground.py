"""Local frames: pixels drawn as they lie on the ground, where angles and lengths are true."""

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geounet.footprints import Geometries
from geounet.frame import Frame
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags
from geounet.polygons.vertices import Coordinates

_CELL = 1024  # pixels; within one the ground's scale changes by less than 1e-4 for pixels below a metre


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A frame for each polygon, that of its cell of the raster: it depends on its place alone.

    Lengths there are in pixels of the cell, areas are those that the raster's pixels have.

    Args:
        axes: (n, 2, 2) from pixel coordinates, of determinant 1 or -1.
        origin: (n, 2) the cell's corner in pixel coordinates.
        resolution: (n,) metres on the ground to a pixel's length.
    """

    axes: NDArray[np.float64]
    origin: Coordinates
    resolution: NDArray[np.float64]

    def points(self, pixels: Coordinates, polygon: Integers) -> Coordinates:
        """Places of points of polygons on the ground."""
        return _product(self.axes, polygon, pixels - self.origin[polygon])

    def on_map(self, polygons: Geometries, transform: Affine) -> Geometries:
        """All polygons in map coordinates, with exteriors counter-clockwise there.

        Args:
            transform: from pixel to map coordinates.
        """
        points, polygon = shapely.get_coordinates(polygons, return_index=True)
        back = np.linalg.inv(self.axes).astype(np.float64, copy=False)
        x, y = (_product(back, polygon, points) + self.origin[polygon]).T
        a, b, c, d, e, f = transform[:6]
        there = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)
        moved: Geometries = shapely.orient_polygons(shapely.set_coordinates(polygons.copy(), there))
        return moved

    def __getitem__(self, which: Flags) -> "Ground":
        """The frames of some polygons."""
        return Ground(self.axes[which], self.origin[which], self.resolution[which])


def ground_of(polygons: Geometries, cluster: Integers, frame: Frame) -> Ground:
    """The local frame of each polygon, the same one throughout a cluster.

    Args:
        polygons: in pixel coordinates.
        cluster: (n,) numbers of the clusters, from 0 on.
    """
    corner = np.full((int(cluster.max(initial=-1)) + 1, 2), np.inf)
    np.minimum.at(corner, cluster, shapely.bounds(polygons)[:, :2])
    cells, cell = np.unique(np.floor(corner / _CELL), axis=0, return_inverse=True)
    axes = frame.ground_axes(*((cells.T + 0.5) * _CELL))
    resolution = np.sqrt(np.abs(np.linalg.det(axes)))
    cell = cell.ravel()[cluster]
    return Ground((axes / resolution[:, None, None])[cell], cells[cell] * _CELL, resolution[cell])


def _product(matrices: NDArray[np.float64], which: Integers, points: Coordinates) -> Coordinates:
    x, y = points.T
    (a, b), (c, d) = matrices.transpose(1, 2, 0)
    return np.stack([a[which] * x + b[which] * y, c[which] * x + d[which] * y], axis=1)
