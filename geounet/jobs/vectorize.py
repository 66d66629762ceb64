"""vectorize: a finished raster becomes polygons, a layer for each class."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from geounet.block import Block
from geounet.errors import LegendError, SceneError
from geounet.footprints import Footprints
from geounet.io.area import at_edge_of
from geounet.io.strips import Strips, open_strips
from geounet.io.vectors import check_writable, write_footprints
from geounet.legend import BACKGROUND, NODATA, Legend, LegendClass, colour_of
from geounet.polygons.outlines import MASK_K, footprints_of, mask_of
from geounet.polygons.simplify import Tidying
from geounet.rule import cut_level
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

_MOST_UNNAMED = 32  # classes; a raster of more is an image
_CONTACT = "contact"  # the band of lines between near neighbours, which is no class of a map


@dataclass(frozen=True, slots=True)
class VectorizeResult:
    """What was written: the file, and the number of polygons in each layer."""

    out: Path
    polygons: dict[str, int]


def vectorize(
    raster: Path,
    *,
    out: Path | None = None,
    probability: Path | None = None,
    aoi: Path | None = None,
    threshold: float = 0.5,
    min_area: float = 4.0,
    fill_holes: float = 4.0,
    simplify: float | Literal["auto"] = "auto",
    overwrite: bool = False,
    track: Track = untracked,
) -> VectorizeResult:
    """Polygons of a raster of classes or probabilities, in a file of the format that the ending of its name says.

    A GeoPackage has a styled layer for each class; of other formats, see `geounet.io.vectors`.

    Args:
        raster: class ids (uint8), or probabilities, one band a class (uint8 with a scale, or floats of 0..1).
        out: RASTER.gpkg beside the raster where None.
        probability: for a raster of classes, that of their probabilities, a band for each class from 1 on, on the same
            grid; without it confidences are unknown.
        aoi: the polygons that the raster was cut to: footprints at their edge are flagged as at an edge, not at nodata.
        threshold: of probabilities.
        min_area: smaller polygons are dropped; m² on the ground, pixels without a CRS.
        fill_holes: holes up to this area are filled, in the same unit.
        simplify: tolerance of the simplification in metres (pixels without a CRS); 0 for none, auto for 3/4 of a pixel.

    Raises:
        SceneError: the raster cannot be read, or is of another kind.
        SettingsError: a setting outside its range.
        OutputError: `out` exists, or cannot be written.
    """
    tidying = Tidying(min_area, fill_holes, None if simplify == "auto" else simplify)
    k = cut_level(threshold)
    out = raster.with_suffix(".gpkg") if out is None else out
    check_writable(out, overwrite=overwrite)
    with open_strips(raster) as strips, _opened_beside(strips, probability) as chances:
        if strips.frame.crs is None:
            log.warning("%s has no CRS: polygons are in its own coordinates, areas and lengths in pixels", raster)
        classes, footprints = (
            _of_probabilities(strips, k, tidying, track)
            if strips.is_probability
            else _of_classes(strips, chances, tidying, track)
        )
        if aoi is not None:
            footprints = map(at_edge_of(aoi, strips.frame), footprints)
        provenance = dict(strips.tags) | {
            "RASTER": raster.name,
            "THRESHOLD": f"{threshold:g}",
            "MIN_AREA": f"{min_area:g}",
            "FILL_HOLES": f"{fill_holes:g}",
            "SIMPLIFY": str(simplify),
        }
        counts = write_footprints(
            out, classes, footprints, crs=strips.frame.crs, provenance=provenance, overwrite=overwrite
        )
    return VectorizeResult(out, counts)


_Found = tuple[Sequence[LegendClass], Iterator[Footprints]]  # the classes, and the footprints of all of them


def _of_probabilities(strips: Strips, k: int, tidying: Tidying, track: Track) -> _Found:
    bands = _class_bands(strips)
    classes = _band_classes(strips, bands)

    def found() -> Iterator[Footprints]:
        for band, cls in zip(bands, classes, strict=True):
            levels = _tracked(strips.read(band), strips, f"tracing {cls.name}", track)
            yield from footprints_of(levels, strips.frame, k=k, class_id=cls.id, tidying=tidying)

    return classes, found()


def _class_bands(strips: Strips) -> list[int]:
    """Numbers of the bands that hold a class: all but geounet's own last one of contact."""
    bands = list(range(1, len(strips.names) + 1))
    has_contact = len(bands) > 1 and strips.names[-1] == _CONTACT and strips.has_own_levels
    return bands[:-1] if has_contact else bands


