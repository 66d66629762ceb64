"""infer: a scene and a model to class and probability rasters, footprints, a preview and a summary."""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from geounet import __version__
from geounet.card import ModelCard
from geounet.errors import OutputError, SceneError
from geounet.files import beside, translated, whole_file
from geounet.frame import SAME
from geounet.grid import WindowGrid
from geounet.io.parts import CogOptions, Layer, Parts, probability_layers, write_category_names
from geounet.io.scene import Nodata, Scene, open_scene
from geounet.jobs.guard import NAME as JOB
from geounet.jobs.guard import Guard, alone
from geounet.jobs.outputs import ALL, CLASSES, FOOTPRINTS, PARTS, PROBABILITY, SUMMARY
from geounet.jobs.pipeline import Clock, peak_memory_mb
from geounet.jobs.predict import Predicted, predict_parts
from geounet.jobs.preview import write_preview
from geounet.jobs.vectorize import vectorize
from geounet.nn.model_file import model_hash
from geounet.nn.segmenter import TorchSegmenter, load_segmenter
from geounet.polygons.simplify import Tidying
from geounet.track import Track, untracked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InferResult:
    """The folder written, its summary (contents of summary.json), and whether it was finished before."""

    out: Path
    summary: Mapping[str, object]
    was_finished: bool


@dataclass(frozen=True, slots=True)
class _Vectors:
    """How footprints are made, as `vectorize` takes it."""

    min_area: float
    fill_holes: float
    simplify: float | Literal["auto"]

    def __post_init__(self) -> None:
        Tidying(self.min_area, self.fill_holes, None if self.simplify == "auto" else self.simplify)  # checks them


