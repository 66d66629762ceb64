"""Polygons of two kinds on disk, by tiles of a raster: two large files are compared tile by tile.

A polygon is kept once, and found under each tile that its bounds touch, so that a tile's polygons are all that matters
there. Two polygons that overlap meet in the tile that has the lower corner of what their bounds have in common, and in
no other (Patel & DeWitt 1996, "Partition Based Spatial-Merge Join").
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Geometries
from geounet.grid import Window

Kind = Literal["truth", "found"]
KINDS: tuple[Kind, ...] = ("truth", "found")
_BATCH = 20_000  # polygons that are held at once when all are gone through


@dataclass(frozen=True, slots=True)
class Tiles:
    """A raster cut into tiles of one shape, the last ones smaller."""

    height: int
    width: int
    tile_height: int
    tile_width: int

    @property
    def across(self) -> int:
        return -(-self.width // self.tile_width)

    def __iter__(self) -> Iterator[Window]:
        whole = Window(0, 0, self.height, self.width)
        for row in range(0, self.height, self.tile_height):
            for col in range(0, self.width, self.tile_width):
                yield Window(row, col, self.tile_height, self.tile_width).within(whole)

    def tile(self, number: int) -> Window:
        row, col = divmod(number, self.across)
        place = Window(row * self.tile_height, col * self.tile_width, self.tile_height, self.tile_width)
        return place.within(Window(0, 0, self.height, self.width))

    def number(self, tile: Window) -> int:
        return tile.row // self.tile_height * self.across + tile.col // self.tile_width

    def numbers(self, window: Window) -> list[int]:
        """Of the tiles that a window inside the raster meets."""
        rows = range(window.row // self.tile_height, -(-window.rows.stop // self.tile_height))
        cols = range(window.col // self.tile_width, -(-window.cols.stop // self.tile_width))
        return [row * self.across + col for row in rows for col in cols]

    def touched(self, geometry: Geometries) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the tiles that the bounds of each geometry touch, and the geometry's index."""
        left, top, right, bottom = shapely.bounds(geometry).T
        first_row, first_col = self._tile(top, left)
        last_row, last_col = self._tile(bottom, right)
        wide = last_col - first_col + 1
        count = (last_row - first_row + 1) * wide
        owner = np.repeat(np.arange(len(geometry)), count)
        step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        row, col = first_row[owner] + step // wide[owner], first_col[owner] + step % wide[owner]
        return row * self.across + col, owner

    def meeting(self, one: Geometries, other: Geometries) -> NDArray[np.int64]:
        """The number of the one tile in which each pair is looked at."""
        a, b = shapely.bounds(one), shapely.bounds(other)
        row, col = self._tile(np.maximum(a[:, 1], b[:, 1]), np.maximum(a[:, 0], b[:, 0]))
        return row * self.across + col

    def _tile(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        row, col = (y // self.tile_height).astype(np.int64), (x // self.tile_width).astype(np.int64)
        return row.clip(0, -(-self.height // self.tile_height) - 1), col.clip(0, self.across - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Polygons (n,) with their numbers, which count those of their kind from 0, and class ids."""

    ids: NDArray[np.int64]
    class_ids: NDArray[np.uint8]
    geometry: Geometries


class ObjectStore:
    """The polygons of both kinds, in pixels."""

    def __init__(self, database: sqlite3.Connection, tiles: Tiles):
        self._database = database
        self.tiles = tiles
        self._counts = dict.fromkeys(KINDS, 0)
        self._last: dict[Kind, tuple[Window, Stored]] = {}  # asked for again by whoever looks at the same window
        for kind in KINDS:
            database.execute(
                f"CREATE TABLE {kind} (id INTEGER PRIMARY KEY, class INTEGER, left REAL, top REAL, right REAL, "
                "bottom REAL, wkb BLOB)"
            )
            database.execute(
                f"CREATE TABLE {kind}_tiles (tile INTEGER, id INTEGER, PRIMARY KEY (tile, id)) WITHOUT ROWID"
            )

    def add(self, kind: Kind, geometry: Geometries, class_ids: NDArray[np.uint8]) -> None:
        """Keep some more polygons."""
        first = self._counts[kind]
        numbers = range(first, first + len(geometry))
        bounds = shapely.bounds(geometry).reshape(-1, 4).T.tolist()
        rows = zip(numbers, class_ids.tolist(), *bounds, shapely.to_wkb(geometry), strict=True)
        self._database.executemany(f"INSERT INTO {kind} VALUES (?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608 (of two words)
        tile, owner = self.tiles.touched(geometry)
        pairs = zip(tile.tolist(), (owner + first).tolist(), strict=True)
        self._database.executemany(f"INSERT INTO {kind}_tiles VALUES (?, ?)", pairs)  # noqa: S608
        self._counts[kind] += len(geometry)

    def touching(self, kind: Kind, window: Window) -> Stored:
        """The polygons whose bounds touch a window, in the order in which they came."""
        window_before, before = self._last.get(kind, (None, None))
        if before is not None and window_before == window:
            return before
        numbers = self.tiles.numbers(window)
        marks = ", ".join("?" * len(numbers))
        rows = self._database.execute(
            f"SELECT id, class, wkb FROM {kind} WHERE id IN "  # noqa: S608
            f"(SELECT id FROM {kind}_tiles WHERE tile IN ({marks})) "
            "AND right >= ? AND left <= ? AND bottom >= ? AND top <= ? ORDER BY id",
            [*numbers, window.col, window.cols.stop, window.row, window.rows.stop],
        )
        some = _stored(rows.fetchall())
        self._last[kind] = window, some
        return some

    def occupied(self) -> list[Window]:
        """The tiles that polygons of either kind touch by their bounds, from the top to the bottom."""
        query = " UNION ".join(f"SELECT tile FROM {kind}_tiles" for kind in KINDS)  # noqa: S608
        return [self.tiles.tile(number) for (number,) in self._database.execute(f"{query} ORDER BY tile")]

    def all(self, kind: Kind) -> Iterator[Stored]:
        """All polygons, some at a time."""
        cursor = self._database.execute(f"SELECT id, class, wkb FROM {kind} ORDER BY id")  # noqa: S608
        while rows := cursor.fetchmany(_BATCH):
            yield _stored(rows)

    def some(self, kind: Kind, ids: NDArray[np.int64]) -> Stored:
        """A few polygons by their numbers, in that order."""
        query = f"SELECT id, class, wkb FROM {kind} WHERE id = ?"  # noqa: S608
        return _stored([self._database.execute(query, (int(id_),)).fetchone() for id_ in ids])


def _stored(rows: list[tuple[int, int, bytes]]) -> Stored:
    ids, class_ids, wkb = zip(*rows, strict=True) if rows else ((), (), ())
    geometry = shapely.from_wkb(np.array(wkb, object))
    return Stored(np.array(ids, np.int64), np.array(class_ids, np.uint8), geometry)


@contextmanager
def object_store(folder: Path, tiles: Tiles) -> Iterator[ObjectStore]:
    """An empty store in a folder that is thrown away afterwards."""
    with closing(sqlite3.connect(folder / "objects.sqlite")) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        yield ObjectStore(database, tiles)
