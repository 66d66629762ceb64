"""preview.png of a finished map: scene, probability and footprints side by side."""

from pathlib import Path

import numpy as np

from geounet.files import whole_file
from geounet.io.labels import count_features, read_outlines
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Reading
from geounet.jobs.outputs import FOOTPRINTS, PREVIEW, PROBABILITY
from geounet.legend import NODATA
from geounet.report.preview import Panels, preview_picture
from geounet.report.samples import stretched
from geounet.rule import LEVELS

_SIDE = 900  # pixels of a panel at most
_FOOTPRINTS = 20_000  # drawn at most: more are a blur, and take long


def write_preview(folder: Path, scene: Scene) -> None:
    """Draw the map in a folder beside the scene that it was made from."""
    pixels, valid = scene.thumbnail(_SIDE)
    with open_scene(folder / PROBABILITY, Reading(nodata=NODATA)) as raster:
        levels, known = raster.thumbnail(_SIDE)
        probability = np.where(known, levels.max(axis=0) / LEVELS, np.nan)
        frame = raster.frame
    vectors = folder / FOOTPRINTS
    drawn = vectors.exists() and count_features(vectors) <= _FOOTPRINTS
    panels = Panels(
        picture=stretched(pixels, valid, scene.bands.colours),
        probability=probability,
        outlines=read_outlines(vectors, frame) if drawn else None,
        shape=frame.shape,
        ground_resolution=frame.ground_resolution,
        north=frame.north,
    )
    with whole_file(folder / PREVIEW) as unfinished:
        unfinished.write_bytes(preview_picture(panels))
