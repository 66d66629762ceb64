"""What is known of a scene's pixels: class, where it is ignored, and the areas kept for validation and test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet.errors import SettingsError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.labels import PixelPolygons, read_areas, read_labels
from geounet.legend import IGNORE, Legend

AREA_SPLITS = ("train", "val", "test")  # by the id that an area is burnt with; 0 is no area


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

    labels: PixelPolygons
    label_area: PixelPolygons | None
    ignore: PixelPolygons | None
    kept: tuple[tuple[int, PixelPolygons], ...]

    @classmethod
    def read(cls, path: Path, frame: Frame, legend: Legend, *, field: str | None, areas: Areas) -> "Truth":
        """The truth of a scene.

        Raises:
            LabelError: labels or areas that cannot be read, or labels that miss the scene.
        """
        kept = ((1, areas.val, "--val-area"), (2, areas.test, "--test-area"))
        return cls(
            read_labels(path, frame, legend, field),
            read_areas(areas.label_area, frame, "--label-area") if areas.label_area else None,
            read_areas(areas.ignore, frame, "--ignore") if areas.ignore else None,
            tuple((id_, read_areas(file, frame, name)) for id_, file, name in kept if file),
        )

    def classes(self, window: Window) -> NDArray[np.uint8]:
        """(height, width) class ids, 255 where a pixel is not to be learned from or scored."""
        classes = self.labels.burnt(window)
        if self.label_area is not None:
            classes[self.label_area.burnt(window) == 0] = IGNORE
        if self.ignore is not None:
            classes[self.ignore.burnt(window) != 0] = IGNORE
        return classes

    def kept_areas(self, window: Window) -> NDArray[np.uint8]:
        """(height, width): 1 in the area kept for validation, 2 in that for test, 0 elsewhere."""
        areas = np.zeros(window.shape, dtype="uint8")
        for id_, polygons in self.kept:
            areas[polygons.burnt(window) != 0] = id_
        return areas


def one_for_each(scenes: Sequence[Path], labels: Sequence[Path]) -> list[Path]:
    """The label file of each scene: one for all, or one each in order."""
    if len(labels) not in (1, len(scenes)):
        raise SettingsError(f"{len(labels)} label files for {len(scenes)} scenes; give one for all, or one for each")
    return list(labels) * len(scenes) if len(labels) == 1 else list(labels)
