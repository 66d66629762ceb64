"""Strips of a raster to footprints in map coordinates: tracing and tidying in one stream."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from geounet.block import Block
from geounet.footprints import Flag, Footprints
from geounet.frame import Frame
from geounet.legend import NODATA
from geounet.polygons.simplify import Tidying, tidied
from geounet.polygons.trace import Traced, trace
from geounet.rule import LEVELS

MASK_K = 127
_MASK_INSIDE = 2 * MASK_K - 1  # beside 0 it puts the outline half-way between two pixels


def footprints_of(
    strips: Iterable[Block],
    frame: Frame,
    *,
    k: int,
    class_id: int = 1,
    tidying: Tidying | None = None,
    graded: bool = True,
    separate: Callable[[Footprints], Footprints] | None = None,
) -> Iterator[Footprints]:
    """Footprints of one class in map coordinates, as their last rows come by.

    Args:
        strips: levels of the class, and where there is a second band, the probability to average inside (see `trace`).
        frame: of the raster.
        k: a pixel belongs to the class where its level is k or more (`geounet.rule.cut_level`).
        tidying: what is dropped, filled and simplified; the defaults where None.
        graded: whether the levels are probabilities; confidence is NaN where not.
        separate: what takes outlines around several objects apart, in pixel coordinates, where they do.
    """
    for traced in trace(strips, k):
        if len(traced.parts):
            found = _footprints(traced, class_id, graded=graded)
            yield tidied(separate(found) if separate else found, frame, tidying or Tidying())


def mask_of(strips: Iterable[Block], class_id: int) -> Iterator[Block]:
    """Levels of one class of a class raster, to be traced at `MASK_K`; further bands are handed on.

    Args:
        strips: (1 or more, height, width) uint8; band 1 the class, 255 = nodata (unless it is `class_id`).
    """
    levels = np.zeros(256, np.uint8)
    levels[NODATA] = NODATA
    levels[class_id] = _MASK_INSIDE  # last, for masks of 0 and 255
    for strip in strips:
        mask = levels[strip.values[:1]]
        yield Block(strip.window, np.concatenate([mask, strip.values[1:]]) if len(strip.values) > 1 else mask)


def _footprints(traced: Traced, class_id: int, *, graded: bool) -> Footprints:
    parts = traced.parts
    confidence = parts.level_sum / (LEVELS * parts.pixels) if graded else np.full(len(parts), np.nan)
    return Footprints(
        traced.polygons,
        np.full(len(parts), class_id, np.uint8),
        confidence.astype(np.float32),
        (Flag.NODATA * parts.nodata + Flag.EDGE * parts.edge).astype(np.uint8),
    )
