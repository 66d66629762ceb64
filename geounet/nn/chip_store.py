"""The training windows of one or several folders, opened where they are read; crops at any place among them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from geounet.block import Array
from geounet.chips import ChipsCard
from geounet.errors import ChipsError
from geounet.grid import Window
from geounet.legend import CONTACT, IGNORE

# The largest class id is 252, so that 253 is free to say in a sample: no imagery here, and ignored.
VOID = 253


class Part(NamedTuple):
    """What a crop has of a window: its number, first pixel, and the rows and columns of the scene that both have.

    A tuple, because some are made for every sample.
    """

    number: int
    start: tuple[int, int]
    rows: tuple[int, int]
    cols: tuple[int, int]

    @property
    def window(self) -> Window:
        return Window(self.rows[0], self.cols[0], self.rows[1] - self.rows[0], self.cols[1] - self.cols[0])

    @property
    def area(self) -> int:
        return (self.rows[1] - self.rows[0]) * (self.cols[1] - self.cols[0])

    def seen_from(self, origin: tuple[int, int]) -> tuple[slice, slice]:
        """The same pixels, counted from a pixel of the scene."""
        row, col = origin
        return slice(self.rows[0] - row, self.rows[1] - row), slice(self.cols[0] - col, self.cols[1] - col)


def covered(parts: Iterable[Part]) -> int:
    """Pixels that the parts cover, counted once for each window: enough to judge a place by."""
    return sum(part.area for part in parts)


@dataclass(frozen=True)
class ChipFolder:
    """A folder of training windows; it carries its path, and opens the arrays where they are first read.

    Raises:
        ChipsError: arrays that are missing, damaged, or not what chips.json says.
    """

    path: Path
    card: ChipsCard

    @classmethod
    def open(cls, path: Path) -> "ChipFolder":
        folder = cls(path, ChipsCard.read(path))
        count, size = len(folder.card.windows), folder.card.size
        folder._check("images.npy", folder._images, (count, folder.card.bands, size, size), folder.card.dtype)
        folder._check("labels.npy", folder._labels, (count, size, size), "uint8")
        return cls(path, folder.card)  # without the open arrays, which a worker process must not inherit

    def _check(self, name: str, array: Array, shape: tuple[int, ...], dtype: str) -> None:
        if array.shape != shape or array.dtype != np.dtype(dtype):
            raise ChipsError(
                f"{self.path / name} is {array.shape} {array.dtype} where chips.json says {shape} {dtype}; "
                f"tile the scene again"
            )

    def _mapped(self, name: str) -> Array:
        try:
            # as a plain array: every look into a memmap makes an object of its own
            array: Array = np.load(self.path / name, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        except (OSError, ValueError, EOFError) as error:
            raise ChipsError(f"{self.path / name} cannot be read ({error}); tile the scene again") from error
        return array

    @cached_property
    def _images(self) -> Array:
        return self._mapped("images.npy")

    @cached_property
    def _labels(self) -> Array:
        return self._mapped("labels.npy")

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "card": self.card}

    @cached_property
    def _filling(self) -> Array:
        return np.asarray(self.card.fill, dtype=self.card.dtype)[:, None, None]

    def window(self, number: int) -> tuple[Array, Array]:
        """Pixels (bands, size, size) in the scene's dtype and labels (size, size) uint8, VOID where invalid."""
        return self._marked(np.array(self._images[number]), np.array(self._labels[number]))

    def labels(self, number: int) -> Array:
        """Labels of a window as they are on disk, (size, size) uint8."""
        return np.asarray(self._labels[number])

    def _marked(self, pixels: Array, labels: Array) -> tuple[Array, Array]:
        """With VOID in the labels where the scene has no pixel: there tiling has put the fill."""
        ignored = labels == IGNORE
        if ignored.any():
            labels[ignored & (pixels == self._filling).all(axis=0)] = VOID
        return pixels, labels

    @cached_property
    def _starts(self) -> dict[str, dict[tuple[int, int, int], list[tuple[int, int, int]]]]:
        """Number, row and column of each split's windows by scene and by the size-wide cell that they begin in."""
        cells: dict[str, dict[tuple[int, int, int], list[tuple[int, int, int]]]] = {}
        size = self.card.size
        for number, window in enumerate(self.card.windows):
            of_split = cells.setdefault(window.split, defaultdict(list))
            of_split[window.scene, window.row // size, window.col // size].append((number, window.row, window.col))
        return cells

    def place(self, number: int) -> Window:
        """Where a window lies in its scene."""
        window = self.card.windows[number]
        return Window(window.row, window.col, self.card.size, self.card.size)

    def met(self, scene: int, crop: Window, split: str = "train") -> list["Part"]:
        """The parts of a split's windows that make up a crop."""
        size, found, starts = self.card.size, [], self._starts.get(split, {})
        bottom, right = crop.row + crop.height, crop.col + crop.width
        for cell_row in range(crop.row // size - 1, (bottom - 1) // size + 1):
            for cell_col in range(crop.col // size - 1, (right - 1) // size + 1):
                for number, row, col in starts.get((scene, cell_row, cell_col), ()):
                    rows = max(row, crop.row), min(row + size, bottom)
                    cols = max(col, crop.col), min(col + size, right)
                    if rows[0] < rows[1] and cols[0] < cols[1]:
                        found.append(Part(number, (row, col), rows, cols))
        return found

    def crop(self, scene: int, crop: Window, split: str = "train") -> tuple[Array, Array]:
        """Pixels and labels of any place, put together from the windows of a split that meet it.

        Pixels of other splits are never touched: where no such window lies, pixels are the fill and labels VOID.
        """
        return self.put_together(crop, self.met(scene, crop, split))

    def put_together(self, crop: Window, parts: Sequence["Part"]) -> tuple[Array, Array]:
        """Pixels and labels of a crop whose parts are known."""
        pixels = np.empty((self.card.bands, *crop.shape), dtype=self.card.dtype)
        labels = np.empty(crop.shape, dtype=np.uint8)
        if covered(parts) < crop.area or self.card.stride < self.card.size:  # else the parts fill it
            pixels[:] = self._filling
            labels[:] = VOID
        for part in parts:
            (rows, cols), target = part.seen_from(part.start), part.seen_from((crop.row, crop.col))
            pixels[:, *target] = self._images[part.number, :, rows, cols]
            labels[target] = self._labels[part.number, rows, cols]
        return self._marked(pixels, labels)

    def has_contact(self, number: int) -> bool:
        """Whether buildings touch in a window."""
        return bool((self._labels[number] == CONTACT).any())

    def check_labels(self) -> None:
        """Look through all labels once.

        Raises:
            ChipsError: an id that the legend does not have.
        """
        classes = len(self.card.legend.classes)
        for number in range(len(self.card.windows)):
            labels = self.labels(number)
            odd = labels[(labels >= classes) & (labels < CONTACT)]
            if odd.size:
                raise ChipsError(
                    f"{self.path / 'labels.npy'}: window {number} holds class {odd[0]}, the legend ends at "
                    f"{classes - 1}; tile the scene again with all classes named"
                )
