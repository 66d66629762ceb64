"""infer: a scene and a model to class and probability rasters, footprints, a preview and a summary."""

import json
import logging
import resource
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geounet import __version__
from geounet.card import ModelCard
from geounet.errors import SceneError
from geounet.files import translated, whole_file
from geounet.grid import WindowGrid
from geounet.io.parts import CogOptions, Layer, Parts, probability_layers, write_category_names
from geounet.io.scene import Nodata, Scene, open_scene
from geounet.jobs.guard import NAME as JOB
from geounet.jobs.guard import Guard
from geounet.jobs.outputs import ALL, CLASSES, FOOTPRINTS, PARTS, PROBABILITY, SUMMARY
from geounet.jobs.pipeline import Clock
from geounet.jobs.predict import Predicted, predict_parts
from geounet.jobs.preview import write_preview
from geounet.jobs.vectorize import vectorize
from geounet.legend import Legend
from geounet.nn.model_file import model_hash
from geounet.nn.segmenter import TorchSegmenter, load_segmenter
from geounet.polygons.simplify import Tidying
from geounet.track import Track, untracked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VectorSettings:
    """How footprints are made: areas in m2, lengths in metres on the ground (pixels without a CRS)."""

    min_area: float = 4.0
    fill_holes: float = 4.0
    simplify: float | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        Tidying(self.min_area, self.fill_holes, None if self.simplify == "auto" else self.simplify)  # checks them


