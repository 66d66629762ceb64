"""What is known of a scene's pixels: class, where it is ignored, and the areas kept for validation and test."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geounet.contact import contact_zones, near_neighbours
from geounet.errors import SettingsError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.labels import PixelPolygons, read_areas
from geounet.jobs.label_set import Labels
from geounet.legend import CONTACT, IGNORE, Legend

log = logging.getLogger(__name__)

Contact = float | Literal["auto", "none"]

AREA_SPLITS = ("train", "val", "test")  # by the id that an area is burnt with; 0 is no area
_FEWEST_PIXELS = 2  # of contact across a shared wall; a thinner line is lost where labels are resampled
_USUAL_PIXELS = 3  # so that walls up to two pixels apart, between which a network sees little, have a line as well
_TOUCHING = 0.05  # share of the polygons; a class rarer than that is hardly learned
_FEW = 12  # classes


@dataclass(frozen=True, slots=True)
class Areas:
    """Polygon files that say where labels count: outside `label_area` and inside `ignore` they do not."""

    label_area: Path | None = None
    ignore: Path | None = None
    val: Path | None = None
    test: Path | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels of one scene on its working grid."""

    labels: Labels
    label_area: PixelPolygons | None
    ignore: PixelPolygons | None
    kept: tuple[tuple[int, PixelPolygons], ...]
    contact: PixelPolygons | None = None

    @classmethod
    def read(cls, labels: Labels, frame: Frame, areas: Areas) -> "Truth":
        """The truth of a scene that lies on a frame.

        Raises:
            LabelError: areas that cannot be read.
        """
        kept = ((1, areas.val, "--val-area"), (2, areas.test, "--test-area"))
        return cls(
            labels,
            read_areas(areas.label_area, frame, "--label-area") if areas.label_area else None,
            read_areas(areas.ignore, frame, "--ignore") if areas.ignore else None,
            tuple((id_, read_areas(file, frame, name)) for id_, file, name in kept if file),
        )

    def classes(self, window: Window) -> NDArray[np.uint8]:
        """(height, width) class ids, 254 in contact, 255 where a pixel is not to be learned from or scored."""
        classes = self.labels.burnt(window)
        if self.contact is not None:
            classes[self.contact.burnt(window) != 0] = CONTACT
        if self.label_area is not None:
            classes[self.label_area.burnt(window) == 0] = IGNORE
        if self.ignore is not None:
            classes[self.ignore.burnt(window) != 0] = IGNORE
        return classes

    @property
    def polygons(self) -> PixelPolygons | None:
        """The labels where they are polygons."""
        return self.labels if isinstance(self.labels, PixelPolygons) else None

    def with_contact(self, pixels: float) -> "Truth":
        """The truth with the contact between near neighbours, of a width in pixels; its labels are polygons."""
        assert self.polygons is not None, "rasters have no neighbours"
        zones = contact_zones(self.polygons.geometry, pixels)
        return replace(self, contact=PixelPolygons.of(zones, np.full(len(zones), CONTACT, dtype="uint8")))

    def kept_areas(self, window: Window) -> NDArray[np.uint8]:
        """(height, width): 1 in the area kept for validation, 2 in that for test, 0 elsewhere."""
        areas = np.zeros(window.shape, dtype="uint8")
        for id_, polygons in self.kept:
            areas[polygons.burnt(window) != 0] = id_
        return areas


def contact_width(
    wanted: Contact, legend: Legend, truths: Sequence[Truth], resolutions: Sequence[float]
) -> float | None:
    """Metres on the ground over which neighbours are in contact; None where it is no class of its own.

    Args:
        wanted: metres, 2 pixels at least; or auto: 3 pixels, where at least 5 % of the polygons have a neighbour nearer
            than that.
        resolutions: metres a pixel of each scene.

    Raises:
        SettingsError: a width that is not above 0, or one for labels of several classes.
    """
    polygons = [truth.polygons for truth in truths if truth.polygons is not None]
    may_be = legend.is_binary and len(polygons) == len(truths)
    if wanted == "none" or (wanted == "auto" and not may_be):
        return None
    if not may_be:
        raise SettingsError("--contact takes labels of one class, and polygons; give --contact none")
    pixel = max(resolutions)
    if wanted != "auto":
        if not 0 < wanted < float("inf"):
            raise SettingsError(f"--contact {wanted} must be above 0")
        return round(max(wanted, _FEWEST_PIXELS * pixel), 2)
    width = round(_USUAL_PIXELS * pixel, 2)
    share = _touching(polygons, [width / resolution for resolution in resolutions])
    if share < _TOUCHING:
        return None
    log.info(
        "%.0f %% of the polygons have a neighbour within %.2g m: contact is learned (--contact)", 100 * share, width
    )
    return width


def _touching(polygons: Sequence[PixelPolygons], pixels: Sequence[float]) -> float:
    """Share of the polygons that have a neighbour within so many pixels of each scene."""
    near = sum(
        len(np.unique(near_neighbours(own.geometry, distance))) for own, distance in zip(polygons, pixels, strict=True)
    )
    return near / sum(len(own.geometry) for own in polygons)


def class_counts(classes: NDArray[np.uint8], legend: Legend) -> NDArray[np.int64]:
    """Pixels of each class of the legend; contact counts as the building, and what is ignored not at all."""
    ids = [c.id for c in legend.classes]
    if len(ids) > _FEW:
        counts = np.bincount(classes.ravel(), minlength=IGNORE + 1)
    else:  # a look at each is several times as quick
        counts = np.zeros(IGNORE + 1, dtype=np.int64)
        for id_ in (*ids, CONTACT):
            counts[id_] = np.count_nonzero(classes == id_)
    counts[1] += counts[CONTACT]
    return counts[: len(ids)]
