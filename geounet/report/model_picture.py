"""A picture of a model: its card, its bands, its scores, and how they came about."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geounet.report.curves import Row, png
from geounet.report.furniture import BLUE, GREEN, GREY, NATURAL, ORANGE, OTHERS, PINK, SKY, YELLOW, plain


@dataclass(frozen=True, slots=True, eq=False)
class ModelFacts:
    """What is drawn of a model: a card of names and values, its history, and the scores of its classes.

    Args:
        bands: mean and deviation of each by name, in the scenes' units.
        history: rows as for the curves; empty where it is not known.
        scores: of each class by name, figures from 0 to 1 by name.
    """

    title: str
    card: Mapping[str, str]
    bands: Mapping[str, tuple[float, float]]
    history: Sequence[Row]
    scores: Mapping[str, Mapping[str, float | None]]


def model_picture(facts: ModelFacts) -> bytes:
    """The card in words, the bands, the scores on the validation windows, and how they came about."""
    figure = Figure(figsize=(13, 5.2), dpi=110, layout="constrained")
    figure.suptitle(facts.title, x=0.01, ha="left", fontsize=12)
    words, bands, scores, curve = figure.subplots(1, 4, width_ratios=(1.5, 0.8, 1.1, 1.1))
    words.set_axis_off()
    lines = []
    for name, value in facts.card.items():
        wrapped = textwrap.wrap(value, 34) or [""]
        lines += [f"{name:<15}{wrapped[0]}", *(f"{'':<15}{rest}" for rest in wrapped[1:])]
    words.text(0, 1, "\n".join(lines), va="top", family="monospace", fontsize=9, linespacing=1.5)
    _bands(bands, facts)
    _scores(scores, facts)
    _curve(curve, facts)
    return png(figure)


def _bands(axes: Axes, facts: ModelFacts) -> None:
    names = list(facts.bands)
    means, deviations = (np.array([facts.bands[name][place] for name in names]) for place in (0, 1))
    spare = iter(OTHERS * len(names))
    colours = [NATURAL.get(name.partition(" ")[2] or name) or next(spare) for name in names]
    axes.barh(names, means, xerr=deviations, color=colours, ecolor=GREY, capsize=3)
    axes.invert_yaxis()
    plain(axes, "bands: mean, deviation")


def _scores(axes: Axes, facts: ModelFacts) -> None:
    if not facts.scores:
        axes.set_axis_off()
        axes.text(0, 0.5, "no scores known", color=GREY)
        return
    figures = list(next(iter(facts.scores.values())))
    high = 0.8 / len(facts.scores)
    shades = (BLUE, ORANGE, GREEN, YELLOW, PINK, SKY)
    for number, (name, values) in enumerate(facts.scores.items()):
        heights = [values.get(figure) or 0.0 for figure in figures]
        places = [row + number * high for row in range(len(figures))]
        bars = axes.barh(places, heights, height=high, label=name, color=shades[number % len(shades)])
        if len(facts.scores) <= 4:
            axes.bar_label(bars, [f"{value:.3f}" for value in heights], padding=3, fontsize=9)
    axes.set_yticks([row + 0.4 - high / 2 for row in range(len(figures))], figures)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.22)
    axes.set_xticks([0, 0.5, 1])
    plain(axes, "on the validation windows")
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2)


def _curve(axes: Axes, facts: ModelFacts) -> None:
    known = [(row["step"], row["iou"]) for row in facts.history if row.get("iou") is not None]
    if not known:
        axes.set_axis_off()
        axes.text(0, 0.5, "no history beside the model", color=GREY)
        return
    axes.plot(*zip(*known, strict=True), color=ORANGE, linewidth=1.8, marker="o", markersize=3)
    axes.set_ylim(0, 1)
    axes.set_xlabel("step")
    plain(axes, "IoU of the foreground")
