"""preview.png: the scene, the probability and the footprints of a map side by side, with scale bar and north arrow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import NDArray

from geounet.block import Array
from geounet.footprints import DOUBT
from geounet.report.curves import png
from geounet.report.furniture import CYAN, extent_of, greyed, north_arrow, scale_bar, shown_map

_THICKEST = 0.9  # points of an outline; thinner where buildings are small in the picture
_INCHES = 6.0  # of a panel, at most; 10 where they stand one above the other

Outlines = Sequence[tuple[Sequence[Array], float]]


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Footprints too many to be drawn one by one: how many have their centre in each cell of a grid over the map."""

    cells: NDArray[np.int64]

    @property
    def count(self) -> int:
        return int(self.cells.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """What is drawn.

    Args:
        picture: (h, w, 3) float 0..1 of the scene, made small.
        probability: (h, w) float, NaN where there is no data; of any size.
        footprints: of each its rings (n, 2) in pixels (column, row) of the map, the outer one first, and its confidence
            0..1 (NaN: unknown); or how many are where; None: not drawn.
        shape: rows and columns of the map.
        ground_resolution: metres a pixel of the map; None without a CRS.
        north: direction of north in the picture in degrees clockwise from up; None without a CRS.
    """

    picture: Array
    probability: NDArray[np.float64]
    footprints: Outlines | Crowd | None
    shape: tuple[int, int]
    ground_resolution: float | None
    north: float | None


def preview_picture(panels: Panels) -> bytes:
    """The picture as PNG bytes, the same for the same map."""
    height, width = panels.shape
    count = 2 if panels.footprints is None else 3
    figure, axes = sheet(height / width, count)
    shown_map(axes[0], panels.picture, panels.shape, "scene")
    _probability(figure, axes[1], panels)
    if panels.footprints is not None:
        draw_footprints(figure, axes[2], panels)
    if panels.ground_resolution is not None:
        scale_bar(axes[0], panels.shape, panels.ground_resolution)
    if panels.north is not None:
        north_arrow(axes[0], panels.shape, panels.north)
    return png(figure)


def sheet(ratio: float, count: int) -> tuple[Figure, list[Axes]]:
    """A figure whose panels of height/width `ratio` stand side by side, or one above the other where they are wide."""
    wide = ratio < 0.6
    side = min(_INCHES, 8.0 / ratio) if not wide else 10.0
    # 0.35 inches for each title, 0.5 for a key
    size = (side, count * (side * ratio + 0.35) + 0.7) if wide else (count * side, side * ratio + 0.75)
    figure = Figure(figsize=(max(3.0, size[0]), max(2.0, size[1])), dpi=110, layout="constrained")
    grid = figure.subplots(*((count, 1) if wide else (1, count)), squeeze=False)
    return figure, list(grid.ravel())


def _probability(figure: Figure, axes: Axes, panels: Panels) -> None:
    missing = not np.isfinite(panels.probability).all()
    shown_map(axes, np.ones((1, 1, 3)), panels.shape, f"probability{' (white: no data)' if missing else ''}")
    shown = axes.imshow(
        panels.probability, extent=extent_of(panels.shape), cmap="cividis", vmin=0, vmax=1, interpolation="nearest"
    )
    key(figure, axes, shown, "")


def key(figure: Figure, axes: Axes, shown: ScalarMappable, words: str, *, ticks: Sequence[float] | None = None) -> None:
    """Tell below a panel what its colours mean."""
    bar = figure.colorbar(
        shown, ax=axes, location="bottom", fraction=0.05, pad=0.02, aspect=45, ticks=ticks, panchor=False
    )
    if ticks is not None:
        bar.ax.minorticks_off()
        bar.ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    bar.set_label(words, fontsize=9)
    bar.ax.tick_params(labelsize=9)


def draw_footprints(figure: Figure, axes: Axes, panels: Panels) -> None:
    """The footprints over the scene: each with its outline, or, of a crowd, how many there are where."""
    if isinstance(panels.footprints, Crowd):
        _crowd(figure, axes, panels, panels.footprints)
    elif panels.footprints is not None:
        shown_map(axes, panels.picture, panels.shape, _told(panels.footprints))
        _outlines(axes, panels.footprints, panels.shape)


def _crowd(figure: Figure, axes: Axes, panels: Panels, crowd: Crowd) -> None:
    """Colours of how dense the footprints are, on a logarithmic scale, over a grey scene."""
    height, width = panels.shape
    shown_map(axes, 0.35 + 0.65 * greyed(panels.picture), panels.shape, f"{crowd.count:,} footprints, how dense")
    side = panels.ground_resolution
    pixels = height * width / crowd.cells.size
    hectares = pixels * side * side / 1e4 if side else pixels / 1e4
    dense = np.ma.masked_equal(crowd.cells / hectares, 0)
    ends = (float(dense.min()), float(dense.max())) if crowd.count else (1.0, 1.0)
    norm = LogNorm(ends[0], max(ends[1], 1.001 * ends[0]))
    shown = axes.imshow(
        dense, extent=extent_of(panels.shape), cmap="viridis", norm=norm, alpha=0.75, interpolation="nearest"
    )
    key(figure, axes, shown, "footprints a hectare" if side else "footprints in 100 x 100 pixels", ticks=_round(norm))


def _round(norm: LogNorm) -> list[float]:
    """1, 2 and 5 times the powers of ten within a scale; its ends, where it holds none."""
    assert norm.vmin is not None
    assert norm.vmax is not None
    powers = range(math.floor(math.log10(norm.vmin)), math.ceil(math.log10(norm.vmax)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    return [tick for tick in ticks if norm.vmin <= tick <= norm.vmax] or [norm.vmin]


def _told(outlines: Outlines) -> str:
    doubtful = sum(confidence < DOUBT for _, confidence in outlines)
    of_these = f", {doubtful:,} doubtful (white)" if doubtful else ""
    return f"{len(outlines):,} {'footprint' if len(outlines) == 1 else 'footprints'}{of_these}"


def _outlines(axes: Axes, outlines: Outlines, shape: tuple[int, int]) -> None:
    if not outlines:
        return
    # holes are wound against their shell, and so stay empty
    shapes = [Path.make_compound_path(*(Path(ring, closed=True) for ring in rings)) for rings, _ in outlines]
    chances = np.array([confidence for _, confidence in outlines], dtype=float)
    lines = np.where((chances < DOUBT)[:, None], (1.0, 1.0, 1.0), CYAN)
    fills = np.column_stack([lines, np.where(chances < DOUBT, 0.0, 0.05 + 0.3 * np.nan_to_num(chances))])
    axes.add_collection(
        PathCollection(shapes, facecolors=fills, edgecolors=lines, linewidths=_thickness(outlines, shape))
    )


def _thickness(outlines: Outlines, shape: tuple[int, int]) -> float:
    """Points of a line that leaves something of a usual footprint to be seen."""
    sides = [float(np.ptp(rings[0], axis=0).max()) for rings, _ in outlines]
    points = float(np.median(sides)) / max(shape) * _INCHES * 72
    return float(np.clip(points / 12, 0.25, _THICKEST))
