"""Polygons of a map against those of its labels, tile by tile; which belong together is decided at the end, for all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.boundary import Mask
from geounet.footprints import Geometries
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.labels import numbered
from geounet.io.object_store import KINDS, Kind, ObjectStore, Stored
from geounet.io.polygon_stream import SomePolygons
from geounet.likeness import corner_counts, directions, on_ground, polis, turn
from geounet.objects import LEAST_IOU, best_pairs, holds_most, overlaps

_LEAST_SCORED = 0.5  # share of its area that lies where it is scored, from which a polygon counts
_CHUNK = 100_000  # polygons whose size on the ground is looked up at once


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The polygons of one kind, (n,) each; geometry lies in the store.

    Args:
        area: in pixels; `inside`: the share of it in the frame.
        cols, rows: the centre of the bounds.
        unscored: pixels of it that are not scored; `covered`: what it has in common with those of the other kind.
        holds: how many of the other kind it holds most of; these three grow while tiles are looked at.
    """

    class_id: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    area: NDArray[np.float64]
    inside: NDArray[np.float32]
    cols: NDArray[np.float32]
    rows: NDArray[np.float32]
    unscored: NDArray[np.float32]
    covered: NDArray[np.float64]
    holds: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.area)

    @classmethod
    def stored(
        cls, store: ObjectStore, kind: Kind, polygons: Iterable[tuple[SomePolygons, NDArray[np.uint8]]]
    ) -> "Objects":
        """Put polygons and their class ids into a store."""
        rows = [cls._of(SomePolygons.none(), np.empty(0, np.uint8))]
        for some, class_ids in polygons:
            store.add(kind, some.geometry, class_ids)
            rows.append(cls._of(some, class_ids))
        return _end_to_end(rows)

    @classmethod
    def _of(cls, some: SomePolygons, class_ids: NDArray[np.uint8]) -> "Objects":
        left, top, right, bottom = shapely.bounds(some.geometry).reshape(-1, 4).T.astype(np.float32)
        nothing = np.zeros(len(some.geometry))
        return cls(
            class_ids,
            some.confidence,
            shapely.area(some.geometry),
            some.inside,
            (left + right) / 2,
            (top + bottom) / 2,
            nothing.astype(np.float32),
            nothing,
            nothing.astype(np.int32),
        )

    def counts(self, main: int) -> NDArray[np.bool_]:
        """Which of them count: those of the main class, half of whose area or more is scored."""
        scored = self.inside * (1 - np.minimum(self.unscored / np.maximum(self.area, 1e-12), 1))
        counting: NDArray[np.bool_] = (self.class_id == main) & (scored >= _LEAST_SCORED - 1e-6)
        return counting

    def ground_area(self, frame: Frame) -> NDArray[np.float64]:
        """m² of each; pixels without CRS."""
        area = np.empty(len(self))
        for first in range(0, len(self), _CHUNK):
            part = slice(first, first + _CHUNK)
            axes = frame.ground_axes(self.cols[part].astype(float), self.rows[part].astype(float))
            area[part] = self.area[part] * np.abs(np.linalg.det(axes))
        return area


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """A true polygon and one found that have an IoU of 0.5 or more, (n,) each.

    Args:
        truth, found: their numbers.
        polis: in metres, pixels without CRS; `turned`: degrees between their directions.
        true_corners, found_corners: how many there are.
    """

    truth: NDArray[np.int32]  # of millions every byte counts
    found: NDArray[np.int32]
    iou: NDArray[np.float64]
    polis: NDArray[np.float32]
    turned: NDArray[np.float32]
    true_corners: NDArray[np.int32]
    found_corners: NDArray[np.int32]

    def __getitem__(self, which: NDArray[np.int64]) -> "Pairs":
        return Pairs(*(getattr(self, f.name)[which] for f in fields(self)))

    @classmethod
    def joined(cls, several: Iterable["Pairs"]) -> "Pairs":
        return _end_to_end([cls.of(np.empty((2, 0), object), np.empty((2, 0), np.int64), np.empty(0), None), *several])

    @classmethod
    def of(cls, polygons: Geometries, ids: NDArray[np.int64], iou: NDArray[np.float64], frame: Frame | None) -> "Pairs":
        """Of (2, n) polygons in pixels, the true ones and those found."""
        truth, found = polygons
        if frame is not None and len(truth):
            left, top, right, bottom = shapely.bounds(truth).T
            origins = np.stack([(left + right) / 2, (top + bottom) / 2], axis=1)
            axes = frame.ground_axes(*origins.T)
            truth, found = on_ground(truth, origins, axes), on_ground(found, origins, axes)
        return cls(
            ids[0].astype(np.int32),
            ids[1].astype(np.int32),
            iou,
            polis(truth, found).astype(np.float32),
            turn(directions(truth), directions(found)).astype(np.float32),
            corner_counts(truth).astype(np.int32),
            corner_counts(found).astype(np.int32),
        )


