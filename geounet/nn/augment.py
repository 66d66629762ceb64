"""Augmentation: what else the training windows could have looked like.

The geometry is that of pictures taken from above, which have no up and down: the eight flips and turns of a square, and
a scale of up to 1.6 times. Light and colour are shifted widely, and roofs get colours of their own
(`geounet.nn.repaint`): the next town has other roofs, and larger or smaller ones. Imagery of three 8-bit bands red,
green, blue goes through albumentations; any other through gain, shift and gamma of each band in units of the training
windows' own mean and deviation.
"""

import math
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from geounet.block import Array
from geounet.errors import SettingsError
from geounet.nn.repaint import Repaint

AUGMENTS = ("standard", "flips", "none", "strong")
SCALE = 1.6  # most a sample is made larger or smaller
RECOLOURED = 0.75  # of the samples have another light, or other colours, where these are varied
RGB = ("red", "green", "blue")

Colouring = Callable[[Array, int], Array]
_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
_MOVED: Mapping[int, type[np.generic]] = {1: np.uint8, 2: np.uint16, 4: np.int32, 8: np.float64}


@dataclass(frozen=True)
class Augmentation:
    """How samples are varied, by name, for imagery of these bands.

    Args:
        name: none (windows as they are), flips (any place, the eight flips and turns), standard (also scale, light
            and colour), strong (also blur, noise, shadow and shuffled bands).
        mean, std: of each band, in the scenes' units.
        buildings: ids of classes whose objects are given other colours, one by one, where light and colour vary.

    Raises:
        SettingsError: a name that no augmentation has.
    """

    name: str
    colours: tuple[str, ...]
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    buildings: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in AUGMENTS:
            raise SettingsError(f"augmentation {self.name!r} is unknown; use one of {', '.join(AUGMENTS)}, or a file")

    @property
    def moves(self) -> bool:
        """Whether samples are taken at any place, or only where the windows lie."""
        return self.name != "none"

    @property
    def colours_change(self) -> bool:
        return self.name in ("standard", "strong")

    @property
    def _of_rgb(self) -> bool:
        return self.dtype == "uint8" and self.colours == RGB

    @property
    def sample_dtype(self) -> np.dtype[np.generic]:
        """Of the samples' pixels."""
        return np.dtype("float32" if self.colours_change and not self._of_rgb else self.dtype)

    def side(self, size: int, rng: np.random.Generator) -> int:
        """Side in pixels of the crop that becomes a sample of `size`."""
        if not self.colours_change:
            return size
        return round(size * math.pow(SCALE, rng.uniform(-1, 1)))

    def apply(self, pixels: Array, labels: Array, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The crop (bands, side, side) with its labels (side, side) as a varied sample of `size`."""
        if self.moves:
            pixels, labels = turned(pixels, labels, int(rng.integers(8)))
        pixels, labels = resized(pixels, size), resized_labels(labels, size)
        if self.colours_change:
            if self.buildings:
                pixels = self._repaint(pixels, labels, rng)
            pixels = self._coloured(pixels, rng)
        return np.ascontiguousarray(pixels), np.ascontiguousarray(labels)

    def _coloured(self, pixels: Array, rng: np.random.Generator) -> Array:
        if self._of_rgb:
            image = self._rgb(cv2.merge(list(pixels)), int(rng.integers(2**31)))
            coloured = np.empty(pixels.shape, np.uint8)
            cv2.split(image, list(coloured))
            return coloured
        varied = light(pixels, np.asarray(self.mean, "float32"), np.asarray(self.std, "float32"), rng)
        if self.name == "strong":
            varied = grain(varied, np.asarray(self.std, "float32"), rng)
        return varied

    @cached_property
    def _repaint(self) -> Repaint:
        return Repaint(self.buildings, np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32))

    @cached_property
    def _rgb(self) -> Colouring:
        return rgb_colouring(strong=self.name == "strong")

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_rgb"}


def turned(pixels: Array, labels: Array, which: int) -> tuple[Array, Array]:
    """One of the eight flips and turns of a square, 0 being none."""
    if which == 0:
        return pixels, labels
    result = np.empty(pixels.shape, pixels.dtype)
    for source, target in zip(_bits(pixels), _bits(result), strict=True):
        _turn(source, target, which)
    moved = np.empty_like(labels)
    _turn(np.ascontiguousarray(labels), moved, which)
    return result, moved


def _bits(pixels: Array) -> Array:
    """Pixels as numbers of the same length that OpenCV can move; they stay the same bits."""
    values: Array = np.ascontiguousarray(pixels).view(_MOVED[pixels.dtype.itemsize])
    return values


def _turn(source: Array, target: Array, which: int) -> None:
    """Fill a square with another turned; by OpenCV, which is ten times as quick as copying a turned view."""
    turns, mirrored = which % 4, which >= 4
    if mirrored and turns == 3:
        cv2.transpose(source, target)
    elif mirrored and turns == 1:
        cv2.flip(cv2.transpose(source), -1, target)
    elif mirrored:
        cv2.flip(source, 1 if turns == 0 else 0, target)
    else:
        cv2.rotate(source, _TURNS[turns], target)


def resized(pixels: Array, size: int) -> Array:
    """Pixels (bands, side, side) as (bands, size, size), bilinear, in a dtype that torch can take."""
    if pixels.shape[1:] == (size, size):
        return pixels
    dtype = pixels.dtype if pixels.dtype in (np.uint8, np.uint16, np.int16) else np.dtype(np.float32)
    result = np.empty((len(pixels), size, size), dtype)
    for band, target in zip(pixels, result, strict=True):  # OpenCV interleaves no more than four
        cv2.resize(np.ascontiguousarray(band, dtype), (size, size), dst=target)
    return result


def resized_labels(labels: Array, size: int) -> Array:
    """Labels (side, side) as (size, size): that of the pixel whose area holds the new centre."""
    if labels.shape == (size, size):
        return labels
    resampled: Array = cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)
    return resampled


def light(pixels: Array, mean_C: Array, std_C: Array, rng: np.random.Generator) -> Array:
    """Another light, float32: contrast, brightness and gamma of all bands, and a cast of each band of its own."""
    bands = len(pixels)
    gain = np.exp(rng.uniform(-0.35, 0.35) + rng.uniform(-0.15, 0.15, bands))
    shift = rng.uniform(-0.5, 0.5) + rng.uniform(-0.25, 0.25, bands)
    bend = rng.uniform(-0.12, 0.12)
    z = (pixels.astype(np.float32) - mean_C[:, None, None]) / std_C[:, None, None]
    # a parabola inside +-2 deviations, straight beyond: a gamma for values of any range and sign
    z += np.float32(bend) * np.where(np.abs(z) < 2, z * z - 1, 4 * np.abs(z) - 5).astype(np.float32)
    z = z * gain.astype(np.float32)[:, None, None] + shift.astype(np.float32)[:, None, None]
    varied: Array = z * std_C[:, None, None] + mean_C[:, None, None]
    return varied


def grain(pixels: Array, std_C: Array, rng: np.random.Generator) -> Array:
    """Blur or noise, each now and then, on float32 pixels of any units."""
    if rng.random() < 0.3:
        sigma = rng.uniform(0.5, 1.2)
        pixels = np.stack([cv2.GaussianBlur(np.ascontiguousarray(band), (5, 5), sigma) for band in pixels])
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32)
        pixels = pixels + noise * (rng.uniform(0.03, 0.15) * std_C)[:, None, None].astype(np.float32)
    return pixels


def rgb_colouring(*, strong: bool) -> Colouring:
    """Light and colour for 8-bit red, green, blue: (height, width, 3) uint8 and a seed -> the same shape."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else its import asks a server for a newer version
    import albumentations as A  # noqa: N812 - the name its users know; and it takes seconds

    steps = [
        A.RandomBrightnessContrast(brightness_limit=(-0.25, 0.25), contrast_limit=(-0.3, 0.3), p=0.7),
        A.RandomGamma(gamma_limit=(65, 150), p=0.4),
        A.HueSaturationValue(hue_shift_limit=(-20, 20), sat_shift_limit=(-60, 50), val_shift_limit=(-25, 25), p=0.6),
        # a cast of each band: haze, white balance
        A.MultiplicativeNoise(multiplier=(0.85, 1.15), per_channel=True, p=0.4),
        A.ToGray(p=0.08),
    ]
    if strong:
        steps += [
            A.HueSaturationValue(hue_shift_limit=(-60, 60), p=0.25),
            A.ChannelShuffle(p=0.1),
            A.RandomShadow(p=0.25),
            A.CLAHE(clip_limit=(1, 3), p=0.1),
            A.OneOf(
                [
                    A.GaussianBlur(blur_limit=(3, 5)),
                    A.GaussNoise(std_range=(0.01, 0.05)),
                    A.ImageCompression(quality_range=(50, 90)),
                ],
                p=0.4,
            ),
        ]
    pipeline = A.Compose(steps, p=RECOLOURED, seed=0)

    def coloured(image: Array, seed: int) -> Array:
        # not set_random_seed: it gives each step the same numbers, so that what one does goes along with another
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        changed: Array = pipeline(image=image)["image"]
        return changed

    return coloured
