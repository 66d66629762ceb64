"""A map from an open scene to its finished folder, stage by stage."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from geounet import __version__
from geounet.card import ModelCard
from geounet.errors import GeoUNetError, SettingsError, UnreadableError
from geounet.frame import Frame
from geounet.grid import WindowGrid
from geounet.io.cog import CogOptions, Layer, Patchwork, probability_layers, write_category_names
from geounet.io.overviews import Kind
from geounet.io.parts import Parts
from geounet.io.scene import Scene
from geounet.jobs.blend import predict_blended
from geounet.jobs.map_folder import MapFolder
from geounet.jobs.outputs import ALL, CLASSES, FOOTPRINTS, OWN_GRID, PARTS, PROBABILITY
from geounet.jobs.pipeline import Clock, peak_memory_mb, together
from geounet.jobs.predict import Predicted, predict_parts
from geounet.jobs.preview import THUMBNAIL, write_preview
from geounet.jobs.project import write_map_project
from geounet.jobs.regrid import bring_back
from geounet.jobs.unreadable import Unreadable
from geounet.jobs.vectorize import EVEN, vectorize
from geounet.memory import give_freed_memory_back
from geounet.nn.segmenter import TorchSegmenter
from geounet.polygons.simplify import Tidying
from geounet.track import Track

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Vectors:
    """How footprints are made, as `vectorize` takes it."""

    min_area: float
    fill_holes: float
    simplify: float | Literal["auto"]
    regularize: bool | Literal["auto"]
    separate: bool | Literal["auto"]

    def __post_init__(self) -> None:
        Tidying(self.min_area, self.fill_holes, None if self.simplify == "auto" else self.simplify)  # checks them

    def check_fits(self, card: ModelCard) -> None:
        """Nothing, or a SettingsError where buildings are to come apart by what the model has not learned."""
        if self.separate is True and (card.contact_width is None or not card.legend.is_binary):
            raise SettingsError("--separate needs a model of buildings that has learned their contact; leave it out")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for of a map's making; the segmenter knows what was of its answers."""

    stitch: Literal["exact", "hann"]
    output_grid: Literal["working", "scene"]
    vectors: Vectors | None
    compress: Literal["deflate", "zstd"]
    stretch: tuple[float, float] | None
    aoi: Path | None

    @property
    def outputs(self) -> list[str]:
        """Files of the finished map."""
        return [name for name in ALL if name != FOOTPRINTS or self.vectors is not None]


@dataclass(frozen=True, eq=False)
class MapJob:
    """What all stages of one map need; `settings` is all that the answer depends on, as it is journaled and told."""

    folder: Path
    scene: Scene
    segmenter: TorchSegmenter
    grid: WindowGrid
    asked: Asked
    settings: Mapping[str, object]
    clock: Clock
    track: Track

    @property
    def map_folder(self) -> MapFolder:
        return MapFolder(self.folder, self.settings, self.asked.outputs)

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


def mapped(job: MapJob) -> dict[str, object]:
    """The summary of a job, all of whose other outputs are written.

    Raises:
        GeoUNetError: whatever goes wrong; a job of which no part was finished has left its folder.
    """
    try:
        return _mapped(job)
    except GeoUNetError as error:
        job.map_folder.leave_unbegun()
        if isinstance(error, UnreadableError):  # which ends in the advice to copy the file again
            raise UnreadableError(
                f"{error} with its time (cp -p), or add --skip-unreadable, which makes it nodata and goes on"
            ) from error
        raise


def _mapped(job: MapJob) -> dict[str, object]:
    predict = predict_blended if job.asked.stitch == "hann" else predict_parts
    predicted = predict(job.scene, job.segmenter, job.grid, job.parts, clock=job.clock, track=job.track)
    give_freed_memory_back()
    with job.clock.stage("assemble"):
        parts = _brought_back(job)
    together(lambda: _assemble_probability(job, parts), lambda: _assemble_classes(job, parts))
    # after both: it has work for all cores, and its memory would come on top. Of several classes the likeliest wins
    counts = _vectorize(job, PROBABILITY if job.segmenter.card.legend.is_binary else CLASSES)
    _write_pictures(job)
    return _summary(job, predicted, counts, parts.frame)


