"""Cutting planned windows out of their scenes: read run by run, arrays that grow on disk."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from geounet.block import Array, Block
from geounet.chips import ChipWindow
from geounet.files import translated
from geounet.grid import Window, hull
from geounet.io.chips import GrowingArray, growing_array
from geounet.io.scene import Scene
from geounet.jobs.chip_plan import PlannedChip, starts
from geounet.jobs.truth import Truth, class_counts
from geounet.legend import IGNORE, Legend

_RUN_BYTES = 64 << 20  # what is read at once
_AGAIN = 1.35  # times that a block of the file may be decoded on average
_ROUNDING = 1e-12  # of the squares' mean: what is left of a variance of 0 when sums of millions are subtracted


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sums over the valid pixels of training windows, by band, in float64."""

    count: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def none(cls, bands: int) -> "Statistics":
        return cls(0, np.zeros(bands), np.zeros(bands))

    def plus(self, pixels: Array, valid: NDArray[np.bool_]) -> "Statistics":
        """With the valid pixels of (bands, h, w) added."""
        values = pixels.reshape(len(pixels), -1) if valid.all() else pixels[:, valid]
        total, squares = _sums(values)
        return Statistics(self.count + values.shape[1], self.total + total, self.squares + squares)

    @property
    def mean(self) -> NDArray[np.float64]:
        return self.total / max(1, self.count)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation; 1 for a band that never changes."""
        squares = self.squares / max(1, self.count)
        variance = squares - np.square(self.mean)
        return np.where(variance > _ROUNDING * squares, np.sqrt(np.maximum(variance, 0)), 1.0)


def _sums(values: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of (bands, n) values and of their squares, by band."""
    if values.dtype == np.uint8:  # ten times as fast as in float64, and the same: sums of whole numbers are exact
        # float32 counts whole numbers to 2 ** 24, the pixels of the largest window
        counts = np.stack([cv2.calcHist([band], [0], None, [256], [0, 256]).ravel() for band in values]).astype(
            "float64"
        )
        levels = np.arange(256.0)
        return counts @ levels, counts @ np.square(levels)
    exact = values.astype("float64")
    return exact.sum(axis=1), np.square(exact).sum(axis=1)


@dataclass(frozen=True, eq=False)
class Chip:
    """A window as it is stored: pixels (bands, size, size), their validity, and labels (size, size)."""

    plan: PlannedChip
    pixels: Array
    valid: NDArray[np.bool_]
    labels: NDArray[np.uint8]


def cut_chips(scene: Scene, truth: Truth, plans: Sequence[PlannedChip], size: int, stride: int) -> Iterator[Chip]:
    """The planned windows of one scene that have data, run by run.

    Pixels that the scene does not have, and those of an area kept for another split, are invalid and ignored.
    """
    for run, group in _runs(plans, scene, size, stride):
        pixels, valid = scene.read(run)
        classes, areas = truth.classes(run), truth.kept_areas(run)
        for plan in group:
            inside = plan.window.within(run)
            here = inside.seen_from(run)
            own = areas[here.rows, here.cols]
            seen = valid.cut(inside).values[0] & (own == plan.area)
            labels = np.where(seen, classes[here.rows, here.cols], np.uint8(IGNORE))
            if (labels != IGNORE).any():
                yield _padded(plan, pixels.cut(inside), seen, labels)


