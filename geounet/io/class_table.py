"""Class tables: which class each value or colour of label rasters stands for."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from geounet.block import Array
from geounet.errors import LabelError, LegendError
from geounet.legend import IGNORE, Legend, LegendClass, colour_of

IGNORED_NAMES = ("ignore", "nodata", "unknown", "unlabeled", "unlabelled", "void")  # of no class, in any capitals
LARGEST = 0xFFFFFF  # key
_BACKGROUND = "background"


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The legend, and the class id (255: ignored) that each key of a label raster stands for.

    A key is the value of a raster of one band, or a colour packed by `packed`.

    Args:
        keys: sorted, (n,) int64; `ids`: of each, (n,) uint8.
        is_of_colours: whether keys are colours.
    """

    legend: Legend
    keys: NDArray[np.int64]
    ids: NDArray[np.uint8]
    is_of_colours: bool = False

    @classmethod
    def of(cls, legend: Legend, ids: Mapping[int, int], *, is_of_colours: bool = False) -> "ClassTable":
        keys = np.array(sorted(ids), dtype="int64")
        return cls(legend, keys, np.array([ids[int(key)] for key in keys], dtype="uint8"), is_of_colours)

    def ids_of(self, keys: Array) -> NDArray[np.uint8]:
        """Class ids of keys that the table has; of others, 255 or anything."""
        if keys.dtype == np.uint8:
            return self._by_key[keys]
        return self._by_key[np.minimum(keys, len(self._by_key) - 1)]

    @cached_property
    def _by_key(self) -> NDArray[np.uint8]:
        ids = np.full(max(256, int(self.keys[-1]) + 2), IGNORE, dtype="uint8")
        ids[self.keys] = self.ids
        return ids


def packed(colours: Array) -> NDArray[np.int32]:
    """Keys (...) of colours (3, ...) of 0..255 each."""
    red, green, blue = colours.astype("int32")
    keys: NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return keys


def shown(key: int, *, is_of_colours: bool) -> str:
    """A key as people write it.

    >>> shown(0xFF8000, is_of_colours=True), shown(7, is_of_colours=False)
    ('255,128,0', '7')
    """
    return f"{key >> 16},{key >> 8 & 255},{key & 255}" if is_of_colours else str(key)


def building_mask(keys: Iterable[int], *, ignored: Iterable[int] = (), is_of_colours: bool = False) -> ClassTable:
    """The table of a mask in which 0 is background and some keys are building."""
    ids = {0: 0} | dict.fromkeys(keys, 1) | dict.fromkeys(ignored, IGNORE)
    return ClassTable.of(Legend.of_names("building"), ids, is_of_colours=is_of_colours)


def numbered(values: Sequence[int], names: Mapping[int, str], colours: Mapping[int, str]) -> ClassTable:
    """The table of the values of a raster of class ids; without a name 0 is background and 255 ignored.

    Args:
        values: those of classes, which become 1, 2, ... in their order.
        names: of the values that have one; others are called class_VALUE. `colours`: as #rrggbb, likewise.
    """
    usual = {IGNORE: IGNORED_NAMES[0]} | ({} if any(map(_is_background, names.values())) else {0: _BACKGROUND})
    return _table(sorted(values), {**usual, **names}, colours)


def _table(
    keys: Sequence[int], names: Mapping[int, str], colours: Mapping[int, str], *, is_of_colours: bool = False
) -> ClassTable:
    """The table in which the key named background, else key 0 (which is black, too), is 0; see `numbered`."""
    ignored = [key for key, name in names.items() if name.casefold() in IGNORED_NAMES]
    background = [key for key, name in names.items() if _is_background(name)][:1] or [key for key in names if key == 0]
    background = [key for key in background if key not in ignored]
    wanted = [key for key in keys if key not in ignored and key not in background]
    rows = [LegendClass(0, names[background[0]] if background else _BACKGROUND, "#ffffff")]
    for id_, key in enumerate(wanted, 1):
        rows.append(LegendClass(id_, names.get(key, f"class_{key}"), colours.get(key, colour_of(id_))))
    ids = dict.fromkeys(ignored, IGNORE) | dict.fromkeys(background, 0) | {k: id_ for id_, k in enumerate(wanted, 1)}
    return ClassTable.of(Legend(tuple(rows)), ids, is_of_colours=is_of_colours)


