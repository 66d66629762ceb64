"""Where the footprints of a GeoPackage are, when they are too many to be looked at one by one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.frame import Frame
from geounet.io.geopackage import quoted
from geounet.io.polygon_files import layers

_ROWS = 100_000  # of the index, looked at together


def crowd(path: Path, frame: Frame, shape: tuple[int, int]) -> NDArray[np.int64]:
    """How many footprints have the centre of their box in each cell of a grid of that shape over the frame.

    Their boxes are in the spatial index: no geometry is read.
    """
    cells = np.zeros(shape, dtype=np.int64)
    for boxes in _boxes(path):
        xs, ys = (boxes[:, 0] + boxes[:, 1]) / 2, (boxes[:, 2] + boxes[:, 3]) / 2
        cols, rows = (~frame.transform) @ (xs, ys)
        # the index is rounded to float32, by which a footprint at the edge can come to lie beyond it
        rows, cols = rows.clip(0, frame.height), cols.clip(0, frame.width)
        found = np.histogram2d(rows, cols, bins=shape, range=((0, frame.height), (0, frame.width)))[0]
        cells += found.astype(np.int64)
    return cells


def _boxes(path: Path) -> Iterator[Array]:
    """(n, 4) left, right, bottom and top of some footprints after others, of all layers."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        for layer in layers(path):
            index = quoted(f"rtree_{layer}_geom")
            found = database.execute(f"SELECT minx, maxx, miny, maxy FROM {index} ORDER BY id")  # noqa: S608
            while some := found.fetchmany(_ROWS):
                yield np.array(some, dtype=np.float64)
