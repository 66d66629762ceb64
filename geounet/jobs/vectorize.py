"""vectorize: a finished raster becomes polygons, a layer for each class."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from geounet.block import Block
from geounet.errors import SceneError, SettingsError
from geounet.files import StrPath, as_path, beside, refuse_source
from geounet.footprints import Flag, Footprints
from geounet.io.area import at_edge_of
from geounet.io.strips import Strips, open_strips
from geounet.io.vectors import check_writable, write_footprints
from geounet.jobs.classes import (
    ClassIds,
    Likeliest,
    Tracked,
    band_classes,
    class_bands,
    class_ids,
    is_of_likeliest,
)
from geounet.jobs.pipeline import ahead, spread
from geounet.legend import LegendClass, is_building
from geounet.memory import nothing_old_searched
from geounet.polygons.outlines import footprints_of, footprints_of_classes
from geounet.polygons.separate import separator
from geounet.polygons.simplify import Tidying
from geounet.rule import cut_level
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

EVEN = 0.5  # threshold of probabilities that fits classes, too
_SMALLEST = 4.0  # m² of a building that comes apart from others; what is smaller is part of one


@dataclass(frozen=True, slots=True)
class VectorizeResult:
    """What was written.

    Args:
        polygons: their number in each layer.
        flags: how many polygons bear each flag; none of those that no polygon bears.
        flagged: how many bear a flag that asks for a look, any but `regularized`.
    """

    out: Path
    polygons: dict[str, int]
    flags: dict[str, int]
    flagged: int


class _Flags:
    """Counts the flags of footprints on their way to the file."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.flagged = 0

    def counted(self, found: Iterable[Footprints]) -> Iterator[Footprints]:
        """The footprints as they are."""
        for some in found:
            written = some.doubted().flags
            self.counts.update({flag.text: int(np.count_nonzero(written & flag)) for flag in Flag})
            self.flagged += int(np.count_nonzero(written & ~np.uint8(Flag.REGULARIZED)))
            yield some


def vectorize(
    raster: StrPath,
    *,
    out: StrPath | None = None,
    probability: StrPath | None = None,
    aoi: StrPath | None = None,
    threshold: float = EVEN,
    min_area: float = 4.0,
    fill_holes: float = 4.0,
    simplify: float | Literal["auto"] = "auto",
    regularize: bool | Literal["auto"] = "auto",
    separate: bool | Literal["auto"] = "auto",
    overwrite: bool = False,
    track: Track = untracked,
) -> VectorizeResult:
    """Polygons of a raster of classes or probabilities, in a file of the format that the ending of its name says.

    A GeoPackage has a styled layer for each class; of other formats, see `geounet.io.vectors`.

    Args:
        raster: class ids (whole numbers), or probabilities, one band a class (uint8 with a scale, or floats of 0..1).
            Of several classes in a probability.tif of `infer` the likeliest holds, as in its classes.tif, and
            neighbours share their borders; of another tool's bands, or by another threshold, each is taken for itself.
        out: RASTER.gpkg beside the raster where None.
        probability: for a raster of classes, that of their probabilities, a band for each class from 1 on, on the same
            grid; without it confidences are unknown.
        aoi: the polygons that the raster was cut to: footprints at their edge are flagged as at an edge, not at nodata.
        threshold: of probabilities.
        min_area: smaller polygons are dropped; m² on the ground, pixels without a CRS.
        fill_holes: holes up to this area are filled, in the same unit.
        simplify: tolerance of the simplification in metres (pixels without a CRS); 0 for none, auto for 3/4 of a pixel.
        regularize: whether walls are made straight and corners square; auto does for a class of buildings (by its
            name, or the only one of a raster without names), not where `simplify` is 0.
        separate: whether buildings that touch come apart along a band of contact; auto does where there is one.

    Raises:
        SceneError: the raster cannot be read, or is of another kind.
        SettingsError: a setting outside its range.
        OutputError: `out` exists, or cannot be written.
    """
    tidying = Tidying(min_area, fill_holes, None if simplify == "auto" else simplify)
    k = cut_level(threshold)
    raster, probability, aoi = as_path(raster), as_path(probability), as_path(aoi)
    out = beside(raster, ".gpkg") if out is None else as_path(out)
    refuse_source(out, (raster, probability, aoi))
    check_writable(out, overwrite=overwrite)
    with (
        nothing_old_searched(),
        open_strips(raster) as strips,
        _opened_beside(strips, probability) as chances,
        _separator(strips, chances, k, tidying, separate) as apart,
    ):
        if strips.frame.crs is None:
            log.warning(
                "%s has no CRS: polygons, areas and lengths are in its own coordinates, settings in pixels", raster
            )
        tracked = partial(_tracked, strips, track)
        if not strips.is_probability and threshold != EVEN:
            raise SettingsError(
                f"{raster} holds classes, which no --threshold changes; give the raster of their probabilities"
            )
        by_threshold = strips.is_probability and not is_of_likeliest(strips, threshold)
        if by_threshold:
            classes = band_classes(strips)
            found = _of_probabilities(strips, _tidyings(classes, tidying, regularize), k, tracked, apart)
        else:
            chosen = Likeliest(strips, band_classes(strips)) if strips.is_probability else class_ids(strips, tracked)
            classes = chosen.classes
            found = _of_classes(chosen, _tidyings(classes, tidying, regularize), chances, tracked)
        if aoi is not None:
            flagged = at_edge_of(aoi, strips.frame)
            found = (flagged(some) for some in found)
        flags = _Flags()
        provenance = dict(strips.tags) | {
            "RASTER": raster.name,
            "THRESHOLD": f"{threshold:g}" if by_threshold else "none",  # of ids nothing is decided here
            "MIN_AREA": f"{min_area:g}",
            "FILL_HOLES": f"{fill_holes:g}",
            "SIMPLIFY": str(simplify),
            "REGULARIZE": str(regularize),
            "SEPARATE": str(separate),
        }
        with closing(ahead(flags.counted(found))) as traced:
            counts = write_footprints(
                out, classes, traced, crs=strips.frame.crs, provenance=provenance, overwrite=overwrite
            )
    if not any(counts.values()):
        log.info("nothing was found in %s: all of it is background, nodata, or smaller than --min-area", raster)
    return VectorizeResult(out, counts, {name: count for name, count in flags.counts.items() if count}, flags.flagged)


