"""preview.png: the scene, the probability and the footprints of a map side by side, with scale bar and north arrow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import NDArray

from geounet.block import Array
from geounet.report.curves import png

_CYAN = (0.0, 0.9, 1.0)  # stands out from roofs, soil and trees alike


Outlines = Sequence[tuple[Sequence[Array], float]]


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """Footprints too many to be drawn one by one: where they are, (h, w) of any size, and how many there are."""

    there: NDArray[np.bool_]
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """What is drawn.

    Args:
        picture: (h, w, 3) float 0..1 of the scene, made small.
        probability: (h, w) float, NaN where there is no data; of any size.
        footprints: of each its rings (n, 2) in pixels (column, row) of the map, the outer one first, and its confidence
            0..1 (NaN: unknown); or where they are; None: not drawn.
        shape: rows and columns of the map.
        ground_resolution: metres a pixel of the map; None without a CRS.
        north: direction of north in the picture in degrees clockwise from up; None without a CRS.
    """

    picture: Array
    probability: NDArray[np.float64]
    footprints: Outlines | Cover | None
    shape: tuple[int, int]
    ground_resolution: float | None
    north: float | None


def preview_picture(panels: Panels) -> bytes:
    """The picture as PNG bytes, the same for the same map."""
    height, width = panels.shape
    count = 2 if panels.footprints is None else 3
    figure, axes = _sheet(height / width, count)
    extent = (0.0, float(width), float(height), 0.0)
    axes[0].imshow(panels.picture, extent=extent, interpolation="nearest")
    axes[0].set_title("scene", loc="left", fontsize=11)
    shown = axes[1].imshow(panels.probability, extent=extent, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
    axes[1].set_title("probability", loc="left", fontsize=11)
    figure.colorbar(shown, ax=axes, shrink=0.5, pad=0.01, label="probability")
    if panels.footprints is not None:
        axes[2].imshow(panels.picture, extent=extent, interpolation="nearest")
        if isinstance(panels.footprints, Cover):
            _cover(axes[2], panels.footprints, extent)
        else:
            _outlines(axes[2], panels.footprints)
    for one in axes:
        one.set_axis_off()
        one.set_xlim(0, width)
        one.set_ylim(height, 0)
    if panels.ground_resolution is not None:
        _scale_bar(axes[0], panels.shape, panels.ground_resolution)
    if panels.north is not None:
        _north_arrow(axes[0], panels.shape, panels.north)
    return png(figure)


def _sheet(ratio: float, count: int) -> tuple[Figure, list[Axes]]:
    """A figure whose panels of height/width `ratio` stand side by side, or one above the other where they are wide."""
    wide = ratio < 0.6
    side = min(6.0, 8.0 / ratio) if not wide else 10.0
    # 0.9 inches for the colour bar, 0.35 for each title
    size = (side + 0.9, count * (side * ratio + 0.35)) if wide else (count * side + 0.9, side * ratio + 0.4)
    figure = Figure(figsize=(max(3.0, size[0]), max(2.0, size[1])), dpi=110, layout="constrained")
    grid = figure.subplots(*((count, 1) if wide else (1, count)), squeeze=False)
    return figure, list(grid.ravel())


def _cover(axes: Axes, cover: Cover, extent: tuple[float, float, float, float]) -> None:
    shade = np.zeros((*cover.there.shape, 4), np.float32)
    shade[cover.there] = (*_CYAN, 0.6)
    axes.imshow(shade, extent=extent, interpolation="nearest")
    axes.set_title(f"{cover.count:,} footprints", loc="left", fontsize=11)


def _outlines(axes: Axes, outlines: Outlines) -> None:
    # holes are wound against their shell, and so stay empty
    shapes = [Path.make_compound_path(*(Path(ring, closed=True) for ring in rings)) for rings, _ in outlines]
    colours = [(*_CYAN, 0.05 + 0.3 * float(np.nan_to_num(confidence))) for _, confidence in outlines]
    axes.add_collection(PathCollection(shapes, facecolors=colours, edgecolors=_CYAN, linewidths=0.9))
    axes.set_title(f"{len(outlines):,} footprints, fuller where surer", loc="left", fontsize=11)


def nice_length(most: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `most`.

    >>> nice_length(137.0)
    100.0
    """
    power: float = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def _scale_bar(axes: Axes, shape: tuple[int, int], resolution: float) -> None:
    height, width = shape
    metres = nice_length(max(resolution, width * resolution / 4))
    length = metres / resolution
    left, top, thick = 0.03 * width, 0.955 * height, 0.012 * height
    axes.fill_between([left, left + length], top, top + thick, color="white", edgecolor="black", linewidth=0.8)
    words = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
    axes.text(left, top - thick, words, fontsize=9, va="bottom", bbox=box)


def _north_arrow(axes: Axes, shape: tuple[int, int], north: float) -> None:
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
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5},
        arrowprops={"facecolor": "white", "edgecolor": "black", "width": 3, "headwidth": 9, "headlength": 8},
    )
