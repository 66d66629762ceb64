"""Source: pixels of one grid, whether they come from a file, from another grid, or from many sheets."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.card import ModelCard
from geounet.errors import SettingsError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.bands import Bands

Nodata = float | Literal["auto", "none"]
Decoded = tuple[Array, NDArray[np.bool_]]


class Source(Protocol):
    """Pixels on a grid of their own.

    Attributes:
        frame: shape and place.
        reference: the frame that tells the size of a pixel on the ground; of a mosaic, its first sheet's.
        extents: rectangles of the frame that files fill, many for a file that lies askew; elsewhere there is nothing.
        dtype: of the pixels that are decoded.
        stored_dtype: of the files' pixels, before they are stretched.
        block_shape: rows and columns that are decoded together.
        decoded: pixels decoded so far, in whole blocks as far as they lie in their file.
    """

    @property
    def frame(self) -> Frame: ...
    @property
    def reference(self) -> Frame: ...
    @property
    def extents(self) -> Sequence[Window]: ...
    @property
    def bands(self) -> Bands: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...
    @property
    def stored_dtype(self) -> np.dtype[np.generic]: ...
    @property
    def block_shape(self) -> tuple[int, int]: ...
    @property
    def decoded(self) -> int: ...
    @property
    def paths(self) -> Sequence[str]: ...
    @property
    def identity(self) -> list[dict[str, object]]: ...

    def decode(self, window: Window, shape: tuple[int, int] | None = None) -> Decoded:
        """Pixels (bands, h, w) of a window in the frame and where they are valid (h, w).

        Args:
            shape: of a smaller picture of the window, by nearest neighbour; overviews of the files may be used for it,
                and what cannot be read is missing in it.
        """
        ...

    def forget(self, row: int) -> None:
        """Let go of what is kept of rows above this one; they may still be asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Values from `low` to `high` are brought to the whole range of a type of whole numbers, or to 0..1 of floats."""

    low: float
    high: float
    dtype: str

    def __post_init__(self) -> None:
        if not (self.low < self.high and math.isfinite(self.high - self.low)):
            raise SettingsError(f"stretch {self.low:g},{self.high:g} must give a smaller number, then a larger one")

    def applied(self, values: Array) -> Array:
        """The values (any shape) in the type wanted; those beyond the two ends become the ends, NaN becomes `low`."""
        inside = np.nan_to_num(values.astype("float64"), nan=self.low).clip(self.low, self.high)
        first, last = ends_of(np.dtype(self.dtype))
        values = first + (inside - self.low) / (self.high - self.low) * (last - first)
        stretched: Array = (values if self.dtype.startswith("f") else np.rint(values)).astype(self.dtype)
        return stretched


def stretch_for(card: ModelCard, ends: tuple[float, float] | None) -> Stretch | None:
    """What brings values between two ends to the type that a model was trained on; None without ends.

    Raises:
        SettingsError: ends without extent, or a model of floats that do not lie around 0..1.
    """
    if ends is None:
        return None
    if np.dtype(card.dtype).kind == "f" and not all(0 <= mean <= 1 for mean in card.mean):
        means = ", ".join(f"{mean:g}" for mean in card.mean)
        raise SettingsError(
            f"a stretch gives values of 0 to 1, the model was trained on {card.dtype} with means of {means}; "
            "bring the scene to the values of the training scenes"
        )
    return Stretch(*ends, card.dtype)


def ends_of(dtype: np.dtype[np.generic]) -> tuple[float, float]:
    """Smallest and largest value of a type of whole numbers; 0 and 1 for floats."""
    if dtype.kind == "f":
        return 0.0, 1.0
    ends = np.iinfo(dtype.name)
    return float(ends.min), float(ends.max)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read.

    Args:
        bands: numbers from 1, in the order the network sees them; auto takes all but alpha, or, where `colours` are
            given, the bands of those colours.
        colours: of the bands wanted, in GDAL's words; a file that cannot give them is refused.
        nodata: auto is what the file declares; none lets every value count; or a value.
        stretch: how values are brought to another type; None leaves them.
        unreadable: told the path and the window of a block that cannot be read, which then has no data; where it is
            None such a block is an error.
        spool: a folder for what is decoded of files that cannot be read in pieces cheaply; None decodes it again.
    """

    bands: Sequence[int] | Literal["auto"] = "auto"
    colours: Sequence[str] | None = None
    nodata: Nodata = "auto"
    stretch: Stretch | None = None
    unreadable: Callable[[str, Window], None] | None = None
    spool: Path | None = None


def blocks_of(window: Window, block: tuple[int, int]) -> Iterator[Window]:
    """The blocks of a shape that a window touches, row by row."""
    whole, (height, width) = touched(window, block), block
    for row in range(whole.row, whole.row + whole.height, height):
        for col in range(whole.col, whole.col + whole.width, width):
            yield Window(row, col, height, width)


def touched(window: Window, block: tuple[int, int]) -> Window:
    """The whole blocks that a window touches, as one window."""
    (height, width), (row, col) = block, (window.row, window.col)
    top, left = row // height * height, col // width * width
    bottom, right = -(-(row + window.height) // height) * height, -(-(col + window.width) // width) * width
    return Window(top, left, bottom - top, right - left)


def piece_shape(block: tuple[int, int], largest: int) -> tuple[int, int]:
    """Rows and columns of about `largest` pixels that are made of whole blocks; at least one block."""
    block_height, block_width = block
    width = -(-math.isqrt(largest) // block_width) * block_width
    return max(1, largest // width // block_height) * block_height, width


def pieces(window: Window, block: tuple[int, int], largest: int) -> Iterator[Window]:
    """A window in pieces of about `largest` pixels whose edges lie on whole blocks."""
    for piece in blocks_of(window, piece_shape(block, largest)):
        yield piece.within(window)
