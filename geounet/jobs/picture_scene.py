"""The picture of a scene: every pixel of it is looked at for nodata, if that takes no longer than one waits."""

from pathlib import Path

import numpy as np

from geounet.block import Array
from geounet.grid import Window
from geounet.io.scene import Scene, open_scene
from geounet.jobs.preview import THUMBNAIL
from geounet.report.samples import stretched
from geounet.report.scene_picture import SceneFacts, scene_picture

_WHOLE = 200_000_000  # values of a scene that are all looked at; of larger ones an overview tells
_STRIP = 8 << 20  # values read at once
_BINS = 64


def scene_drawn(path: Path) -> bytes:
    """A scene as a PNG: what it shows, where it has no data, how its values are spread."""
    with open_scene(path) as scene:
        frame, bands = scene.frame, scene.bands.colours
        pixels, valid = scene.thumbnail(THUMBNAIL)
        exact = frame.window.area * len(bands) <= _WHOLE
        missing, share = _missing(scene, valid.shape) if exact else ((~valid).astype(float), float((~valid).mean()))
        resolution = frame.ground_resolution
        ground = "no CRS" if resolution is None else f"{resolution:.3g} m a pixel, {frame.crs_name}"
        return scene_picture(
            SceneFacts(
                picture=stretched(pixels, valid, bands),
                missing=missing,
                share=share,
                exact=exact,
                values=_values(pixels, valid, bands),
                shape=frame.shape,
                ground_resolution=resolution,
                north=frame.north,
                title=f"{path.name}: {frame.width:,} x {frame.height:,} pixels of {scene.dtype}, {ground}",
            )
        )


def _missing(scene: Scene, shape: tuple[int, int]) -> tuple[Array, float]:
    """Share of each cell of a grid over the scene that has no data, and of all of it; every pixel is looked at."""
    height, width = scene.frame.shape
    starts = [[side * i // count for i in range(count)] for side, count in zip((height, width), shape, strict=True)]
    missing, total = np.zeros(shape), 0
    rows = max(1, _STRIP // (width * len(scene.bands.numbers)))
    for row in range(0, height, rows):
        there = scene.read(Window(row, 0, min(rows, height - row), width))[1].values[0]
        lacking = np.add.reduceat(~there, starts[1], axis=1, dtype=np.int64)
        cells = np.searchsorted(starts[0], np.arange(row, row + len(there)), side="right") - 1
        np.add.at(missing, cells, lacking)
        total += int(lacking.sum())
    sizes = np.outer(*(np.diff([*ends, side]) for ends, side in zip(starts, (height, width), strict=True)))
    return missing / sizes, total / (height * width)


def _values(pixels: Array, valid: Array, bands: tuple[str, ...]) -> dict[str, tuple[Array, Array]]:
    """The histogram of each band over the valid pixels of a thumbnail."""
    found: dict[str, tuple[Array, Array]] = {}
    for number, (name, values) in enumerate(zip(bands, pixels, strict=True), start=1):
        known = values[valid].astype(np.float64)
        ends = (0.0, 256.0)
        if values.dtype != np.uint8:
            low, high = np.percentile(known, (0.1, 99.9)) if len(known) else (0, 1)
            ends = (float(low), max(float(high), float(low) + 1e-6))
        counts, edges = np.histogram(known, bins=_BINS, range=ends)
        found[name if bands.count(name) == 1 else f"{number} {name}"] = (edges, counts)
    return found
