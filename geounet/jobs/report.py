"""report.html of a finished map: one file that a browser opens from disk."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from geounet.errors import GeoUNetError
from geounet.files import whole_file
from geounet.frame import Frame
from geounet.io.features import Totals
from geounet.jobs.outputs import ERRORS, FOOTPRINTS, METRICS, REPORT
from geounet.jobs.report_facts import found_table, lead, scored_notes, summary_rows
from geounet.jobs.report_overlays import MapRaster, class_overlay, probability_overlay
from geounet.jobs.report_scene import Look
from geounet.jobs.report_shapes import error_layers, footprint_layers
from geounet.jobs.report_sources import MapSources, read_json
from geounet.report.content import GRADES, Content, Grade, Ground, Layer
from geounet.report.figures import listed, metric_charts, metric_tables, timing_rows
from geounet.report.images import Picture, again
from geounet.report.page import page

log = logging.getLogger(__name__)

LIMIT = 15_000_000  # bytes of a report
PLACES = 50  # that are listed, and shown as sharp as they are
_SCENE_ROOM, _CLOSE_UPS_ROOM = 7_000_000, 1_300_000  # bytes for the scene at most, and for its places
_PICTURE_ROOM, _PICTURE_SIDE = 500_000, 1600  # bytes and pixels of a picture of the training
_TRAINING = (
    ("curves.png", "How it learned", "Curves of the loss, of the IoU on validation windows, and of the learning rate"),
    ("samples.png", "Validation windows", "Rows of image, truth, probability and errors of some windows"),
)


def write_report(folder: Path, *, may_fetch: bool = False) -> Path:
    """Make report.html of a finished map anew, from what lies in its folder; the same folder gives the same bytes.

    The scene and the training that the map came from are shown where they are still to be found, and so are scores
    that `eval` wrote into the folder. Nothing of all that has to be there.

    Args:
        may_fetch: whether a scene that was read from a URL may be read there again; else it is left out.

    Raises:
        SceneError: the folder holds no finished map.
        OutputError: the report cannot be written.
    """
    sources = MapSources.of(folder)
    raster = MapRaster.of(folder)
    content = _with_scene(sources, raster, _content(sources, raster), may_fetch=may_fetch)
    path = folder / REPORT
    with whole_file(path) as unfinished:
        unfinished.write_text(page(content), encoding="utf-8", newline="\n")
    return path


def _content(sources: MapSources, raster: MapRaster) -> Content:
    """All of a report but for the scene."""
    folder, frame = sources.folder, raster.frame
    notes: list[str] = []
    classes, shares = class_overlay(folder, raster)
    layers, sums = _footprints(folder, raster, notes)
    errors, worst = _errors(folder, frame, notes)
    metrics = read_json(folder / METRICS) or {}
    notes += scored_notes(metrics, round(shares.known * frame.window.area), frame.shape)
    unreadable = sources.summary.get("unreadable")
    if isinstance(unreadable, list) and unreadable:
        notes.append(f"{len(unreadable):,} blocks of the scene could not be read: they are nodata in the map.")
    return Content(
        title=f"Map of {listed(sources.scene_names, 2) or folder.resolve().name}",
        lead=lead(raster, sums, shares),
        ground=_ground(frame),
        overlays=[classes, probability_overlay(folder, raster)],
        footprints=layers,
        grades=_grades(sums),
        errors=errors,
        worst=worst,
        summary=summary_rows(sources, raster, unreadable if isinstance(unreadable, list) else []),
        timing=timing_rows(sources.summary),
        figures=[found_table(raster, layers, sums, shares), *metric_tables(metrics)],
        charts=metric_charts(metrics),
        pictures=training_pictures(sources.training()),
        notes=notes,
    )


def _with_scene(sources: MapSources, raster: MapRaster, content: Content, *, may_fetch: bool) -> Content:
    """The content with the scene under it, in the room that is left, or with a note why it is not there."""
    left = LIMIT - len(page(content)) - 10_000
    try:
        with sources.scene(may_fetch=may_fetch) as scene:
            look = Look.of(scene, raster.frame)
            overlay = look.overlay(min(_SCENE_ROOM, left - _CLOSE_UPS_ROOM))
            close_ups = list(look.close_ups(overlay, _places(content)))
    except (GeoUNetError, OSError) as error:
        log.info("the report is made without the scene: %s", error)
        lost = "The scene that was mapped is not at hand, or has changed since: it is left out here."
        return replace(content, notes=[lost, *content.notes, *_smaller_notes(content)])
    whole = replace(content, overlays=[overlay, *content.overlays], close_ups=close_ups)
    return replace(whole, notes=[*whole.notes, *_smaller_notes(whole)])


def _places(content: Content) -> list[tuple[float, float]]:
    """Columns and rows of the places that the page lists: the worst ones, or the most doubtful footprints."""
    if content.worst is not None and content.worst.shapes:
        rings = [shape.polygons[0][0] for shape in content.worst.shapes]
    else:
        shapes = [shape for layer in content.footprints for shape in layer.shapes]
        known = [(value, shape) for shape in shapes if isinstance(value := shape.facts.get("confidence"), int | float)]
        rings = [shape.polygons[0][0] for _, shape in sorted(known, key=lambda one: one[0])]
    ends = [(ring[::2], ring[1::2]) for ring in rings[:PLACES]]
    return [((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2) for xs, ys in ends]


def _smaller_notes(content: Content) -> list[str]:
    """What of the map this page does not show."""
    notes = []
    coarse = [
        f"{overlay.name.lower()} {_size(overlay.picture.shape)} of {_size(overlay.whole)} pixels"
        for overlay in content.overlays
        if overlay.picture.shape[0] < overlay.whole[0]
    ]
    if coarse:
        sharp = " The places listed are shown as sharp as the scene is." if content.close_ups else ""
        notes.append(f"The pictures on this page are smaller than what they show: {', '.join(coarse)}.{sharp}")
    shown, total = sum(len(one.shapes) for one in content.footprints), sum(one.total for one in content.footprints)
    if shown < total:
        notes.append(
            f"Of {total:,} footprints the {shown:,} that the model is least sure of are drawn here; "
            f"{FOOTPRINTS} has all of them."
        )
    if any(len(layer.shapes) < layer.total for layer in content.errors):
        notes.append(f"Of some kinds of error only the first are drawn here; {ERRORS} has all of them.")
    return notes


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]:,} × {shape[1]:,}"


def _ground(frame: Frame) -> Ground:
    """The pixels of a map, and how they lie on the ground."""
    steps = frame.ground_steps
    if steps is None:
        return Ground(frame.shape)
    across, down = np.hypot(steps[0], steps[1])
    side = math.sqrt(across * down)
    aspect = (across / side, down / side)
    north = None
    if frame.north is not None:
        col, row = np.linalg.solve(steps, (0.0, 1.0))
        north = round(math.degrees(math.atan2(col * aspect[0], -row * aspect[1])), 2)
    return Ground(frame.shape, aspect, side, north)


def _footprints(folder: Path, raster: MapRaster, notes: list[str]) -> tuple[list[Layer], list[Totals]]:
    if not (folder / FOOTPRINTS).exists():
        return [], []
    colours = {name: raster.colours[number_] for number_, name in raster.names.items()}
    try:
        return footprint_layers(folder / FOOTPRINTS, raster.frame, colours)
    except GeoUNetError as error:
        log.warning("the report is made without the footprints: %s", error)
        notes.append(f"{FOOTPRINTS} cannot be read: the footprints are left out here.")
        return [], []


def _errors(folder: Path, frame: Frame, notes: list[str]) -> tuple[list[Layer], Layer | None]:
    if not (folder / ERRORS).exists():
        return [], None
    try:
        return error_layers(folder / ERRORS, frame)
    except GeoUNetError as error:
        log.warning("the report is made without the errors: %s", error)
        notes.append(f"{ERRORS} cannot be read: the errors are left out here.")
        return [], None


def _grades(sums: Sequence[Totals]) -> list[Grade]:
    counts = [sum(total.grades[i] for total in sums) for i in range(len(GRADES))]
    return [Grade(least, colour, count) for (least, colour), count in zip(GRADES, counts, strict=True)]


def training_pictures(run: Path | None) -> list[tuple[str, str, Picture]]:
    """Curves and samples of the training that lie beside the model."""
    pictures = []
    for name, title, alt in _TRAINING:
        try:
            content = (run / name).read_bytes() if run else None
            if content:
                pictures.append((title, alt, again(content, _PICTURE_SIDE, _PICTURE_ROOM)))
        except (OSError, ValueError) as error:  # damaged: PIL says so by either
            log.info("the report is made without %s: %s", name, error)
    return pictures
