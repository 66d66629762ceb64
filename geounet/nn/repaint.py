"""Repaint: buildings, one by one, and patches of the ground get other colours, so that no colour tells them apart.

Roofs of one town are much alike, and a network that has seen white ones alone looks for white. A roof of another colour
keeps its shading, its edges and what stands around it: these are what is left to know a building by. Patches of the
ground, which have no shape in particular, are repainted as well, so that fresh paint does not give a building away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle

import cv2
import numpy as np
from numpy.typing import NDArray

from geounet.block import Array

SHARE = 0.8  # of the samples are repainted
OBJECTS = 0.8  # of the buildings in them
ALIKE = 0.3  # of the samples: all new roofs have one colour, as those of a housing estate have
GROUND = 0.7  # of the samples: patches of the ground are repainted, too
_PATCHES = 3  # at most
_FEWEST = 12  # pixels: what is smaller has no colour of its own
_REACH = -1.6, 2.2  # deviations from the mean, of the darkest and the brightest new colours
_VIVID = 2.4  # deviations by which the bands of a colour go up or down
_CONTRAST = 0.3, 1.2  # of a surface, times what it had
_COVER = 0.75, 1.0  # of what is painted; the rest shows through
_WHOLLY = 0.99  # share of a pixel
_GROUND = np.eye(1, 256, dtype=np.float32)[0]  # 1 where there is no object
_AROUND = 3, 3  # pixels over which paint gives way to what is beside it

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Repaint:
    """How samples are repainted.

    Args:
        classes: ids of those whose objects are buildings.
        mean, std: of each band over the training windows, (bands,) float32: colours are drawn by them.
    """

    classes: Sequence[int]
    mean: Floats
    std: Floats

    def __call__(self, pixels: Array, labels: Array, rng: np.random.Generator) -> Array:
        """A sample's pixels (bands, height, width) in other colours, by its labels (height, width) uint8."""
        if rng.random() >= SHARE:
            return pixels
        image = pixels.astype(np.float32)
        objects = cv2.LUT(labels, self._is_object)
        if rng.random() < GROUND:
            ground = np.asarray(cv2.LUT(objects, _GROUND), np.float32)
            for colour in self._colours(int(rng.integers(1, _PATCHES + 1)), rng):
                _paint(image, _patch(ground, rng), colour, rng)
        roofs = list(_each(objects, rng))
        colours = self._colours(1 if rng.random() < ALIKE else len(roofs), rng)
        for (place, inside), colour in zip(roofs, cycle(colours), strict=False):
            _paint(image[place], inside, colour, rng)
        return _as(image, pixels.dtype)

    @cached_property
    def _is_object(self) -> Array:
        """1 for each label that is an object's, else 0; (256,) uint8."""
        found = np.zeros(256, np.uint8)
        found[list(self.classes)] = 1
        return found

    def _colours(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, bands) any colours from dark to bright, more often dull ones than vivid ones."""
        tint = rng.uniform(-_VIVID, _VIVID, (count, len(self.mean)))
        tint -= tint.mean(axis=1, keepdims=True)
        drawn = rng.uniform(*_REACH, (count, 1)) + rng.random((count, 1)) * tint
        colours: Floats = self.mean + self.std * drawn.astype(np.float32)
        return colours


def _each(objects: Array, rng: np.random.Generator) -> Iterator[tuple[tuple[slice, ...], Floats]]:
    """Where each object that is drawn lies in (bands, height, width), with two pixels around it, and how much to paint.

    What meets at a corner is one object; what stands in a courtyard is another than what is around it.

    The paint is half of what is seen at the object's edge, as in a photograph. Were it to end farther out, where no rim
    of the old colour is left, roofs would be learned to end inside of what looks like a roof.
    """
    outlines, hierarchy = cv2.findContours(objects, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    around = [] if hierarchy is None else hierarchy[0, :, 3].tolist()  # of a hole, the number of what it is in
    outer = (number for number, parent in enumerate(around) if parent < 0)
    # lots are drawn row by row, in whichever order OpenCV comes upon them
    for number in sorted(outer, key=lambda number: outlines[number][0, 0, ::-1].tolist()):
        if rng.random() >= OBJECTS:
            continue
        col, row, width, height = cv2.boundingRect(outlines[number])
        left, top = max(0, col - 2), max(0, row - 2)
        rows, cols = slice(top, row + height + 2), slice(left, col + width + 2)
        holes = [outlines[hole] for hole, parent in enumerate(around) if parent == number]
        inside = np.zeros(objects[rows, cols].shape, np.uint8)
        cv2.drawContours(inside, [outlines[number], *holes], -1, 1, cv2.FILLED, offset=(-left, -top))
        yield (slice(None), rows, cols), np.asarray(cv2.boxFilter(inside, cv2.CV_32F, _AROUND), np.float32)


def _patch(ground: Floats, rng: np.random.Generator) -> Floats:
    """How much of each pixel belongs to a patch of the ground of no shape in particular, its edge soft or sharp.

    Args:
        ground: (height, width) float32, 1 where a patch may be, else 0.
    """
    coarse = rng.standard_normal((int(rng.integers(3, 9)),) * 2, dtype=np.float32)
    smooth = np.asarray(cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC), np.float32)
    smooth -= np.float32(rng.uniform(0, 0.8))
    smooth *= np.float32(rng.uniform(3, 12))
    field = np.asarray(cv2.resize(smooth, ground.shape[::-1]), np.float32)
    np.clip(field, 0, 1, out=field)
    field *= ground
    return field


def _paint(image: Floats, inside: Floats, colour: Floats, rng: np.random.Generator) -> None:
    """Give part of an image another mean colour; how pixels differ from it stays, with more or less contrast.

    Args:
        image: (bands, height, width) float32, which is changed.
        inside: (height, width) float32, share of each pixel that is painted.
    """
    core = cv2.threshold(inside, _WHOLLY, 1, cv2.THRESH_BINARY)[1]  # its edge has the colour of what is beside it, too
    total = cv2.countNonZero(core)
    if total < _FEWEST:
        return
    contrast, cover = rng.uniform(*_CONTRAST), rng.uniform(*_COVER)
    # image + cover * inside * (colour + contrast * (image - mean) - image), in few passes over the pixels
    gain = inside * np.float32(cover * (contrast - 1))
    gain += 1
    for band, value in zip(image, colour.tolist(), strict=True):
        mean = float(np.vdot(band, core)) / total
        cv2.multiply(band, gain, band)
        cv2.scaleAdd(inside, cover * (value - contrast * mean), band, band)


def _as(image: Floats, dtype: np.dtype[np.generic]) -> Array:
    """Pixels in their own dtype, rounded to what it holds; the image is used up."""
    if dtype.kind == "f":
        return image.astype(dtype, copy=False)
    if dtype == np.uint8:  # in a tenth of the time
        flat = image.reshape(-1, image.shape[-1])
        above = cv2.threshold(flat, 0, 0, cv2.THRESH_TOZERO, dst=flat)[1]
        return np.asarray(cv2.convertScaleAbs(above), np.uint8).reshape(image.shape)
    limits = np.iinfo(str(dtype))
    np.clip(image, limits.min, limits.max, out=image)
    return np.rint(image, out=image).astype(dtype)
