"""evaluate: a map, a class raster or polygons against labels: pixels, objects, outlines, and where it is wrong."""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from geounet import __version__
from geounet.errors import OutputError, SettingsError
from geounet.files import StrPath, advice, as_path, held, translated, whole_file
from geounet.io.gdal import Handles
from geounet.jobs.label_set import LabelSet
from geounet.jobs.outputs import ERRORS, METRICS, SUMMARY, SWEEP
from geounet.jobs.report import write_report
from geounet.jobs.score import Wanted, judge
from geounet.jobs.score_figures import figures
from geounet.jobs.score_inputs import Areas, Prediction
from geounet.jobs.score_layers import write_errors
from geounet.jobs.score_sweep import sweep
from geounet.track import Track, untracked

_UNFINISHED = ".eval-"  # folders of what is compared, while it is


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """Figures as in metrics.json, the folder that holds it, and the report of the map, where that is in it, too."""

    metrics: Mapping[str, object]
    out: Path
    report: Path | None = None


def evaluate(
    prediction: StrPath,
    *,
    labels: StrPath,
    label_area: StrPath | None = None,
    ignore: StrPath | None = None,
    aoi: StrPath | None = None,
    gsd: float | Literal["auto"] = "auto",
    grid: StrPath | None = None,
    classes: StrPath | None = None,
    class_field: str | None = None,
    threshold_sweep: bool = False,
    out: StrPath | None = None,
    track: Track = untracked,
) -> EvaluateResult:
    """Score a map: pixels, objects and outlines of the class building; metrics.json and errors.gpkg in a folder.

    In the folder of a map of infer's, its report.html is made anew, with the scores. What each figure means is told in
    docs/metrics.md.

    Args:
        prediction: infer's folder, a class raster, or a file of polygons.
        labels: polygons in any CRS, or a raster of classes, a mask or a coloured mask.
        label_area, ignore: polygons outside or inside of which nothing is scored.
        aoi: the polygons that were mapped; outside of them nothing is scored.
        gsd: metres a pixel on which polygons are scored; auto is 0.3.
        grid: a raster on whose pixels a class raster is scored, each taking the class at its centre; None: its own.
        classes: a CSV file that says what the values or colours of label rasters stand for.
        class_field: of label polygons, with the class of each; without it all are buildings.
        threshold_sweep: whether to draw sweep.png, and to name the best threshold.
        out: folder to write; the map's own, or PREDICTION_eval beside a file, where None.

    Raises:
        SceneError, LabelError: files that cannot be read or miss each other.
        LegendError: classes of which map and labels share none.
        SettingsError: an option that means nothing for such a map.
        OutputError: a folder that cannot be written.
    """
    prediction, labels, grid, classes = as_path(prediction), as_path(labels), as_path(grid), as_path(classes)
    predicted = Prediction.of(prediction)
    _check_options(predicted, gsd, grid, threshold_sweep=threshold_sweep)
    folder = as_path(out) or predicted.out
    areas = Areas(as_path(label_area), as_path(ignore), as_path(aoi))
    wanted = Wanted(areas, gsd, grid, threshold_sweep)
    with _working_folder(folder) as spare, closing(Handles()) as handles, ExitStack() as opened:
        known = LabelSet.read([labels], handles, field=class_field, classes=classes)
        result = judge(predicted, labels, known, wanted, spare=spare, opened=opened, track=track)
        judged = result.judged
        sources = {"prediction": prediction.name, "labels": labels.name}
        provenance = {f"GEOUNET_{key.upper()}": text for key, text in sources.items()}
        places = write_errors(folder / ERRORS, judged, result.store, provenance)
        metrics: dict[str, object] = {
            "geounet": __version__,
            **sources,
            "class": result.main_name,
            **{key: path.name for key, path in asdict(areas).items() if path is not None},
            "size": list(judged.frame.shape),
            "ground_resolution": judged.frame.ground_resolution,
            "pixels_scored": int(sum(judged.sums[name].sum() for name in ("tp", "fp", "fn", "tn"))),
            **figures(judged),
        }
        if result.classes is not None:
            metrics["classes"] = result.classes
        if result.levels is not None:
            metrics["sweep"] = sweep(result.levels, judged, result.threshold, folder / SWEEP)
        metrics["worst"] = [place.to_json() for place in places]
        with whole_file(folder / METRICS) as unfinished:
            unfinished.write_text(json.dumps(metrics, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        if not threshold_sweep:
            (folder / SWEEP).unlink(missing_ok=True)  # it would be of another map or other labels
    is_in_map = folder == predicted.out and (folder / SUMMARY).is_file()
    return EvaluateResult(metrics, folder, write_report(folder) if is_in_map else None)


def _check_options(
    predicted: Prediction, gsd: float | Literal["auto"], grid: Path | None, *, threshold_sweep: bool
) -> None:
    """Nothing, or a SettingsError where an option means nothing."""
    if gsd != "auto" and not 0 < gsd < float("inf"):
        raise SettingsError(f"--gsd {gsd} must be above 0")
    if predicted.classes is None:
        if grid is not None:
            raise SettingsError(f"--grid {grid} is for class rasters; polygons are scored on pixels of --gsd metres")
        if threshold_sweep:
            raise SettingsError("--threshold-sweep needs probabilities, and polygons have none; give infer's folder")
    elif gsd != "auto":
        raise SettingsError(f"--gsd {gsd} is for polygons; a raster is scored on its own pixels, or on those of --grid")
    if threshold_sweep and predicted.probability is None:
        raise SettingsError(
            f"--threshold-sweep needs probabilities, and {predicted.path} comes without; give infer's folder"
        )
    if threshold_sweep and grid is not None:
        raise SettingsError("--threshold-sweep is on the map's own pixels; leave out --grid")


@contextmanager
def _working_folder(folder: Path) -> Iterator[Path]:
    """A folder for what is compared, inside of the one to be written, that is taken away afterwards.

    Raises:
        OutputError: it cannot be written, or another process scores the same map.
    """
    was_there = folder.exists()
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder / ".eval.lock", folder):
            for left in folder.glob(f"{_UNFINISHED}*"):  # by one that was killed: nobody else scores this map
                shutil.rmtree(left, ignore_errors=True)
            with translated(folder), tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder) as spare:
                yield Path(spare)
    except sqlite3.Error as error:
        raise OutputError(f"{folder} cannot be written ({error}); {advice(error)}") from error
    finally:
        if not was_there and folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
