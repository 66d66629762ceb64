"""A map judged: what is counted of pixels and polygons, window by window."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geounet.calibration import LevelCounts
from geounet.errors import SceneError, SettingsError
from geounet.grid import Window
from geounet.io.labels import read_areas
from geounet.io.object_store import KINDS, Kind, ObjectStore, object_store
from geounet.io.strips import Strips, open_strips
from geounet.jobs.label_set import LabelSet
from geounet.jobs.score_figures import Judged
from geounet.jobs.score_inputs import Areas, Prediction
from geounet.jobs.score_objects import Objects, Pairs, Verdict, add_unscored, compared_in_tile
from geounet.jobs.score_pixels import Scored, Tally
from geounet.jobs.score_sources import Ground, read_found, read_truth
from geounet.metrics import Confusion
from geounet.rule import cut_level
from geounet.track import Track

log = logging.getLogger(__name__)

_THRESHOLD = "GEOUNET_THRESHOLD"  # the tag of a map's rasters


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A map judged.

    Args:
        store: of its polygons and the labels'.
        main_name: of the class that was looked at closely; `classes`: scores of each, where there are several.
        levels: pixels by probability, where they are asked for; `threshold`: with which the map was made.
    """

    judged: Judged
    store: ObjectStore
    main_name: str
    classes: Mapping[str, object] | None
    levels: LevelCounts | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a map is compared: see `evaluate`."""

    areas: Areas
    gsd: float | Literal["auto"]
    grid: Path | None
    threshold_sweep: bool


def judge(
    predicted: Prediction,
    labels: Path,
    known: LabelSet,
    wanted: Wanted,
    *,
    spare: Path,
    opened: ExitStack,
    track: Track,
) -> Result:
    """Compare a map with labels.

    Args:
        spare: a folder for what is compared; `opened`: keeps open what the result needs.

    Raises:
        GeoUNetError: as `evaluate`.
    """
    areas = wanted.areas
    strips = opened.enter_context(open_strips(predicted.classes)) if predicted.classes is not None else None
    if strips is not None:
        ground = Ground.of_raster(strips, known, wanted.grid, track)
    else:
        ground = Ground.of_polygons(predicted, labels, known, areas, wanted.gsd)
    frame, main = ground.frame, ground.shared.main
    store = opened.enter_context(object_store(spare, ground.tiles))
    mapped = read_areas(areas.aoi, frame, "--aoi", may_miss=False) if areas.aoi else None
    area = areas.label_area
    labelled = read_areas(area, frame, "--label-area", may_miss=False) if area else None
    ignored = read_areas(areas.ignore, frame, "--ignore") if areas.ignore else None
    if ignored is not None and not ignored.meets(frame.window):
        log.warning("%s lies beside %s: nothing is ignored; check its CRS", areas.ignore, predicted.path)
    within = None if mapped is None else mapped.geometry
    truth, true_objects = read_truth(labels, known, ground, store, spare=spare, within=within)
    found_objects, invalid = read_found(predicted, ground, store, spare=spare, within=within, track=track)
    objects: dict[Kind, Objects] = {"truth": true_objects, "found": found_objects}
    inside = [area for area in (mapped, labelled) if area is not None]
    scored = Scored(ground.pixels_of_map(strips, store), truth, inside, ignored, main)
    chances = _chances(predicted, ground, opened) if wanted.threshold_sweep else None
    counted = _counted(scored, objects, store, ground, chances=chances, track=track)
    if not counted.sums["tn"].sum() and not any(counted.sums[name].sum() for name in ("tp", "fp", "fn")):
        log.warning("no pixel of %s is scored: map, labels and areas have none in common", predicted.path)
    sizes: dict[Kind, NDArray[np.float64]] = {kind: objects[kind].ground_area(frame) for kind in KINDS}
    verdict = Verdict.of(objects, counted.close, main)
    return Result(
        Judged(frame, counted.tally.blocks, counted.sums, objects, sizes, verdict, main, invalid),
        store,
        ground.shared.main_name,
        _of_classes(counted.confusion, ground.shared.names) if len(ground.shared.names) > 1 else None,
        counted.levels if chances is not None else None,
        0.5 if chances is None else _threshold_of(chances),
    )


def _chances(predicted: Prediction, ground: Ground, opened: ExitStack) -> Strips:
    """The raster of probabilities.

    Raises:
        SettingsError: of several classes, or on another grid.
    """
    assert predicted.probability is not None
    chances = opened.enter_context(open_strips(predicted.probability))
    if chances.frame != ground.frame or not chances.is_probability:
        raise SettingsError(f"{predicted.probability} is not on the grid of {predicted.classes}; give infer's own")
    if ground.ids is not None and len(ground.ids.classes) > 1:
        raise SettingsError("--threshold-sweep is for maps of one class: of several the likeliest wins")
    return chances


def _threshold_of(chances: Strips) -> float:
    """With which a map was made, as its raster of probabilities says; 0.5 where it does not.

    Raises:
        SceneError: it says what is no threshold.
    """
    text = chances.tags.get(_THRESHOLD, "0.5")
    try:
        threshold = float(text)
        cut_level(threshold)
    except ValueError as error:
        raise SceneError(f"{chances.path} says that its threshold is {text!r}, which is none; map it again") from error
    return threshold


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    tally: Tally
    sums: dict[str, NDArray[np.float64]]
    confusion: Confusion
    levels: LevelCounts
    close: Pairs


def _counted(
    scored: Scored,
    objects: dict[Kind, Objects],
    store: ObjectStore,
    ground: Ground,
    *,
    chances: Strips | None,
    track: Track,
) -> _Counted:
    """Go through all windows once; what belongs to polygons is added to them."""
    frame, classes = ground.frame, 1 + len(ground.shared.names)
    tally = Tally.over(frame)
    sums, pairs = tally.empty(), []
    confusion, levels = Confusion.empty(classes), LevelCounts.none()
    tiles: Iterable[Window] = ground.tiles
    if scored.is_of_polygons:  # cities have gaps, countries more of them
        tally.add_background(sums, frame.window)
        tiles = store.occupied()
        for tile in tiles:
            tally.add_background(sums, tile, -1)
    total = sum(tile.area for tile in tiles) / 1e6
    for tile in track(tiles, "scoring", total=total, unit="Mpx", amount=lambda tile: tile.area / 1e6):
        around = tile.grown(tally.reach).within(frame.window)
        both = scored.read(around)
        tally.add(sums, both, tile, around)
        place = tile.seen_from(around)
        here = both[place.rows, place.cols]
        if classes > 2:
            confusion += Confusion.of(*here.scored, classes)
        if chances is not None:
            levels += LevelCounts.of(chances.band(tile), here.there, here.known)
        for kind in KINDS:
            add_unscored(objects[kind], store.touching(kind, around), here.known, tile)
        pairs.append(compared_in_tile(store, objects, tile, around, main=scored.main, frame=frame))
    return _Counted(tally, sums, confusion, levels, Pairs.joined(pairs))


def _of_classes(confusion: Confusion, names: tuple[str, ...]) -> dict[str, object]:
    """Scores of each class by its name, and their mean."""
    scores = ("iou", "f1", "precision", "recall")
    table: dict[str, object] = {}
    for id_, name in enumerate(names, 1):
        counts = confusion.of_class(id_)
        table[name] = {score: getattr(counts, score) for score in scores}
    return {"mean_iou": confusion.score, "by_name": table}
