"""Writing a folder of training windows: arrays that grow as the scene is read, and an index for QGIS."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import geopandas
import numpy as np
import shapely

from geounet.block import Array
from geounet.chips import ChipsCard
from geounet.errors import OutputError
from geounet.files import advice, translated
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.gdal import reason
from geounet.io.geopackage import crs_optional, fixed_date, write_styles
from geounet.io.style import document, split_renderer


class GrowingArray:
    """An .npy file whose first axis grows; its header is written at the end, when the count is known."""

    def __init__(self, file: BinaryIO, path: Path, item: tuple[int, ...], dtype: np.dtype[np.generic]):
        self._file, self._path, self._item, self._dtype = file, path, item, dtype
        self.count = 0
        self._write_header()

    def append(self, values: Array) -> None:
        """Add one item of the array's shape and dtype."""
        assert (values.shape, values.dtype) == (self._item, self._dtype), (values.shape, values.dtype)
        with translated(self._path):
            self._file.write(np.ascontiguousarray(values).data)
        self.count += 1

    def _write_header(self) -> None:
        # numpy leaves room for the first axis to grow, so that a later header has the same length
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False}
        with translated(self._path):
            np.lib.format.write_array_header_1_0(self._file, header | {"shape": (self.count, *self._item)})

    def finish(self) -> None:
        with translated(self._path):
            self._file.seek(0)
            self._write_header()


@contextmanager
def growing_array(path: Path, item: tuple[int, ...], dtype: np.dtype[np.generic]) -> Iterator[GrowingArray]:
    """An .npy file of (count, *item) to append to."""
    with translated(path):
        file = path.open("wb")
    with file:
        array = GrowingArray(file, path, item, dtype)
        yield array
        array.finish()


def outlines(frames: Sequence[Frame], placed: Sequence[tuple[int, Window]], *, inset: float) -> geopandas.GeoSeries:
    """Windows of several scenes, (scene number, window), in one CRS: that of the scenes, or WGS 84 if they differ.

    Args:
        inset: pixels by which each side is moved inward.
    """
    scenes = np.array([scene for scene, _ in placed], dtype=int)
    edges = np.array([(w.col, w.row, w.col + w.width, w.row + w.height) for _, w in placed]).reshape(-1, 4)
    left, top, right, bottom = (edges + np.array([inset, inset, -inset, -inset])).T
    cols, rows = np.stack([left, right, right, left]), np.stack([top, top, bottom, bottom])
    a, b, c, d, e, f = np.array([frame.transform[:6] for frame in frames])[scenes].T
    shapes = shapely.polygons(np.stack([a * cols + b * rows + c, d * cols + e * rows + f], axis=-1).swapaxes(0, 1))
    different = sorted({frame.crs for frame in frames}, key=str)
    if len(different) == 1:
        return geopandas.GeoSeries(shapes, crs=different[0])
    for crs in different:
        own = np.array([frame.crs == crs for frame in frames])[scenes]
        shapes[own] = geopandas.GeoSeries(shapes[own], crs=crs).to_crs(4326).to_numpy()
    return geopandas.GeoSeries(shapes, crs=4326)


def index_table(card: ChipsCard, frames: Sequence[Frame], scenes: Sequence[str]) -> geopandas.GeoDataFrame:
    """A row for each window: its number, scene, place, split, and share of each class."""
    placed = [(w.scene, Window(w.row, w.col, card.size, card.size)) for w in card.windows]
    columns: dict[str, list[object]] = {
        "window": list(range(len(card.windows))),
        "scene": [scenes[w.scene] for w in card.windows],
        "row": [w.row for w in card.windows],
        "col": [w.col for w in card.windows],
        "split": [w.split for w in card.windows],
        "valid": [round(w.valid, 4) for w in card.windows],
    }
    for c in card.legend.classes:
        columns[f"share_{c.name}"] = [round(w.shares[c.id], 4) if w.shares else None for w in card.windows]
    return geopandas.GeoDataFrame(columns, geometry=outlines(frames, placed, inset=0.0))


def write_index(path: Path, card: ChipsCard, frames: Sequence[Frame], scenes: Sequence[str]) -> None:
    """index.gpkg: layer `windows`, one polygon for each window with its split and class shares."""
    table = index_table(card, frames, scenes)
    try:
        with translated(path), fixed_date(), crs_optional():
            table.to_file(path, layer="windows", driver="GPKG", engine="pyogrio", VERSION="1.2")
            with closing(sqlite3.connect(path)) as database:  # on a full disk GDAL leaves it out without a word
                database.execute("SELECT count(*) FROM rtree_windows_geom")
            write_styles(path, {"windows": document(split_renderer())})
    except (RuntimeError, sqlite3.Error) as error:  # all of pyogrio's errors are RuntimeErrors
        raise OutputError(f"{path} cannot be written ({reason(error)}); {advice(error)}") from error
