"""The picture of training windows: how many, of what, where, and some of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geounet.block import Array
from geounet.chips import SPLITS, ChipsCard
from geounet.jobs.inform import shares_of
from geounet.nn.chip_store import ChipFolder
from geounet.report.chips_picture import ChipsFacts, Example, chips_picture
from geounet.report.samples import stretched

_EXAMPLES = 6


def chips_drawn(path: Path) -> bytes:
    """A folder of training windows as a PNG."""
    folder = ChipFolder.open(path)
    card = folder.card
    resolution = "no CRS" if card.ground_resolution is None else f"{card.ground_resolution:.3g} m a pixel"
    classes = card.legend.foreground
    count, bands = len(card.windows), ", ".join(card.colours)
    return chips_picture(
        ChipsFacts(
            title=f"{path.name}: {count:,} windows of {card.size} px, {resolution}, {bands}, {card.dtype}",
            counts={split: len(card.of_split(split)) for split in SPLITS},
            shares={split: shares_of(card, split) for split in SPLITS},
            colours={c.name: _fractions(c.rgb) for c in classes},
            ids={c.id: c.name for c in classes},
            places=_places(card),
            examples=list(_examples(folder)),
        )
    )


def _fractions(rgb: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = (value / 255 for value in rgb)
    return red, green, blue


def _places(card: ChipsCard) -> dict[str, tuple[Array, list[str]]]:
    """Of each scene, left, lower edge and side of its windows in pixels, and their splits."""
    places: dict[str, tuple[Array, list[str]]] = {}
    for scene in sorted({window.scene for window in card.windows}):
        windows = [window for window in card.windows if window.scene == scene]
        boxes = np.array([(window.col, -window.row - card.size, card.size) for window in windows], dtype=float)
        places[str(scene)] = (boxes, [window.split for window in windows])
    return places


def _examples(folder: ChipFolder) -> Iterator[Example]:
    """Windows with much, usual and little foreground, of each split in turn."""
    card = folder.card
    found: list[int] = []
    for split in SPLITS:
        ranked = sorted(card.of_split(split), key=lambda i: (-sum(card.windows[i].shares[1:]), i))
        wanted = 4 if split == "train" else 1
        places = dict.fromkeys(len(ranked) * k // (2 * wanted) for k in range(wanted))
        found += [ranked[place] for place in places if ranked]
    for number in found[:_EXAMPLES]:
        window = card.windows[number]
        pixels, _ = folder.window(number)
        labels = folder.labels(number)
        valid = np.ones(labels.shape, dtype=bool)
        share = sum(window.shares[1:])
        picture = stretched(pixels, valid, card.colours)
        yield Example(picture, labels, f"{window.split}: {share:.0%} foreground", window.split)
