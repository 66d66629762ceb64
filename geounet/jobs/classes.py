"""Which classes a raster holds, and what they are called."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from geounet.block import Block
from geounet.errors import LegendError, SceneError
from geounet.io.strips import Strips
from geounet.jobs.pipeline import ahead
from geounet.legend import BACKGROUND, NODATA, Legend, LegendClass, colour_of
from geounet.rule import LEVELS

log = logging.getLogger(__name__)

Tracked = Callable[[Iterable[Block], str], Iterator[Block]]

_MOST_UNNAMED = 32  # classes; a raster of more is an image
_EVEN = 0.5  # the threshold that asks for nothing but the likelier
_CONTACT = "contact"  # the band of lines between near neighbours, which is no class of a map


def class_bands(strips: Strips) -> list[int]:
    """Numbers of the bands that hold a class: all but geounet's own last one of contact."""
    bands = list(range(1, len(strips.names) + 1))
    has_contact = len(bands) > 1 and strips.names[-1] == _CONTACT and strips.has_own_levels
    return bands[:-1] if has_contact else bands


def band_classes(strips: Strips) -> tuple[LegendClass, ...]:
    """The class of each band of probabilities: the raster's legend, else its descriptions, else numbers."""
    bands = class_bands(strips)
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


@dataclass(frozen=True, slots=True)
class ClassIds:
    """The classes of a raster of class ids.

    Attributes:
        classes: in the order of their ids.
        is_mask: whether its 255 stands for the one class, whose id is 1 here.
    """

    strips: Strips
    classes: tuple[LegendClass, ...]
    is_mask: bool = False

    def read(self, *, depth: int = 1) -> Iterator[Block]:
        """Strips of ids, (1, height, width) uint8: 0, those of the classes, and 255 for nodata.

        Args:
            depth: how many bands are to be held of a strip.

        Raises:
            SceneError: a strip that cannot be read, or that holds an id without a name.
        """
        doubted = not (self.strips.declares_nodata or self.is_mask)
        for block in self.strips.read(depth=depth):
            if self.is_mask:
                yield Block(block.window, np.minimum(block.values, 1))
                continue
            highest = int(block.values.max())
            holds_nodata = highest == NODATA
            if holds_nodata:
                highest = int((block.values + np.uint8(1)).max()) - 1  # of 255 that is -1
            if highest > self.classes[-1].id:
                row, col = np.argwhere(block.values[0] == highest)[0]
                raise SceneError(
                    f"{self.strips.path} holds {highest} at row {block.window.row + row}, column "
                    f"{block.window.col + col}, which is none of the {len(self.classes)} classes that are named beside "
                    f"it; complete the names, or remove them"
                )
            if doubted and holds_nodata:
                log.warning("%s does not declare its nodata value: 255 is taken for it", self.strips.path)
                doubted = False
            yield block


@dataclass(frozen=True, slots=True)
class Likeliest:
    """Class ids of a map's probabilities of several classes, of which one holds in each pixel: the likeliest.

    Attributes:
        classes: in the order of their bands, the first of the raster.
    """

    strips: Strips
    classes: tuple[LegendClass, ...]

    def read(self, *, depth: int = 1) -> Iterator[Block]:
        """Strips of ids, (1, height, width) uint8, as `ClassIds.read` gives them."""
        bands = len(self.classes)
        for block in self.strips.read(depth=depth + bands):
            levels = self.strips.window(block.window).values[:bands].astype(np.int32)
            background = np.maximum(LEVELS - levels.sum(axis=0, keepdims=True), 0)
            ids = np.concatenate([background, levels]).argmax(axis=0).astype(np.uint8)
            yield Block(block.window, np.where(block.values == NODATA, NODATA, ids).astype(np.uint8))


def is_of_likeliest(strips: Strips, threshold: float) -> bool:
    """Whether a raster holds probabilities of several classes, of which a map that geounet made takes the likeliest.

    Another tool's bands may be questions of their own, and another threshold asks each band for itself.
    """
    own = strips.is_probability and strips.has_own_levels and bool(strips.tags)
    return own and threshold == _EVEN and len(class_bands(strips)) > 1


def class_ids(strips: Strips, tracked: Tracked) -> ClassIds:
    """The legend's classes; of a raster without a legend those that it holds, for which it is read once more.

    Raises:
        SceneError: an image, by the number of its values.
    """
    if strips.legend is not None:
        return ClassIds(strips, strips.legend.foreground)
    with closing(ahead(tracked(strips.read(), "looking for classes"))) as blocks:
        found = _ids(blocks)
    if NODATA in found and found <= {BACKGROUND, NODATA} and not strips.declares_nodata:
        return ClassIds(strips, (LegendClass(1, "class_255", colour_of(1)),), is_mask=True)
    ids = sorted(found - {BACKGROUND, NODATA}) or [1]
    if len(ids) > _MOST_UNNAMED:
        raise SceneError(
            f"{strips.path} holds {len(ids)} values without a name, as images do; give class ids, or probabilities "
            f"with a scale"
        )
    named = (LegendClass(number, f"class_{number}", strips.colours.get(number, colour_of(number))) for number in ids)
    return ClassIds(strips, tuple(named))


def _ids(strips: Iterable[Block]) -> set[int]:
    """The values that there are, and 0."""
    seen = np.zeros(256, bool)
    seen[BACKGROUND] = True
    for strip in strips:
        values = np.ascontiguousarray(strip.values[0]).ravel()
        words = values[: values.size // 8 * 8].view(np.uint64)
        # of a mask all values together have one bit, and no pixel needs to be looked at for itself
        bits = int(np.bitwise_or.reduce(np.bitwise_or.reduce(words, keepdims=True).view(np.uint8)))
        bits |= int(np.bitwise_or.reduce(values[words.size * 8 :]))
        if bits.bit_count() < 2:
            seen[bits] = True
            continue
        # eight pixels that are as the eight before them hold nothing new: most are
        changed = np.append(True, words[1:] != words[:-1])[: words.size]
        seen[words[changed].view(np.uint8)] = True
        seen[values[words.size * 8 :]] = True
    return set(np.flatnonzero(seen).tolist())
