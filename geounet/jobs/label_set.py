"""The label files of a job: polygons or rasters, with one legend between them."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from geounet.errors import LabelError, MissError, SettingsError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.class_rasters import ClassRaster, is_raster
from geounet.io.class_table import ClassTable
from geounet.io.gdal import Handles, gdal
from geounet.io.label_rasters import LabelRaster, table_of
from geounet.io.labels import PixelPolygons, class_names, read_labels
from geounet.io.polygon_files import vector_info
from geounet.io.scene import Scene
from geounet.legend import Legend

log = logging.getLogger(__name__)


class Labels(Protocol):
    """What says the class of each pixel of a scene: polygons that are burnt, or a raster that is read."""

    def burnt(self, window: Window) -> NDArray[np.uint8]:
        """(height, width): class ids of a window of the working grid, 255 where none is known."""
        ...

    def meets(self, window: Window) -> bool:
        """Whether any label lies in a window of the working grid."""
        ...

    def moved(self, cols: float, rows: float) -> Self:
        """The labels so many working pixels farther right and down."""
        ...


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Label files that were looked at together.

    Args:
        field: of the class names of polygons.
        rasters: by their paths, none where labels are polygons; `table` says what their values stand for.
        empty: files without a polygon, beside others that have some: of scenes on which there is nothing.
        shared: files that are of several scenes, some of which may have nothing on them.
    """

    legend: Legend
    field: str | None
    rasters: Mapping[Path, ClassRaster]
    table: ClassTable | None
    empty: frozenset[Path] = frozenset()
    shared: frozenset[Path] = frozenset()

    @classmethod
    def read(
        cls, paths: Sequence[Path], handles: Handles, *, field: str | None = None, classes: Path | None = None
    ) -> "LabelSet":
        """The set of some files.

        Args:
            handles: keep the files of rasters open.
            classes: a CSV file that says what the values or colours of rasters stand for.

        Raises:
            LabelError: files that cannot be read, rasters among polygons, or no polygon in any of them.
            SettingsError: an option that means nothing for such labels.
        """
        different = list(dict.fromkeys(paths))
        kinds = {path: is_raster(path) for path in different}
        if not any(kinds.values()):
            if classes is not None:
                raise SettingsError(f"--classes {classes} is for label rasters; name the field of polygons' classes")
            one = len(different) == 1  # whoever reads it says so if it is empty
            filled = different if one else [path for path in different if vector_info(path).features]
            if not filled:
                raise LabelError(f"{different[0]} holds no features; give at least one polygon")
            legend = Legend.of_names(*class_names(filled, field))
            shared = frozenset(path for path, count in Counter(paths).items() if count > 1)
            return cls(legend, field, {}, None, frozenset(different).difference(filled), shared)
        if not all(kinds.values()):
            vector = next(path for path, is_one in kinds.items() if not is_one)
            raise LabelError(f"{vector} is no raster, other labels are; give polygons alone, or rasters alone")
        if field is not None:
            raise SettingsError(f"--class-field {field} is for polygons, labels are rasters; leave it out")
        with gdal(sidecars=True):
            rasters = {path: ClassRaster.open(path, handles) for path in different}
            table = table_of(list(rasters.values()), classes)
        return cls(table.legend, None, rasters, table)

    def on_each(self, paths: Sequence[Path], scenes: Sequence[Scene]) -> list[Labels]:
        """The labels of each scene, by its file.

        Raises:
            LabelError: as `on`, with the name of the scene where there are several; or no scene has any.
        """
        laid = [self._on_one_of(scenes, scene, path) for path, scene in zip(paths, scenes, strict=True)]
        has_none = [isinstance(own, PixelPolygons) and not len(own.ids) for own in laid]
        if all(has_none):
            raise LabelError(f"no polygon of {paths[0]} lies on a scene; check that both are of one place")
        if any(has_none):
            names = dict.fromkeys(path.name for path, bare in zip(paths, has_none, strict=True) if bare)
            told = "%d of %d scenes have no polygon on them (%s): what is labelled of them is background"
            log.info(told, sum(has_none), len(scenes), ", ".join(names))
        return laid

    def _on_one_of(self, scenes: Sequence[Scene], scene: Scene, path: Path) -> Labels:
        try:
            return self.on(path, scene.frame, scene.native)
        except LabelError as error:
            if len(scenes) == 1:
                raise
            several = isinstance(error, MissError) and path in self.shared
            own = ", or give each scene labels of its own: --labels for each, in their order" if several else ""
            raise LabelError(f"{scene.path}: {error}{own}") from error

    def on(self, path: Path, frame: Frame, native: Frame) -> Labels:
        """The labels of a file on a scene's working grid.

        Args:
            native: the frame of the scene's own pixels.

        Raises:
            LabelError: labels that miss the scene, or do not fit it.
        """
        if path in self.empty:
            return PixelPolygons.none()
        if self.table is None:
            return read_labels(path, frame, self.legend, self.field, may_be_bare=path in self.shared)
        return LabelRaster.on(self.rasters[path], self.table, frame, native)
