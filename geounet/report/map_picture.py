"""A picture of a map: its footprints, how sure they are and how large."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from geounet.footprints import DOUBT
from geounet.report.curves import png
from geounet.report.furniture import CYAN, GREEN, GREY, north_arrow, plain, scale_bar, shown_map
from geounet.report.preview import Panels, draw_footprints


@dataclass(frozen=True, slots=True, eq=False)
class MapFacts:
    """What is drawn of a map: its panels, and confidences and areas of its footprints."""

    title: str
    panels: Panels
    confidence: NDArray[np.float64]
    area: NDArray[np.float64]
    unit: str


def map_picture(facts: MapFacts) -> bytes:
    """The footprints over the scene, or over their probability, how sure they are and how large."""
    figure = Figure(figsize=(13, 6.4), dpi=110, layout="constrained")
    figure.suptitle(facts.title, x=0.01, ha="left", fontsize=12)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.5, 1)).flat
    place = left.subplots()
    upper, lower = right.subplots(2, 1)
    if facts.panels.footprints is None:
        shown_map(place, facts.panels.picture, facts.panels.shape, "no footprints were made")
    else:
        draw_footprints(left, place, facts.panels)
    if facts.panels.ground_resolution is not None:
        scale_bar(place, facts.panels.shape, facts.panels.ground_resolution)
    if facts.panels.north is not None:
        north_arrow(place, facts.panels.shape, facts.panels.north)
    known = facts.confidence[np.isfinite(facts.confidence)]
    if len(known):
        bins = np.linspace(0.5 if known.min() >= 0.5 else 0.0, 1.0, 26)
        counts, edges = np.histogram(known, bins)
        colours = ["white" if end <= DOUBT + 1e-9 else CYAN for end in edges[1:]]  # as on the map
        upper.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=colours, edgecolor=GREY)
    for axes in (upper, lower):
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("footprints")
    plain(upper, f"confidence of the footprints (white: doubtful, below {DOUBT:g})")
    areas = facts.area[facts.area > 0]
    if len(areas):
        bins = np.geomspace(areas.min(), max(areas.max(), 1.01 * areas.min()), 26)
        lower.hist(areas, bins=list(bins), color=GREEN, edgecolor="white")
        lower.set_xscale("log")
        lower.xaxis.set_major_formatter("{x:,g}")
        lower.axvline(float(np.median(areas)), color=GREY, linestyle=":")
        told = f", half of them below {np.median(areas):,.3g} {facts.unit}"
    plain(lower, f"area in {facts.unit}{told if len(areas) else ''}")
    return png(figure)
