"""evaluate: a class raster against label polygons, scored pixel by pixel."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet.errors import LegendError, SceneError
from geounet.files import whole_file
from geounet.frame import same_crs
from geounet.grid import Window
from geounet.io.gdal import Handles
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Reading
from geounet.jobs.label_set import LabelSet
from geounet.jobs.outputs import CLASSES
from geounet.jobs.truth import Areas, Truth
from geounet.legend import NODATA, Legend
from geounet.metrics import Confusion
from geounet.track import Track, untracked

_STRIP = 16 << 20  # pixels of one strip


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """Figures as in metrics.json, and the file, where one was asked for."""

    metrics: Mapping[str, object]
    out: Path | None


def evaluate(
    prediction: Path,
    *,
    labels: Path,
    label_area: Path | None = None,
    ignore: Path | None = None,
    grid: Path | None = None,
    out: Path | None = None,
    track: Track = untracked,
) -> EvaluateResult:
    """Score a building map: figures of the class building, pooled over all pixels where map and labels have data.

    Args:
        prediction: infer's folder, or a class raster (0 background, 1 building, 255 nodata).
        labels: a vector file in any CRS, or a raster of 0 and 1, or of 0 and 255.
        label_area, ignore: polygons outside or inside of which nothing is scored.
        grid: a raster on whose pixels is scored, each taking the class at its centre; None: the prediction's own.
        out: a folder for metrics.json.

    Raises:
        SceneError, LabelError: files that cannot be read or miss each other.
        LegendError: a raster with other values than 0, 1 and 255.
    """
    raster = prediction / CLASSES if prediction.is_dir() else prediction
    legend = Legend.of_names("building")
    confusion = Confusion.empty(len(legend.classes))
    with (
        open_scene(raster, Reading(nodata=NODATA)) as classes,
        open_scene(grid or raster) as scored,
        closing(Handles()) as handles,
    ):
        if classes.dtype != np.uint8 or len(classes.bands.numbers) != 1:
            raise SceneError(f"{raster} is no class raster (one band of uint8); give infer's folder or its classes.tif")
        frame = scored.frame
        known = LabelSet.read([labels], handles)
        if not known.legend.is_binary:
            raise LegendError(f"{labels} holds {len(known.legend.foreground)} classes; give labels of buildings alone")
        truth = Truth.read(known.on(labels, frame, scored.native), frame, Areas(label_area, ignore))
        strips = track(
            _strips(frame.height, frame.width),
            "scoring",
            total=frame.height * frame.width / 1e6,
            unit="Mpx",
            amount=lambda window: window.area / 1e6,
        )
        for strip in strips:
            predicted = _at(classes, scored, strip) if grid else _classes(classes, strip)
            _check_ids(raster, predicted, legend)
            confusion += Confusion.of(truth.classes(strip), predicted, len(legend.classes))
        metrics = _metrics(confusion, frame.ground_resolution)
    if out is not None:
        with whole_file(out / "metrics.json") as unfinished:
            unfinished.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return EvaluateResult(metrics, None if out is None else out / "metrics.json")


def _strips(height: int, width: int) -> Iterator[Window]:
    rows = max(1, _STRIP // width)
    for row in range(0, height, rows):
        yield Window(row, 0, min(rows, height - row), width)


def _classes(classes: Scene, strip: Window) -> NDArray[np.uint8]:
    """Class ids of a strip, 255 where the raster has no data."""
    values, valid = classes.read(strip)
    known: NDArray[np.uint8] = np.where(valid.values[0], values.values[0], np.uint8(NODATA))
    return known


def _at(classes: Scene, grid: Scene, strip: Window) -> NDArray[np.uint8]:
    """Classes at the centres of another grid's pixels; nodata outside. Both grids are of one CRS, neither rotated
    against the other.

    Raises:
        SceneError: grids that are not.
    """
    to_classes = ~classes.frame.transform @ grid.frame.transform
    if not same_crs(classes.frame.crs, grid.frame.crs) or abs(to_classes.b) + abs(to_classes.d) > 1e-9:
        raise SceneError(f"{grid.path} and {classes.path} differ in CRS or direction; give the scene that was mapped")
    rows = np.floor((np.arange(strip.row, strip.row + strip.height) + 0.5) * to_classes.e + to_classes.f).astype(int)
    cols = np.floor((np.arange(strip.col, strip.col + strip.width) + 0.5) * to_classes.a + to_classes.c).astype(int)
    sampled = np.full(strip.shape, NODATA, dtype="uint8")
    down = np.flatnonzero((rows >= 0) & (rows < classes.frame.height))
    across = np.flatnonzero((cols >= 0) & (cols < classes.frame.width))
    if down.size and across.size:
        first, last = rows[down].min(), rows[down].max()
        read = _classes(classes, Window(int(first), 0, int(last - first) + 1, classes.frame.width))
        sampled[np.ix_(down, across)] = read[np.ix_(rows[down] - first, cols[across])]
    return sampled


def _check_ids(raster: Path, predicted: NDArray[np.uint8], legend: Legend) -> None:
    odd = np.setdiff1d(predicted, [c.id for c in legend.classes] + [NODATA])
    if odd.size:
        raise LegendError(f"{raster} holds the values {odd[:5].tolist()}; a building map has 0, 1 and 255 (nodata)")


def _metrics(confusion: Confusion, resolution: float | None) -> dict[str, object]:
    building = confusion.of_class(1)
    names = ("iou", "f1", "precision", "recall", "accuracy", "iou_two_channel")
    return {
        "pixel": {name: getattr(building, name) for name in names},
        "pixels_scored": building.total,
        "ground_resolution": resolution,
    }
