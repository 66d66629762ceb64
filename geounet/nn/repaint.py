"""Repaint: buildings, one by one, and patches of the ground get other colours, so that no colour tells them apart.

Roofs of one town are much alike, and a network that has seen white ones alone looks for white. A roof of another colour
keeps its shading, its edges and what stands around it: these are what is left to know a building by. Patches of the
ground, which have no shape in particular, are repainted as well, so that fresh paint does not give a building away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
_AROUND = np.ones((3, 3), np.uint8)  # pixels over which paint gives way to what is beside it, as in any photograph

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
        objects = np.isin(labels, self.classes).astype(np.uint8)
        if rng.random() < GROUND:
            for _ in range(int(rng.integers(1, _PATCHES + 1))):
                _paint(image, _patch(objects, rng), self._colour(rng), rng)
        shared = self._colour(rng) if rng.random() < ALIKE else None
        for place, inside in _each(objects):
            if rng.random() < OBJECTS:
                _paint(image[place], inside, self._colour(rng) if shared is None else shared, rng)
        return _as(image, pixels.dtype)

    def _colour(self, rng: np.random.Generator) -> Floats:
        """Any colour from dark to bright, more often a dull one than a vivid one."""
        tint = rng.uniform(-_VIVID, _VIVID, len(self.mean))
        drawn = rng.uniform(*_REACH) + rng.random() * (tint - tint.mean())
        colour: Floats = self.mean + self.std * drawn.astype(np.float32)
        return colour


def _each(objects: Array) -> Iterator[tuple[tuple[slice, ...], Floats]]:
    """Where each object is in (bands, height, width), two pixels around it included, and how much of each to paint.

    The paint ends outside of the object: a rim of the old colour would give it away.
    """
    from scipy import ndimage  # not needed where nothing is repainted

    number = cv2.connectedComponents(objects, connectivity=4)[1]
    for each, place in enumerate(ndimage.find_objects(number), start=1):
        rows, cols = (slice(max(0, side.start - 2), side.stop + 2) for side in place)
        inside = cv2.dilate((number[rows, cols] == each).astype(np.float32), _AROUND)
        yield (slice(None), rows, cols), np.asarray(cv2.blur(inside, _AROUND.shape), np.float32)


def _patch(objects: Array, rng: np.random.Generator) -> Floats:
    """How much of each pixel belongs to a patch of the ground of no shape in particular, its edge soft or sharp."""
    coarse = rng.standard_normal((int(rng.integers(3, 9)),) * 2, dtype=np.float32)
    smooth = cv2.resize(coarse, (64, 64), interpolation=cv2.INTER_CUBIC)
    field = np.asarray(cv2.resize(smooth, objects.shape[::-1]), np.float32)
    field -= np.float32(rng.uniform(0, 0.8))
    field *= np.float32(rng.uniform(3, 12))
    np.clip(field, 0, 1, out=field)
    field *= 1 - objects
    return field


def _paint(image: Floats, inside: Floats, colour: Floats, rng: np.random.Generator) -> None:
    """Give part of an image another mean colour; how pixels differ from it stays, with more or less contrast.

    Args:
        image: (bands, height, width) float32, which is changed.
        inside: (height, width) float32, share of each pixel that is painted.
    """
    core = (inside > _WHOLLY).astype(np.float32)  # its edge has the colour of what is beside it as well
    total = float(core.sum())
    if total < _FEWEST:
        return
    contrast, cover = np.float32(rng.uniform(*_CONTRAST)), np.float32(rng.uniform(*_COVER))
    amount = cover * inside
    scale = 1 + (contrast - 1) * amount
    for band, wanted in zip(image, colour, strict=True):
        mean = np.float32(np.vdot(band, core) / total)
        # band + amount * (wanted + contrast * (band - mean) - band), in few passes over the pixels
        np.multiply(band, scale, out=band)
        np.add(band, amount * (wanted - contrast * mean), out=band)


def _as(image: Floats, dtype: np.dtype[np.generic]) -> Array:
    """Pixels in their own dtype, rounded to what it holds; the image is used up."""
    if dtype.kind != "f":
        limits = np.iinfo(str(dtype))
        np.clip(np.rint(image, out=image), limits.min, limits.max, out=image)
    return image.astype(dtype)
