"""Which training windows there are, and of which split: decided from labels alone, before a pixel is read."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geounet.frame import Frame
from geounet.grid import Window, hull
from geounet.io.chips import outlines
from geounet.io.placing import in_pixels_of
from geounet.jobs.truth import AREA_SPLITS, Truth, class_counts
from geounet.legend import Legend
from geounet.split import block_splits

_FEWEST_BLOCKS = 24  # fewer make validation a matter of luck
_MANY = 5  # scenes: of fewer, one for validation would be too much
_SLIVER = 1 / 32  # of a window's side: what reaches less far into a scene, beside another window, shows nothing
_WHOLE = 1 << 40  # windows: more than a scene has in a row
_RUN_PIXELS = 4 << 20  # of labels held at once, a byte each


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """How windows are chosen and divided.

    Args:
        keep_empty: share of training windows without foreground that are kept.
        val, test: shares of the blocks; not looked at where an area is given for that split.
        block: metres; None: as many windows as leave at least 24 blocks, at most 4 x 4.
    """

    keep_empty: float = 0.25
    val: float = 0.15
    test: float = 0.0
    block: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PlannedChip:
    """A window to be cut: where, for which split, in which kept area (0: none), and the pixels of each class."""

    scene: int
    window: Window
    split: str
    area: int
    counts: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        return not any(self.counts[1:])


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """A scene as a plan sees it: its frame, what is known of its pixels, and the split that it is for (None: any)."""

    frame: Frame
    truth: Truth
    split: str | None = None


def plan_chips(
    grounds: Sequence[Ground], legend: Legend, *, size: int, stride: int, settings: SplitSettings
) -> list[PlannedChip]:
    """The windows to cut, scene by scene and row by row; no two of different splits share a pixel.

    Windows in a kept area are validation or test as it says, and so are those of a scene that is for one split. The
    others are divided by blocks; or by scenes, of many that lie nowhere. A window that shares ground with one of a
    split that goes before it (test, validation, train) is left out.
    """
    held = {AREA_SPLITS[id_] for ground in grounds for id_, _ in ground.truth.kept}
    held |= {ground.split for ground in grounds if ground.split is not None}
    windows = [
        chip
        for number, ground in enumerate(grounds)
        for chip in _scored(number, ground, legend, size=size, stride=stride)
    ]
    frames = [ground.frame for ground in grounds]
    free = [chip for chip in windows if chip.area == 0 and grounds[chip.scene].split is None]
    blocks = _blocks(free, frames, -(-size // stride) * stride, settings.block)
    area = {key: sum(sum(free[i].counts) for i in rows) for key, rows in blocks.items()}
    foreground = {key: sum(sum(free[i].counts[1:]) for i in rows) / area[key] for key, rows in blocks.items()}
    by_block = block_splits(
        foreground,
        area,
        val=0.0 if "val" in held else settings.val,
        test=0.0 if "test" in held else settings.test,
        seed=settings.seed,
    )
    split = {(free[i].scene, free[i].window): by_block[key] for key, rows in blocks.items() for i in rows}
    chips = [replace(chip, split=split.get((chip.scene, chip.window), chip.split)) for chip in windows]
    return _few_empty(_disjoint(chips, frames), settings)


def starts(length: int, size: int, stride: int) -> range:
    """First pixel of each window along one axis: the last may hang over the edge, but is no sliver beside others.

    >>> list(starts(600, 256, 256)), list(starts(515, 256, 256)), list(starts(3, 256, 256))
    ([0, 256, 512], [0, 256], [0])
    """
    count = max(0, -(-(length - size) // stride)) + 1
    if count > 1 and length - (count - 1) * stride < _SLIVER * size:
        count -= 1
    return range(0, count * stride, stride)


def _scored(number: int, ground: Ground, legend: Legend, *, size: int, stride: int) -> Iterator[PlannedChip]:
    """Every window with at least one scored pixel; `split` is that of the kept area at its centre, or of the scene."""
    frame, truth = ground.frame, ground.truth
    for row in starts(frame.height, size, stride):
        for cols in _runs(starts(frame.width, size, stride), size, stride):
            run = hull([Window(row, col, size, size) for col in (cols[0], cols[-1])]).within(frame.window)
            classes, areas = truth.classes(run), truth.kept_areas(run)
            for col in cols:
                window = Window(row, col, size, size)
                inside = window.within(run).seen_from(run)
                area = int(areas[min(size // 2, run.height - 1), min(inside.col + size // 2, run.width - 1)])
                own = areas[inside.rows, inside.cols] == area
                counts = class_counts(classes[inside.rows, inside.cols][own], legend)
                if counts.sum():
                    split = AREA_SPLITS[area] if area else ground.split or "train"
                    yield PlannedChip(number, window, split, area, tuple(int(n) for n in counts))


def _runs(cols: range, size: int, stride: int) -> Iterator[range]:
    """Neighbouring windows whose labels are burnt at once: at most _RUN_PIXELS of them, but at least one window."""
    count = max(1, (_RUN_PIXELS // size - size) // stride + 1)
    for first in range(0, len(cols), count):
        yield cols[first : first + count]


def _blocks(
    chips: Sequence[PlannedChip], frames: Sequence[Frame], unit: int, metres: float | None
) -> dict[tuple[int, int, int], list[int]]:
    """Chips by (scene, block row, block column); sides of blocks are whole numbers of `unit` pixels.

    Scenes that show the same ground, as those of several years do, have the blocks of the first of them. Of many scenes
    without a CRS each is one block: which of them are neighbours nobody knows.
    """
    firsts = _firsts(frames)
    places = _places(chips, frames, firsts)

    def grouped(sides: Sequence[int]) -> dict[tuple[int, int, int], list[int]]:
        blocks: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for i, (chip, (row, col)) in enumerate(zip(chips, places, strict=True)):
            first = firsts[chip.scene]
            side = sides[first] * unit
            blocks[first, row // side, col // side].append(i)
        return blocks

    if metres is not None:
        return grouped([max(1, round(metres / (frame.ground_resolution or 1.0) / unit)) for frame in frames])
    if len(frames) >= _MANY and not any(frame.crs for frame in frames):
        return grouped([_WHOLE] * len(frames))
    for side in (4, 3, 2):
        blocks = grouped([side] * len(frames))
        if len(blocks) >= _FEWEST_BLOCKS:
            return blocks
    return grouped([1] * len(frames))


def _firsts(frames: Sequence[Frame]) -> list[int]:
    """For each scene the first that it shares ground with, itself or through others; without a CRS itself."""
    if not all(frame.crs for frame in frames):
        return list(range(len(frames)))
    shapes = outlines(frames, [(scene, frame.window) for scene, frame in enumerate(frames)], inset=0.5).to_numpy()
    pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    graph = coo_array((np.ones(pairs.shape[1], bool), pairs), shape=(len(frames), len(frames)))
    _, clusters = connected_components(graph, directed=False)
    _, first = np.unique(clusters, return_index=True)
    return [int(n) for n in first[clusters]]


def _places(chips: Sequence[PlannedChip], frames: Sequence[Frame], firsts: Sequence[int]) -> list[tuple[int, int]]:
    """First row and column of each chip's window, in pixels of the first scene of those that show its ground."""
    windows = [(chip.window.row, chip.window.col, chip.window.height, chip.window.width) for chip in chips]
    rows, cols, heights, widths = np.array(windows, float).reshape(-1, 4).T
    of = np.array([chip.scene for chip in chips], int)
    for scene in np.unique(of).tolist():
        first, here = firsts[scene], of == scene
        if first != scene:  # by their middles, which are the same place however a scene is turned
            across, down = cols[here] + widths[here] / 2, rows[here] + heights[here] / 2
            across, down = in_pixels_of(frames[first], frames[scene], across, down)
            is_there = np.isfinite(across) & np.isfinite(down)  # not all of the Earth is in every CRS
            cols[here] = np.where(is_there, across - widths[here] / 2, cols[here])
            rows[here] = np.where(is_there, down - heights[here] / 2, rows[here])
    return [(round(row), round(col)) for row, col in zip(rows.tolist(), cols.tolist(), strict=True)]


