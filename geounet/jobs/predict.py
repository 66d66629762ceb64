"""From an open scene to parts on disk: read, predict and write in three threads, one part at a time in each."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from geounet.assemble import cut, masked, part_core, part_input, place
from geounet.block import Block, Piece, Segmenter
from geounet.grid import PlannedWindow, WindowGrid
from geounet.io.parts import Parts
from geounet.io.scene import Scene
from geounet.jobs.pipeline import Clock, ahead
from geounet.order import one_late
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

PART_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was computed: windows that went through the network and their pixels, those skipped, parts, parts kept."""

    windows: int
    network_pixels: int
    windows_skipped: int
    parts: int
    parts_resumed: int


@dataclass(frozen=True, slots=True, eq=False)
class ReadPart:
    """A run of neighbouring windows, where the map has pixels in all they cover, and what the network is given."""

    plans: Sequence[PlannedWindow]
    kept: Block
    pieces: Sequence[Piece]


def predict_parts(
    scene: Scene,
    segmenter: Segmenter,
    grid: WindowGrid,
    parts: Parts,
    *,
    clock: Clock | None = None,
    track: Track = untracked,
) -> Predicted:
    """Write the parts of one scene's prediction; parts already whole are left alone.

    Raises:
        SceneError: a part of the scene that cannot be read.
        OutputError: a part that cannot be written.
    """
    clock = clock or Clock()
    size = len(scene.bands.numbers) * scene.dtype.itemsize
    plans = list(grid.parts(PART_BYTES, size))
    done = parts.finished()
    missing = [plan for plan in plans if part_core(plan) not in done]
    if len(missing) < len(plans):
        log.info("going on: %d of %d parts are there already", len(plans) - len(missing), len(plans))
    total = sum(part_core(plan).area for plan in missing) / 1e6
    computed: list[int] = []

    def predicted() -> Iterator[Block]:
        with closing(ahead(clock.timed("read", read_parts(scene, missing)))) as inputs:
            begun = ((part, segmenter.predict(part.pieces)) for part in inputs)
            for part, answers in one_late(begun) if segmenter.begins_early else begun:
                computed.append(len(part.pieces))
                yield masked(place(answers, part_core(part.plans), parts.bands), part.kept)

    tracked = track(predicted(), "predicting", total=total, unit="Mpx", amount=lambda b: b.window.area / 1e6)
    # whatever happens, no thread reads on: the scene is closed next
    with closing(ahead(tracked)) as strips:
        for strip in strips:
            with clock.stage("write"):
                parts.write(strip)
    height, width = grid.window_shape
    wanted = sum(len(plan) for plan in missing)
    return Predicted(
        windows=sum(computed),
        network_pixels=sum(computed) * height * width,
        windows_skipped=wanted - sum(computed),
        parts=len(plans),
        parts_resumed=len(plans) - len(missing),
    )


def read_parts(scene: Scene, parts: Sequence[Sequence[PlannedWindow]]) -> Iterator[ReadPart]:
    """Each part's pixels, in one reading, cut into windows; a part without a pixel of the scene is not read."""
    for plans in parts:
        kept = scene.covered(part_input(plans))
        if not kept.cut(part_core(plans)).values.any():
            yield ReadPart(plans, kept, [])
            continue
        pixels, valid = scene.read(kept.window)
        kept.values[:] &= valid.values
        yield ReadPart(plans, kept, list(cut(pixels, valid, plans, kept)))
