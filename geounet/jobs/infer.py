"""infer: a scene, or many sheets, and a model to rasters of classes and probabilities, footprints and a summary."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from geounet import __version__
from geounet.card import ModelCard
from geounet.errors import SceneError, SettingsError, UnreadableError
from geounet.files import beside, identity
from geounet.frame import Frame
from geounet.grid import WindowGrid
from geounet.io.parts import CogOptions, Layer, Parts, probability_layers, write_category_names
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Nodata, Reading, Stretch
from geounet.jobs.blend import predict_blended
from geounet.jobs.guard import alone, as_before, begun_with, remembered
from geounet.jobs.map_folder import MapFolder
from geounet.jobs.outputs import ALL, CLASSES, FOOTPRINTS, OWN_GRID, PARTS, PROBABILITY, SPOOL
from geounet.jobs.pipeline import Clock, peak_memory_mb
from geounet.jobs.predict import Predicted, predict_parts
from geounet.jobs.preview import write_preview
from geounet.jobs.regrid import bring_back
from geounet.jobs.unreadable import Unreadable
from geounet.jobs.vectorize import vectorize
from geounet.nn.model_file import model_hash
from geounet.nn.segmenter import TorchSegmenter, load_segmenter
from geounet.nn.views import Tta
from geounet.polygons.simplify import Tidying
from geounet.track import Track, untracked
from geounet.working import SAME

log = logging.getLogger(__name__)

Scenes = Path | str | Sequence[Path | str]
_WINDOW = 1536  # pixels: half as many again go through the network as are mapped, and a laptop has the memory


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


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the network runs on."""

    device: str
    precision: str
    batch_size: int | Literal["auto"]
    workers: int | Literal["auto"]

    def as_before(self, begun: Mapping[str, object]) -> "_Machine":
        """With what `auto` was resolved to when the job was begun."""
        return _Machine(
            as_before(self.device, begun.get("device"), str),
            as_before(self.precision, begun.get("precision"), str),
            as_before(self.batch_size, begun.get("batch_size"), int),
            as_before(self.workers, begun.get("threads"), int),
        )

    def segmenter(self, model: Path, *, threshold: float, tta: Tta) -> TorchSegmenter:
        batch_size = None if self.batch_size == "auto" else self.batch_size
        threads = None if self.workers == "auto" else self.workers
        return load_segmenter(model, self.device, self.precision, batch_size, threshold, tta=tta, threads=threads)


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
    def map_folder(self) -> MapFolder:
        outputs = [name for name in ALL if name != FOOTPRINTS or self.vectors is not None]
        return MapFolder(self.folder, self.settings, outputs)

    @property
    def layers(self) -> list[Layer]:
        card = self.segmenter.card
        return probability_layers(card.legend, contact=card.contact_width is not None)

    @property
    def parts(self) -> Parts:
        return Parts(self.folder / PARTS, self.scene.frame, 1 + len(self.layers))

    @property
    def unreadable(self) -> Unreadable:
        return Unreadable(self.folder / PARTS)


