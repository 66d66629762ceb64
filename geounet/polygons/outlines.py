"""Strips of a raster to footprints in map coordinates: tracing and tidying in one stream."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import numpy as np
import shapely

from geounet.block import Block
from geounet.footprints import Flag, Footprints
from geounet.frame import Frame
from geounet.polygons.disjoint import Disjoint
from geounet.polygons.field import Classes, Level, Only
from geounet.polygons.runs import Levels
from geounet.polygons.simplify import Tidying, tidied, tidied_borders
from geounet.polygons.trace import Traced, trace
from geounet.rule import LEVELS

Spread = Callable[[Callable[[Footprints], Footprints], Iterable[Footprints]], Iterator[Footprints]]

_TOGETHER = 50_000  # vertices tidied together; of twice as many each takes a fourth longer, beyond the cache
_GROWTH = 1.25  # times the area of its convex hull: larger than that no outline becomes by tidying


def footprints_of(
    strips: Iterable[Block],
    frame: Frame,
    *,
    k: int,
    class_id: int = 1,
    tidying: Tidying | None = None,
    separate: Callable[[Footprints], Footprints] | None = None,
    spread: Spread = map,
) -> Iterator[Footprints]:
    """Footprints of one class in map coordinates, as their last rows come by.

    Args:
        strips: (1, height, width) levels of the class (see `trace`).
        frame: of the raster.
        k: a pixel belongs to the class where its level is k or more (`geounet.rule.cut_level`).
        tidying: what is dropped, filled and simplified; the defaults where None.
        separate: what takes outlines around several objects apart, in pixel coordinates, where they do.
        spread: how what is traced is tidied: `map`, or what does so in several threads, in the same order.
    """
    tidying = tidying or Tidying()

    def traced() -> Iterator[Footprints]:
        for some in trace(strips, Level(k), least=_least_pixels(frame, tidying), height=frame.height):
            if len(some.parts):
                yield _footprints(some, np.full(len(some.parts), class_id, np.uint8))

    portions = map(separate, _portions(traced())) if separate else _portions(traced())
    return map(_disjoint(frame, tidying).apart, spread(partial(tidied, frame=frame, tidying=tidying), portions))


def footprints_of_classes(
    strips: Iterable[Block], frame: Frame, tidyings: Mapping[int, Tidying], *, graded: int, spread: Spread = map
) -> Iterator[Footprints]:
    """Footprints of every class of a raster of class ids, in map coordinates, as their last rows come by.

    Args:
        strips: (1 + graded, height, width): class ids, then the levels of the classes 1, 2, ... (see `Classes`).
        frame: of the raster.
        tidyings: what is dropped, filled and simplified of each class, by its id. Neighbours share their borders;
            classes that are regularized do not, because what else is whole already depends on the strips.
        graded: how many classes have levels; confidence is NaN where they have none.
        spread: as of `footprints_of`.
    """
    least = min(_least_pixels(frame, tidying) for tidying in tidyings.values())
    only = next(iter(tidyings)) if len(tidyings) == 1 and not graded else None

    def traced() -> Iterator[Footprints]:
        field = Classes() if only is None else Only(only)
        for some in trace(strips, field, least=least, height=frame.height):
            if len(some.parts):
                found = _footprints(some, some.parts.area if only is None else np.full(len(some.parts), only, np.uint8))
                found.confidence[found.class_id > graded] = np.nan
                yield found

    # of one class alone there are no borders
    tidy = partial(_tidied_by_class, frame=frame, tidyings=tidyings, bordered=only is None)
    return map(_Apart(frame, tidyings), spread(tidy, _portions(traced())))


def _portions(several: Iterable[Footprints]) -> Iterator[Footprints]:
    """The same footprints, so many together that arrays are worth their calls and still lie in a processor's cache."""
    rest = Footprints.none()
    for some in several:
        rest = Footprints.joined([rest, some])
        number = np.cumsum(shapely.get_num_coordinates(rest.geometry)) // _TOGETHER
        portions = np.split(np.arange(len(rest)), np.flatnonzero(np.diff(number)) + 1)
        yield from (rest[portion] for portion in portions[:-1])
        rest = rest[portions[-1]]
    if len(rest):
        yield rest


def _by_tidying(found: Footprints, tidyings: Mapping[int, Tidying]) -> Iterator[tuple[Tidying, Footprints]]:
    """The footprints of the classes that are tidied alike, in their order."""
    for tidying in dict.fromkeys(tidyings.values()):
        of_it = [class_id for class_id, its in tidyings.items() if its == tidying]
        some = found[np.isin(found.class_id, of_it)]
        if len(some):
            yield tidying, some


def _tidied_by_class(found: Footprints, frame: Frame, tidyings: Mapping[int, Tidying], *, bordered: bool) -> Footprints:
    """Footprints of several classes tidied.

    Args:
        bordered: whether vertices tell by a z where lines part.
    """
    return Footprints.joined(
        tidied_borders(some, frame, tidying)
        if bordered and not tidying.regularize
        else tidied(some.with_geometry(shapely.force_2d(some.geometry)) if bordered else some, frame, tidying)
        for tidying, some in _by_tidying(found, tidyings)
    )


class _Apart:
    """Takes from footprints what earlier ones of classes that are tidied alike cover."""

    def __init__(self, frame: Frame, tidyings: Mapping[int, Tidying]) -> None:
        self._tidyings = tidyings
        self._disjoint = {tidying: _disjoint(frame, tidying) for tidying in tidyings.values()}

    def __call__(self, found: Footprints) -> Footprints:
        return Footprints.joined(
            # borders never cross; only where a hole is filled may something stand in it
            self._disjoint[tidying].apart(some) if tidying.regularize or tidying.fills_around_footprints else some
            for tidying, some in _by_tidying(found, self._tidyings)
        )


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
