"""The training windows of one or several folders, opened where they are read; crops at any place among them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from geounet.block import Array
from geounet.chips import ChipsCard
from geounet.errors import ChipsError
from geounet.grid import Window
from geounet.legend import CONTACT, IGNORE

# The largest class id is 252, so that 253 is free to say in a sample: no imagery here, and ignored.
VOID = 253


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
            array: Array = np.load(self.path / name, mmap_mode="r", allow_pickle=False)
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
        return self._pair(number, slice(None), slice(None))

    def labels(self, number: int) -> Array:
        """Labels of a window as they are on disk, (size, size) uint8."""
        return np.asarray(self._labels[number])

    def _pair(self, number: int, rows: slice, cols: slice) -> tuple[Array, Array]:
        pixels = np.array(self._images[number, :, rows, cols])
        labels = np.array(self._labels[number, rows, cols])
        ignored = labels == IGNORE
        if ignored.any():  # tiling put the fill where the scene has no pixel
            labels[ignored & (pixels == self._filling).all(axis=0)] = VOID
        return pixels, labels

    @cached_property
    def _starts(self) -> dict[tuple[int, int, int], list[int]]:
        """Training windows by scene and by the size-wide cell of the plane that they begin in."""
        cells: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for number in self.card.of_split("train"):
            window = self.card.windows[number]
            cells[window.scene, window.row // self.card.size, window.col // self.card.size].append(number)
        return cells

    def _met(self, scene: int, crop: Window) -> Iterator[tuple[int, Window]]:
        """Numbers and places of the training windows that a crop meets."""
        size = self.card.size
        for row in range(crop.row // size - 1, (crop.row + crop.height - 1) // size + 1):
            for col in range(crop.col // size - 1, (crop.col + crop.width - 1) // size + 1):
                for number in self._starts.get((scene, row, col), ()):
                    chip = self.card.windows[number]
                    place = Window(chip.row, chip.col, size, size)
                    if crop.within(place).area:
                        yield number, place

    def known(self, scene: int, crop: Window) -> int:
        """Pixels of a crop that training windows cover, counted once for each window: enough to judge a place by."""
        return sum(crop.within(place).area for _, place in self._met(scene, crop))

    def crop(self, scene: int, crop: Window) -> tuple[Array, Array]:
        """Pixels and labels of any place, put together from the training windows that meet it.

        Pixels of other splits are never touched: where no training window lies, pixels are the fill and labels VOID.
        """
        shape = (self.card.bands, *crop.shape)
        pixels = np.empty(shape, dtype=self.card.dtype)
        pixels[:] = self._filling
        labels = np.full(crop.shape, VOID, dtype=np.uint8)
        for number, place in self._met(scene, crop):
            shared = crop.within(place)
            source, target = shared.seen_from(place), shared.seen_from(crop)
            part, part_labels = self._pair(number, source.rows, source.cols)
            pixels[:, target.rows, target.cols] = part
            labels[target.rows, target.cols] = part_labels
        return pixels, labels

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
