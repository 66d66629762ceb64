"""errors.gpkg: what a map has right, made up, missed, split and merged, in styled layers; and its worst places."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from geounet.block import Array
from geounet.files import whole_file
from geounet.footprints import Geometries
from geounet.io.geopackage import check_indexed, clear_way, crs_optional, fixed_date, write_styles
from geounet.io.style import document, error_renderer, labelling, place_renderer
from geounet.io.vectors import translated_writing

POLYGONS = ("true_positive", "false_positive", "false_negative", "split", "merged")
WORST = "worst"
_FIELDS = ("iou", "confidence", "area_m2")


@dataclass(frozen=True, slots=True, eq=False)
class Wrong:
    """Polygons in map coordinates for a layer, with what is known of each, (n,): NaN for what is not."""

    layer: str
    geometry: Geometries
    iou: NDArray[np.float64]
    confidence: NDArray[np.float64]
    area: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """A place that is worth a look, in map coordinates, and where else it can be looked up.

    Args:
        what: is wrong there; `area`: how much, in m².
        link: a geo: URI; `search`: latitude and longitude as search boxes take them. None without CRS.
    """

    rank: int
    what: str
    area: float
    x: float
    y: float
    link: str | None
    search: str | None

    def to_json(self) -> dict[str, object]:
        return {
            "rank": self.rank,
            "what": self.what,
            "area_m2": round(self.area, 2),
            "x": self.x,
            "y": self.y,
            "link": self.link,
            "search": self.search,
        }


@contextmanager
def error_layers(path: Path, crs: str | None, provenance: Mapping[str, str]) -> Iterator["ErrorLayers"]:
    """A GeoPackage of errors to be filled; it bears its name when it is whole.

    Raises:
        OutputError: it cannot be written, or another program has it open.
    """
    clear_way(path)
    with whole_file(path) as unfinished, translated_writing(path), fixed_date():
        unfinished.unlink()  # GDAL makes it anew
        layers = ErrorLayers(unfinished, crs, provenance)
        for layer in POLYGONS:
            layers.add(Wrong(layer, np.empty(0, object), *(np.empty(0) for _ in _FIELDS)))
        yield layers
        check_indexed(unfinished, [*POLYGONS, WORST])
        styles = {layer: document(error_renderer(layer)) for layer in POLYGONS}
        write_styles(unfinished, styles | {WORST: document(place_renderer(), labelling("rank"))})
        clear_way(path)  # it may have been opened meanwhile


class ErrorLayers:
    """Polygons and places go in, some at a time."""

    def __init__(self, path: Path, crs: str | None, provenance: Mapping[str, str]):
        self._path = path
        self._crs = crs
        self._provenance = dict(provenance)
        self._made: set[str] = set()

    def add(self, wrong: Wrong) -> None:
        """Add polygons to their layer."""
        columns = [np.round(wrong.iou, 4), np.round(wrong.confidence, 4), np.round(wrong.area, 2)]
        if len(wrong.geometry) or wrong.layer not in self._made:
            self._append(wrong.layer, "MultiPolygon", _multi(wrong.geometry), _FIELDS, columns)

    def add_places(self, places: Sequence[Place]) -> None:
        """Write the layer of the worst places."""
        points = shapely.points([place.x for place in places], [place.y for place in places])
        texts = [np.array([getattr(p, name) for p in places], object) for name in ("what", "link", "search")]
        rank = np.array([place.rank for place in places], np.int32)
        area = np.array([round(place.area, 2) for place in places], np.float64)
        columns = [rank, texts[0], area, texts[1], texts[2]]
        self._append(WORST, "Point", points, ("rank", "what", "area_m2", "link", "search"), columns)

    def _append(self, layer: str, kind: str, geometry: Geometries, fields: Sequence[str], columns: list[Array]) -> None:
        created: dict[str, object] = {}
        if layer not in self._made:
            created["layer_metadata"] = self._provenance
            if self._crs is None:
                created["SRID"] = -1  # undefined cartesian
            if not self._made:
                created |= {"dataset_metadata": self._provenance, "VERSION": "1.2"}  # older GDAL warns about newer
        with crs_optional():
            pyogrio.raw.write(
                self._path,
                shapely.to_wkb(geometry),
                columns,
                list(fields),
                layer=layer,
                driver="GPKG",
                geometry_type=kind,
                crs=self._crs,
                append=layer in self._made,
                **created,
            )
        self._made.add(layer)


def _multi(geometry: Geometries) -> Geometries:
    """Polygons, some of which may be MultiPolygons, as MultiPolygons all."""
    parts, owner = shapely.get_parts(geometry, return_index=True)
    many: Geometries = shapely.multipolygons(parts, indices=owner) if len(parts) else np.empty(0, object)
    return many
