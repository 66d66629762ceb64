"""Windows and the grid of windows over a scene: integer pixels only."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from geounet.errors import GridError


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A rectangle of pixels, rows first, half-open like a slice; it may hang over the scene's edge."""

    row: int
    col: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        return slice(self.row, self.row + self.height)

    @property
    def cols(self) -> slice:
        return slice(self.col, self.col + self.width)

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def area(self) -> int:
        return self.height * self.width

    def grown(self, margin: int) -> "Window":
        """The window with `margin` more pixels on each of its four sides."""
        return Window(self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin)

    def aligned(self, grid: int) -> "Window":
        """The smallest window that holds this one and starts and ends on multiples of `grid`.

        >>> Window(20, -3, 10, 3).aligned(16)
        Window(row=16, col=-16, height=16, width=16)
        """
        row, col = self.row // grid * grid, self.col // grid * grid
        bottom, right = (-(-end // grid) * grid for end in (self.row + self.height, self.col + self.width))
        return Window(row, col, bottom - row, right - col)

    def within(self, other: "Window") -> "Window":
        """The part that lies in `other`; of height or width 0 where they do not meet."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        bottom = min(self.row + self.height, other.row + other.height)
        right = min(self.col + self.width, other.col + other.width)
        return Window(row, col, max(0, bottom - row), max(0, right - col))

    def seen_from(self, origin: "Window") -> "Window":
        """The same pixels, counted from the first pixel of `origin`.

        >>> Window(10, 20, 4, 4).seen_from(Window(8, 16, 32, 32))
        Window(row=2, col=4, height=4, width=4)
        """
        return Window(self.row - origin.row, self.col - origin.col, self.height, self.width)

    def placed_at(self, origin: "Window") -> "Window":
        """The same pixels, counted as `origin` is; this window was counted from its first pixel.

        >>> Window(2, 4, 4, 4).placed_at(Window(8, 16, 32, 32))
        Window(row=10, col=20, height=4, width=4)
        """
        return Window(self.row + origin.row, self.col + origin.col, self.height, self.width)


def hull(windows: "tuple[Window, ...] | list[Window]") -> Window:
    """The smallest window that holds all of `windows`."""
    row, col = min(w.row for w in windows), min(w.col for w in windows)
    bottom, right = max(w.row + w.height for w in windows), max(w.col + w.width for w in windows)
    return Window(row, col, bottom - row, right - col)


def core_starts(length: int, largest: int, alignment: int) -> range:
    """First pixel of each core along one axis; cores are equal, aligned, and together just cover the length.

    >>> list(core_starts(3000, 1344, 16))
    [0, 1008, 2016]
    """
    count = -(-length // largest)
    core = -(-length // (count * alignment)) * alignment
    return range(0, length, core)


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """What the network is given (`window`) and what of its answer is kept (`core`, clipped to the scene)."""

    window: Window
    core: Window


@dataclass(frozen=True)
class WindowGrid:
    """Padded windows over a scene: every pixel of the scene lies in the core of exactly one window.

    All windows have one shape, and all of them start on multiples of `alignment` counted from `phase` pixels before
    the scene's first one, so that the pooling grid of the network falls on the same ground in every window.

    Args:
        height, width: of the scene, in pixels.
        largest: side of the largest window allowed, halo included.
        halo: pixels of context on each side of a core.
        alignment: pooling grid of the network, in pixels.
        phase_row, phase_col: index of the scene's first pixel on the absolute grid, modulo the alignment.
    """

    height: int
    width: int
    largest: int = 1536
    halo: int = 96
    alignment: int = 16
    phase_row: int = 0
    phase_col: int = 0

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise GridError(f"a scene of {self.height} x {self.width} pixels has nothing to cut; give one with pixels")
        if self.alignment < 1 or self.halo < 0 or self.halo % self.alignment:
            raise GridError(f"halo {self.halo} must be a multiple of the alignment {self.alignment}, 0 or more")
        if self._largest_core < self.alignment:
            smallest = 2 * self.halo + self.alignment
            raise GridError(
                f"window {self.largest} leaves no core between two halos of {self.halo} px; use at least {smallest}"
            )
        if not (0 <= self.phase_row < self.alignment and 0 <= self.phase_col < self.alignment):
            raise GridError(
                f"phase {self.phase_row}, {self.phase_col} must lie between 0 and the alignment {self.alignment}"
            )

    @property
    def _largest_core(self) -> int:
        return (self.largest - 2 * self.halo) // self.alignment * self.alignment

    @cached_property
    def row_starts(self) -> range:
        """First row of each row of cores; negative where the first one hangs over the scene's edge."""
        starts = core_starts(self.height + self.phase_row, self._largest_core, self.alignment)
        return range(-self.phase_row, starts.stop - self.phase_row, starts.step)

    @cached_property
    def col_starts(self) -> range:
        """First column of each column of cores; negative where the first one hangs over the scene's edge."""
        starts = core_starts(self.width + self.phase_col, self._largest_core, self.alignment)
        return range(-self.phase_col, starts.stop - self.phase_col, starts.step)

    @property
    def scene(self) -> Window:
        return Window(0, 0, self.height, self.width)

    @property
    def window_shape(self) -> tuple[int, int]:
        """Rows and columns of every window of the grid, halo included."""
        return self.row_starts.step + 2 * self.halo, self.col_starts.step + 2 * self.halo

    def __len__(self) -> int:
        return len(self.row_starts) * len(self.col_starts)

    def __getitem__(self, index: int) -> PlannedWindow:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        row, col = divmod(index, len(self.col_starts))
        core = Window(self.row_starts[row], self.col_starts[col], self.row_starts.step, self.col_starts.step)
        return PlannedWindow(core.grown(self.halo), core.within(self.scene))

    def __iter__(self) -> Iterator[PlannedWindow]:
        return (self[index] for index in range(len(self)))

    def rows(self) -> Iterator[tuple[PlannedWindow, ...]]:
        """The windows, one row of them after another."""
        across = len(self.col_starts)
        for row in range(len(self.row_starts)):
            yield tuple(self[index] for index in range(row * across, (row + 1) * across))

    def parts(self, largest_bytes: int, bytes_per_pixel: int) -> Iterator[tuple[PlannedWindow, ...]]:
        """Neighbouring windows of one row: as many as need `largest_bytes` of input at most, but at least one."""
        row_bytes = self.window_shape[0] * bytes_per_pixel
        core = self.col_starts.step
        count = max(1, (largest_bytes // row_bytes - 2 * self.halo) // core)
        for row in self.rows():
            for first in range(0, len(row), count):
                yield row[first : first + count]