def infer(
    scenes: Scenes,
    *,
    model: Path,
    out: Path | None = None,
    window: int | Literal["auto"] = 1536,
    stitch: Literal["exact", "hann"] = "exact",
    batch_size: int | Literal["auto"] = "auto",
    threshold: float = 0.5,
    tta: Tta = "none",
    aoi: Path | None = None,
    bands: Sequence[int] | Literal["auto"] = "auto",
    stretch: tuple[float, float] | None = None,
    nodata: Nodata = "auto",
    no_resample: bool = False,
    output_grid: Literal["working", "scene"] = "working",
    no_vectors: bool = False,
    min_area: float = 4.0,
    fill_holes: float = 4.0,
    simplify: float | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    compress: Literal["deflate", "zstd"] = "deflate",
    device: str = "auto",
    precision: str = "auto",
    skip_unreadable: bool = False,
    overwrite: bool = False,
    track: Track = untracked,
) -> InferResult:
    """Map a scene: classes.tif, probability.tif, footprints.gpkg, preview.png, summary.json in the folder `out`.

    Several scenes are one mosaic on the grid of the first. A job that was killed goes on where it was when it is called
    again; a finished one is left as it is.

    Args:
        scenes: anything GDAL opens.
        model: a training run's folder or its model.safetensors.
        out: SCENE_map beside the scene where it is None; several scenes need one.
        window: side in pixels of the largest padded window allowed; auto is 1536.
        stitch: exact crops each window to the core that its neighbours do not change; hann blends overlapping windows,
            for networks that see farther than their halo.
        threshold: probability from which a pixel is building (not looked at for more classes).
        tta: answers to be averaged, of the window as it is and flipped (flips), or turned as well (d4).
        aoi: polygons outside of which nothing is mapped, in any CRS.
        bands: numbers from 1 in the model's order; auto goes by their colours.
        stretch: values of the scene that become the smallest and the largest of the model's type (of floats, 0 and 1).
        nodata: auto is what the files declare; none lets every value count; or a value.
        no_resample: keep the scene's pixels, whatever the model was trained at.
        output_grid: scene brings the rasters back from the working grid to the scene's own.
        no_vectors: write no footprints; the next three say how they are made, in m2 and metres on the ground.
        workers: threads of the processor that compute; auto is all of them.
        skip_unreadable: a block of a file that cannot be read has no data and is listed in the summary.

    Raises:
        SceneError: a scene that cannot be read or does not fit the model or the other sheets.
        LabelError: an area of interest that cannot be read or misses the scene.
        ModelError: a file that is no model.
        SettingsError: a setting out of range.
        OutputError: a folder that cannot be written, or holds another job's output.
    """
    clock = Clock()
    paths = [scenes] if isinstance(scenes, Path | str) else list(scenes)
    folder = out or default_out(paths)
    vectors = None if no_vectors else _Vectors(min_area, fill_holes, simplify)
    asked = {
        "model_sha256": model_hash(model),
        "stitch": stitch,
        "threshold": threshold,
        "tta": tta,
        "aoi": aoi and identity(aoi),
        "stretch": stretch,
        "nodata": str(nodata),  # NaN is not equal to itself
        "no_resample": no_resample,
        "output_grid": output_grid,
        "vectors": vectors and asdict(vectors),
        "compress": compress,
    }
    with alone(folder):
        begun = {} if overwrite else remembered(folder)
        machine = _Machine(device, precision, batch_size, workers).as_before(begun)
        with begun_with(folder, begun):
            segmenter = machine.segmenter(model, threshold=threshold, tta=tta)
        card = segmenter.card
        unreadable = Unreadable(folder / PARTS).add if skip_unreadable else None
        spool = folder / PARTS / SPOOL
        reading = Reading(bands, card.colours, nodata, stretch and Stretch(*stretch, card.dtype), unreadable, spool)
        with open_scene(paths, reading, resolution=None if no_resample else card.ground_resolution, aoi=aoi) as scene:
            _check_fits(scene, card, no_resample=no_resample)
            grid = _grid(scene, card, as_before(window, begun.get("window"), int))
            settings = _resolved(scene, segmenter, grid) | asked
            job = _Job(folder, scene, segmenter, grid, vectors, settings, clock, track)
            before = job.map_folder.claimed(overwrite=overwrite)
            if before is not None:
                return InferResult(folder, before, was_finished=True)
            summary = _mapped(job)
        job.map_folder.finish(summary)
    return InferResult(folder, summary, was_finished=False)


def default_out(scenes: Sequence[Path | str]) -> Path:
    """SCENE_map beside a scene on disk; in the working folder for one read from a URL.

    Raises:
        SettingsError: several scenes, which have no one name.
    """
    if len(scenes) != 1:
        raise SettingsError(f"{len(scenes)} scenes make one map, which needs a name; give --out")
    return beside(scenes[0], "_map")


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


