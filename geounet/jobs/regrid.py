"""From parts on the working grid to parts on the scene's own pixels."""

from collections.abc import Callable
from contextlib import closing

import numpy as np

from geounet.assemble import masked, place
from geounet.block import Block
from geounet.grid import Window
from geounet.io.cog import Patchwork
from geounet.io.own_grid import OwnGrid
from geounet.io.parts import Parts
from geounet.jobs.pipeline import ahead
from geounet.legend import NODATA, Legend
from geounet.rule import cut_level
from geounet.track import Track, untracked

_PART = 8 << 20  # values of a part, of all bands together


def bring_back(
    working: Patchwork, own: OwnGrid, parts: Parts, legend: Legend, threshold: float, *, track: Track = untracked
) -> None:
    """Write the parts of a map on the scene's own pixels; parts already whole are left alone.

    There is nodata exactly where the scene has no pixel, or the working grid no answer.

    Raises:
        SceneError: a part of the scene that cannot be read.
        OutputError: a part that cannot be read or written.
    """
    done = parts.finished()
    missing = [window for window in own.windows(_PART // parts.bands) if window not in done]
    total = sum(window.area for window in missing) / 1e6
    with working.opened() as read, closing(ahead(own.valid(window) for window in missing)) as seen:
        tracked = track(seen, "resampling", total=total, unit="Mpx", amount=lambda b: b.window.area / 1e6)
        for valid in tracked:
            if valid.values.any():
                parts.write(masked(_strip(own, valid.window, read, legend, cut_level(threshold)), valid))
            else:
                parts.write(place((), valid.window, parts.bands))


def _strip(own: OwnGrid, window: Window, read: Callable[[Window], Block], legend: Legend, cut: int) -> Block:
    """Class and levels (bands, height, width) uint8 of a window of the scene's own pixels.

    Between background and building the level decides. Of more classes the one wins that most of the pixels around
    have, weighted as their levels are: background has no level, and what the rounded others leave of 254 would decide
    near ties otherwise than the network did.
    """
    votes = 0 if legend.is_binary else len(legend.classes)
    values, known = own.brought_back(window, lambda piece: _with_votes(read(piece), votes))
    levels = np.rint(values[: len(values) - votes])
    winner = values[len(levels) :].argmax(axis=0) if votes else levels[0] >= cut
    strip = np.concatenate([winner[None], levels]).astype("uint8")
    return Block(window, np.where(known, strip, np.uint8(NODATA)))


def _with_votes(strip: Block, classes: int) -> Block:
    """The levels of a strip, and for each class where it is the one: 1, else 0; nodata stays in the first level."""
    winner, levels = strip.values[:1], strip.values[1:]
    is_class = winner == np.arange(classes, dtype="uint8")[:, None, None]
    return Block(strip.window, np.concatenate([levels, is_class.astype("uint8")]))