def _runs(
    plans: Sequence[PlannedChip], scene: Scene, size: int, stride: int
) -> Iterator[tuple[Window, list[PlannedChip]]]:
    """Windows that are read at once and the pixels they need: from the top, and from the left."""
    frame = scene.frame
    block_rows, block_cols = scene.block_shape
    down = _Axis(frame.height, block_rows, size, stride)
    across = _Axis(frame.width, block_cols, size, stride)
    rows, cols = _run_shape(down, across, _RUN_BYTES // _pixel_bytes(scene))
    runs: dict[tuple[int, int], list[PlannedChip]] = defaultdict(list)
    for plan in plans:
        runs[plan.window.row // stride // rows, plan.window.col // stride // cols].append(plan)
    for _, group in sorted(runs.items(), key=lambda run: run[0]):
        yield hull([plan.window for plan in group]).within(frame.window), group


def _pixel_bytes(scene: Scene) -> int:
    """What a pixel takes while it is read: its bands, validity, class and area; in float64 where it is resampled."""
    bands = len(scene.bands.numbers)
    return (8 * (bands + 2) if scene.is_resampled else bands * scene.dtype.itemsize) + 3


@dataclass(frozen=True, slots=True)
class _Axis:
    """Windows and blocks of the file along one axis of a scene, in pixels of the working grid."""

    length: int
    block: int
    size: int
    stride: int

    @property
    def count(self) -> int:
        """How many windows there are."""
        return len(starts(self.length, self.size, self.stride))

    def span(self, windows: int) -> int:
        """Pixels that so many neighbouring windows need."""
        return min(self.length, (windows - 1) * self.stride + self.size)

    def windows_in(self, pixels: int) -> int:
        """How many neighbouring windows so many pixels hold."""
        return self.count if pixels >= self.length else min(self.count, (pixels - self.size) // self.stride + 1)

    def decoded(self, windows: int) -> float:
        """How often a pixel is decoded on average, where so many neighbouring windows are read at once."""
        again = self.size - self.stride + min(self.block, self.length)  # at each cut: the overlap, and a block
        return 1 + (-(-self.count // windows) - 1) * again / self.length


def _run_shape(down: _Axis, across: _Axis, pixels: int) -> tuple[int, int]:
    """Rows and columns of windows to read at once: within so many pixels, those that decode the fewest blocks again.

    Where even they decode too many, as of a file whose blocks are as wide as the scene, more pixels are allowed.

    >>> side, lines, whole = (_Axis(10_000, block, size=256, stride=256) for block in (512, 1, 10_000))
    >>> _run_shape(side, side, 16_000_000)  # of tiles
    (10, 24)
    >>> _run_shape(lines, whole, 16_000_000)  # of lines
    (6, 40)
    """
    while True:
        shapes = [(rows, across.windows_in(pixels // down.span(rows))) for rows in range(1, down.count + 1)]
        fitting = [shape for shape in shapes if shape[1] > 0]
        if fitting:
            again, shape = min((down.decoded(rows) * across.decoded(cols), (rows, cols)) for rows, cols in fitting)
            if again <= _AGAIN:
                return shape
        pixels += pixels // 4


def _padded(plan: PlannedChip, pixels: Block, valid: NDArray[np.bool_], labels: NDArray[np.uint8]) -> Chip:
    """The chip at its full size: what hangs over the scene's edge is invalid and ignored."""
    if pixels.window == plan.window and valid.all():
        return Chip(plan, pixels.values, valid, labels)
    here = pixels.window.seen_from(plan.window)
    full = np.zeros((len(pixels.values), *plan.window.shape), dtype=pixels.values.dtype)
    seen = np.zeros(plan.window.shape, dtype=bool)
    known = np.full(plan.window.shape, IGNORE, dtype="uint8")
    full[:, here.rows, here.cols] = np.where(valid, pixels.values, 0)
    seen[here.rows, here.cols] = valid
    known[here.rows, here.cols] = labels
    return Chip(plan, full, seen, known)


class ChipWriter:
    """images.npy and labels.npy, written as chips come; invalid pixels get their fill when the mean is known."""

    def __init__(self, images: GrowingArray, labels: GrowingArray, masks: GrowingArray, legend: Legend, bands: int):
        self._images, self._labels, self._masks = images, labels, masks
        self._legend = legend
        self._partly: list[int] = []
        self.windows: list[ChipWindow] = []
        self.statistics = Statistics.none(bands)

    def add(self, chip: Chip) -> None:
        if chip.plan.split == "train":
            self.statistics = self.statistics.plus(chip.pixels, chip.valid)
        if not chip.valid.all():
            self._partly.append(len(self.windows))
            self._masks.append(np.packbits(chip.valid))
        self._images.append(chip.pixels)
        self._labels.append(chip.labels)
        counts = class_counts(chip.labels, self._legend)
        shares = tuple(float(n) / int(counts.sum()) for n in counts)
        plan = chip.plan
        valid = float(chip.valid.mean())
        self.windows.append(ChipWindow(plan.scene, plan.window.row, plan.window.col, plan.split, valid, shares))

    @property
    def partly_valid(self) -> tuple[int, ...]:
        """Numbers of the windows with invalid pixels; the masks were written in this order."""
        return tuple(self._partly)


def write_chips(
    folder: Path,
    chips: Iterator[Chip],
    *,
    size: int,
    bands: int,
    dtype: np.dtype[np.generic],
    legend: Legend,
    fill_of: Callable[[Statistics], NDArray[np.float64]],
) -> ChipWriter:
    """Write the chips' arrays into a folder and return what was written."""
    masks = folder / "masks.npy"
    with ExitStack() as stack:
        images = stack.enter_context(growing_array(folder / "images.npy", (bands, size, size), dtype))
        labels = stack.enter_context(growing_array(folder / "labels.npy", (size, size), np.dtype("uint8")))
        packed = stack.enter_context(growing_array(masks, (-(-size * size // 8),), np.dtype("uint8")))
        writer = ChipWriter(images, labels, packed, legend, bands)
        for chip in chips:
            writer.add(chip)
    if writer.partly_valid:
        fill = fill_of(writer.statistics).astype(dtype)
        with translated(folder):
            _fill_invalid(folder / "images.npy", masks, writer.partly_valid, fill, size)
    masks.unlink()
    return writer


def _fill_invalid(images: Path, masks: Path, numbers: Sequence[int], fill: Array, size: int) -> None:
    pixels, packed = np.load(images, mmap_mode="r+"), np.load(masks, mmap_mode="r")
    for number, bits in zip(numbers, packed, strict=True):
        invalid = np.unpackbits(bits, count=size * size).reshape(size, size) == 0
        pixels[number][:, invalid] = fill[:, None]
    pixels.flush()
