"""Pieces cut from a scene, and the strips that their answers are placed in."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from geounet.block import Block, Piece
from geounet.grid import PlannedWindow, Window, hull
from geounet.legend import NODATA


def cut(pixels: Block, valid: Block, plans: Iterable[PlannedWindow]) -> Iterator[Piece]:
    """The planned windows out of one reading; those with no valid pixel in their core are left out."""
    for plan in plans:
        if valid.cut(plan.core).values.any():
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


def part_core(plans: Sequence[PlannedWindow]) -> Window:
    """The pixels of the scene that a run of neighbouring windows answers for."""
    return hull([plan.core for plan in plans])


def part_input(plans: Sequence[PlannedWindow]) -> Window:
    """The pixels that a run of neighbouring windows needs, halos included."""
    return hull([plan.window for plan in plans])