Table = TypeVar("Table", Objects, Pairs)


def _end_to_end(tables: Sequence[Table]) -> Table:
    """Several tables, whose columns are arrays, as one."""
    kind = type(tables[0])
    return kind(*(np.concatenate([getattr(table, f.name) for table in tables]) for f in fields(kind)))


def compared_in_tile(
    store: ObjectStore, objects: dict[Kind, Objects], tile: Window, around: Window, *, main: int, frame: Frame
) -> Pairs:
    """The pairs that meet in a tile; what each has in common with others is added to the objects.

    Args:
        around: a window of which the store was asked before.
    """
    truth, found = (_of_class(store.touching(kind, around), main) for kind in KINDS)
    tiles, number = store.tiles, store.tiles.number(tile)
    both = overlaps(truth.geometry, found.geometry, lambda one, other: tiles.meeting(one, other) == number)
    ids = np.stack([truth.ids[both.truth], found.ids[both.found]])
    areas = objects["truth"].area[ids[0]], objects["found"].area[ids[1]]
    for kind, own, area_of_other in zip(KINDS, ids, areas[::-1], strict=True):
        np.add.at(objects[kind].covered, own, both.common)
        np.add.at(objects[kind].holds, own, holds_most(both.common, area_of_other))
    iou = both.common / (areas[0] + areas[1] - both.common)
    close = iou >= LEAST_IOU
    polygons = np.stack([truth.geometry[both.truth[close]], found.geometry[both.found[close]]])
    return Pairs.of(polygons, ids[:, close], iou[close], frame)


def add_unscored(objects: Objects, some: Stored, known: Mask, window: Window) -> None:
    """Add to each polygon what of it lies on pixels of a window that are not scored."""
    if known.all() or not len(some.ids):
        return
    number = numbered(some.geometry, window)
    size = len(some.ids) + 1
    hidden = np.bincount(number[~known], minlength=size)[1:].astype(np.float32)
    drawn = np.bincount(number.ravel(), minlength=size)[1:]
    # of one that lies below others, or is smaller than a pixel, the place of a single point is all that is known
    points = shapely.get_coordinates(shapely.point_on_surface(some.geometry)) - (window.col, window.row)
    cols, rows = np.floor(points).astype(int).T
    lost = (drawn == 0) & (cols >= 0) & (rows >= 0) & (cols < window.width) & (rows < window.height)
    lost[lost] = ~known[rows[lost], cols[lost]]
    hidden[lost] = objects.area[some.ids[lost]]
    objects.unscored[some.ids] += hidden


def _of_class(some: Stored, class_id: int) -> Stored:
    is_it = some.class_ids == class_id
    return some if is_it.all() else Stored(some.ids[is_it], some.class_ids[is_it], some.geometry[is_it])


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What became of each polygon: the pairs that are kept, and (n,) bool for true ones and those found.

    Args:
        hit: (pairs,) whether the true polygon of a pair counts.
        missed: true ones that count and have no counterpart; `made_up`: likewise those found.
        split: true ones that hold most of two or more found ones; `merged`: likewise those found.
        close: all pairs with an IoU of 0.5 or more.
    """

    pairs: Pairs
    hit: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    made_up: NDArray[np.bool_]
    split: NDArray[np.bool_]
    merged: NDArray[np.bool_]
    close: Pairs

    @classmethod
    def of(cls, objects: dict[Kind, Objects], close: Pairs, main: int) -> "Verdict":
        truth, found = (objects[kind].counts(main) for kind in KINDS)
        pairs = close[best_pairs(close.truth, close.found, close.iou)]
        missed, made_up = truth.copy(), found.copy()
        missed[pairs.truth] = False
        made_up[pairs.found] = False
        split, merged = (objects[kind].holds > 1 for kind in KINDS)
        return cls(pairs, truth[pairs.truth], missed, made_up, split & truth, merged & found, close)
