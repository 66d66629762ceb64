"""picture: a scene, training windows, a model or a map drawn for a look at it."""

import csv
import json
import logging
from pathlib import Path

import numpy as np

from geounet.block import Array
from geounet.errors import GeoUNetError, SceneError
from geounet.files import whole_file
from geounet.frame import Frame
from geounet.io.scene import open_scene
from geounet.io.source import Reading
from geounet.io.vector_facts import sizes_and_chances
from geounet.jobs.inform import inform
from geounet.jobs.outputs import FOOTPRINTS, PROBABILITY
from geounet.jobs.picture_chips import chips_drawn
from geounet.jobs.picture_scene import scene_drawn
from geounet.jobs.preview import THUMBNAIL, footprints_to_draw
from geounet.jobs.report_sources import MapSources
from geounet.jobs.train_run import HISTORY, METRICS
from geounet.legend import NODATA
from geounet.nn.model_file import NAME as MODEL
from geounet.nn.model_file import read_card
from geounet.report.curves import Row
from geounet.report.map_picture import MapFacts, map_picture
from geounet.report.model_picture import ModelFacts, model_picture
from geounet.report.preview import Panels
from geounet.report.samples import stretched
from geounet.rule import LEVELS

log = logging.getLogger(__name__)


def write_picture(path: Path, out: Path) -> None:
    """Draw what `inform` tells about, as a PNG.

    Raises:
        GeoUNetError: a file that is none of what can be drawn.
    """
    kind = inform(path)["kind"]
    draw = {"scene": scene_drawn, "training windows": chips_drawn, "model": _model, "map": _map}.get(str(kind))
    if draw is None:
        raise SceneError(f"{path}: of {kind} there is no picture; open them in QGIS")
    content = draw(path)
    with whole_file(out) as unfinished:
        unfinished.write_bytes(content)


def _model(path: Path) -> bytes:
    card = read_card(path)
    facts = inform(path)
    folder = path if path.is_dir() else path.parent
    shape = card.architecture
    resolution = "unknown: no CRS" if card.ground_resolution is None else f"{card.ground_resolution:.3g} m"
    parameters = facts["parameters"]
    assert isinstance(parameters, int)
    words = {
        "network": f"U-Net, width {shape.width}, depth {shape.depth}{'' if shape.skips else ', no skips'}",
        "weights": f"{parameters:,}",
        "classes": ", ".join(card.legend.names),
        "contact": "not learned" if card.contact_width is None else f"learned, {card.contact_width:.3g} m wide",
        "resolution": resolution,
        "bands": ", ".join(card.colours),
        "type": card.dtype,
        "halo": f"{card.halo} px, aligned to {card.alignment} px",
    }
    words |= {
        {"step": "kept after"}.get(key, key): str(card.training[key])
        for key in ("steps", "step", "seed", "loss")
        if card.training.get(key) is not None
    }
    means = zip(card.colours, card.mean, card.std, strict=True)
    bands = {
        name if card.colours.count(name) == 1 else f"{number} {name}": (mean, std)
        for number, (name, mean, std) in enumerate(means, start=1)
    }
    title = f"{folder.name if (folder / MODEL) == path or path.is_dir() else path.name}: a model of " + ", ".join(
        c.name for c in card.legend.foreground
    )
    return model_picture(ModelFacts(title, words, bands, _history(folder / HISTORY), _scores(folder / METRICS)))


def _history(path: Path) -> list[Row]:
    """The rows of history.csv; none where there is no such file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {key: int(value) if key == "step" else float(value) if value else None for key, value in row.items()}
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError):
        return []


def _scores(path: Path) -> dict[str, dict[str, float | None]]:
    """Figures of each class in metrics.json; none where there is no such file."""
    try:
        pixel = json.loads(path.read_text(encoding="utf-8"))["pixel"]
        return {
            str(name): {figure: values[figure] for figure in ("iou", "f1", "precision", "recall")}
            for name, values in pixel.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _map(path: Path) -> bytes:
    summary = inform(path)
    if "state" in summary:
        raise SceneError(f"{path} holds an unfinished map, of which there is no picture; finish it first")
    with open_scene(path / PROBABILITY, Reading(nodata=NODATA)) as raster:
        levels, known = raster.thumbnail(THUMBNAIL)
        frame = raster.frame
    chances = np.where(known, levels.max(axis=0) / LEVELS, np.nan)
    area, confidence = sizes_and_chances(path / FOOTPRINTS)
    ground = frame.ground_resolution
    panels = Panels(
        picture=_behind(MapSources.of(path), chances, frame),
        probability=chances,
        footprints=footprints_to_draw(path / FOOTPRINTS, frame),
        shape=frame.shape,
        ground_resolution=ground,
        north=frame.north,
    )
    hectares = "" if ground is None else f", {frame.window.area * ground**2 / 1e4:,.3g} hectares"
    title = f"{path.name}: {frame.width:,} x {frame.height:,} pixels{hectares}"
    return map_picture(MapFacts(title, panels, confidence, area, "px" if ground is None else "m²"))


def _behind(sources: MapSources, chances: Array, frame: Frame) -> Array:
    """What footprints are drawn over: the scene, where it is still there and is what was mapped; else the probability.

    Of an area of interest, or of many sheets, the scene's picture would lie elsewhere.
    """
    if len(sources.scene_names) == 1:
        try:
            with sources.scene(may_fetch=False) as scene:
                if _same_ground(scene.native, frame):
                    return stretched(*scene.thumbnail(THUMBNAIL), scene.bands.colours)
        except GeoUNetError as error:
            log.info("the scene is not drawn: %s", error)
    return np.repeat(0.15 + 0.5 * np.nan_to_num(chances, nan=0.9)[..., None], 3, axis=2)


def _same_ground(scene: Frame, frame: Frame) -> bool:
    """Whether a map covers its scene, to a pixel or so of the map."""
    left, bottom, right, top = frame.bounds
    near = 2 * max((right - left) / frame.width, (top - bottom) / frame.height)
    return scene.crs == frame.crs and np.allclose(scene.bounds, frame.bounds, rtol=0, atol=near)
