"""Polygons that a report shows: the most doubtful footprints, errors against labels, the worst places."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely

from geounet.block import Array
from geounet.frame import Frame
from geounet.io.features import Features, Totals, first_features, layer_names, totals
from geounet.report.content import GRADES, Layer, Rings, Shape
from geounet.report.figures import short
from geounet.report.samples import MADE_UP, MISSED, RIGHT

MOST_FOOTPRINTS = 5000
MOST_ERRORS = 2000  # of each kind
_VERTICES = 120_000  # of all footprints, and of all errors
_TOLERANCES = (0.25, 0.5, 1.0, 2.0, 4.0)  # pixels by which outlines of very many vertices are simplified
_DIGITS = 2

# layer of errors.gpkg: what people call it, its colour, whether it is dashed, and which of its features come first
_KINDS = {
    "false_negative": ("Missed: in the labels alone", MISSED, True, ("-area_m2",)),
    "false_positive": ("Made up: in the map alone", MADE_UP, False, ("-confidence", "-area_m2")),
    "merged": ("Merged: several as one", (240, 228, 66), False, ("-area_m2",)),
    "split": ("Split: one as several", (86, 180, 233), False, ("-area_m2",)),
    "true_positive": ("Right", RIGHT, False, ("iou",)),
}
_WORST = "worst"


def footprint_layers(path: Path, frame: Frame, colours: Mapping[str, str]) -> tuple[list[Layer], list[Totals]]:
    """The footprints of each class that the model is least sure of, 5,000 of all classes, and sums over all of them.

    Args:
        colours: of the classes by their names.

    Raises:
        LabelError: the file cannot be read.
    """
    names = layer_names(path)
    sums = [totals(path, name, [least for least, _ in GRADES]) for name in names]
    found = [first_features(path, name, frame, order=["confidence"], most=MOST_FOOTPRINTS) for name in names]
    kept = _least_sure(found)
    shown = _drawn(kept, _VERTICES)
    layers = [
        Layer(f"footprints-{number}", short(name), colours.get(name, "#00c2ee"), features.total, shapes)
        for number, (name, features, shapes) in enumerate(zip(names, kept, shown, strict=True))
    ]
    return layers, sums


def error_layers(path: Path, frame: Frame) -> tuple[list[Layer], Layer | None]:
    """What a map has wrong, and right, against labels, and the worst places, as far as the file has them.

    Raises:
        LabelError: the file cannot be read.
    """
    there = layer_names(path)
    kinds = [name for name in _KINDS if name in there]
    found = [first_features(path, name, frame, order=_KINDS[name][3], most=MOST_ERRORS) for name in kinds]
    layers = []
    for name, features, shapes in zip(kinds, found, _drawn(found, _VERTICES), strict=True):
        title, rgb, is_dashed, _ = _KINDS[name]
        layers.append(Layer(name, title, "#{:02x}{:02x}{:02x}".format(*rgb), features.total, shapes, is_dashed))
    if _WORST not in there:
        return layers, None
    worst = first_features(path, _WORST, frame, order=["rank"], most=MOST_ERRORS)
    return layers, Layer(_WORST, "Worst places", "#ffd166", worst.total, _points(worst))


def _least_sure(found: Sequence[Features]) -> list[Features]:
    """Of features in several layers those least sure of all, each layer in its own order."""
    scores = [_confidence(row) for features in found for row in features.attributes]
    if len(scores) <= MOST_FOOTPRINTS:
        return list(found)
    chosen = np.zeros(len(scores), bool)
    chosen[np.argsort(scores, kind="stable")[:MOST_FOOTPRINTS]] = True
    kept, start = [], 0
    for features in found:
        mine = chosen[start : start + len(features.attributes)]
        rows = [row for row, is_chosen in zip(features.attributes, mine, strict=True) if is_chosen]
        kept.append(Features(features.total, features.geometry[mine], rows))
        start += len(mine)
    return kept


def _confidence(row: Mapping[str, object]) -> float:
    value = row.get("confidence")
    return float(value) if isinstance(value, int | float) else 2.0  # beyond all that are known


def _drawn(found: Sequence[Features], vertices: int) -> list[list[Shape]]:
    """Shapes of the features of several layers, of so many vertices together; those at the end are left out first."""
    counts = [shapely.get_num_coordinates(features.geometry) for features in found]
    total = sum(int(count.sum()) for count in counts)
    return [
        _shapes(features, vertices if total <= vertices else int(vertices * count.sum() / total))
        for features, count in zip(found, counts, strict=True)
    ]


def _shapes(features: Features, vertices: int) -> list[Shape]:
    geometry = _simple(features.geometry, vertices)
    fitting = np.cumsum(shapely.get_num_coordinates(geometry)) <= vertices
    return [
        Shape([_rings(polygon) for polygon in shapely.get_parts(one)], _facts(row))
        for one, row, fits in zip(geometry, features.attributes, fitting, strict=True)
        if fits and shapely.get_type_id(one) in (3, 6)
    ]


def _simple(geometry: Array, vertices: int) -> Array:
    """Outlines as they are, or where they have too many vertices together, as simple as it takes."""
    for tolerance in _TOLERANCES:
        if shapely.get_num_coordinates(geometry).sum() <= vertices:
            break
        geometry = shapely.simplify(geometry, tolerance)
    return geometry


def _rings(polygon: shapely.Polygon) -> Rings:
    """Rings without the point that closes them."""
    return [
        np.round(shapely.get_coordinates(ring)[:-1], _DIGITS).ravel().tolist() for ring in shapely.get_rings(polygon)
    ]


def _points(features: Features) -> list[Shape]:
    places = shapely.get_coordinates(shapely.centroid(features.geometry)).round(_DIGITS).tolist()
    return [Shape([[place]], _facts(row)) for place, row in zip(places, features.attributes, strict=True)]


def _facts(row: Mapping[str, str | float | int | None]) -> dict[str, str | float | int | None]:
    return {short(key): short(value) if isinstance(value, str) else value for key, value in row.items()}