def _is_background(name: str) -> bool:
    return name.casefold() == _BACKGROUND


def read_class_table(path: Path) -> ClassTable:
    """The table of a CSV file with a row for each class: name,r,g,b for coloured masks, or id,name.

    The class named background, else the black one or id 0, is 0; one named ignore, nodata, unknown, unlabelled or void
    is ignored; the others are 1, 2, ... in the order of the rows, or of the ids.

    Raises:
        LabelError: a file that is no such table.
    """
    rows = _rows(path)
    columns = set(rows[0])
    try:
        if {"name", "r", "g", "b"} <= columns:
            return _of_colours(path, rows)
        if {"name", "id"} <= columns:
            return _of_ids(path, rows)
    except LegendError as error:
        raise LabelError(f"{path}: {error}") from error
    raise LabelError(f"{path} has the columns {', '.join(sorted(columns))}; give name,r,g,b or id,name")


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by their columns' names in small letters."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [
                {str(key).strip().casefold(): (value or "").strip() for key, value in row.items()}
                for row in csv.DictReader(file, skipinitialspace=True)
            ]
    except FileNotFoundError as error:
        raise LabelError(f"{path} does not exist; check the path") from error
    except (OSError, ValueError, csv.Error) as error:
        raise LabelError(f"{path} cannot be read as a class table ({error}); give a CSV of name,r,g,b") from error
    if not rows:
        raise LabelError(f"{path} holds no class; give a CSV with a line name,r,g,b and one line for each class")
    return rows


def _of_colours(path: Path, rows: Sequence[Mapping[str, str]]) -> ClassTable:
    colours = [_numbers(path, row, ("r", "g", "b"), 255) for row in rows]
    keys = [int(packed(np.array(colour))) for colour in colours]
    _check_different(path, "colours", [shown(key, is_of_colours=True) for key in keys])
    names = {key: row["name"] for key, row in zip(keys, rows, strict=True)}
    return _table(keys, names, {key: f"#{key:06x}" for key in keys}, is_of_colours=True)


def _of_ids(path: Path, rows: Sequence[Mapping[str, str]]) -> ClassTable:
    values = [_numbers(path, row, ("id",), LARGEST)[0] for row in rows]
    _check_different(path, "ids", [str(value) for value in values])
    return numbered(values, {value: row["name"] for value, row in zip(values, rows, strict=True)}, {})


def _numbers(path: Path, row: Mapping[str, str], columns: Sequence[str], largest: int) -> tuple[int, ...]:
    texts = [row[column] for column in columns]
    if not all(text.isdecimal() and int(text) <= largest for text in texts):
        found = ",".join(texts)
        raise LabelError(
            f"{path}: {found!r} of class {row['name']!r} must be whole numbers of 0 to {largest} ({','.join(columns)})"
        )
    return tuple(int(text) for text in texts)


def _check_different(path: Path, what: str, texts: Sequence[str]) -> None:
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        raise LabelError(f"{path} has the {what} {' and '.join(twice)} twice; give each class its own")


def category_names(raster: Path) -> dict[int, str]:
    """Names of the values of a class raster as QGIS and GDAL keep them in RASTER.aux.xml; none without that file."""
    sidecar = raster.with_name(f"{raster.name}.aux.xml")
    if not sidecar.exists():
        return {}
    try:
        band = ET.parse(sidecar).getroot().find("PAMRasterBand/CategoryNames")  # noqa: S314 (expat bounds entities)
    except (OSError, ET.ParseError) as error:
        raise LabelError(f"{sidecar} cannot be read ({error}); repair it, or take it away") from error
    names = [] if band is None else [(category.text or "").strip() for category in band.findall("Category")]
    return {value: name for value, name in enumerate(names) if name}
