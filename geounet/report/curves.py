"""curves.png: loss, validation score and learning rate of a training run."""

import io
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from geounet.report.furniture import BLUE, GREEN, GREY, ORANGE

Row = Mapping[str, float | int | None]


def png(figure: Figure) -> bytes:
    """The figure as PNG: the same bytes for the same figure, whenever it is drawn."""
    for text in figure.findobj(lambda artist: isinstance(artist, Text) and "$" in artist.get_text()):
        text.set_parse_math(False)  # type: ignore[attr-defined]  # names of files and bands are no formulas
    FigureCanvasAgg(figure)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _line(axes: Axes, history: Sequence[Row], key: str, colour: str, *, label: str, style: str = "-") -> None:
    known = [(row["step"], row[key]) for row in history if row.get(key) is not None]
    if known:
        steps, values = zip(*known, strict=True)
        axes.plot(steps, values, style, color=colour, label=label, linewidth=1.8, marker="o", markersize=3)


def _finished(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("step")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(axes.get_legend_handles_labels()[0]) > 1:  # one line is named by the title
        axes.legend(frameon=False, fontsize=9)


def _free_height(best: float, contact: float | None) -> float:
    """Where between 0 and 1 a word stands clear of the curves.

    >>> _free_height(0.8, None), _free_height(0.2, None), _free_height(0.5, 0.05), _free_height(0.8, 0.3)
    (0.03, 0.93, 0.25, 0.03)
    """
    if contact is None:
        return 0.03 if best > 0.4 else 0.93
    return max((0.03, 0.25, 0.7), key=lambda height: min(abs(height - best), abs(height - contact)))


def curves_picture(history: Sequence[Row], *, best_step: int) -> bytes:
    """A PNG of three curves against the step: loss, validation IoU, learning rate.

    Args:
        history: rows of step, loss, validation_loss, iou, learning_rate, and contact_iou where contact is learned;
            None where there is no value.
        best_step: after which the kept weights were; marked.
    """
    figure = Figure(figsize=(12, 3.8), dpi=110, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _line(left, history, "loss", BLUE, label="training")
    _line(left, history, "validation_loss", ORANGE, label="validation", style="--")
    left.set_ylim(bottom=0)
    _finished(left, "loss")
    _line(middle, history, "iou", ORANGE, label="classes")
    _line(middle, history, "contact_iou", GREEN, label="contact", style="--")
    middle.set_ylim(0, 1)
    best = next((row["iou"] for row in history if row["step"] == best_step), None)
    contact = next((row.get("contact_iou") for row in history if row["step"] == best_step), None)
    if best is not None:
        middle.axvline(best_step, color=GREY, linewidth=1, linestyle=":")
        # written where there is room: on the inner side of the mark, above a low curve or below a high one
        inward = best_step > history[-1]["step"] / 2 if history[-1]["step"] else False
        middle.annotate(
            f"kept: {best:.3f}",
            (best_step, _free_height(best, contact)),
            xytext=(-6 if inward else 6, 0),
            textcoords="offset points",
            ha="right" if inward else "left",
            color=GREY,
            fontsize=9,
        )
    elif not any(row["iou"] is not None for row in history):
        middle.text(0.5, 0.5, "no validation windows", transform=middle.transAxes, ha="center", color=GREY)
    _finished(middle, "IoU of the foreground, validation")
    _line(right, history, "learning_rate", GREEN, label="learning rate")
    right.set_ylim(bottom=0)
    right.yaxis.set_major_formatter("{x:.2g}")
    _finished(right, "learning rate")
    return png(figure)
