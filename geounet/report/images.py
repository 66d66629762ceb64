"""Pictures that a page carries inside it, each as large as the room that there is for it allows."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geounet.block import Array

_QUALITIES = (82, 70, 55, 40)  # of WebP; below, a smaller picture is the better one
_LEAST = 64  # pixels of a side below which no picture is made smaller

Rgba = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file in memory, and its rows and columns."""

    kind: str
    data: bytes
    shape: tuple[int, int]

    @property
    def uri(self) -> str:
        """The picture as an address that holds it."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode('ascii')}"

    @property
    def room(self) -> int:
        """Bytes that the address takes."""
        return len(self.uri)


def photograph(image: NDArray[np.uint8], valid: NDArray[np.bool_], room: int) -> Picture:
    """A picture of colours (h, w, 3) in at most `room` bytes of a page, transparent where it is not valid."""
    if not valid.all():
        image = np.dstack([image, np.where(valid, 255, 0).astype(np.uint8)])
    return _fitting(Image.fromarray(image), room)


def flat(indices: NDArray[np.uint8], palette: Sequence[Rgba], room: int) -> Picture:
    """A picture of few colours, each pixel (h, w) the number of one, without loss in at most `room` bytes of a page."""
    colours, alphas = [value for rgba in palette for value in rgba[:3]], bytes(rgba[3] for rgba in palette)
    while True:
        image = Image.fromarray(indices)
        image.putpalette(colours)
        found = _encoded(image, "png", transparency=alphas, compress_level=9)
        if found.room <= room or min(indices.shape) < 2 * _LEAST:
            return found
        indices = indices[::2, ::2]


def again(png: bytes, largest: int, room: int) -> Picture:
    """A PNG of ours as a picture with no side above `largest`, in at most `room` bytes of a page."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        whole = image.convert("RGB")
    whole.thumbnail((largest, largest))
    return _fitting(whole, room)


def ramp(stops: Sequence[tuple[float, Rgba]], count: int) -> list[Rgba]:
    """Colours of `count` equal steps from 0 to 1 between stops at 0, ..., 1."""
    at = (np.arange(count) + 0.5) / count
    places, colours = [place for place, _ in stops], np.array([colour for _, colour in stops], float)
    mixed: Array = np.stack([np.interp(at, places, channel) for channel in colours.T], axis=1).round().astype(int)
    return [(red, green, blue, alpha) for red, green, blue, alpha in mixed.tolist()]


def _fitting(image: Image.Image, room: int) -> Picture:
    while True:
        for quality in _QUALITIES:
            found = _encoded(image, "webp", quality=quality, method=4)
            if found.room <= room:
                return found
        if min(image.size) < 2 * _LEAST:
            return found
        image = image.reduce(2)


def _encoded(image: Image.Image, kind: str, **options: object) -> Picture:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return Picture(kind, target.getvalue(), (image.height, image.width))