def _disjoint(chips: list[PlannedChip], frames: Sequence[Frame]) -> list[PlannedChip]:
    """The chips that share no ground with a chip of a split that goes before theirs."""
    if not chips:
        return chips
    # half a pixel inward: neighbours that touch share no pixel
    placed = [(chip.scene, chip.window.within(frames[chip.scene].window)) for chip in chips]
    shapes = outlines(frames, placed, inset=0.5).to_numpy()
    scenes = np.array([chip.scene for chip in chips])
    splits = np.array([chip.split for chip in chips])
    one_map = all(frame.crs for frame in frames)
    kept = np.ones(len(chips), dtype=bool)
    for later, before in (("val", ("test",)), ("train", ("test", "val"))):
        first = np.flatnonzero(np.isin(splits, before) & kept)
        second = np.flatnonzero(splits == later)
        mine, theirs = shapely.STRtree(shapes[first]).query(shapes[second], predicate="intersects")
        if not one_map:  # without a CRS, pixels of two scenes are never the same place
            same = scenes[second[mine]] == scenes[first[theirs]]
            mine = mine[same]
        kept[second[mine]] = False
    return [chip for chip, keep in zip(chips, kept, strict=True) if keep]


def _few_empty(chips: list[PlannedChip], settings: SplitSettings) -> list[PlannedChip]:
    """The chips without most of the training ones that have no foreground."""
    empty = [i for i, chip in enumerate(chips) if chip.split == "train" and chip.is_empty]
    draw = random.Random(settings.seed)  # noqa: S311 (a choice of windows is no secret)
    dropped = set(draw.sample(empty, len(empty) - round(settings.keep_empty * len(empty))))
    return [chip for i, chip in enumerate(chips) if i not in dropped]
