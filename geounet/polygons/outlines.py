"""Strips of a raster to footprints in map coordinates: tracing and tidying in one stream."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import shapely

from geounet.block import Block
from geounet.footprints import Flag, Footprints
from geounet.frame import Frame
from geounet.polygons.disjoint import Disjoint
from geounet.polygons.field import Classes, Level
from geounet.polygons.runs import Levels
from geounet.polygons.simplify import Tidying, tidied, tidied_borders
from geounet.polygons.trace import Traced, trace
from geounet.rule import LEVELS

_GROWTH = 1.25  # times the area of its convex hull: larger than that no outline becomes by tidying


def footprints_of(
    strips: Iterable[Block],
    frame: Frame,
    *,
    k: int,
    class_id: int = 1,
    tidying: Tidying | None = None,
    separate: Callable[[Footprints], Footprints] | None = None,
) -> Iterator[Footprints]:
    """Footprints of one class in map coordinates, as their last rows come by.

    Args:
        strips: (1, height, width) levels of the class (see `trace`).
        frame: of the raster.
        k: a pixel belongs to the class where its level is k or more (`geounet.rule.cut_level`).
        tidying: what is dropped, filled and simplified; the defaults where None.
        separate: what takes outlines around several objects apart, in pixel coordinates, where they do.
    """
    tidying = tidying or Tidying()
    disjoint = _disjoint(frame, tidying)
    for traced in trace(strips, Level(k), least=_least_pixels(frame, tidying)):
        if len(traced.parts):
            found = _footprints(traced, np.full(len(traced.parts), class_id, np.uint8))
            yield disjoint.apart(tidied(separate(found) if separate else found, frame, tidying))


def footprints_of_classes(
    strips: Iterable[Block], frame: Frame, tidyings: Mapping[int, Tidying], *, graded: int
) -> Iterator[Footprints]:
    """Footprints of every class of a raster of class ids, in map coordinates, as their last rows come by.

    Args:
        strips: (1 + graded, height, width): class ids, then the levels of the classes 1, 2, ... (see `Classes`).
        frame: of the raster.
        tidyings: what is dropped, filled and simplified of each class, by its id. Neighbours share their borders;
            classes that are regularized do not, because what else is whole already depends on the strips.
        graded: how many classes have levels; confidence is NaN where they have none.
    """
    least = min(_least_pixels(frame, tidying) for tidying in tidyings.values())
    disjoint = {tidying: _disjoint(frame, tidying) for tidying in tidyings.values()}
    for traced in trace(strips, Classes(), least=least):
        found = _footprints(traced, traced.parts.area)
        found.confidence[found.class_id > graded] = np.nan
        for tidying, among in disjoint.items():
            some = found[np.isin(found.class_id, [class_id for class_id in tidyings if tidyings[class_id] == tidying])]
            if len(some) and tidying.regularize:
                yield among.apart(tidied(some.with_geometry(shapely.force_2d(some.geometry)), frame, tidying))
            elif len(some):
                tidy = tidied_borders(some, frame, tidying)
                # borders never cross; only where a hole is filled may something stand in it
                yield among.apart(tidy) if tidying.fill_holes > tidying.min_area else tidy


def _footprints(traced: Traced, class_id: Levels) -> Footprints:
    parts = traced.parts
    confidence = parts.level_sum / (LEVELS * parts.pixels)
    flags = Flag.NODATA * parts.nodata + Flag.EDGE * parts.edge
    return Footprints(traced.polygons, class_id, confidence.astype(np.float32), flags.astype(np.uint8))


def _disjoint(frame: Frame, tidying: Tidying) -> Disjoint:
    across, down = frame.pixel_metres or (1.0, 1.0)
    return Disjoint(frame, tidying.min_area / (across * down))


def _least_pixels(frame: Frame, tidying: Tidying) -> int:
    """Parts of fewer pixels certainly become footprints below the least area.

    The sides of the rectangle around n connected pixels add up to n + 1 at most. The outline goes less than half a
    pixel beyond it, and not into its corners: its convex hull is smaller than ((n + 3) / 2)² - 2 pixels.
    """
    across, down = frame.pixel_metres or (1.0, 1.0)
    pixels = tidying.min_area / (across * down * _GROWTH)
    return max(1, math.ceil(2 * math.sqrt(pixels + 2) - 3))