def _brought_back(job: MapJob) -> Patchwork:
    """What the rasters are made of: the parts predicted, or others made from them on the scene's own pixels."""
    working = job.parts.checked()
    if job.asked.output_grid == "working" or not job.scene.is_resampled:
        return working
    own, legend = job.scene.own_grid, job.segmenter.card.legend
    parts = Parts(job.parts.folder / OWN_GRID, own.frame, job.parts.bands)
    bring_back(working, own, parts, legend, job.segmenter.threshold, track=job.track)
    return parts.checked()


def _assemble_classes(job: MapJob, parts: Patchwork) -> None:
    with job.clock.stage("assemble"):
        _assemble(job, parts, CLASSES, [Layer(1, "class")], "mode")
        write_category_names(job.folder / CLASSES, job.segmenter.card.legend)


def _assemble_probability(job: MapJob, parts: Patchwork) -> None:
    with job.clock.stage("assemble"):
        _assemble(job, parts, PROBABILITY, job.layers, "average")


def _assemble(job: MapJob, parts: Patchwork, name: str, layers: list[Layer], overviews: Kind) -> None:
    keys = ("model_sha256", "threshold", "window", "halo", "stitch", "tta", "precision", "bands", "nodata", "stretch")
    tags = {f"GEOUNET_{key.upper()}": str(job.settings[key] or "none") for key in keys}
    tags |= {"GEOUNET_VERSION": __version__, "GEOUNET_SCENE_DATE": _scene_date(job.scene)}
    parts.assemble(job.folder / name, layers, tags=tags, options=CogOptions(overviews, job.asked.compress))


def _scene_date(scene: Scene) -> str:
    """When the scene was taken, in ISO 8601; the first and the last date of several sheets."""
    dates = sorted({str(sheet["date"]) for sheet in scene.identity if sheet["date"]})
    return "/".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "unknown"


def _vectorize(job: MapJob, raster: str) -> dict[str, object]:
    """Write the footprints if they are wanted; how many there are, and how many bear each flag."""
    if job.asked.vectors is None:
        return {"polygons": 0, "flags": {}, "flagged": 0}
    with job.clock.stage("vectorize"):
        result = vectorize(
            job.folder / raster,
            probability=job.folder / PROBABILITY,
            out=job.folder / FOOTPRINTS,
            aoi=job.asked.aoi,
            threshold=job.segmenter.threshold if raster == PROBABILITY else EVEN,
            overwrite=True,
            track=job.track,
            **asdict(job.asked.vectors),
        )
    return {"polygons": sum(result.polygons.values()), "flags": result.flags, "flagged": result.flagged}


def _write_pictures(job: MapJob) -> None:
    """Write what the map is looked at by: a project for QGIS, and a preview."""
    thumbnail = job.scene.thumbnail(THUMBNAIL)
    write_map_project(
        job.folder,
        job.scene,
        thumbnail,
        job.segmenter.card.legend,
        has_footprints=job.asked.vectors is not None,
        stretch=job.asked.stretch,
    )
    write_preview(job.folder, job.scene, thumbnail)


def _summary(job: MapJob, predicted: Predicted, counts: dict[str, object], frame: Frame) -> dict[str, object]:
    seconds = job.clock.seconds("read", "write", "assemble", "vectorize")
    seconds["forward"] = round(job.segmenter.network_seconds, 3)
    log.debug("seconds by stage, some side by side: %s", seconds)
    pixels = frame.window.area
    computed = pixels * (1 - predicted.parts_resumed / predicted.parts)
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
        **counts,
        "unreadable": job.unreadable.listed(),
        "seconds": seconds,
        "megapixels_per_second": round(computed / 1e6 / max(1e-9, seconds["total"]), 3),
        "peak_memory_mb": peak_memory_mb(),
    }