def _tidyings(
    classes: Sequence[LegendClass], tidying: Tidying, regularize: bool | Literal["auto"]
) -> dict[LegendClass, Tidying]:
    """How each class is tidied: `auto` regularizes classes of buildings, unless every corner is to be kept."""
    if regularize != "auto" or tidying.simplify == 0:
        return dict.fromkeys(classes, replace(tidying, regularize=regularize is True))
    is_only = len(classes) == 1
    return {cls: replace(tidying, regularize=_is_building(cls, is_only=is_only)) for cls in classes}


def _is_building(cls: LegendClass, *, is_only: bool) -> bool:
    """Whether a class is named as one of buildings, or is the only one of a raster that names none."""
    return is_building(cls.name) or (is_only and re.fullmatch(r"class_\d+", cls.name) is not None)


def _of_probabilities(
    strips: Strips,
    classes: Mapping[LegendClass, Tidying],
    k: int,
    tracked: Tracked,
    separate: Callable[[Footprints], Footprints] | None,
) -> Iterator[Footprints]:
    for band, (cls, tidying) in zip(class_bands(strips), classes.items(), strict=True):
        with closing(ahead(tracked(strips.read(band), f"tracing {cls.name}"))) as levels:
            yield from footprints_of(
                levels, strips.frame, k=k, class_id=cls.id, tidying=tidying, separate=separate, spread=spread
            )


def _has_contact(strips: Strips) -> bool:
    return strips.is_probability and len(strips.names) == 2 and class_bands(strips) == [1]


@contextmanager
def _separator(
    strips: Strips, chances: Strips | None, k: int, tidying: Tidying, wanted: bool | Literal["auto"]
) -> Iterator[Callable[[Footprints], Footprints] | None]:
    """What takes buildings apart that touch; None where it is not wanted, or the raster has no contact.

    A second handle reads what it needs: GDAL's place in the strips stays as it is.

    Raises:
        SceneError: it is wanted, and the raster has no contact.
    """
    has_contact = _has_contact(strips)
    if chances is not None and chances is not strips and _has_contact(chances):
        if wanted is True:
            raise SceneError(f"{strips.path} holds classes: touching buildings come apart in {chances.path} itself")
        log.info("touching buildings stay together here; they come apart in %s itself", chances.path)
    elif wanted is True and not has_contact:
        raise SceneError(
            f"{strips.path} has no band of contact, by which touching buildings come apart; leave out --separate, or "
            f"train on windows that `geounet tile --contact` cut"
        )
    if not wanted or not has_contact:
        yield None
        return
    across, down = strips.frame.pixel_metres or (1.0, 1.0)
    least = max(tidying.min_area, _SMALLEST) / (across * down)
    with open_strips(strips.path) as beside:
        yield separator(beside.window, strips.frame.window, k=k, least=least)


@contextmanager
def _opened_beside(strips: Strips, probability: Path | None) -> Iterator[Strips | None]:
    """The raster of probabilities that belongs to one of classes; itself where it holds them.

    Raises:
        SceneError: it cannot be read, or lies on another grid.
        SettingsError: the raster needs none.
    """
    if strips.is_probability:
        if probability is not None and probability.resolve() != Path(strips.path).resolve():
            raise SettingsError(f"{strips.path} holds probabilities itself; leave out --probability")
        yield strips
        return
    if probability is None:
        yield None
        return
    with open_strips(probability) as chances:
        if chances.frame != strips.frame or not chances.is_probability:
            raise SceneError(f"{probability} holds no probabilities on the grid of {strips.path}; give infer's own")
        yield chances


def _of_classes(
    ids: ClassIds | Likeliest, classes: Mapping[LegendClass, Tidying], chances: Strips | None, tracked: Tracked
) -> Iterator[Footprints]:
    graded = 0 if chances is None else len(class_bands(chances))
    strips = tracked(ids.read(depth=1 + graded), "tracing")
    if chances is not None:
        strips = _joined(strips, chances, graded)
    tidyings = {cls.id: tidying for cls, tidying in classes.items()}
    with closing(ahead(strips)) as blocks:
        yield from footprints_of_classes(blocks, ids.strips.frame, tidyings, graded=graded, spread=spread)


def _joined(blocks: Iterable[Block], others: Strips, bands: int) -> Iterator[Block]:
    """The blocks, with the first bands of another raster of their grid after their own."""
    for block in blocks:
        beside = others.window(block.window).values[:bands]
        yield Block(block.window, np.concatenate([block.values, beside]))


def _tracked(strips: Strips, track: Track, blocks: Iterable[Block], stage: str) -> Iterator[Block]:
    megapixels = strips.frame.height * strips.frame.width / 1e6
    return track(blocks, stage, total=megapixels, unit="Mpx", amount=lambda block: block.window.area / 1e6)
