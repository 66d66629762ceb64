"""Polygons of a file, brought to the pixels of a frame some at a time: files may be larger than the memory."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.block import Array
from geounet.errors import LabelError
from geounet.footprints import Geometries, affine_transformed
from geounet.frame import Frame
from geounet.io.polygon_files import feature_batches
from geounet.io.reach import Reach

log = logging.getLogger(__name__)

_FLAT = (3, 6)  # GEOS's numbers of Polygon and MultiPolygon
_GRID = 1e-6  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class SomePolygons:
    """Valid polygons (n,) in pixels (column, row) of a frame, without what lies beyond its edge.

    Args:
        geometry: each part of a MultiPolygon for itself; one that was repaired may be a MultiPolygon.
        inside: the share of its area that lies in the frame.
        confidence: float32, NaN where the file has none.
        classes: texts of the class field; None where no field is asked for.
        invalid: how many were repaired.
    """

    geometry: Geometries
    inside: NDArray[np.float32]
    confidence: NDArray[np.float32]
    classes: Geometries | None
    invalid: int

    @classmethod
    def none(cls) -> "SomePolygons":
        return cls(np.empty(0, object), np.empty(0, np.float32), np.empty(0, np.float32), None, 0)


def stream_polygons(
    path: Path,
    frame: Frame,
    what: str,
    *,
    layer: str | None = None,
    field: str | None = None,
    within: Geometries | None = None,
    may_miss: bool = False,
) -> Iterator[SomePolygons]:
    """The polygons of a file's layer (None: the first) that meet a frame, in the file's order.

    Args:
        what: they are, for errors.
        field: with the class of each.
        within: polygons in pixels outside of which is nothing, either.
        may_miss: whether there may be none.

    Raises:
        LabelError: a file that cannot be read or holds no polygon; none that meets the frame.
    """
    try:
        reach = Reach.of(path, frame, layer)
    except LabelError:
        if may_miss and path.exists() and _is_empty(path, layer):
            return
        raise
    edges = _Edges.of(frame, within)
    there = repaired = others = 0
    columns = ["confidence", *([field] if field else [])]
    for features in feature_batches(path, layer, columns=columns, bbox=reach.bbox):
        some, no_polygons = _brought(features, reach, edges, field)
        others += no_polygons
        there += len(some.geometry)
        repaired += some.invalid
        yield some
    if others:
        log.info("%s: geometries that are no polygons are left out (%d)", path, others)
    if repaired:
        log.info("%s: %d invalid polygons are repaired", path, repaired)
    if not there and not may_miss:
        if others:
            raise LabelError(f"{path} holds no polygon; give polygons, not points or lines")
        raise reach.miss(what)


def _is_empty(path: Path, layer: str | None) -> bool:
    return not any(len(some) for some in feature_batches(path, layer, columns=[]))


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The outline, in pixels, beyond which polygons are cut off."""

    box: shapely.Polygon
    area: shapely.Geometry | None

    @classmethod
    def of(cls, frame: Frame, within: Geometries | None) -> "_Edges":
        box = shapely.box(0, 0, frame.width, frame.height)
        if within is None:
            return cls(box, None)
        area = shapely.intersection(_united(within), box)
        shapely.prepare(area)
        return cls(box, area)

    def cut(self, geometry: Geometries) -> Geometries:
        """Polygons without what lies beyond; empty ones where nothing is left."""
        left, top, right, bottom = shapely.bounds(geometry).T
        _, _, width, height = shapely.bounds(self.box)
        beyond = (left < 0) | (top < 0) | (right > width) | (bottom > height)
        if self.area is not None:
            beyond[~beyond] = ~shapely.covers(self.area, geometry[~beyond])
        if beyond.any():
            kept = shapely.intersection(geometry[beyond], self.box if self.area is None else self.area)
            geometry = geometry.copy()
            geometry[beyond] = np.array([_flat(one) for one in kept], object)
        return geometry


def _flat(geometry: shapely.Geometry) -> shapely.Geometry:
    """What of a geometry has an area."""
    if shapely.get_type_id(geometry) in _FLAT:
        return geometry
    parts = shapely.get_parts(geometry)
    return _united(parts[np.isin(shapely.get_type_id(parts), _FLAT)])


def _united(polygons: Geometries) -> shapely.Geometry:
    """The union of polygons, to a millionth of a pixel.

    Without a grid GEOS 3.14 loses some of those whose sides all but coincide: sheets beside each other, for one.
    """
    return shapely.union_all(polygons, grid_size=_GRID)


def _brought(
    features: geopandas.GeoDataFrame, reach: Reach, edges: _Edges, field: str | None
) -> tuple[SomePolygons, int]:
    """A batch of features in pixels, and how many of them were no polygons."""
    whole = shapely.force_2d(features.geometry.to_numpy())
    flat = np.isin(shapely.get_type_id(whole), _FLAT)
    geometry, part_of = shapely.get_parts(whole[flat], return_index=True)
    owner = np.flatnonzero(flat)[part_of]
    invalid = ~shapely.is_valid(geometry)
    geometry[invalid] = _repaired(geometry[invalid])
    pixels = affine_transformed(reach.brought(geometry), ~reach.frame.transform)
    bent = ~shapely.is_valid(pixels)  # another CRS may fold a thin one
    pixels[bent] = _repaired(pixels[bent])
    cut = edges.cut(pixels)
    before, area = shapely.area(pixels), shapely.area(cut)
    kept = area > 0
    return SomePolygons(
        geometry=cut[kept],
        inside=(area[kept] / before[kept]).astype(np.float32),
        confidence=_confidence(features)[owner[kept]],
        classes=None if field is None else np.array([str(v) for v in features[field].to_numpy()[owner[kept]]], object),
        invalid=int(invalid.sum()),
    ), int((~flat).sum())


def _repaired(geometry: Geometries) -> Geometries:
    valid: Geometries = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    return valid


def _confidence(features: geopandas.GeoDataFrame) -> NDArray[np.float32]:
    """Of each feature 0..1; NaN where its file has none that is a number."""
    unknown = np.full(len(features), np.nan, dtype=np.float32)
    if "confidence" not in features.columns:
        return unknown
    values: Array = features["confidence"].to_numpy()
    try:
        known = values.astype(np.float32)
    except (TypeError, ValueError):
        return unknown
    return np.where((known >= 0) & (known <= 1), known, np.float32(np.nan))
