"""Pixels of a map against those of its labels, window by window: what is counted in each block of ground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.bootstrap import Blocks, Sums
from geounet.boundary import Mask, disk, near, outline
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.labels import PixelPolygons
from geounet.jobs.score_classed import Classed, Classes, OfStore
from geounet.legend import NODATA

RHO = 3  # pixels of relaxed precision and recall, as Mnih (2013) has them
PIXELS, METRES = (1, 2, 3), (0.5, 1.0)  # distances at which outlines are compared


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Map and labels, and where they are compared.

    Args:
        inside: areas outside of which nothing is scored; `ignore`: inside of which.
        main: the number of the class that is looked at closely.
    """

    predicted: Classed
    truth: Classed
    inside: Sequence[PixelPolygons]
    ignore: PixelPolygons | None
    main: int

    @property
    def is_of_polygons(self) -> bool:
        """Whether polygons are all there is: where there are none, there is background, and it is scored."""
        by_polygons = isinstance(self.predicted, OfStore) and isinstance(self.truth, OfStore)
        return by_polygons and not self.inside and self.ignore is None

    def read(self, window: Window) -> "Compared":
        truth, predicted = self.truth.classes(window), self.predicted.classes(window)
        known = (truth != NODATA) & (predicted != NODATA)
        for area in self.inside:
            known &= area.burnt(window) != 0
        if self.ignore is not None:
            known &= self.ignore.burnt(window) == 0
        return Compared(truth, predicted, known, self.main)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Classes of the labels and of the map (h, w), and where both are known and scored."""

    truth: Classes
    predicted: Classes
    known: Mask
    main: int

    def __getitem__(self, part: tuple[slice, slice]) -> "Compared":
        return Compared(self.truth[part], self.predicted[part], self.known[part], self.main)

    @property
    def there(self) -> Mask:
        """Where the labels have the main class."""
        there: Mask = (self.truth == self.main) & self.known
        return there

    @property
    def found(self) -> Mask:
        found: Mask = (self.predicted == self.main) & self.known
        return found

    @property
    def scored(self) -> tuple[Classes, Classes]:
        """Both classes; 255 where they are not scored."""
        unknown = np.uint8(NODATA)
        return np.where(self.known, self.truth, unknown), np.where(self.known, self.predicted, unknown)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What is counted of each window, and how far beyond its edge that depends on."""

    blocks: Blocks
    kernels: Mapping[str, NDArray[np.uint8]]

    @classmethod
    def over(cls, frame: Frame) -> "Tally":
        across, down = metres = frame.pixel_metres or (0.0, 0.0)
        kernels = {f"{distance}px": disk(distance) for distance in PIXELS}
        if all(metres):
            kernels |= {f"{distance:g}m": disk(distance, across, down) for distance in METRES}
        return cls(Blocks.over(*frame.shape, frame.ground_resolution), kernels)

    @property
    def reach(self) -> int:
        """Pixels: an outline's own depends on those beside it."""
        return 1 + max(RHO, *(int(max(kernel.shape)) // 2 for kernel in self.kernels.values()))

    def empty(self) -> dict[str, NDArray[np.float64]]:
        """Nothing counted, in any block."""
        hits = [f"{what}_{name}" for name in ("relaxed", *self.kernels) for what in ("right", "seen")]
        names = ("tp", "fp", "fn", "tn", "outline_found", "outline_there", *hits)
        return {name: np.zeros(len(self.blocks)) for name in names}

    def add(self, sums: dict[str, NDArray[np.float64]], both: Compared, window: Window, around: Window) -> None:
        """Add a window to what was counted.

        Args:
            both: of `around`, the window grown by the reach, as far as there is data.
        """
        there, found = both.there, both.found
        masks = {"tp": there & found, "fp": found & ~there, "fn": there & ~found, "tn": both.known & ~there & ~found}
        if there.any() or found.any():
            masks |= self._outlines(both, there, found)
        for block, part in self.blocks.within(window):
            place = part.seen_from(around)
            for name, mask in masks.items():
                sums[name][block] += np.count_nonzero(mask[place.rows, place.cols])

    def _outlines(self, both: Compared, there: Mask, found: Mask) -> dict[str, Mask]:
        true_line, found_line = outline(there, both.known), outline(found, both.known)
        wide = disk(RHO)
        masks = {
            "outline_found": found_line,
            "outline_there": true_line,
            "right_relaxed": found & near(there, wide),
            "seen_relaxed": there & near(found, wide),
        }
        for name, kernel in self.kernels.items():
            masks[f"right_{name}"] = found_line & near(true_line, kernel)
            masks[f"seen_{name}"] = true_line & near(found_line, kernel)
        return masks

    def add_background(self, sums: dict[str, NDArray[np.float64]], window: Window, times: int = 1) -> None:
        """Add a window that has nothing but background, all of it scored, so many times."""
        for block, part in self.blocks.within(window):
            sums["tn"][block] += times * part.area


def pixel_figures(sums: Sums) -> dict[str, NDArray[np.float64]]:
    """Scores of pixels by their names in metrics.json, from sums; NaN where there is none."""
    tp, fp, fn, tn = (sums[name] for name in ("tp", "fp", "fn", "tn"))
    accuracy = ratio(tp + tn, tp + fp + fn + tn)
    figures = {
        "iou": ratio(tp, tp + fp + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "accuracy": accuracy,
        "iou_two_channel": accuracy / (2 - accuracy),
        "relaxed.precision": ratio(sums["right_relaxed"], tp + fp),
        "relaxed.recall": ratio(sums["seen_relaxed"], tp + fn),
    }
    for key in sums:
        name = key.removeprefix("right_")
        if name not in (key, "relaxed"):
            precision = ratio(sums[key], sums["outline_found"])
            recall = ratio(sums[f"seen_{name}"], sums["outline_there"])
            # an outline where there is none, on either side, is all wrong
            both = sums["outline_found"] + sums["outline_there"]
            mean = ratio(2 * precision * recall, precision + recall)
            figures[f"boundary_f1.{name}"] = np.where(both > 0, np.nan_to_num(mean), np.nan)
    return figures


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotients, NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: NDArray[np.float64] = np.where(whole > 0, part / whole, np.nan)
    return quotient
