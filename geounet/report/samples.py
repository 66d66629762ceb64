"""samples.png: image, truth, probability and errors in colour of a few windows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from geounet.block import Array
from geounet.legend import IGNORE, Legend
from geounet.report.curves import png
from geounet.report.furniture import MISSING, greyed

RIGHT, MISSED, MADE_UP = (0, 114, 178), (230, 159, 0), (204, 121, 167)  # after Okabe & Ito (2008)
UNSCORED = (170, 170, 170)
TOUCHING = (86, 180, 233)
SHADE = 0.7  # of colour over the image
ROW, FOOT, LINE = 3.25, 0.55, 0.22  # inches: of a row and its four pictures, and below for the keys and their lines
MARGIN = 0.01  # of the figure's width
TRUTH_COLUMNS = 3  # of its key: the other half of the figure is that of the errors


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A window: pixels (bands, h, w), valid (h, w) bool, truth and answer (h, w) uint8 class ids, 255 = not scored.

    `chance` (h, w) 0..1: probability of the likeliest foreground class. `contact` (h, w) bool: where the labels have
    contact between near neighbours.
    """

    title: str
    pixels: Array
    valid: Array
    truth: Array
    answer: Array
    chance: Array
    contact: Array


def stretched(pixels: Array, valid: Array, colours: Sequence[str]) -> Array:
    """An image to look at, (h, w, 3) float32 0..1: red, green, blue where known, else the first bands.

    The range shown is from the 1st to the 99th percentile of the valid pixels: of all bands together where they are
    8-bit red, green and blue, whose balance is known, else of each band by itself. Invalid pixels are grey.
    """
    places, low, high = shown_bands(pixels, valid, colours)
    image = np.full((*valid.shape, 3), MISSING, dtype=np.float32)
    image[valid] = np.clip((pixels[places][:, valid].T - low) / np.maximum(high - low, 1e-6), 0, 1)
    return image


def shown_bands(pixels: Array, valid: Array, colours: Sequence[str]) -> tuple[list[int], Array, Array]:
    """Which bands (from 0) `stretched` shows as red, green and blue, and (3,) values that become black and white."""
    places = [colours.index(name) for name in ("red", "green", "blue") if name in colours]
    if len(places) < 3:
        places = [0, 1, 2] if len(pixels) >= 3 else [0, 0, 0]
    if not valid.any():
        return places, np.zeros(3, np.float32), np.ones(3, np.float32)
    shown = pixels[places][:, valid].astype(np.float32)
    is_photograph = pixels.dtype == np.uint8 and len(set(places)) == 3
    ends = np.percentile(shown, (1, 99), axis=None if is_photograph else 1)
    low, high = (np.broadcast_to(end, 3) for end in ends)
    return places, low, high


def _painted(image: Array, mask: Array, colour: Sequence[int]) -> None:
    image[mask] = (1 - SHADE) * image[mask] + SHADE * np.asarray(colour, dtype=np.float32) / 255


def _truth_view(image: Array, sample: Sample, legend: Legend) -> Array:
    view = greyed(image)
    for row in legend.foreground:
        _painted(view, (sample.truth == row.id) & ~sample.contact, row.rgb)
    _painted(view, sample.contact, TOUCHING)
    _painted(view, sample.truth == IGNORE, UNSCORED)
    return view


def _answer_view(image: Array, sample: Sample) -> Array:
    view = greyed(image)
    scored, truth, answer = sample.truth != IGNORE, sample.truth, sample.answer
    _painted(view, scored & (answer == truth) & (truth > 0), RIGHT)
    _painted(view, scored & (truth > 0) & (answer != truth), MISSED)
    _painted(view, scored & (truth == 0) & (answer > 0), MADE_UP)
    _painted(view, ~scored, UNSCORED)
    return view


def samples_picture(samples: Sequence[Sample], legend: Legend, colours: Sequence[str]) -> bytes:
    """A PNG with a row for each sample: image, truth, probability, and the answer by right, missed and made up."""
    truth = {row.name: _seen(row.rgb) for row in legend.foreground}
    if any(sample.contact.any() for sample in samples):
        truth["contact"] = _seen(TOUCHING)
    count = max(1, len(samples))
    foot = FOOT + LINE * (math.ceil(len(truth) / TRUTH_COLUMNS) - 1)
    height = foot + ROW * count
    figure = Figure(figsize=(4 * ROW, height), dpi=100)
    # by hand: letting matplotlib find the layout takes longer than drawing it
    edges = {"left": MARGIN, "right": 1 - MARGIN, "bottom": foot / height, "top": 1 - 0.3 / height}
    rows = figure.subplots(count, 4, squeeze=False, gridspec_kw=edges | {"wspace": 0.03, "hspace": 0.1})
    for axes in rows.flat:
        axes.set_axis_off()
    for row, sample in zip(rows, samples, strict=False):
        image = stretched(sample.pixels, sample.valid, colours)
        chance = np.where(sample.valid, sample.chance, np.nan)
        views = (image, _truth_view(image, sample, legend), chance, _answer_view(image, sample))
        for axes, view, title in zip(
            row, views, (sample.title, "truth", "probability (blue 0, yellow 1)", "errors"), strict=True
        ):
            axes.imshow(view, interpolation="nearest", cmap="cividis", vmin=0, vmax=1)
            axes.set_title(title, fontsize=10, loc="left")
    names = {"right": RIGHT, "missed or another class": MISSED, "made up": MADE_UP, "not scored": UNSCORED}
    errors = {name: _seen(colour) for name, colour in names.items()}
    _explain(figure, truth, title="truth", right=False, columns=TRUTH_COLUMNS)
    _explain(figure, errors, title="errors", right=True, columns=len(errors))
    return png(figure)


def _explain(
    figure: Figure, keys: Mapping[str, tuple[float, float, float]], *, title: str, right: bool, columns: int
) -> None:
    """What the colours of one kind of picture stand for, at the foot of the figure, to the left or to the right."""
    handles = [Patch(color=colour, label=label) for label, colour in keys.items()]
    figure.legend(
        handles=handles,
        loc="lower right" if right else "lower left",
        bbox_to_anchor=(1 - MARGIN if right else MARGIN, 0.0),
        ncols=columns,
        frameon=False,
        fontsize=9,
        title=title,
        title_fontsize=9,
    )


def _seen(colour: Sequence[int]) -> tuple[float, float, float]:
    """A colour as it looks over grey, 0..1."""
    red, green, blue = (SHADE * band / 255 + (1 - SHADE) * MISSING for band in colour)
    return red, green, blue
