"""The windows of a validation: as large ones as the validation windows on disk make up, planned as those of a map."""

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice

from geounet.block import Array
from geounet.card import Architecture
from geounet.grid import Window, WindowGrid, hull
from geounet.nn.chip_store import ChipFolder
from geounet.nn.loader import Batch, collated
from geounet.nn.surface import Surface
from geounet.nn.unet import alignment, halo

LARGEST = 1536  # pixels a side, as maps have them
STEP = 3  # times the pixels of a step that a window has at most: a step holds that much more of each


@dataclass(frozen=True)
class AreaWindow:
    """A padded window over neighbouring windows of a split, and the core of it whose pixels are scored.

    Args:
        numbers: of the windows on disk that the core is scored by; no pixel is in the core of two, nor scored twice.
    """

    surface: Surface
    window: Window
    core: Window
    numbers: tuple[int, ...]

    def read(self) -> tuple[Array, Array]:
        """Pixels (bands, h, w) and labels (h, w) of the window: VOID without imagery, ignored where it scores none."""
        return self.surface.read(self.window, self.numbers)

    @property
    def cost(self) -> float:
        """Pixels that go through the network: the way down has all of the window, the way up the core alone."""
        return (self.window.area + self.core.area) / 2


@dataclass(frozen=True)
class AreaWindows:
    """Padded windows that together score every pixel of a split once, the largest first."""

    windows: tuple[AreaWindow, ...]
    margin: int

    @classmethod
    def of(cls, folders: Iterable[ChipFolder], split: str, architecture: Architecture, *, pixels: int) -> "AreaWindows":
        """Those of all windows of a split in some folders.

        Args:
            pixels: that are computed in a step, which has the memory for `STEP` times as many that are only answered.
        """
        margin, grid = halo(architecture), alignment(architecture)
        found: list[AreaWindow] = []
        for folder in folders:
            whole = -(-folder.card.size // grid) * grid + 2 * margin  # a window on disk and what is around it
            largest = max(whole, min(LARGEST, math.isqrt(STEP * pixels)))
            for scene in sorted({folder.card.windows[number].scene for number in folder.card.of_split(split)}):
                surface = Surface(folder, scene, split)
                for area in surface.areas:
                    found += _planned(surface, area, largest=largest, margin=margin, grid=grid)
        return cls(tuple(sorted(found, key=lambda window: (-window.window.area, window.window.height))), margin)

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def cost(self) -> float:
        return sum(window.cost for window in self.windows)

    def thinned(self, cost: float) -> "AreaWindows":
        """As many of them, evenly spread over their order, as cost no more; but one at least."""
        total = len(self.windows)
        if self.cost <= cost or not total:
            return self
        count = max(1, int(total * cost / self.cost))
        return AreaWindows(tuple(self.windows[index * total // count] for index in range(count)), self.margin)

    def together(self, pixels: int) -> list[tuple[AreaWindow, ...]]:
        """Windows of one shape that are computed together: `STEP` times so many pixels at most, or one window."""
        groups = []
        for shape, alike in groupby(self.windows, key=lambda window: window.window.shape):
            count = max(1, STEP * pixels // (shape[0] * shape[1]))
            while group := tuple(islice(alike, count)):
                groups.append(group)
        return groups


def read_ahead(groups: Sequence[Sequence[AreaWindow]]) -> Iterator[Batch]:
    """A batch of each group of windows; the next one is read while one is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="validation") as thread:
        made = (thread.submit(_batch, group) for group in groups)
        ahead = list(islice(made, 2))
        while ahead:
            yield ahead.pop(0).result()
            ahead.extend(islice(made, 1))


def in_firsts(groups: Sequence[Sequence[AreaWindow]]) -> float:
    """What the groups cost, counted in what the first one does."""
    costs = [sum(window.cost for window in group) for group in groups]
    return sum(costs) / costs[0] if costs else 0.0


def _batch(group: Sequence[AreaWindow]) -> Batch:
    return collated([window.read() for window in group])


def _planned(surface: Surface, area: Sequence[int], *, largest: int, margin: int, grid: int) -> Iterator[AreaWindow]:
    """Windows over an area, no larger than need be, on the pooling grid counted from the scene's first pixel."""
    around, own = hull([surface.folder.place(number) for number in area]), set(area)
    phase = around.row % grid, around.col % grid
    for plan in WindowGrid(*around.shape, largest, margin, grid, *phase):
        core = plan.core.placed_at(around)
        parts = [part for part in surface.folder.met(surface.scene, core, surface.split) if part.number in own]
        if parts:
            scored = hull([part.window for part in parts]).aligned(grid)
            yield AreaWindow(surface, scored.grown(margin), scored, tuple(part.number for part in parts))
