"""preview.png of a finished map: scene, probability and footprints side by side."""

import math
from pathlib import Path

import numpy as np

from geounet.files import whole_file
from geounet.frame import Frame
from geounet.io.crowd import crowd
from geounet.io.labels import count_features, read_outlines
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Decoded, Reading
from geounet.jobs.outputs import FOOTPRINTS, PREVIEW, PROBABILITY
from geounet.legend import NODATA
from geounet.report.preview import Crowd, Outlines, Panels, preview_picture
from geounet.report.samples import stretched
from geounet.rule import LEVELS

THUMBNAIL = 900  # pixels of a panel at most
_OUTLINES = 20_000  # drawn at most: more are a blur, and take long
_CELLS, _IN_A_CELL = 110, 8  # of a map whose footprints are counted: along its longer side at most, and about so many


def write_preview(folder: Path, scene: Scene, thumbnail: Decoded) -> None:
    """Draw the map in a folder beside the scene that it was made from, of which there is a thumbnail."""
    pixels, valid = thumbnail
    with open_scene(folder / PROBABILITY, Reading(nodata=NODATA)) as raster:
        levels, known = raster.thumbnail(THUMBNAIL)
        probability = np.where(known, levels.max(axis=0) / LEVELS, np.nan)
        frame = raster.frame
    panels = Panels(
        picture=stretched(pixels, valid, scene.bands.colours),
        probability=probability,
        footprints=footprints_to_draw(folder / FOOTPRINTS, frame),
        shape=frame.shape,
        ground_resolution=frame.ground_resolution,
        north=frame.north,
    )
    with whole_file(folder / PREVIEW) as unfinished:
        unfinished.write_bytes(preview_picture(panels))


def footprints_to_draw(path: Path, frame: Frame) -> Outlines | Crowd | None:
    """The footprints of a map one by one, or how many are where if there are many; None without any file of them."""
    if not path.exists():
        return None
    count = count_features(path)
    if count <= _OUTLINES:
        return read_outlines(path, frame)
    cell = max(max(frame.shape) / _CELLS, math.sqrt(frame.window.area * _IN_A_CELL / count))
    shape = (max(1, round(frame.height / cell)), max(1, round(frame.width / cell)))
    return Crowd(crowd(path, frame, shape))
