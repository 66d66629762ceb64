"""What a user should know of training windows before or after they are cut."""

import logging

import numpy as np
import shapely

from geounet.chips import ChipsCard
from geounet.io.scene import Scene
from geounet.jobs.chip_plan import SplitSettings
from geounet.jobs.chip_sources import Sources
from geounet.jobs.truth import AREA_SPLITS, Areas

log = logging.getLogger(__name__)

_COMPACT = 0.5  # share of a scene with data; where the labels' surroundings cover less, the rest may not be labelled
_FEW = 3  # windows for validation
_FEWEST = 5  # polygons that surround anything
_SMALL = 256  # pixels of a side of the picture on which it is measured


def tell_of_empty_splits(card: ChipsCard, sources: Sources, areas: Areas, settings: SplitSettings) -> None:
    """Say why there are no windows for validation or test where some were asked for, or hardly any for validation."""
    for split, area, share, purpose in (
        ("val", areas.val, settings.val, "validation"),
        ("test", areas.test, settings.test, "testing"),
    ):
        if count := len(card.of_split(split)):
            if split == "val" and count < _FEW:
                log.info(
                    "%d window%s for validation: scores of a training, and which weights it keeps, hang on little "
                    "ground; --val or --val-area can give more",
                    count,
                    "" if count == 1 else "s",
                )
            continue
        if area is not None and not _meets(sources, split):
            log.info("no windows for %s: %s (--%s-area) misses the scene; draw it there", purpose, area, split)
        elif area is not None:
            log.info("no window for %s has its centre in %s (--%s-area); draw it larger", purpose, area, split)
        elif share > 0:
            log.info(
                "no windows for %s: the scene is too small to divide; give --%s-area or more scenes", purpose, split
            )


def _meets(sources: Sources, split: str) -> bool:
    """Whether an area kept for a split has ground in common with any scene."""
    return any(
        polygons.tree.query(shapely.box(0, 0, frame.width, frame.height), predicate="intersects").size
        for frame, truth in zip(sources.frames, sources.truths, strict=True)
        for id_, polygons in truth.kept
        if AREA_SPLITS[id_] == split
    )


def tell_of_part_labelled(sources: Sources, areas: Areas) -> None:
    """Say where polygons lie in a compact part of a scene alone, whose rest would be learned as background."""
    if areas.label_area is not None:
        return
    for scene, truth in zip(sources.scenes, sources.truths, strict=True):
        if truth.polygons is None or len(truth.polygons.geometry) < _FEWEST:
            continue
        hull = shapely.multipoints(shapely.get_coordinates(truth.polygons.geometry)).convex_hull
        # of most scenes no pixel has to be read to know that this is no matter
        if hull.area < _COMPACT * scene.frame.window.area and (share := _share(scene, hull)) < _COMPACT:
            log.warning(
                "labels surround %.0f %% of %s: if the rest was not labelled, say so with --label-area, or it is "
                "learned as background",
                100 * share,
                scene.path,
            )


def _share(scene: Scene, hull: shapely.Geometry) -> float:
    """Share of the pixels with data that lie in the hull."""
    _, valid = scene.thumbnail(_SMALL)
    rows, cols = ((np.arange(n) + 0.5) * side / n for n, side in zip(valid.shape, scene.frame.shape, strict=True))
    shapely.prepare(hull)
    inside = shapely.contains_xy(hull, *np.meshgrid(cols, rows))
    return float(inside[valid].mean()) if valid.any() else 1.0
