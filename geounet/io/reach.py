"""How polygons of a file in any CRS are brought to a frame: what of the file is read, and where it lies there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from geounet.errors import LabelError, MissError
from geounet.frame import Frame, same_crs
from geounet.io.polygon_files import VectorInfo, crs_in, vector_info

if TYPE_CHECKING:
    from geounet.block import Array


@dataclass(frozen=True, slots=True)
class Reach:
    """How the polygons of a file are brought to a frame.

    Args:
        bounds: of the frame, in the file's CRS; infinite where they cannot be said.
        is_other: whether the file's CRS is another.
    """

    path: Path
    frame: Frame
    info: VectorInfo
    bounds: tuple[float, float, float, float]
    is_other: bool

    @classmethod
    def of(cls, path: Path, frame: Frame, layer: str | None = None) -> "Reach":
        """Of a file's layer (None: the first).

        Raises:
            LabelError: a file that is none of polygons, or without a CRS where the frame has one.
        """
        info = vector_info(path, layer)
        if not info.features:
            raise LabelError(f"{path} holds no features; give at least one polygon")
        if (info.crs is None) != (frame.crs is None):
            has, lacks = ("the scene", path.name) if info.crs is None else (path.name, "the scene")
            raise LabelError(f"{has} has a CRS and {lacks} has none: they cannot be laid over each other; assign one")
        if info.crs is not None:
            crs_in(path, info.crs)
        is_other = not same_crs(info.crs, frame.crs)
        bounds = _bounds_in(frame, crs_in(path, info.crs)) if is_other else frame.bounds
        return cls(path, frame, info, bounds, is_other)

    @property
    def is_known(self) -> bool:
        return all(map(math.isfinite, self.bounds))

    @property
    def is_among(self) -> bool:
        """Whether the frame lies within the bounds of the file's polygons, or reaches into them."""
        return self.is_known and shapely.box(*self.bounds).intersects(shapely.box(*self.info.bounds))

    @property
    def bbox(self) -> tuple[float, float, float, float] | None:
        """What is to be read; None where it is all."""
        if not self.is_known:
            return None
        left, bottom, right, top = self.bounds
        theirs = self.info.bounds
        if len(theirs) == 4 and left <= theirs[0] and bottom <= theirs[1] and right >= theirs[2] and top >= theirs[3]:
            return None
        return self.bounds

    def brought(self, geometry: "Array") -> "Array":
        """Valid polygons of the file, in the frame's CRS.

        Raises:
            LabelError: they reach beyond it.
        """
        if not self.is_other:
            return geometry
        if self.is_known:
            geometry = _clipped(geometry, self.bounds)
        there: Array = geopandas.GeoSeries(geometry, crs=self.info.crs).to_crs(self.frame.crs).to_numpy()
        if not np.isfinite(shapely.get_coordinates(there)).all():
            raise LabelError(
                f"{self.path} has polygons that reach beyond the scene's CRS; cut them to the scene's surroundings"
            )
        return there

    def miss(self, what: str) -> MissError:
        """The error that says that nothing of the file lies in the frame."""
        frame, path = self.frame, self.path
        where = "pixels" if frame.crs is None else CRS(frame.crs).name
        theirs = "pixels" if self.info.crs is None else crs_in(path, self.info.crs).name
        ours = f"{_numbers(frame.bounds)} in {where}"
        if self.is_other and self.is_known:  # to be compared with the polygons' own
            ours = f"{_numbers(self.bounds)} in {theirs}, {ours}"
        return MissError(
            f"{what} in {path} (bounds {_numbers(self.info.bounds)} in {theirs}) miss the scene "
            f"(bounds {ours}); check that both are of one place and their CRS are right"
        )


def _clipped(geometry: "Array", bounds: tuple[float, float, float, float]) -> "Array":
    """The polygons without what lies far from the bounds, which another projection may not be able to show."""
    left, bottom, right, top = bounds
    width, height = right - left, top - bottom
    around = shapely.box(left - width, bottom - height, right + width, top + height)
    far = ~shapely.covered_by(geometry, around)
    geometry[far] = shapely.intersection(geometry[far], around)
    flat = np.isin(shapely.get_type_id(geometry), (3, 6))  # where one only touches, a point or a line is left
    return np.where(flat, geometry, shapely.Polygon())


def _bounds_in(frame: Frame, crs: CRS) -> tuple[float, float, float, float]:
    """Bounds of the frame in another CRS; infinite where it cannot be said."""
    try:
        bounds = Transformer.from_crs(frame.crs, crs, always_xy=True).transform_bounds(*frame.bounds, densify_pts=21)
    except ProjError:
        return -math.inf, -math.inf, math.inf, math.inf
    left, bottom, right, top = bounds
    return (left, bottom, right, top) if left <= right else (-math.inf, bottom, math.inf, top)  # over the antimeridian


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.7g}" for value in values)
