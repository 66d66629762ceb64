"""Pieces cut from a scene, and the strips that their answers are placed in."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from geounet.block import Block, Piece
from geounet.grid import PlannedWindow, Window, WindowGrid, hull
from geounet.legend import NODATA

_LEAST = 1e-3  # weight of a window's outermost pixel, which may be the only one that covers a place


def cut(pixels: Block, valid: Block, plans: Iterable[PlannedWindow], kept: Block | None = None) -> Iterator[Piece]:
    """The planned windows out of one reading; those whose core has no pixel that is kept are left out.

    Args:
        kept: pixels whose answer is wanted, all valid; None for all that are valid.
    """
    for plan in plans:
        if (kept or valid).cut(plan.core).values.any():
            yield Piece(pixels.cut(plan.window), valid.cut(plan.window), plan.core)


def place(answers: Iterable[Block], part: Window, bands: int) -> Block:
    """One strip (bands, part.height, part.width) uint8 of the answers' cores; nodata where there is none."""
    strip = np.full((bands, *part.shape), NODATA, dtype="uint8")
    for answer in answers:
        inside = answer.window.seen_from(part)
        strip[:, inside.rows, inside.cols] = answer.values
    return Block(part, strip)


def masked(strip: Block, valid: Block) -> Block:
    """The strip with nodata in every band where the scene has no pixel."""
    seen = valid.cut(strip.window).values
    if seen.all():
        return strip
    return Block(strip.window, np.where(seen, strip.values, np.uint8(NODATA)))


def window_weights(grid: WindowGrid) -> NDArray[np.float32]:
    """How much each pixel of a window counts where windows overlap: (height, width), the same for all of a grid.

    The product of two profiles: each rises as a squared sine over the overlap with one neighbour and falls like it
    over that with the other, so that the two of them sum to 1; between, it is 1.
    """
    rows, cols = (_profile(length, 2 * grid.halo) for length in grid.window_shape)
    return np.outer(rows, cols)


def _profile(length: int, overlap: int) -> NDArray[np.float32]:
    rise = np.ones(length)
    rise[:overlap] = np.sin(np.pi / 2 * (np.arange(overlap) + 0.5) / max(1, overlap)) ** 2
    return np.minimum(rise, rise[::-1]).clip(_LEAST).astype("float32")


def weighed(scores: Iterable[Block], part: Window, weights: NDArray[np.float32], classes: int) -> Block:
    """Sum of the windows' scores, each times its weight: (classes, part.height, part.width) float32.

    Scores of a pixel sum to 1, so these sum to the weight of all that covered it: 0 where nothing did.
    """
    total = np.zeros((classes, *part.shape), dtype="float32")
    for block in scores:
        inside = block.window.seen_from(part)
        total[:, inside.rows, inside.cols] += weights * block.values
    return Block(part, total)


def blended(sums: Iterable[Block], core: Window, classes: int) -> Block:
    """Scores (classes, core.height, core.width) float32, summing to 1, from weighed ones that meet in a core.

    NaN where one of them is NaN, or none covers a pixel.
    """
    total = np.zeros((classes, *core.shape), dtype="float32")
    for block in sums:
        inside = block.window.seen_from(core)
        total[:, inside.rows, inside.cols] += block.values
    with np.errstate(invalid="ignore"):  # 0 / 0
        return Block(core, total / total.sum(axis=0))


def part_core(plans: Sequence[PlannedWindow]) -> Window:
    """The pixels of the scene that a run of neighbouring windows answers for."""
    return hull([plan.core for plan in plans])


def part_input(plans: Sequence[PlannedWindow]) -> Window:
    """The pixels that a run of neighbouring windows needs, halos included."""
    return hull([plan.window for plan in plans])