def _band_classes(strips: Strips, bands: list[int]) -> tuple[LegendClass, ...]:
    """The class of each band of probabilities: the raster's legend, else its descriptions, else numbers."""
    if strips.legend is not None and len(strips.legend.foreground) == len(bands):
        return strips.legend.foreground
    names = [strips.names[band - 1] for band in bands]
    numbered = ["building"] if len(bands) == 1 else [f"class_{number}" for number in range(1, len(bands) + 1)]
    if not all(names):
        return Legend.of_names(*numbered).foreground
    try:
        return Legend.of_names(*names).foreground
    except LegendError as error:
        log.warning("%s: its bands become layers %s (%s)", strips.path, ", ".join(numbered), error)
        return Legend.of_names(*numbered).foreground


@contextmanager
def _opened_beside(strips: Strips, probability: Path | None) -> Iterator[Strips | None]:
    """The raster of probabilities that belongs to one of classes.

    Raises:
        SceneError: it cannot be read, or lies on another grid.
    """
    if probability is None or strips.is_probability:
        yield None
        return
    with open_strips(probability) as chances:
        if chances.frame != strips.frame or not chances.is_probability:
            raise SceneError(f"{probability} holds no probabilities on the grid of {strips.path}; give infer's own")
        yield chances


def _of_classes(strips: Strips, chances: Strips | None, tidying: Tidying, track: Track) -> _Found:
    classes = _classes(strips, track)

    def found() -> Iterator[Footprints]:
        for cls in classes:
            graded = chances is not None and cls.id <= len(chances.names)
            ids = strips.read() if chances is None or not graded else _joined(strips.read(), chances.read(cls.id))
            tracked = _tracked(ids, strips, f"tracing {cls.name}", track)
            yield from footprints_of(
                mask_of(tracked, cls.id), strips.frame, k=MASK_K, class_id=cls.id, tidying=tidying, graded=graded
            )

    return classes, found()


def _joined(upper: Iterable[Block], lower: Iterable[Block]) -> Iterator[Block]:
    """Blocks of the same windows with the bands of both."""
    for one, other in zip(upper, lower, strict=True):
        assert one.window == other.window, (one.window, other.window)
        yield Block(one.window, np.concatenate([one.values, other.values]))


def _classes(strips: Strips, track: Track) -> tuple[LegendClass, ...]:
    """The legend's classes, then those found in the raster that it does not name.

    Raises:
        SceneError: an image, by the number of its values without a name.
    """
    found = _ids(_tracked(strips.read(), strips, "looking for classes", track))
    if NODATA in found and not strips.declares_nodata:
        if found <= {BACKGROUND, NODATA}:
            return (LegendClass(NODATA, "class_255", colour_of(1)),)  # a mask of 0 and 255
        log.warning("%s does not declare its nodata value: 255 is taken for it", strips.path)
    named = {cls.id: cls for cls in strips.legend.foreground} if strips.legend is not None else {}
    unnamed = found - {BACKGROUND, NODATA} - named.keys()
    if len(unnamed) > _MOST_UNNAMED:
        raise SceneError(
            f"{strips.path} holds {len(unnamed)} values without a name, as images do; give class ids, or probabilities "
            f"with a scale"
        )
    ids = sorted(found - {BACKGROUND, NODATA} | set(named)) or [1]
    return tuple(named.get(number) or LegendClass(number, f"class_{number}", colour_of(number)) for number in ids)


def _ids(strips: Iterable[Block]) -> set[int]:
    seen = np.zeros(256, bool)
    for strip in strips:
        for rows in np.array_split(strip.values[0], max(1, strip.values.size >> 20)):
            seen[rows] = True
    return set(np.flatnonzero(seen).tolist())


def _tracked(blocks: Iterable[Block], strips: Strips, stage: str, track: Track) -> Iterator[Block]:
    megapixels = strips.frame.height * strips.frame.width / 1e6
    return track(blocks, stage, total=megapixels, unit="Mpx", amount=lambda block: block.window.area / 1e6)
