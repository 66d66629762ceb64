"""What pictures have in common: scale bar, north arrow, frames, and colours that everybody tells apart."""

import math

import numpy as np
from matplotlib.axes import Axes

from geounet.block import Array

# Okabe & Ito (2008): told apart with any kind of colour vision
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"
YELLOW, PINK, SKY = "#e69f00", "#cc79a7", "#56b4e9"
NATURAL = {"red": ORANGE, "green": GREEN, "blue": BLUE}  # of what tells of a band
OTHERS = (GREY, YELLOW, PINK, SKY)
CYAN = (0.0, 0.9, 1.0)  # stands out from roofs, soil and trees alike
MISSING = 0.7  # grey of what has no data
BOX = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}

Extent = tuple[float, float, float, float]


def shown_map(axes: Axes, picture: Array, shape: tuple[int, int], title: str) -> None:
    """Show a picture of a map of some rows and columns, in whose pixels everything else on the axes is given."""
    height, width = shape
    axes.imshow(picture, extent=extent_of(shape), interpolation="nearest")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_anchor("N")
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def extent_of(shape: tuple[int, int]) -> Extent:
    """Left, right, bottom and top of a map of some rows and columns."""
    return 0.0, float(shape[1]), float(shape[0]), 0.0


def greyed(picture: Array) -> Array:
    """A picture without its colours, on which others are read."""
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)


def nice_length(most: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `most`.

    >>> nice_length(137.0)
    100.0
    """
    power: float = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def scale_bar(axes: Axes, shape: tuple[int, int], resolution: float) -> None:
    """A bar of a round length at the lower left, of a map of `resolution` metres a pixel."""
    height, width = shape
    metres = nice_length(max(resolution, width * resolution / 4))
    length = metres / resolution
    left, top, thick = 0.03 * width, 0.955 * height, 0.012 * height
    axes.fill_between([left, left + length], top, top + thick, color="white", edgecolor="black", linewidth=0.8)
    words = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    axes.text(left, top - thick, words, fontsize=9, va="bottom", bbox=BOX)


def north_arrow(axes: Axes, shape: tuple[int, int], north: float) -> None:
    """An arrow at the upper right that points north, in degrees clockwise from up."""
    height, width = shape
    length = 0.08 * min(height, width)
    angle = math.radians(north)
    tip = (length * math.sin(angle), -length * math.cos(angle))
    centre = (width - 0.9 * length, 1.1 * length)
    axes.annotate(
        "N",
        xy=(centre[0] + tip[0] / 2, centre[1] + tip[1] / 2),
        xytext=(centre[0] - tip[0] / 2, centre[1] - tip[1] / 2),
        ha="center",
        va="center",
        fontsize=10,
        bbox=BOX,
        arrowprops={"facecolor": "white", "edgecolor": "black", "width": 3, "headwidth": 9, "headlength": 8},
    )


def plain(axes: Axes, title: str) -> None:
    """A chart with its title and without a box around it."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
