"""Class rasters: files of class ids, masks and coloured masks, read as keys of a class table."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Compression
from rasterio.errors import RasterioError

from geounet.block import Array
from geounet.errors import LabelError
from geounet.grid import Window
from geounet.io.class_table import LARGEST, packed, shown
from geounet.io.gdal import Handles
from geounet.io.npy import is_array, source_of
from geounet.io.source import Reading, Source, pieces

_PIECE = 1 << 20  # pixels that are looked at once
_MOST = 256  # different keys of a file; more are no classes


@dataclass(frozen=True, eq=False)
class ClassRaster:
    """A raster of classes.

    Args:
        palette: key of the colour of each value, of a file with a colour table.
        is_jpeg: whether its values are not those that were saved.
    """

    path: Path
    source: Source
    palette: NDArray[np.int32] | None
    is_jpeg: bool

    @classmethod
    def open(cls, path: Path, handles: Handles) -> "ClassRaster":
        """A raster of classes, whose file the handles keep open.

        Raises:
            LabelError: not one band, nor red, green and blue.
            SceneError: a file that cannot be read.
        """
        source = source_of(str(path), handles, Reading())
        if len(source.bands.numbers) not in (1, 3):
            raise LabelError(
                f"{path} has {len(source.bands.numbers)} bands; labels are one band of class ids, or red, green, blue"
            )
        if source.dtype != np.uint8 and len(source.bands.numbers) == 3:
            raise LabelError(f"{path} is {source.dtype}; a coloured mask is 8-bit: convert it")
        if is_array(str(path)):
            return cls(path, source, None, is_jpeg=False)
        dataset = handles.of(str(path))
        is_jpeg = dataset.driver == "JPEG" or dataset.compression == Compression.jpeg
        return cls(path, source, _palette(dataset), is_jpeg)

    @property
    def is_coloured(self) -> bool:
        return len(self.source.bands.numbers) == 3

    def keys(self, window: Window, *, are_colours: bool) -> tuple[Array, NDArray[np.bool_]]:
        """Keys (height, width), whole numbers, of a window in the raster, and where it has data.

        Args:
            are_colours: whether they are to be colours; of a file without colours a value v is the grey v,v,v.
        """
        values, valid = self.source.decode(window)
        if self.is_coloured:
            return packed(values), valid
        whole = self._whole(values[0], valid, window)
        if not are_colours:
            return whole, valid
        if self.palette is not None:
            return self.palette[whole.clip(0, 255)], valid
        return packed(np.stack([whole.clip(0, 255)] * 3)), valid

    def _whole(self, values: Array, valid: NDArray[np.bool_], window: Window) -> Array:
        if values.dtype == np.uint8:
            return values
        known = np.where(valid, values, 0)
        odd = (known < 0) | (known > LARGEST) | (known != np.floor(known))
        if odd.any():
            row, col = (int(place[0]) for place in np.nonzero(odd))
            raise LabelError(
                f"{self.path} holds {values[row, col]:g} at row {window.row + row}, column {window.col + col}; "
                f"class ids are whole numbers, 0 to {LARGEST}"
            )
        return known.astype("int32")

    @property
    def _spoiled(self) -> LabelError | None:
        if not self.is_jpeg:
            return None
        return LabelError(f"{self.path} is JPEG, which changes class ids and colours; save labels as PNG or plain TIFF")

    def survey(self, *, are_colours: bool) -> "Survey":
        """What keys there are.

        Raises:
            LabelError: more than class rasters have.
        """
        found: NDArray[np.int64] = np.zeros(0, dtype="int64")
        is_whole = True
        for window in self._pieces():
            keys, valid = self.keys(window, are_colours=are_colours)
            is_whole &= bool(valid.all())
            found = np.union1d(found, _different(keys[valid]))
            if len(found) > _MOST:
                raise self._spoiled or LabelError(
                    f"{self.path} holds more than {_MOST} different values; is it a label raster?"
                )
        return Survey(frozenset(map(int, found)), is_whole)

    def is_mask_with_strays(self) -> bool:
        """Whether it is a mask of 0 and 255 but for less than a hundredth of what is 255.

        Labels of classes of which most is ignored, by 255, have little that is 0.
        """
        counts = np.zeros(3, dtype=np.int64)
        for window in self._pieces():
            keys, valid = self.keys(window, are_colours=False)
            zeros, whites = np.count_nonzero(valid & (keys == 0)), np.count_nonzero(valid & (keys == 255))
            counts += zeros, whites, np.count_nonzero(valid) - zeros - whites
        return bool(100 * counts[2] < counts[1] < 4 * counts[0])

    def refusal(self, known: Collection[int], *, are_colours: bool, table: Path | None = None) -> LabelError:
        """The error that names the keys besides those known, and their first place.

        Args:
            table: the file that says which are known.
        """
        if self._spoiled:
            return self._spoiled
        found = self.odd(known, are_colours=are_colours)
        if table is None:
            return LabelError(f"{self.path} holds {found}, which no class has; name each in a file for --classes")
        return LabelError(f"{self.path} holds {found}, which no class of {table} has; name each there")

    def odd(self, known: Collection[int], *, are_colours: bool) -> str:
        """In words, which keys there are besides those known, and where the first of them is."""
        for window in self._pieces():
            keys, valid = self.keys(window, are_colours=are_colours)
            odd = valid & ~np.isin(keys, list(known))
            if odd.any():
                break
        row, col = (int(place[0]) for place in np.nonzero(odd))
        names = [shown(int(key), is_of_colours=are_colours) for key in np.unique(keys[odd])]
        what = "colour" if are_colours else "value"
        return (
            f"the {what}{'s' * (len(names) > 1)} {' and '.join(names[:4])}{' and more' * (len(names) > 4)}, "
            f"first at row {window.row + row}, column {window.col + col}"
        )

    def _pieces(self) -> Iterator[Window]:
        return pieces(self.source.frame.window, self.source.block_shape, _PIECE)


@dataclass(frozen=True, slots=True)
class Survey:
    """The keys of a raster, colours of a coloured one, else values; and whether it has data everywhere."""

    keys: frozenset[int]
    is_whole: bool


def is_raster(path: Path) -> bool:
    """Whether a file is a raster, rather than one of polygons."""
    if is_array(str(path)):
        return True
    try:
        with rasterio.open(path):
            return True
    except RasterioError:
        return False


def _different(keys: Array) -> NDArray[np.int64]:
    """The different ones among (n,) keys."""
    if keys.dtype == np.uint8:
        return np.flatnonzero(np.bincount(keys, minlength=256))
    changes = np.flatnonzero(np.diff(keys, prepend=-1))  # neighbours are often alike
    return np.unique(keys[changes]).astype("int64")


def _palette(dataset: rasterio.DatasetReader) -> NDArray[np.int32] | None:
    try:
        colours = dataset.colormap(1)
    except (ValueError, RasterioError):  # it has none
        return None
    table = np.array([colours.get(value, (0, 0, 0, 0))[:3] for value in range(256)])
    return packed(table.T)
