"""From an open scene to parts on disk by weighted overlap, for networks whose exact halo nobody can afford.

Windows are computed once. The weighted sum of their scores over a run of windows stays on disk until every core that
these reach into is written: a few rows of windows, however large the scene is.
"""

import logging
import shutil
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, groupby, islice, repeat
from typing import TypeVar

import numpy as np

from geounet.assemble import blended, masked, part_core, part_input, weighed, window_weights
from geounet.block import Block, Segmenter
from geounet.grid import PlannedWindow, Window, WindowGrid
from geounet.io.parts import Parts
from geounet.io.scene import Scene
from geounet.jobs.pipeline import Clock, ahead
from geounet.jobs.predict import PART_BYTES, Predicted, read_parts
from geounet.order import one_late
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

T = TypeVar("T")
Run = tuple[PlannedWindow, ...]


def predict_blended(
    scene: Scene,
    segmenter: Segmenter,
    grid: WindowGrid,
    parts: Parts,
    *,
    clock: Clock | None = None,
    track: Track = untracked,
) -> Predicted:
    """Write the parts of one scene's prediction; what an interrupted job has computed is not computed again.

    Raises:
        SceneError: a part of the scene that cannot be read.
        OutputError: a part that cannot be written.
    """
    clock = clock or Clock()
    plan = _Plan(segmenter, grid, parts)
    done, kept = parts.finished(), plan.sums.finished()
    if done or kept:
        log.info("going on: %d parts are there already, and the windows of %d", len(done), len(kept))
    missing = plan.missing(done, kept)
    runs = list(chain(*missing))
    computed: list[int] = []

    def summed() -> Iterator[Block]:
        weights = window_weights(grid)
        with closing(ahead(clock.timed("read", read_parts(scene, runs)))) as inputs:
            begun = ((part, segmenter.scores(part.pieces)) for part in inputs)
            for part, scores in one_late(begun) if segmenter.begins_early else begun:
                computed.append(len(part.pieces))
                sums = weighed(scores, part.kept.window, weights, plan.classes)
                yield Block(sums.window, np.where(part.kept.values, sums.values, np.float32(np.nan)))

    total = sum(plan.megapixels(part_input(run)) for run in runs)
    tracked = track(summed(), "predicting", total=total, unit="Mpx", amount=lambda b: plan.megapixels(b.window))
    # whatever happens, no thread reads on: the scene is closed next
    with closing(ahead(tracked)) as sums:
        for row, fresh in enumerate(chain(missing, repeat([], plan.reach))):
            for block in islice(sums, len(fresh)):
                with clock.stage("write"):
                    kept[block.window] = plan.sums.write(block)
            with clock.stage("write"):
                plan.write_row(row - plan.reach, done, kept)
    shutil.rmtree(plan.sums.folder, ignore_errors=True)
    height, width = grid.window_shape
    return Predicted(
        windows=sum(computed),
        network_pixels=sum(computed) * height * width,
        windows_skipped=sum(map(len, runs)) - sum(computed),
        parts=sum(map(len, plan.rows)),
        parts_resumed=len(done),
    )


@dataclass(frozen=True)
class _Plan:
    """The runs of windows of a grid; the parts that come of them, and the sums that are kept on the way."""

    segmenter: Segmenter
    grid: WindowGrid
    parts: Parts

    @property
    def classes(self) -> int:
        card = self.segmenter.card
        return len(card.legend.classes) + (card.contact_width is not None)

    @property
    def sums(self) -> Parts:
        return replace(self.parts, folder=self.parts.folder / "sums", bands=self.classes, dtype="float32")

    @property
    def reach(self) -> int:
        """Rows of windows, above its own and below, that a window's halo reaches into."""
        return -(-self.grid.halo // self.grid.row_starts.step)

    @cached_property
    def rows(self) -> list[list[Run]]:
        runs = self.grid.parts(PART_BYTES, self.classes * np.dtype("float32").itemsize)
        return [list(row) for _, row in groupby(runs, key=lambda run: run[0].window.row)]

    def megapixels(self, window: Window) -> float:
        """Of the cores of a run with these pixels of input."""
        return window.grown(-self.grid.halo).area / 1e6

    def missing(self, done: Container[Window], kept: Container[Window]) -> list[list[Run]]:
        """By rows, the runs that are to be computed: a part still needs them, and their sum is not kept."""
        is_open = [any(part_core(run) not in done for run in row) for row in self.rows]
        return [
            [run for run in row if any(self._near(is_open, number)) and part_input(run) not in kept]
            for number, row in enumerate(self.rows)
        ]

    def write_row(self, number: int, done: Container[Window], kept: Mapping[Window, bool]) -> None:
        """Write the parts of a row from the sums that reach into it, and take away those that no later row needs."""
        if number < 0:
            return
        for core in map(part_core, self.rows[number]):
            if core not in done:
                self.parts.write(self._strip(core, number, kept))
        for run in self.rows[number - self.reach] if number >= self.reach else ():
            self.sums.remove(part_input(run))

    def _strip(self, core: Window, number: int, kept: Mapping[Window, bool]) -> Block:
        """Strip of a part's core; `kept` tells which sums hold data."""
        windows = [part_input(run) for row in self._near(self.rows, number) for run in row]
        meeting = [window for window in windows if window.within(core).area and kept[window]]
        sums = (self.sums.read(window, window.within(core)) for window in meeting)
        scores = blended(sums, core, self.classes)
        seen = Block(core, ~np.isnan(scores.values[:1]))
        return masked(self.segmenter.strip(Block(core, np.nan_to_num(scores.values))), seen)

    def _near(self, rows: Sequence[T], number: int) -> Sequence[T]:
        return rows[max(0, number - self.reach) : number + self.reach + 1]
