"""A picture of training windows: how many, of what, where, and some of them with their labels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from geounet.block import Array
from geounet.legend import IGNORE
from geounet.report.curves import png
from geounet.report.furniture import BLUE, GREY, PINK, YELLOW, greyed, plain

_UNKNOWN = 0.05  # nearly black

SPLIT_COLOURS = {"train": BLUE, "val": YELLOW, "test": PINK}


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A training window: picture (h, w, 3) 0..1, class ids (h, w) uint8, a title, and its split."""

    picture: Array
    labels: Array
    title: str
    split: str


@dataclass(frozen=True, slots=True, eq=False)
class ChipsFacts:
    """What is drawn of training windows.

    Args:
        counts: of windows by split; `shares`: of each class by split; `colours`: of each class, 0..1.
        places: of each scene by name the lower left corner and the side of each window, (n, 3), and its split.
        examples: some windows; their foreground is drawn over them in the colours of the classes `ids`.
    """

    title: str
    counts: Mapping[str, int]
    shares: Mapping[str, Mapping[str, float]]
    colours: Mapping[str, tuple[float, float, float]]
    ids: Mapping[int, str]
    places: Mapping[str, tuple[Array, Sequence[str]]]
    examples: Sequence[Example]


def chips_picture(facts: ChipsFacts) -> bytes:
    """How many windows each split has, what is in them, where they lie, and some of them with their labels."""
    figure = Figure(figsize=(13, 8.6), dpi=110, layout="constrained")
    figure.suptitle(facts.title, x=0.01, ha="left", fontsize=12)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.4)).flat
    counts, shares, places = upper.subplots(1, 3)
    _counts(counts, facts)
    _shares(shares, facts)
    _places(places, facts)
    if any((example.labels == IGNORE).any() for example in facts.examples):
        lower.suptitle("black stripes: without imagery, or ignored", x=0.01, ha="left", fontsize=9)
    below = lower.subplots(1, max(1, len(facts.examples)), squeeze=False).flat
    for axes, example in zip(below, facts.examples, strict=False):
        view = greyed(example.picture)
        for number, name in facts.ids.items():
            inside = example.labels == number
            view[inside] = 0.45 * view[inside] + 0.55 * np.asarray(facts.colours[name])
        view[(example.labels == IGNORE) & _stripes(*example.labels.shape)] = _UNKNOWN
        axes.imshow(np.concatenate([example.picture, view]), interpolation="nearest")
        axes.set_title(example.title, loc="left", fontsize=9, color=SPLIT_COLOURS.get(example.split, GREY))
        axes.set_axis_off()
    return png(figure)


def _stripes(height: int, width: int) -> Array:
    """(height, width) bool: stripes from the lower left to the upper right."""
    stripes: Array = np.add.outer(np.arange(height), np.arange(width)) * 32 // max(height, width) % 2 == 0
    return stripes


def _counts(axes: Axes, facts: ChipsFacts) -> None:
    names = list(facts.counts)
    bars = axes.barh(names, list(facts.counts.values()), color=[SPLIT_COLOURS.get(name, GREY) for name in names])
    axes.bar_label(bars, [f"{count:,}" for count in facts.counts.values()], padding=3, fontsize=10)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    plain(axes, "windows")
    axes.grid(visible=False)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)


def _shares(axes: Axes, facts: ChipsFacts) -> None:
    """Of each split a bar for each foreground class; the background is what is left."""
    names = [name for name in facts.colours if any(name in shares for shares in facts.shares.values())]
    splits = [split for split, shares in facts.shares.items() if shares]
    high = 0.8 / max(1, len(names))
    for number, name in enumerate(names):
        places = [row + number * high for row in range(len(splits))]
        values = [facts.shares[split].get(name, 0.0) for split in splits]
        bars = axes.barh(places, values, height=high, color=facts.colours[name], label=name, edgecolor="white")
        axes.bar_label(
            bars, [f"{100 * value:.1f} %" for value in values], padding=3, fontsize=9 if len(names) < 6 else 6
        )
    axes.set_yticks([row + 0.4 - high / 2 for row in range(len(splits))], splits)
    axes.invert_yaxis()
    axes.margins(x=0.22)
    plain(axes, f"share of {names[0] if len(names) == 1 else 'each class'} among the labelled pixels")
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, 0), ncols=3)


def _places(axes: Axes, facts: ChipsFacts) -> None:
    """The windows of each scene where they lie, by split; scenes stand in rows, in their order."""
    known = [(boxes, splits) for boxes, splits in facts.places.values() if len(boxes)]
    extents = [np.ptp(boxes[:, :2], axis=0) + boxes[:, 2].max() for boxes, _ in known]
    across, down = 1.15 * np.max(extents, axis=0) if extents else (1.0, 1.0)
    columns = math.ceil(math.sqrt(len(known) * down / across)) if len(known) > 1 else 1
    for number, (boxes, splits) in enumerate(known):
        x, y, side = boxes.T
        x = x - x.min() + across * (number % columns)
        y = y - y.max() - down * (number // columns)
        ways = ((0, 0), (1, 0), (1, 1), (0, 1))
        corners = np.stack([np.column_stack([x + a * side, y + b * side]) for a, b in ways], 1)
        colours = [SPLIT_COLOURS.get(split, GREY) for split in splits]
        axes.add_collection(PolyCollection(list(corners), facecolors=colours, edgecolors="white", linewidths=0.6))
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_axis_off()
    scenes = len(facts.places)
    axes.set_title(f"where they lie{f', in {scenes} scenes' if scenes > 1 else ''}", loc="left", fontsize=11)
    shown = [split for split, count in facts.counts.items() if count]
    handles = [Patch(color=SPLIT_COLOURS.get(split, GREY), label=split) for split in shown]
    axes.legend(handles=handles, frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, 0), ncols=3)
