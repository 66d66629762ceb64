"""sweep.png: what another threshold would give, and whether probabilities can be taken at their word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geounet.calibration import BINS, Reliability
from geounet.report.curves import png
from geounet.report.furniture import BLUE, GREEN, GREY, ORANGE

Floats = NDArray[np.float64]
Place = Literal["lower left", "upper left"]  # of the key


@dataclass(frozen=True, slots=True, eq=False)
class SweepPanels:
    """What is drawn.

    Args:
        thresholds, precision, recall, iou: (n,), NaN where there is none.
        chosen, best: thresholds of the map, and of the highest IoU; None: not known.
        reliabilities: by what they are of.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats
    iou: Floats
    chosen: float | None
    best: float | None
    reliabilities: Mapping[str, Reliability]


def sweep_picture(panels: SweepPanels) -> bytes:
    """The picture as PNG, the same for the same figures."""
    figure = Figure(figsize=(13.5, 4.6), dpi=110, layout="constrained")
    axes = figure.subplot_mosaic([["curve", "scores", "right"], ["curve", "scores", "count"]], height_ratios=[4, 1])
    _precision_recall(axes["curve"], panels)
    _by_threshold(axes["scores"], panels)
    _reliability(axes["right"], axes["count"], panels.reliabilities)
    return png(figure)


def _marks(panels: SweepPanels) -> list[tuple[float, str, str, str]]:
    """Threshold, colour, marker and word of what is marked; one mark where both are the same."""
    if panels.best is None or panels.chosen is None or abs(panels.best - panels.chosen) < 0.004:
        one = panels.chosen if panels.best is None else panels.best
        word = "best" if panels.chosen is None else "chosen" if panels.best is None else "chosen, and best"
        return [] if one is None else [(one, ORANGE, "*", word)]
    return [(panels.chosen, GREY, "o", "chosen"), (panels.best, ORANGE, "*", "best")]


def _precision_recall(axes: Axes, panels: SweepPanels) -> None:
    recall = np.linspace(0.001, 1, 400)
    for f1 in (0.5, 0.6, 0.7, 0.8, 0.9):
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = f1 * recall / (2 * recall - f1)
        shown = (precision > 0) & (precision <= 1)
        axes.plot(recall[shown], precision[shown], color="#cccccc", linewidth=0.8, zorder=1)
        axes.text(1.0, f1 / (2 - f1), f"F1 {f1:g} ", fontsize=7, color=GREY, ha="right", va="bottom", zorder=1)
    axes.plot(panels.recall, panels.precision, color=BLUE, linewidth=2, zorder=3)
    for threshold, colour, marker, word in _marks(panels):
        place = int(np.abs(panels.thresholds - threshold).argmin())
        axes.plot(
            panels.recall[place], panels.precision[place], marker, color=colour, markeredgecolor="black", zorder=4,
            markersize=15 if marker == "*" else 9, label=f"{word}: {threshold:g}", linestyle="none",
        )  # fmt: skip
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    _finished(axes, "precision and recall of pixels", "recall", "precision", place="lower left")


def _by_threshold(axes: Axes, panels: SweepPanels) -> None:
    f1 = 2 * panels.iou / (1 + panels.iou)
    axes.plot(panels.thresholds, panels.iou, color=BLUE, linewidth=2, label="IoU")
    axes.plot(panels.thresholds, f1, color=GREEN, linewidth=2, linestyle="--", label="F1")
    for threshold, colour, _, word in _marks(panels):
        axes.axvline(threshold, color=colour, linewidth=1.4, linestyle=":" if colour == GREY else "-")
        apart = None if panels.best is None or panels.chosen is None else panels.best - panels.chosen
        is_left = apart is not None and ((word == "chosen" and apart > 0) or (threshold > 0.8 and abs(apart) > 0.3))
        axes.annotate(
            f"{word} {threshold:g}", (threshold, 1.0), xytext=(-4 if is_left else 4, 0), textcoords="offset points",
            fontsize=9, ha="right" if is_left else "left", va="top",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    _finished(axes, "scores of pixels by threshold", "threshold", "score", place="upper left")


def _reliability(axes: Axes, below: Axes, reliabilities: Mapping[str, Reliability]) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="as claimed")
    styles = ((BLUE, "o", "-"), (ORANGE, "s", "--"))
    width = 0.8 / BINS / max(1, len(reliabilities))
    for number, ((name, one), (colour, marker, line)) in enumerate(zip(reliabilities.items(), styles, strict=False)):
        error = "" if one.error is None else f", error {one.error:.3f}"
        known = one.count > 0
        axes.plot(
            one.claimed[known],
            one.right[known],
            line,
            marker=marker,
            color=colour,
            label=f"{name}{error}",
            linewidth=1.6,
        )
        centres = (np.arange(BINS) + 0.5) / BINS + (number - (len(reliabilities) - 1) / 2) * width
        below.bar(centres, one.count / max(1, one.count.sum()), width=width, color=colour)
    below.set_ylabel("share", fontsize=8)
    below.tick_params(labelsize=8)
    below.set_xlabel("probability claimed")
    below.set_xlim(0, 1)
    below.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    _finished(axes, "is 0.9 right 90 % of the time?", "", "share that is right", place="upper left")


def _finished(axes: Axes, title: str, across: str, up: str, *, place: Place) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=9, loc=place, framealpha=0.9, edgecolor="none")
