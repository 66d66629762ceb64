"""infer: a scene, or many sheets, and a model to rasters of classes and probabilities, footprints and a summary."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from geounet import __version__
from geounet.card import ModelCard
from geounet.errors import SceneError, SettingsError
from geounet.files import StrPath, as_path, beside, identity
from geounet.grid import WindowGrid
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Nodata, Reading, stretch_for
from geounet.jobs.guard import alone, as_before, begun_with, remembered
from geounet.jobs.map_folder import MapFolder
from geounet.jobs.map_job import Asked, MapJob, Vectors, mapped
from geounet.jobs.outputs import PARTS, REPORT, SPOOL
from geounet.jobs.pipeline import Clock
from geounet.jobs.report import write_report
from geounet.jobs.report_sources import found_at
from geounet.jobs.train_run import METRICS
from geounet.jobs.unreadable import Unreadable
from geounet.nn.checkpoint import NAME as CHECKPOINT
from geounet.nn.model_file import model_hash, read_card
from geounet.nn.segmenter import TorchSegmenter, load_segmenter, usual_window
from geounet.nn.views import Tta
from geounet.rule import SAME
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

Scenes = StrPath | Sequence[StrPath]


@dataclass(frozen=True, slots=True)
class InferResult:
    """The folder written, its summary (contents of summary.json), and whether it was finished before."""

    out: Path
    summary: Mapping[str, object]
    was_finished: bool


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the network runs on, and the windows that it is given."""

    device: str
    precision: str
    window: int | Literal["auto"]
    batch_size: int | Literal["auto"]
    workers: int | Literal["auto"]

    def as_before(self, begun: Mapping[str, object]) -> "_Machine":
        """With what `auto` was resolved to when the job was begun."""
        return _Machine(
            as_before(self.device, begun.get("device"), str),
            as_before(self.precision, begun.get("precision"), str),
            as_before(self.window, begun.get("window"), int),
            as_before(self.batch_size, begun.get("batch_size"), int),
            as_before(self.workers, begun.get("threads"), int),
        )

    def segmenter(self, model: Path, window: int, *, threshold: float, tta: Tta) -> TorchSegmenter:
        return load_segmenter(
            model,
            self.device,
            self.precision,
            None if self.batch_size == "auto" else self.batch_size,
            threshold,
            tta=tta,
            threads=None if self.workers == "auto" else self.workers,
            largest_window=window,
        )

    def largest_window(self, card: ModelCard) -> int:
        return usual_window(card.architecture, self.device, self.precision) if self.window == "auto" else self.window

    @property
    def settings(self) -> dict[str, object]:
        return {
            "device": self.device,
            "precision": self.precision,
            "window": self.window,
            "batch_size": self.batch_size,
            "threads": self.workers,
        }


def infer(
    scenes: Scenes,
    *,
    model: StrPath,
    out: StrPath | None = None,
    window: int | Literal["auto"] = 1536,
    stitch: Literal["exact", "hann"] = "exact",
    batch_size: int | Literal["auto"] = "auto",
    threshold: float = 0.5,
    tta: Tta = "none",
    aoi: StrPath | None = None,
    bands: Sequence[int] | Literal["auto"] = "auto",
    stretch: tuple[float, float] | None = None,
    nodata: Nodata = "auto",
    no_resample: bool = False,
    output_grid: Literal["working", "scene"] = "working",
    no_vectors: bool = False,
    min_area: float = 4.0,
    fill_holes: float = 4.0,
    simplify: float | Literal["auto"] = "auto",
    regularize: bool | Literal["auto"] = "auto",
    separate: bool | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    compress: Literal["deflate", "zstd"] = "deflate",
    device: str = "auto",
    precision: str = "auto",
    skip_unreadable: bool = False,
    overwrite: bool = False,
    track: Track = untracked,
) -> InferResult:
    """Map a scene: rasters of classes and probabilities, footprints, a QGIS project, a preview, a report in `out`.

    Several scenes are one mosaic on the grid of the first. A job that was killed goes on where it was when it is called
    again; a finished one is left as it is.

    Args:
        scenes: anything GDAL opens. Files may be strings or paths, here as everywhere.
        model: a training run's folder or its model.safetensors.
        out: SCENE_map beside the scene where it is None; several scenes need one.
        window: side in pixels of the largest padded window allowed; auto is 1536, and on a GPU what its memory holds.
        stitch: exact crops each window to the core that its neighbours do not change; hann blends overlapping windows,
            for networks that see farther than their halo.
        threshold: probability from which a pixel is building (not looked at for more classes).
        tta: answers to be averaged, of the window as it is and flipped (flips), or turned as well (d4).
        aoi: polygons outside of which nothing is mapped, in any CRS.
        bands: numbers from 1 in the model's order; auto goes by their colours.
        stretch: values of the scene that become the smallest and the largest of the model's type (of floats, 0 and 1;
            a model of other floats is refused).
        nodata: auto is what the files declare; none lets every value count; or a value.
        no_resample: keep the scene's pixels, whatever the model was trained at.
        output_grid: scene brings the rasters back from the working grid to the scene's own.
        no_vectors: write no footprints; the next five say how they are made, as `vectorize` takes them.
        workers: threads of the processor that compute; auto is all of them.
        skip_unreadable: a block of a file that cannot be read has no data and is listed in the summary.
        overwrite: begin anew over a finished map, or another one's; an unfinished one goes on all the same.

    Raises:
        SceneError: a scene that cannot be read or does not fit the model or the other sheets.
        LabelError: an area of interest that cannot be read or misses the scene.
        ModelError: a file that is no model.
        SettingsError: a setting out of range.
        OutputError: a folder that cannot be written, or holds another job's output or other things.
    """
    clock = Clock()
    named = [scenes] if isinstance(scenes, str | PathLike) else list(scenes)
    paths = [name if isinstance(name, str) else Path(name) for name in named]  # a URL stays one
    model, aoi = as_path(model), as_path(aoi)
    if not paths:
        raise SettingsError("there is no scene to be mapped; give one, or the sheets of a mosaic")
    folder = as_path(out) or default_out(paths)
    vectors = None if no_vectors else Vectors(min_area, fill_holes, simplify, regularize, separate)
    asked = Asked(stitch, output_grid, vectors, compress, stretch, aoi)
    machine = _Machine(device, precision, window, batch_size, workers)
    given = asdict(asked) | {
        "model_sha256": model_hash(model),
        "threshold": threshold,
        "tta": tta,
        "aoi": aoi and identity(aoi),
        "nodata": str(nodata),  # NaN is not equal to itself
        "no_resample": no_resample,
    }
    card = read_card(model)
    _tell_of_unfinished(model, card)
    if vectors is not None:
        vectors.check_fits(card)
    unreadable, spool = Unreadable(folder / PARTS).add if skip_unreadable else None, folder / PARTS / SPOOL
    reading = Reading(bands, card.colours, nodata, stretch_for(card, stretch), unreadable, spool)
    resolution = None if no_resample else card.ground_resolution
    with alone(folder):
        with open_scene(paths, reading, resolution=resolution, aoi=aoi) as scene:
            given |= _found(scene, card)
            begun = remembered(folder)
            before = MapFolder(folder, given | machine.as_before(begun).settings, asked.outputs)
            if not overwrite and (summary := before.finished()) is not None:
                if not (folder / REPORT).exists():  # what stopped an earlier run before its last step
                    before.sweep()
                    write_report(folder, may_fetch=True)
                return InferResult(folder, summary, was_finished=True)
            if overwrite and not before.is_unfinished:
                begun = {}
            machine = machine.as_before(begun)
            _check_fits(scene, card, no_resample=no_resample)
            with begun_with(folder, begun):
                largest = machine.largest_window(card)
                segmenter = machine.segmenter(model, largest, threshold=threshold, tta=tta)
            grid = _grid(scene, card, largest)
            log.debug("the job is %s", given | _resolved(segmenter, grid))
            job = MapJob(folder, scene, segmenter, grid, asked, given | _resolved(segmenter, grid), clock, track)
            job.map_folder.claim(overwrite=overwrite)
            summary = mapped(job) | found_at(folder, paths, model)
        job.map_folder.finish(summary)
        write_report(folder, may_fetch=True)
    return InferResult(folder, summary, was_finished=False)


