"""Vector labels and areas: read in any CRS, brought to the pixels of a working grid, burnt window by window."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pyogrio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from geounet.errors import LabelError
from geounet.footprints import affine_transformed
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.polygon_files import features_of, layers, vector_info
from geounet.io.reach import Reach
from geounet.legend import Legend

if TYPE_CHECKING:
    from geounet.block import Array

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PixelPolygons:
    """Polygons in pixel coordinates (column, row) of a frame, and the id that each is burnt with, in file order."""

    geometry: "Array"
    ids: NDArray[np.uint8]
    tree: shapely.STRtree

    @classmethod
    def of(cls, geometry: "Array", ids: NDArray[np.uint8]) -> "PixelPolygons":
        return cls(geometry, ids, shapely.STRtree(geometry))

    @classmethod
    def none(cls) -> "PixelPolygons":
        return cls.of(np.empty(0, object), np.empty(0, np.uint8))

    def burnt(self, window: Window) -> NDArray[np.uint8]:
        """(height, width): the id of the last polygon that holds a pixel's centre, else 0."""
        near = np.sort(self.tree.query(_box(window)))
        if not near.size:
            return np.zeros(window.shape, dtype="uint8")
        shapes = [(self.geometry[i], int(self.ids[i])) for i in near]
        placed = Affine.translation(window.col, window.row)
        burnt: NDArray[np.uint8] = rasterize(shapes, out_shape=window.shape, transform=placed, dtype="uint8")
        return burnt

    def meets(self, window: Window) -> bool:
        """Whether any polygon lies in a window, or reaches into it."""
        return len(self.tree.query(_box(window), predicate="intersects")) > 0

    def moved(self, cols: float, rows: float) -> "PixelPolygons":
        """The polygons so many pixels farther right and down."""
        return PixelPolygons.of(affine_transformed(self.geometry, Affine.translation(cols, rows)), self.ids)


def numbered(geometry: "Array", window: Window) -> NDArray[np.int32]:
    """(height, width): the number, from 1, of the last of some polygons that holds a pixel's centre, else 0."""
    placed = Affine.translation(window.col, window.row)
    shapes = zip(geometry, range(1, len(geometry) + 1), strict=True)
    burnt: NDArray[np.int32] = rasterize(shapes, out_shape=window.shape, transform=placed, dtype="int32")
    return burnt


def class_names(paths: Sequence[Path], field: str | None) -> tuple[str, ...]:
    """Names of the classes in label files, sorted: the values of `field`, or 'building' where no field is named.

    Raises:
        LabelError: a file that cannot be read, without that field, or with features that have no value in it.
    """
    if field is None:
        return ("building",)
    names: set[str] = set()
    for path in paths:
        vector_info(path)
        values = features_of(path, columns=[field])
        if field not in values.columns:
            fields = ", ".join(vector_info(path).fields)
            raise LabelError(f"{path} has no field {field!r}; it has {fields or 'none'}")
        if values[field].isna().any():
            raise LabelError(f"{path} has {int(values[field].isna().sum())} polygons without a value in {field!r}")
        names.update(str(value) for value in values[field])
    return tuple(sorted(names))


def read_labels(
    path: Path, frame: Frame, legend: Legend, field: str | None = None, *, may_be_bare: bool = False
) -> PixelPolygons:
    """Label polygons that meet the frame, with class ids of the legend.

    Invalid ones are repaired and other geometries left out, each with a note.

    Args:
        may_be_bare: whether a frame inside of what the labels reach over may have none on it.

    Raises:
        LabelError: a file that is no vector file, has no CRS where the scene has one, no polygons, or misses the scene.
    """
    features = _near(path, frame, "labels", may_miss=may_be_bare)
    if field is None:
        ids = np.ones(len(features), dtype="uint8")
    else:
        ids = np.array([legend.names.index(str(value)) for value in features[field]], dtype="uint8")
    geometry = features.geometry.to_numpy()
    kept = ~shapely.is_empty(geometry) & shapely.intersects(geometry, _ground(frame))
    if not kept.any():
        reach = Reach.of(path, frame)
        if not (may_be_bare and reach.is_among):
            raise reach.miss("labels")
        return PixelPolygons.none()
    return PixelPolygons.of(_in_pixels(geometry[kept], frame), ids[kept])


