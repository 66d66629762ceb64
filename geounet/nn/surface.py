"""Surface: the windows of one split as a map would see them, put together again."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geounet.block import Array
from geounet.grid import Window
from geounet.legend import IGNORE
from geounet.nn.chip_store import VOID, ChipFolder


@dataclass(frozen=True)
class Surface:
    """All windows of a split in one scene, as `infer` sees a mosaic of sheets.

    Pixels of other splits are never touched. Where no window lies there is nothing to be seen.
    """

    folder: ChipFolder
    scene: int
    split: str

    def read(self, window: Window, counted: Iterable[int]) -> tuple[Array, Array]:
        """Pixels (bands, h, w) and labels (h, w) of any place: VOID where there is no imagery.

        Args:
            counted: numbers of the windows whose labels are told; all other pixels are ignored.
        """
        pixels, labels = self.folder.crop(self.scene, window, self.split)
        counts = np.zeros(window.shape, dtype=bool)
        for number in counted:
            inside = self.folder.place(number).within(window).seen_from(window)
            counts[inside.rows, inside.cols] = True
        labels[~counts & (labels != VOID)] = IGNORE
        return pixels, labels

    @cached_property
    def areas(self) -> list[list[int]]:
        """Numbers of the windows with labels that touch each other along a side, or overlap, area by area."""
        size, windows = self.folder.card.size, self.folder.card.windows
        own = (n for n in self.folder.card.of_split(self.split) if windows[n].scene == self.scene)
        left = {n for n in own if windows[n].shares}
        areas = []
        for first in sorted(left):
            if first not in left:
                continue
            left.remove(first)
            area, edge = [first], [first]
            while edge:
                here = self.folder.place(edge.pop())
                around = self.folder.met(self.scene, here.grown(1), self.split)
                found = {part.number for part in around} & left
                touching = [n for n in found if _apart(self.folder.place(n), here, size)]
                left.difference_update(touching)
                area += touching
                edge += touching
            areas.append(sorted(area))
        return areas


def _apart(one: Window, other: Window, size: int) -> bool:
    """Whether two windows of one size share a stretch of a side, or more; a corner is not enough."""
    rows, cols = abs(one.row - other.row), abs(one.col - other.col)
    return max(rows, cols) <= size and min(rows, cols) < size