def default_out(scenes: Sequence[Path | str]) -> Path:
    """SCENE_map beside a scene on disk; in the working folder for one read from a URL.

    Raises:
        SettingsError: several scenes, which have no one name.
    """
    if len(scenes) != 1:
        raise SettingsError(f"{len(scenes)} scenes make one map, which needs a name; give --out")
    return beside(scenes[0], "_map")


def _tell_of_unfinished(model: Path, card: ModelCard) -> None:
    """Say so where the training of a model has not come to its end."""
    run = model if model.is_dir() else model.parent
    if (run / CHECKPOINT).exists() and not (run / METRICS).exists():
        done, steps = card.training.get("step"), card.training.get("steps")
        log.warning(
            "%s is an unfinished training: weights after step %s of %s; --resume goes on with it", run, done, steps
        )


def _check_fits(scene: Scene, card: ModelCard, *, no_resample: bool) -> None:
    if scene.dtype.name != card.dtype:
        raise SceneError(
            f"{scene.path} has {scene.dtype} pixels, the model was trained on {card.dtype}; give --stretch MIN,MAX "
            f"with the values that are to become the smallest and the largest {card.dtype}"
        )
    wanted, native = card.ground_resolution, scene.reference.ground_resolution
    if wanted is None:
        log.info("the model was trained on scenes without CRS: %s is mapped at its own pixels", scene.path)
    elif native is None:
        log.info("%s has no CRS: it is mapped at its own pixels, which should be about %.3g m", scene.path, wanted)
    elif scene.is_resampled:
        log.info("%s: pixels of %.3g m are brought to the model's %.3g m", scene.path, native, wanted)
    elif no_resample and abs(native / wanted - 1) > SAME:
        log.info("%s has pixels of %.3g m, the model was trained at %.3g m: expect errors", scene.path, native, wanted)


def _grid(scene: Scene, card: ModelCard, window: int) -> WindowGrid:
    frame = scene.frame
    row, col = frame.phase(card.alignment)
    return WindowGrid(frame.height, frame.width, window, card.halo, card.alignment, row, col)


def _found(scene: Scene, card: ModelCard) -> dict[str, object]:
    """What the answer depends on beside what was asked for, wherever it is computed."""
    return {
        "geounet": __version__,
        "scenes": scene.identity,
        "bands": list(scene.bands.numbers),
        "halo": card.halo,
        "backend": TorchSegmenter.backend,
        "backend_version": TorchSegmenter.backend_version,
    }


def _resolved(segmenter: TorchSegmenter, grid: WindowGrid) -> dict[str, object]:
    """What a machine's settings came to; journaled, so that a job is continued as it was begun."""
    runtime = segmenter.runtime
    return _Machine(
        str(runtime.device), runtime.precision, grid.largest, segmenter.batch_size, segmenter.threads
    ).settings