def _grid(scene: Scene, card: ModelCard, window: int | Literal["auto"]) -> WindowGrid:
    frame = scene.frame
    row, col = frame.phase(card.alignment)
    largest = _WINDOW if window == "auto" else window
    return WindowGrid(frame.height, frame.width, largest, card.halo, card.alignment, row, col)


def _resolved(scene: Scene, segmenter: TorchSegmenter, grid: WindowGrid) -> dict[str, object]:
    """What the answer depends on beside what was asked for; journaled, so that a job is continued as it was begun."""
    runtime = segmenter.runtime
    return {
        "geounet": __version__,
        "scenes": scene.identity,
        "bands": list(scene.bands.numbers),
        "window": grid.largest,
        "halo": grid.halo,
        "device": str(runtime.device),
        "precision": runtime.precision,
        "batch_size": segmenter.batch_size,
        "backend": segmenter.backend,
        "backend_version": segmenter.backend_version,
        "threads": segmenter.threads,
    }


def _mapped(job: _Job) -> dict[str, object]:
    """The summary of a job, all of whose other outputs are written."""
    predicted = _predicted(job)
    with job.clock.stage("assemble"):
        parts = _brought_back(job)
        _assemble(job, parts)
    with job.clock.stage("vectorize"):
        polygons = 0 if job.vectors is None else _vectorize(job, job.vectors)
    write_preview(job.folder, job.scene)
    return _summary(job, predicted, polygons, parts.frame)


def _predicted(job: _Job) -> Predicted:
    try:
        predict = predict_blended if job.settings["stitch"] == "hann" else predict_parts
        return predict(job.scene, job.segmenter, job.grid, job.parts, clock=job.clock, track=job.track)
    except SceneError as error:
        if not job.parts.finished():  # nothing to go on from
            job.map_folder.abandon()
        if isinstance(error, UnreadableError):
            raise UnreadableError(f"{error}, or add --skip-unreadable, which makes it nodata and goes on") from error
        raise


def _brought_back(job: _Job) -> Parts:
    """The parts of the rasters: those predicted, or others that are made from them on the scene's own pixels."""
    if job.settings["output_grid"] == "working" or not job.scene.is_resampled:
        return job.parts
    own, legend = job.scene.own_grid, job.segmenter.card.legend
    parts = Parts(job.parts.folder / OWN_GRID, own.frame, job.parts.bands)
    bring_back(job.parts, own, parts, legend, job.segmenter.threshold, track=job.track)
    return parts


def _assemble(job: _Job, parts: Parts) -> None:
    card, compress = job.segmenter.card, str(job.settings["compress"])
    keys = ("model_sha256", "threshold", "window", "halo", "stitch", "tta", "precision", "bands", "nodata", "stretch")
    tags = {"GEOUNET_VERSION": __version__} | {f"GEOUNET_{key.upper()}": str(job.settings[key]) for key in keys}
    classes, probability = job.folder / CLASSES, job.folder / PROBABILITY
    parts.assemble(classes, [Layer(1, "class")], tags=tags, options=CogOptions("mode", compress))
    write_category_names(classes, card.legend)
    parts.assemble(probability, job.layers, tags=tags, options=CogOptions("average", compress))


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


def _summary(job: _Job, predicted: Predicted, polygons: int, frame: Frame) -> dict[str, object]:
    seconds = job.clock.seconds("read", "forward", "write", "assemble", "vectorize")
    pixels = frame.window.area
    kept = (
        "halo", "stitch", "tta", "threshold", "device", "precision", "backend", "model_sha256",
        "output_grid",
    )  # fmt: skip
    return {
        "scenes": list(job.scene.paths),
        "size": list(frame.shape),
        "pixels": pixels,
        **asdict(predicted),
        "window": max(job.grid.window_shape),
        **{key: job.settings[key] for key in kept},
        "ground_resolution": job.scene.frame.ground_resolution,
        "polygons": polygons,
        "unreadable": job.unreadable.listed(),
        "seconds": seconds,
        "megapixels_per_second": round(pixels / 1e6 / max(1e-9, seconds["total"]), 3),
        "peak_memory_mb": peak_memory_mb(),
    }
