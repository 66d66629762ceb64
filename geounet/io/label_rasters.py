"""Label rasters: what they stand for, and how they are laid on a scene's working grid."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.errors import LabelError, LegendError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.class_rasters import ClassRaster, Survey
from geounet.io.class_table import ClassTable, building_mask, category_names, numbered, read_class_table
from geounet.io.placing import Placing
from geounet.legend import IGNORE

log = logging.getLogger(__name__)

_SAMPLES = 2 << 20  # places that are looked at, and pixels of the raster that are read, at once
_FINEST = 8  # samples along a side of a working pixel
_SAME = 1.1  # pixels of the raster along the side of a working pixel, up to which one sample is enough
_WHITE = 0xFFFFFF


@dataclass(frozen=True, eq=False)
class LabelRaster:
    """Classes of a raster on a scene's working grid: of each pixel the class that most of its area has."""

    raster: ClassRaster
    table: ClassTable
    placing: Placing

    @classmethod
    def on(cls, raster: ClassRaster, table: ClassTable, frame: Frame, native: Frame) -> "LabelRaster":
        """The raster on the working grid of a scene.

        Args:
            frame: of the working grid; `native`: of the scene's own pixels.

        Raises:
            LabelError: it misses the scene; or, where it or the scene has no CRS, it is not of the scene's size.
        """
        own = raster.source.frame
        if own.crs is None or native.crs is None:
            if own.shape != native.shape:
                raise LabelError(
                    f"{raster.path} has {own.height} x {own.width} pixels, its scene {native.height} x {native.width}, "
                    "and one of them has no CRS: give it one, or labels of the scene's size"
                )
            own = native
        placing = Placing(frame, own)
        if not placing.meets:
            raise LabelError(f"labels in {raster.path} miss the scene; check that both are of one place")
        return cls(raster, table, placing)

    def burnt(self, window: Window) -> NDArray[np.uint8]:
        """(height, width): class ids, 255 where the raster has no data."""
        burnt = np.empty(window.shape, dtype="uint8")
        per_side = 1 if self.placing.ratio <= _SAME else min(_FINEST, math.ceil(self.placing.ratio))
        for part in self._parts(window):
            here = part.seen_from(window)
            burnt[here.rows, here.cols] = _majority(self._sampled(part, per_side), per_side)
        return burnt

    def _parts(self, window: Window) -> Iterator[Window]:
        """A window in parts that are looked at at once."""
        # strips, not squares: of a PNG, or a file in strips, every read decodes whole rows
        height = max(1, int(_SAMPLES / (window.width * max(1.0, self.placing.ratio) ** 2)))
        for row in range(window.row, window.rows.stop, height):
            strip = replace(window, row=row, height=height).within(window)
            # across a raster that is turned, a strip would take all of it
            width = -(-window.width // math.ceil(max(1.0, self.placing.reach(strip) / (4 * _SAMPLES))))
            for col in range(window.col, window.cols.stop, width):
                yield replace(strip, col=col, width=width).within(window)

    def meets(self, window: Window) -> bool:
        """Whether the raster has a pixel in a window of the working grid."""
        return self.placing.meets

    def moved(self, cols: float, rows: float) -> "LabelRaster":
        """The labels so many working pixels farther right and down."""
        return replace(self, placing=self.placing.moved_by(cols, rows))

    def _sampled(self, window: Window, per_side: int) -> NDArray[np.uint8]:
        """Class ids (height * per_side, width * per_side) at places spread over a window."""
        places = self.placing.samples(window, per_side)
        rows, cols = (np.floor(np.where(np.isfinite(axis), axis, -1)).astype("int64") for axis in places)
        frame = self.raster.source.frame
        inside = (rows >= 0) & (rows < frame.height) & (cols >= 0) & (cols < frame.width)
        if not inside.any():
            return np.full(inside.shape, IGNORE, dtype="uint8")
        rows, cols = rows.clip(0, frame.height - 1), cols.clip(0, frame.width - 1)
        row, col = int(rows.min()), int(cols.min())
        ids = self._ids(Window(row, col, int(rows.max()) + 1 - row, int(cols.max()) + 1 - col))
        if rows.size + cols.size == sum(inside.shape):  # grids that are parallel: a row is of one row
            sampled: NDArray[np.uint8] = ids[rows[:, 0] - row].take(cols[0] - col, axis=1)
        else:
            sampled = ids[rows - row, cols - col]
        sampled[~inside] = IGNORE
        return sampled

    def _ids(self, window: Window) -> NDArray[np.uint8]:
        keys, valid = self.raster.keys(window, are_colours=self.table.is_of_colours)
        return np.where(valid, self.table.ids_of(keys), np.uint8(IGNORE))


def _majority(samples: NDArray[np.uint8], per_side: int) -> NDArray[np.uint8]:
    """The most frequent id among the samples of each pixel; the lowest of those equally frequent."""
    if per_side == 1:
        return samples
    height, width = (side // per_side for side in samples.shape)
    most = np.zeros((height, width), dtype="uint8")
    winner = np.zeros((height, width), dtype="uint8")
    for id_ in np.flatnonzero(np.bincount(samples.ravel())):
        down = (samples == id_).reshape(height, per_side, -1).sum(axis=1, dtype="uint8")
        count = sum(down[:, first::per_side] for first in range(per_side))
        winner[count > most] = id_
        most = np.maximum(most, count)
    return winner


def table_of(rasters: Sequence[ClassRaster], classes: Path | None) -> ClassTable:
    """What the values or colours of label rasters stand for, together.

    Args:
        classes: a CSV file that says so; else names and colours beside the first raster, or its values alone: 0 and 1,
            or 0 and 255, are background and building, others are numbered.

    Raises:
        LabelError: a value or colour that no class has, or rasters without any class.
    """
    given = read_class_table(classes) if classes else None
    are_colours = given.is_of_colours if given else any(raster.is_coloured for raster in rasters)
    if not are_colours and any(raster.is_coloured for raster in rasters):
        raise LabelError(f"{classes} names ids, and labels are coloured; give a file of name,r,g,b")
    surveys = [raster.survey(are_colours=are_colours) for raster in rasters]
    try:
        table = given or (_table_of_colours(surveys) if are_colours else _table_of_values(rasters, surveys))
    except LegendError as error:
        raise LabelError(f"{rasters[0].path}: {error}") from error
    known = set(map(int, table.keys))
    for raster, survey in zip(rasters, surveys, strict=True):
        if not survey.keys <= known:
            raise raster.refusal(known, are_colours=are_colours, table=classes)
    _check_sense(rasters, surveys, table)
    occurs = any(IGNORE in survey.keys for survey in surveys) and not are_colours
    is_ignored = occurs and table.ids_of(np.array([IGNORE]))[0] == IGNORE
    told = ", ".join(f"{c.id} {c.name}" for c in table.legend.classes)
    log.info("classes: %s%s", told, "; 255 is ignored" if is_ignored else "")
    return table


def _table_of_colours(surveys: Sequence[Survey]) -> ClassTable:
    """A mask saved in colours is black and white; what other colours mean, a file must say."""
    found = frozenset().union(*(survey.keys for survey in surveys))
    return building_mask(found & {_WHITE}, is_of_colours=True)


def _table_of_values(rasters: Sequence[ClassRaster], surveys: Sequence[Survey]) -> ClassTable:
    values = frozenset().union(*(survey.keys for survey in surveys))
    names = category_names(rasters[0].path)
    if names:
        return numbered(sorted({*names} - {0}), names, _colours(rasters[0]))
    if values <= {0, 255}:
        return building_mask(values - {0})
    for raster, survey in zip(rasters, surveys, strict=True):
        if raster.is_jpeg:
            raise raster.refusal({0, 255}, are_colours=False)
        if {0, 255} < survey.keys and raster.is_mask_with_strays():
            raise LabelError(
                f"{raster.path} looks like a mask of 0 and 255, but holds {raster.odd({0, 255}, are_colours=False)}; "
                "make all of it 0 or 255, or say what is what in a file of id,name for --classes"
            )
        if survey.keys == {0, 255}:
            raise LabelError(
                f"{raster.path} looks like a mask of 0 and 255, other labels hold {max(values - {255})}; "
                "say what is what in a file of id,name for --classes"
            )
    if values <= {0, 1, 255}:
        return building_mask(values & {1}, ignored=[IGNORE])
    return numbered(sorted(values - {0}), {}, _colours(rasters[0]))


def _colours(raster: ClassRaster) -> dict[int, str]:
    """Colours of the values, as the raster's own table has them."""
    palette: Sequence[int] | Array = () if raster.palette is None else raster.palette
    return {value: f"#{int(key):06x}" for value, key in enumerate(palette)}


def _check_sense(rasters: Sequence[ClassRaster], surveys: Sequence[Survey], table: ClassTable) -> None:
    """Nothing, or an error where labels teach nothing.

    Raises:
        LabelError: background alone; or one class where all the rest is nodata.
    """
    found = frozenset().union(*(survey.keys for survey in surveys))
    classes = set(table.ids_of(np.array(sorted(found), dtype="int64")).tolist())
    if not classes - {0, IGNORE}:
        others = f" (and {len(rasters) - 1} more)" if len(rasters) > 1 else ""
        is_whole = all(survey.is_whole for survey in surveys)
        advice = "give" if is_whole else "the rest is nodata: unset the nodata value (gdal_edit -unsetnodata), or give"
        raise LabelError(f"{rasters[0].path}{others} holds background alone; {advice} labels with a class to learn")
    if table.legend.is_binary and 0 not in classes and not all(survey.is_whole for survey in surveys):
        raise LabelError(
            f"{rasters[0].path}: all but {table.legend.names[1]} is nodata, so that there is no background; "
            "unset the nodata value (gdal_edit -unsetnodata), or mask nothing"
        )
