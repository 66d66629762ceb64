"""errors.gpkg of a map that was judged, and the places where it is worst."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import affine_transformed
from geounet.frame import Frame, crs_of
from geounet.io.error_layers import Place, Wrong, error_layers
from geounet.io.object_store import Kind, ObjectStore
from geounet.jobs.score_figures import Judged

PLACES = 50
_IN_COMMON = 0.2  # share of the smaller of two polygons from which they are one place
_DIGITS = 6  # of a degree: a tenth of a metre

Flags = NDArray[np.bool_]


def write_errors(path: Path, judged: Judged, store: ObjectStore, provenance: Mapping[str, str]) -> list[Place]:
    """Write what is right and wrong as layers; the worst places, which are one of them.

    Raises:
        OutputError: it cannot be written.
    """
    places = worst_places(judged, store)
    with error_layers(path, judged.frame.crs, provenance) as layers:
        for wrong in _layers(judged, store):
            layers.add(wrong)
        layers.add_places(places)
    return places


def _layers(judged: Judged, store: ObjectStore) -> Iterator[Wrong]:
    verdict, (truth, found) = judged.verdict, (len(judged.objects["truth"]), len(judged.objects["found"]))
    iou = {"truth": np.full(truth, np.nan), "found": np.full(found, np.nan)}
    iou["truth"][verdict.pairs.truth] = iou["found"][verdict.pairs.found] = verdict.pairs.iou
    right = np.zeros(found, bool)
    right[verdict.pairs.found[verdict.hit]] = True
    found_layers = {"true_positive": right, "false_positive": verdict.made_up, "merged": verdict.merged}
    true_layers = {"false_negative": verdict.missed, "split": verdict.split}
    sides: list[tuple[Kind, dict[str, Flags]]] = [("found", found_layers), ("truth", true_layers)]
    for kind, wanted in sides:
        for some in store.all(kind):
            confidence = judged.objects[kind].confidence[some.ids].astype(float)
            for layer, flags in wanted.items():
                which = flags[some.ids]
                ids = some.ids[which]
                geometry = affine_transformed(some.geometry[which], judged.frame.transform)
                yield Wrong(layer, geometry, iou[kind][ids], confidence[which], judged.areas[kind][ids])


def worst_places(judged: Judged, store: ObjectStore) -> list[Place]:
    """The places with the largest area that is wrong, the worst first.

    Of a missed polygon what nothing found covers is wrong, and of one made up what no true one covers: so the pieces of
    a split one, and what a merged one holds, are not listed once more. Of split and merged ones all of it is. A missed
    one and one made up that have a fifth in common are one place, where something was found in a wrong shape.
    """
    places: list[tuple[_Wrong, shapely.Geometry]] = []
    for wrong in _candidates(judged):
        (polygon,) = store.some(wrong.kind, np.array([wrong.id])).geometry
        twin = next((i for i, (other, its) in enumerate(places) if _are_one(wrong, polygon, other, its)), None)
        if twin is not None:
            places[twin] = replace(places[twin][0], what="wrong shape"), places[twin][1]
        elif len(places) < PLACES:
            places.append((wrong, polygon))
    return [_place(rank, wrong, polygon, judged.frame) for rank, (wrong, polygon) in enumerate(places, 1)]


@dataclass(frozen=True, slots=True)
class _Wrong:
    area: float
    what: str
    kind: Kind
    id: int


def _candidates(judged: Judged) -> list[_Wrong]:
    """More than enough of what is wrong, the largest first."""
    verdict, objects, areas = judged.verdict, judged.objects, judged.areas
    kinds: list[tuple[str, Kind, Flags, bool]] = [
        ("missed", "truth", verdict.missed & ~verdict.split, True),
        ("made up", "found", verdict.made_up & ~verdict.merged, True),
        ("merged", "found", verdict.merged, False),
        ("split", "truth", verdict.split, False),
    ]
    rows: list[_Wrong] = []
    for what, kind, flags, is_bare in kinds:
        some, ids = objects[kind], np.flatnonzero(flags)
        bare = 1 - np.minimum(some.covered[ids] / some.area[ids], 1)
        wrong = areas[kind][ids] * (bare if is_bare else 1)
        largest = np.argsort(-wrong, kind="stable")[: 2 * PLACES]
        rows += [_Wrong(float(wrong[i]), what, kind, int(ids[i])) for i in largest if wrong[i] > 0]
    return sorted(rows, key=lambda one: (-one.area, one.what, one.id))


def _are_one(one: _Wrong, polygon: shapely.Geometry, other: _Wrong, its: shapely.Geometry) -> bool:
    if one.kind == other.kind or {one.what, other.what} & {"merged", "split"}:
        return False
    common = shapely.area(shapely.intersection(polygon, its))
    return bool(common > _IN_COMMON * min(shapely.area(polygon), shapely.area(its)))


def _place(rank: int, wrong: _Wrong, polygon: shapely.Geometry, frame: Frame) -> Place:
    column, line = shapely.get_coordinates(shapely.point_on_surface(polygon))[0]
    x, y = frame.transform @ (float(column), float(line))
    link, search = _links(frame, x, y)
    return Place(rank, wrong.what, wrong.area, round(x, 7), round(y, 7), link, search)


def _links(frame: Frame, x: float, y: float) -> tuple[str | None, str | None]:
    """A geo: URI (RFC 5870), and latitude and longitude with a comma between; None where nobody knows them."""
    if frame.crs is None or crs_of(frame.crs).geodetic_crs is None:
        return None, None
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(frame.crs, "EPSG:4326", always_xy=True).transform(x, y)
    texts = f"{lat:.{_DIGITS}f}", f"{lon:.{_DIGITS}f}"
    return f"geo:{texts[0]},{texts[1]}", f"{texts[0]}, {texts[1]}"
