"""errors.gpkg of a map that was judged, and the places where it is worst."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Geometries, affine_transformed
from geounet.frame import Frame, crs_of
from geounet.io.error_layers import Place, Wrong, error_layers
from geounet.io.object_store import Kind, ObjectStore
from geounet.jobs.score_figures import Judged

PLACES = 50
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
    a split one, and what a merged one holds, are not listed once more. Of split and merged ones all of it is.
    """
    verdict, objects, areas = judged.verdict, judged.objects, judged.areas
    kinds: list[tuple[str, Kind, Flags, bool]] = [
        ("missed", "truth", verdict.missed & ~verdict.split, True),
        ("made up", "found", verdict.made_up & ~verdict.merged, True),
        ("merged", "found", verdict.merged, False),
        ("split", "truth", verdict.split, False),
    ]
    rows: list[tuple[float, str, Kind, int]] = []
    for what, kind, flags, is_bare in kinds:
        some, ids = objects[kind], np.flatnonzero(flags)
        bare = 1 - np.minimum(some.covered[ids] / some.area[ids], 1)
        wrong = areas[kind][ids] * (bare if is_bare else 1)
        largest = np.argsort(-wrong, kind="stable")[:PLACES]
        rows += [(-wrong[i], what, kind, int(ids[i])) for i in largest if wrong[i] > 0]
    return [_place(rank, row, judged.frame, store) for rank, row in enumerate(sorted(rows)[:PLACES], 1)]


def _place(rank: int, row: tuple[float, str, Kind, int], frame: Frame, store: ObjectStore) -> Place:
    area, what, kind, id_ = row
    polygon: Geometries = store.some(kind, np.array([id_])).geometry
    column, line = shapely.get_coordinates(shapely.point_on_surface(polygon))[0]
    x, y = frame.transform @ (float(column), float(line))
    link, search = _links(frame, x, y)
    return Place(rank, what, -area, round(x, 7), round(y, 7), link, search)


def _links(frame: Frame, x: float, y: float) -> tuple[str | None, str | None]:
    """A geo: URI (RFC 5870), and latitude and longitude with a comma between; None where nobody knows them."""
    if frame.crs is None or crs_of(frame.crs).geodetic_crs is None:
        return None, None
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(frame.crs, "EPSG:4326", always_xy=True).transform(x, y)
    texts = f"{lat:.{_DIGITS}f}", f"{lon:.{_DIGITS}f}"
    return f"geo:{texts[0]},{texts[1]}", f"{texts[0]}, {texts[1]}"
