"""Facts about a raster of classes or probabilities: what it holds, how much of each, and what made it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet.errors import SceneError
from geounet.io.strips import Strips, open_strips
from geounet.jobs.classes import band_classes, class_bands
from geounet.legend import BACKGROUND, NODATA
from geounet.rule import LEVELS
from geounet.track import Track, untracked


def raster_facts(path: Path, track: Track = untracked) -> dict[str, object] | None:
    """Of a raster that geounet made, or that names its classes; None of any other. It is read once, strip by strip.

    Raises:
        SceneError: it cannot be read to its end.
    """
    with _of_a_map(path) as strips:
        if strips is None:
            return None
        frame = strips.frame
        return {
            "kind": "probabilities" if strips.is_probability else "classes",
            "size": list(frame.shape),
            "crs": frame.crs_name,
            "ground_resolution": frame.ground_resolution,
            "bounds": list(frame.bounds),
            **(_of_probabilities if strips.is_probability else _of_classes)(strips, track),
            "made from": {key.removeprefix("GEOUNET_"): text for key, text in strips.tags.items()} or None,
        }


@contextmanager
def _of_a_map(path: Path) -> Iterator[Strips | None]:
    """The raster open, where it is one of classes or probabilities and says which."""
    with ExitStack() as stack:
        try:
            strips = stack.enter_context(open_strips(path))
        except SceneError:  # an image, or no raster at all
            yield None
            return
        yield strips if strips.tags or strips.legend is not None else None


def _of_classes(strips: Strips, track: Track) -> dict[str, object]:
    counts = _counts(strips, 1, track)
    names = {
        BACKGROUND: "background",
        **({} if strips.legend is None else {c.id: c.name for c in strips.legend.classes}),
    }
    known = max(1, int(counts[:NODATA].sum()))
    there = [int(number) for number in np.flatnonzero(counts[:NODATA])]
    wanted = sorted({*there, *names})
    return {
        "shares": {names.get(number, f"class_{number}"): _share(counts[number], known) for number in wanted},
        "nodata": _share(counts[NODATA], counts.sum()),
    }


def _of_probabilities(strips: Strips, track: Track) -> dict[str, object]:
    """The mean of each band over the pixels that are known."""
    means, counts = {}, np.ones(NODATA + 1, np.int64)
    names = [cls.name for cls in band_classes(strips)]
    for band in class_bands(strips):
        counts = _counts(strips, band, track)
        total = float(np.arange(NODATA) @ counts[:NODATA]) / max(1, int(counts[:NODATA].sum()))
        means[names[band - 1]] = _share(total, LEVELS)
    contact = len(strips.names) > len(names)
    return {
        "mean probability": means,
        **({"contact": "in the last band"} if contact else {}),
        "nodata": _share(counts[NODATA], counts.sum()),
    }


def _share(part: float, whole: float) -> float:
    return round(float(part) / float(whole), 4)


def _counts(strips: Strips, band: int, track: Track) -> NDArray[np.int64]:
    """(256,) how many pixels of a band have each level, or id."""
    counts = np.zeros(NODATA + 1, np.int64)
    megapixels, stage = strips.frame.window.area / 1e6, f"reading band {band}"
    for block in track(
        strips.read(band), stage, total=megapixels, unit="Mpx", amount=lambda block: block.window.area / 1e6
    ):
        counts += np.bincount(block.values.ravel(), minlength=NODATA + 1)
    return counts