@dataclass(frozen=True, slots=True)
class InferResult:
    """The folder written, its summary (contents of summary.json), and whether it was finished before."""

    out: Path
    summary: Mapping[str, object]
    was_finished: bool


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
    resample: bool = True,
    vectors: VectorSettings | None = VectorSettings(),
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
        resample: whether a scene at another ground resolution is brought to the model's.
        vectors: None writes no footprints.

    Raises:
        SceneError: a scene that cannot be read or does not fit the model.
        ModelError: a file that is no model.
        SettingsError: a setting out of range.
        OutputError: a folder that cannot be written, or holds another job's output.
    """
    clock = Clock()
    batch = None if batch_size == "auto" else batch_size
    segmenter = load_segmenter(model, device, precision, batch, threshold)
    card = segmenter.card
    resolution = card.ground_resolution if resample else None
    with open_scene(scene, bands=bands, colours=card.colours, nodata=nodata, resolution=resolution) as opened:
        _check_fits(opened, card, resample=resample)
        grid = _grid(opened, card, 1536 if window == "auto" else window)
        folder = out or default_out(scene)
        settings = _settings(
            opened,
            segmenter,
            model_sha256=model_hash(model),
            grid=grid,
            threshold=threshold,
            nodata=nodata,
            vectors=vectors,
            compress=compress,
        )
        guard = Guard(folder, settings, SUMMARY)
        state = guard.state(overwrite=overwrite)
        if state == "finished" and (before := _finished(folder)) is not None:
            return InferResult(folder, before, was_finished=True)
        if state == "new" or overwrite:
            _clear(folder)
        _sweep(folder)
        guard.claim()
        layers = probability_layers(card.legend, contact=card.contact_width is not None)
        parts = Parts(folder / PARTS, opened.frame, 1 + len(layers))
        try:
            predicted = predict_parts(opened, segmenter, grid, parts, clock=clock, track=track)
        except SceneError:
            if not parts.finished():  # nothing to go on from
                shutil.rmtree(folder / PARTS, ignore_errors=True)
                guard.release()
            raise
        with clock.stage("assemble"):
            _assemble(folder, parts, card, layers, settings=settings, compress=compress)
        polygons = 0
        if vectors is not None:
            with clock.stage("vectorize"):
                polygons = _vectorize(folder, card.legend, threshold, vectors, track)
        write_preview(folder, opened)
    summary = _summary(opened, grid, settings=settings, predicted=predicted, polygons=polygons, clock=clock)
    with whole_file(folder / SUMMARY) as unfinished:
        unfinished.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder / PARTS)
    return InferResult(folder, summary, was_finished=False)


def default_out(scene: Path | str) -> Path:
    """SCENE_map beside a scene on disk; in the working folder for one read from a URL."""
    text = str(scene)
    path = Path(text)
    return Path(f"{path.stem}_map") if "://" in text or text.startswith("/vsi") else path.with_name(f"{path.stem}_map")


def _check_fits(scene: Scene, card: ModelCard, *, resample: bool) -> None:
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
    elif not resample and abs(native / wanted - 1) > 0.1:
        log.info("%s has pixels of %.3g m, the model was trained at %.3g m: expect errors", scene.path, native, wanted)


def _grid(scene: Scene, card: ModelCard, window: int) -> WindowGrid:
    frame = scene.frame
    row, col = frame.phase(card.alignment)
    return WindowGrid(frame.height, frame.width, window, card.halo, card.alignment, row, col)


def _settings(
    scene: Scene,
    segmenter: TorchSegmenter,
    *,
    model_sha256: str,
    grid: WindowGrid,
    threshold: float,
    nodata: Nodata,
    vectors: VectorSettings | None,
    compress: str,
) -> dict[str, object]:
    """All that the answer depends on; journaled, so that a job is continued as it was begun."""
    runtime = segmenter.runtime
    return {
        "geounet": __version__,
        "scene": scene.identity,
        "bands": list(scene.bands.numbers),
        "nodata": str(nodata),  # NaN is not equal to itself
        "ground_resolution": scene.frame.ground_resolution,
        "model_sha256": model_sha256,
        "window": grid.largest,
        "halo": grid.halo,
        "stitch": "exact",
        "threshold": threshold,
        "device": str(runtime.device),
        "precision": runtime.precision,
        "batch_size": segmenter.batch_size,
        "backend": segmenter.backend,
        "vectors": None if vectors is None else [vectors.min_area, vectors.fill_holes, vectors.simplify],
        "compress": compress,
    }


def _finished(folder: Path) -> dict[str, object] | None:
    """The summary of a finished job; None where it cannot be read, and the job is done again."""
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
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


def _assemble(
    folder: Path,
    parts: Parts,
    card: ModelCard,
    layers: Sequence[Layer],
    *,
    settings: Mapping[str, object],
    compress: str,
) -> None:
    keys = ("model_sha256", "threshold", "window", "halo", "stitch", "precision")
    tags = {"GEOUNET_VERSION": __version__} | {f"GEOUNET_{key.upper()}": str(settings[key]) for key in keys}
    parts.assemble(folder / CLASSES, [Layer(1, "class")], tags=tags, options=CogOptions("mode", compress))
    write_category_names(folder / CLASSES, card.legend)
    parts.assemble(folder / PROBABILITY, layers, tags=tags, options=CogOptions("average", compress))


def _vectorize(folder: Path, legend: Legend, threshold: float, vectors: VectorSettings, track: Track) -> int:
    # of more than two classes the likeliest wins, whatever its probability
    result = vectorize(
        folder / (PROBABILITY if legend.is_binary else CLASSES),
        probability=folder / PROBABILITY,
        out=folder / FOOTPRINTS,
        threshold=threshold,
        min_area=vectors.min_area,
        fill_holes=vectors.fill_holes,
        simplify=vectors.simplify,
        overwrite=True,
        track=track,
    )
    return sum(result.polygons.values())


def _summary(
    scene: Scene,
    grid: WindowGrid,
    *,
    settings: Mapping[str, object],
    predicted: Predicted,
    polygons: int,
    clock: Clock,
) -> dict[str, object]:
    seconds = clock.seconds("read", "forward", "write", "assemble", "vectorize")
    pixels = grid.height * grid.width
    return {
        "scenes": [scene.path],
        "size": [grid.height, grid.width],
        "pixels": pixels,
        "ground_resolution": scene.frame.ground_resolution,
        "windows": predicted.windows,
        "windows_skipped": predicted.windows_skipped,
        "network_pixels": predicted.network_pixels,
        "parts": predicted.parts,
        "parts_resumed": predicted.parts_resumed,
        "window": max(grid.window_shape),
        "halo": grid.halo,
        "stitch": settings["stitch"],
        "threshold": settings["threshold"],
        "device": settings["device"],
        "precision": settings["precision"],
        "backend": settings["backend"],
        "model_sha256": settings["model_sha256"],
        "polygons": polygons,
        "seconds": seconds,
        "megapixels_per_second": round(pixels / 1e6 / max(1e-9, seconds["total"]), 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
