"""A picture of a scene: what it shows, where it has no data, and how its values are spread."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from geounet.block import Array
from geounet.report.curves import png
from geounet.report.furniture import NATURAL, OTHERS, extent_of, greyed, north_arrow, plain, scale_bar, shown_map
from geounet.report.preview import sheet


@dataclass(frozen=True, slots=True, eq=False)
class SceneFacts:
    """What is drawn of a scene.

    Args:
        picture: (h, w, 3) float 0..1, made small.
        missing: (h, w) float, share of each of its pixels that has no data.
        share: of the whole scene that has no data; `exact`: whether every pixel was looked at.
        values: of each band by name, ends of bins (n + 1) and how many valid pixels are in each.
        shape: rows and columns of the scene.
        ground_resolution, north: as for a preview.
        title: a line that says what it is.
    """

    picture: Array
    missing: NDArray[np.float64]
    share: float
    exact: bool
    values: Mapping[str, tuple[Array, Array]]
    shape: tuple[int, int]
    ground_resolution: float | None
    north: float | None
    title: str


def scene_picture(facts: SceneFacts) -> bytes:
    """The scene, where it has no data, and how its values are spread; the same bytes for the same scene."""
    holes = facts.share > 0
    figure, axes = sheet(facts.shape[0] / facts.shape[1], 3 if holes else 2)
    figure.suptitle(facts.title, x=0.01, ha="left", fontsize=12)
    shown_map(axes[0], facts.picture, facts.shape, "scene")
    if facts.ground_resolution is not None:
        scale_bar(axes[0], facts.shape, facts.ground_resolution)
    if facts.north is not None:
        north_arrow(axes[0], facts.shape, facts.north)
    if holes:
        about = f"no data: {'' if facts.exact else 'about '}{_percent(facts.share)}, in orange"
        shown_map(axes[1], 0.45 + 0.55 * greyed(facts.picture), facts.shape, about)
        _holes(axes[1], facts)
    _histogram(axes[-1], facts)
    return png(figure)


def _percent(share: float) -> str:
    """
    >>> _percent(0.0032), _percent(0.4), _percent(0.0000012)
    ('0.32 %', '40 %', 'less than 0.01 %')
    """
    return "less than 0.01 %" if share < 1e-4 else f"{100 * share:.2g} %"


def _holes(axes: Axes, facts: SceneFacts) -> None:
    """What has no data in orange, a speck of it as well."""
    shade = np.zeros((*facts.missing.shape, 4))
    shade[..., :3] = np.array([0xD5, 0x5E, 0x00]) / 255
    near = np.pad(facts.missing > 0, 1)
    # a speck is widened by a pixel to each side: a single one is not seen
    rows, cols = facts.missing.shape
    spread = np.any([near[r : r + rows, c : c + cols] for r in range(3) for c in range(3)], axis=0)
    shade[..., 3] = np.where(facts.missing > 0, 1.0, np.where(spread, 0.7, 0.0))
    axes.imshow(shade, extent=extent_of(facts.shape), interpolation="nearest")


def _histogram(axes: Axes, facts: SceneFacts) -> None:
    spare = iter(OTHERS * len(facts.values))
    for name, (edges, counts) in facts.values.items():
        axes.stairs(counts / max(1, counts.sum()), edges, label=name, color=NATURAL.get(name) or next(spare), lw=1.8)
    plain(axes, "values, share of the pixels")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.2g} %")
    axes.set_ylim(bottom=0)
    if 1 < len(facts.values) <= 12:
        axes.legend(frameon=False, fontsize=9)