@dataclass(frozen=True, eq=False)
class _Job:
    """What all stages of one map need; `settings` is all that the answer depends on."""

    folder: Path
    scene: Scene
    segmenter: TorchSegmenter
    grid: WindowGrid
    vectors: _Vectors | None
    settings: Mapping[str, object]
    clock: Clock
    track: Track

    @property
    def guard(self) -> Guard:
        return Guard(self.folder, self.settings, SUMMARY)

    @property
    def layers(self) -> list[Layer]:
        card = self.segmenter.card
        return probability_layers(card.legend, contact=card.contact_width is not None)

    @property
    def parts(self) -> Parts:
        return Parts(self.folder / PARTS, self.scene.frame, 1 + len(self.layers))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Files that a finished folder holds."""
        return tuple(name for name in ALL if name != FOOTPRINTS or self.vectors is not None)


def infer(
    scene: Path | str,
    *,
    model: Path,
    out: Path | None = None,
    window: int | Literal["auto"] = 1536,
    batch_size: int | Literal["auto"] = "auto",
    threshold: float = 0.5,
    bands: Sequence[int] | Literal["auto"] = "auto",
    nodata: Nodata = "auto",
    no_resample: bool = False,
    no_vectors: bool = False,
    min_area: float = 4.0,
    fill_holes: float = 4.0,
    simplify: float | Literal["auto"] = "auto",
    compress: Literal["deflate", "zstd"] = "deflate",
    device: str = "auto",
    precision: str = "auto",
    overwrite: bool = False,
    track: Track = untracked,
) -> InferResult:
    """Map one scene: classes.tif, probability.tif, footprints.gpkg, preview.png, summary.json in the folder `out`.

    A job that was killed goes on where it was when it is called again; a finished one is left as it is.

    Args:
        scene: anything GDAL opens.
        model: a training run's folder or its model.safetensors.
        out: SCENE_map beside the scene where it is None.
        window: side in pixels of the largest padded window allowed; auto is 1536.
        threshold: probability from which a pixel is building (not looked at for more classes).
        bands: numbers from 1 in the model's order; auto goes by their colours.
        no_resample: keep the scene's pixels, whatever the model was trained at.
        no_vectors: write no footprints; the next three say how they are made, in m2 and metres on the ground.

    Raises:
        SceneError: a scene that cannot be read or does not fit the model.
        ModelError: a file that is no model.
        SettingsError: a setting out of range.
        OutputError: a folder that cannot be written, or holds another job's output.
    """
    clock = Clock()
    vectors = None if no_vectors else _Vectors(min_area, fill_holes, simplify)
    segmenter = load_segmenter(model, device, precision, None if batch_size == "auto" else batch_size, threshold)
    card = segmenter.card
    resolution = None if no_resample else card.ground_resolution
    folder = out or default_out(scene)
    opening = open_scene(scene, bands=bands, colours=card.colours, nodata=nodata, resolution=resolution)
    with opening as opened, alone(folder):
        _check_fits(opened, card, no_resample=no_resample)
        grid = _grid(opened, card, 1536 if window == "auto" else window)
        asked = {"threshold": threshold, "nodata": str(nodata), "compress": compress}  # NaN is not equal to itself
        settings = _settings(opened, segmenter, grid, vectors) | {"model_sha256": model_hash(model)} | asked
        job = _Job(folder, opened, segmenter, grid, vectors, settings, clock, track)
        before = _claimed(job, overwrite=overwrite)
        if before is not None:
            return InferResult(job.folder, before, was_finished=True)
        predicted = _predicted(job)
        with clock.stage("assemble"):
            _assemble(job)
        with clock.stage("vectorize"):
            polygons = 0 if vectors is None else _vectorize(job, vectors)
        write_preview(job.folder, opened)
        summary = _summary(job, predicted, polygons)
        with whole_file(job.folder / SUMMARY) as unfinished:
            unfinished.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(job.folder / PARTS)
    return InferResult(job.folder, summary, was_finished=False)


def default_out(scene: Path | str) -> Path:
    """SCENE_map beside a scene on disk; in the working folder for one read from a URL."""
    return beside(scene, "_map")


def _check_fits(scene: Scene, card: ModelCard, *, no_resample: bool) -> None:
    if scene.dtype.name != card.dtype:
        raise SceneError(
            f"{scene.path} has {scene.dtype} pixels, the model was trained on {card.dtype}; "
            f"convert the scene to {card.dtype} as the training scenes were"
        )
    wanted, native = card.ground_resolution, scene.native.ground_resolution
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


def _settings(scene: Scene, segmenter: TorchSegmenter, grid: WindowGrid, vectors: _Vectors | None) -> dict[str, object]:
    """What the answer depends on, as it was resolved; journaled, so that a job is continued as it was begun."""
    runtime = segmenter.runtime
    return {
        "geounet": __version__,
        "scene": scene.identity,
        "bands": list(scene.bands.numbers),
        "ground_resolution": scene.frame.ground_resolution,
        "window": grid.largest,
        "halo": grid.halo,
        "stitch": "exact",
        "device": str(runtime.device),
        "precision": runtime.precision,
        "batch_size": segmenter.batch_size,
        "backend": segmenter.backend,
        "backend_version": segmenter.backend_version,
        "threads": segmenter.threads,
        "vectors": vectors and asdict(vectors),
    }


def _claimed(job: _Job, *, overwrite: bool) -> dict[str, object] | None:
    """The summary of this job where it was finished before; else None, and the folder is made ready for it."""
    _check_name(job.folder)
    state = job.guard.state(overwrite=overwrite)
    if state == "finished" and (before := _finished(job)) is not None:
        shutil.rmtree(job.folder / PARTS, ignore_errors=True)
        return before
    if state == "new" or overwrite:
        _clear(job.folder)
    _sweep(job.folder)
    job.guard.claim()
    return None


def _check_name(folder: Path) -> None:
    if "!" in str(folder):  # what writes the GeoPackage takes the rest for a file in an archive
        raise OutputError(f"{folder} has a '!' in its path, where no GeoPackage can be written; choose another --out")


def _predicted(job: _Job) -> Predicted:
    try:
        return predict_parts(job.scene, job.segmenter, job.grid, job.parts, clock=job.clock, track=job.track)
    except SceneError:
        if not job.parts.finished():  # nothing to go on from
            shutil.rmtree(job.folder / PARTS, ignore_errors=True)
            job.guard.release()
        raise


def _finished(job: _Job) -> dict[str, object] | None:
    """The summary of a finished job; None where it or another output is missing or damaged: it is done again."""
    if not all((job.folder / name).exists() for name in job.outputs):
        return None
    try:
        summary = json.loads((job.folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def _sweep(folder: Path) -> None:
    """Take away what a killed job was writing."""
    with translated(folder):
        for name in (*ALL, JOB):
            for unfinished in folder.glob(f".{Path(name).stem}-*"):
                unfinished.unlink()


def _clear(folder: Path) -> None:
    """Take away what an earlier job of this kind left; what it did not write stays."""
    with translated(folder):
        for name in ALL:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / PARTS, ignore_errors=True)


def _assemble(job: _Job) -> None:
    card, compress = job.segmenter.card, str(job.settings["compress"])
    keys = ("model_sha256", "threshold", "window", "halo", "stitch", "precision")
    tags = {"GEOUNET_VERSION": __version__} | {f"GEOUNET_{key.upper()}": str(job.settings[key]) for key in keys}
    classes, probability = job.folder / CLASSES, job.folder / PROBABILITY
    job.parts.assemble(classes, [Layer(1, "class")], tags=tags, options=CogOptions("mode", compress))
    write_category_names(classes, card.legend)
    job.parts.assemble(probability, job.layers, tags=tags, options=CogOptions("average", compress))


def _vectorize(job: _Job, vectors: _Vectors) -> int:
    """Write the footprints; how many there are."""
    # of more than two classes the likeliest wins, whatever its probability
    raster = PROBABILITY if job.segmenter.card.legend.is_binary else CLASSES
    result = vectorize(
        job.folder / raster,
        probability=job.folder / PROBABILITY,
        out=job.folder / FOOTPRINTS,
        threshold=job.segmenter.threshold,
        min_area=vectors.min_area,
        fill_holes=vectors.fill_holes,
        simplify=vectors.simplify,
        overwrite=True,
        track=job.track,
    )
    return sum(result.polygons.values())


def _summary(job: _Job, predicted: Predicted, polygons: int) -> dict[str, object]:
    seconds = job.clock.seconds("read", "forward", "write", "assemble", "vectorize")
    pixels = job.grid.height * job.grid.width
    kept = ("halo", "stitch", "threshold", "device", "precision", "backend", "model_sha256", "ground_resolution")
    return {
        "scenes": [job.scene.path],
        "size": [job.grid.height, job.grid.width],
        "pixels": pixels,
        **asdict(predicted),
        "window": max(job.grid.window_shape),
        **{key: job.settings[key] for key in kept},
        "polygons": polygons,
        "seconds": seconds,
        "megapixels_per_second": round(pixels / 1e6 / max(1e-9, seconds["total"]), 3),
        "peak_memory_mb": peak_memory_mb(),
    }
