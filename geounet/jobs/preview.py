"""preview.png of a finished map: scene, probability and footprints side by side."""

from pathlib import Path

import numpy as np

from geounet.files import whole_file
from geounet.frame import Frame
from geounet.io.labels import count_features, read_outlines
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Decoded, Reading
from geounet.jobs.outputs import CLASSES, FOOTPRINTS, PREVIEW, PROBABILITY
from geounet.legend import BACKGROUND, NODATA
from geounet.report.preview import Cover, Outlines, Panels, preview_picture
from geounet.report.samples import stretched
from geounet.rule import LEVELS

THUMBNAIL = 900  # pixels of a panel at most
_OUTLINES = 20_000  # drawn at most: more are a blur, and take long


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
        footprints=_footprints(folder, frame),
        shape=frame.shape,
        ground_resolution=frame.ground_resolution,
        north=frame.north,
    )
    with whole_file(folder / PREVIEW) as unfinished:
        unfinished.write_bytes(preview_picture(panels))


def _footprints(folder: Path, frame: Frame) -> Outlines | Cover | None:
    """The footprints of a map as they are drawn: one by one, or where they are if there are many; None without any."""
    vectors = folder / FOOTPRINTS
    if not vectors.exists():
        return None
    count = count_features(vectors)
    if count <= _OUTLINES:
        return read_outlines(vectors, frame)
    with open_scene(folder / CLASSES, Reading(nodata=NODATA)) as raster:
        ids, known = raster.thumbnail(THUMBNAIL)
    return Cover((ids[0] != BACKGROUND) & known, count)