def read_areas(path: Path, frame: Frame, what: str, *, may_miss: bool = True) -> PixelPolygons:
    """Polygons of an area option, burnt as 1; none where they miss the frame.

    Args:
        what: the option's name, for notes and errors.

    Raises:
        LabelError: none meets the frame, and they may not miss it.
    """
    features = _near(path, frame, what, may_miss=True)
    geometry = features.geometry.to_numpy()
    kept = ~shapely.is_empty(geometry)
    if not may_miss and not shapely.intersects(geometry[kept], _ground(frame)).any():
        raise Reach.of(path, frame).miss(f"the polygons of {what}")
    return PixelPolygons.of(_in_pixels(geometry[kept], frame), np.ones(int(kept.sum()), dtype="uint8"))


def count_features(path: Path) -> int:
    """Polygons of all layers of a GeoPackage."""
    return sum(int(pyogrio.read_info(path, layer=name)["features"]) for name in layers(path))


def read_outlines(path: Path, frame: Frame) -> list[tuple[list["Array"], float]]:
    """Rings (n, 2) in pixels (column, row), the outer one first, and confidences of the footprints of a GeoPackage."""
    drawn: list[tuple[list[Array], float]] = []
    for name in layers(path):
        features = features_of(path, layer=name, columns=["confidence"])
        polygons = _in_pixels(features.geometry.to_numpy(), frame)
        for polygon, confidence in zip(polygons, features["confidence"].astype(float), strict=True):
            drawn.append(([shapely.get_coordinates(ring) for ring in shapely.get_rings(polygon)], confidence))
    return drawn


def _near(path: Path, frame: Frame, what: str, *, may_miss: bool = False) -> geopandas.GeoDataFrame:
    """Features of a file near the frame, in the frame's CRS."""
    reach = Reach.of(path, frame)
    features = features_of(path, bbox=reach.bounds) if reach.is_known else features_of(path)
    if not len(features) and not may_miss:
        raise reach.miss(what)
    geometry = reach.brought(_polygons(path, features.geometry.to_numpy()))
    return features.set_geometry(geometry, crs=frame.crs)


def _polygons(path: Path, geometry: "Array") -> "Array":
    """The polygons among geometries, repaired; empty in the place of anything else."""
    geometry = shapely.force_2d(geometry)
    flat = np.isin(shapely.get_type_id(geometry), (3, 6))
    if not flat.all():
        if not flat.any():
            raise LabelError(f"{path} holds no polygon; give polygons, not points or lines")
        log.info("%s: geometries that are no polygons are left out (%d)", path, int((~flat).sum()))
    geometry = np.where(flat, geometry, shapely.Polygon())
    invalid = ~shapely.is_valid(geometry)
    if invalid.any():
        log.info("%s: %d invalid polygons are repaired", path, int(invalid.sum()))
        geometry[invalid] = shapely.make_valid(geometry[invalid], method="structure", keep_collapsed=False)
    return geometry


def _in_pixels(geometry: "Array", frame: Frame) -> "Array":
    return affine_transformed(geometry, ~frame.transform)


def _ground(frame: Frame) -> shapely.Polygon:
    """The frame's outline in map coordinates."""
    corners = ((0, 0), (frame.width, 0), (frame.width, frame.height), (0, frame.height))
    return shapely.Polygon([frame.transform @ corner for corner in corners])


def _box(window: Window) -> shapely.Polygon:
    return shapely.box(window.col, window.row, window.col + window.width, window.row + window.height)
