"""What is scored: a map's files, the grid on which they are scored, and the classes that map and labels share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geounet.errors import LegendError, SceneError, SettingsError
from geounet.frame import Frame
from geounet.io.class_rasters import is_raster
from geounet.io.polygon_files import is_polygon_file, layers, vector_info
from geounet.jobs.outputs import CLASSES, FOOTPRINTS, PROBABILITY
from geounet.legend import BACKGROUND, NODATA, Legend, LegendClass, is_building

_USUAL = 0.3  # metres a pixel, on which polygons are scored
_MOST = 2**45  # pixels of a grid: some 1,800 km square at 0.3 m


@dataclass(frozen=True, slots=True)
class Prediction:
    """The files of a map: a raster of classes and that of its probabilities, polygons; what there is of them."""

    path: Path
    classes: Path | None = None
    probability: Path | None = None
    polygons: Path | None = None

    @classmethod
    def of(cls, path: Path) -> "Prediction":
        """infer's folder, a class raster, or a file of polygons.

        Raises:
            SceneError: none of these.
        """
        if path.is_dir():
            if not (path / CLASSES).exists():
                raise SceneError(f"{path} has no {CLASSES}; give a folder in which infer has finished, or a file")
            known = [path / name if (path / name).exists() else None for name in (PROBABILITY, FOOTPRINTS)]
            return cls(path, path / CLASSES, *known)
        if not path.exists() and "://" not in str(path) and not str(path).startswith("/vsi"):
            raise SceneError(f"{path} does not exist; check the path")
        if is_raster(path):
            return cls(path, classes=path)
        if not is_polygon_file(path):
            raise SceneError(
                f"{path} is neither a raster nor a file of polygons; give infer's folder, a class raster, or polygons"
            )
        return cls(path, polygons=path)

    @property
    def out(self) -> Path:
        """The folder where scores of it are looked for."""
        return self.path if self.path.is_dir() else self.path.with_name(f"{self.path.stem}_eval")

    def layer(self, name: str) -> str | None:
        """The layer of the polygons of a class: the one of its name, else the first (None)."""
        if self.polygons is None or self.polygons.suffix.casefold() in (".parquet", ".geoparquet"):
            return None
        return next((layer for layer in layers(self.polygons) if layer.casefold() == name.casefold()), None)


@dataclass(frozen=True, slots=True)
class Areas:
    """Polygon files that say what is scored: what was labelled, what is left out, what was mapped."""

    label_area: Path | None
    ignore: Path | None
    aoi: Path | None


def class_of_polygons(predicted: Prediction, labelled: Legend) -> LegendClass:
    """The class of a file of polygons: a layer's with the name of a label class, a building's first; else building."""
    assert predicted.polygons is not None
    named = [c for c in labelled.foreground if predicted.layer(c.name) is not None]
    named.sort(key=lambda c: not is_building(c.name))
    return named[0] if named else Legend.of_names("building").foreground[0]


def grid_of_polygons(path: Path, over: Path | None, gsd: float | Literal["auto"], layer: str | None) -> Frame:
    """The grid on which polygons are scored, in their CRS: pixels that are square on the ground at its middle.

    Args:
        path: of the polygons; `over`: of the areas that the grid is to cover, None for the polygons' own bounds.

    Raises:
        SettingsError: a pixel size that makes too large a grid.
        SceneError: nothing to lay a grid over.
    """
    info = vector_info(path, layer)
    if not info.features and over is None:
        raise SceneError(f"{path} holds no polygons; give --label-area or --aoi, which say where there should be some")
    bounds = info.bounds if over is None else _bounds_in(over, info.crs)
    if not all(map(math.isfinite, bounds)):
        raise SceneError(f"{path} lies nowhere (bounds {' '.join(map(str, bounds))}); check its coordinates")
    left, bottom, right, top = bounds
    across = down = 1.0
    if info.crs is not None:
        step = max(right - left, top - bottom, 1e-6) * 1e-4
        centre = Affine(step, 0, (left + right) / 2, 0, -step, (top + bottom) / 2)
        metres = Frame(1, 1, centre, info.crs).pixel_metres
        assert metres is not None
        wanted = _USUAL if gsd == "auto" else gsd
        across, down = (step * wanted / side for side in metres)
    elif gsd != "auto":
        across = down = gsd
    # on multiples of the pixel, so that a part of the polygons is scored on the same pixels
    first_col, last_col = math.floor(left / across), math.ceil(right / across)
    first_row, last_row = math.floor(-top / down), math.ceil(-bottom / down)
    height, width = max(1, last_row - first_row), max(1, last_col - first_col)
    if height * width > _MOST:
        raise SettingsError(f"a grid of {height} x {width} pixels over {path} is too large; give a larger --gsd")
    return Frame(height, width, Affine(across, 0, first_col * across, 0, -down, -first_row * down), info.crs)


def _bounds_in(areas: Path, crs: str | None) -> Sequence[float]:
    """Bounds of a file of areas, in a CRS."""
    info = vector_info(areas)
    if crs is None or info.crs is None:
        return info.bounds
    from pyproj import Transformer

    left, bottom, right, top = info.bounds
    return Transformer.from_crs(info.crs, crs, always_xy=True).transform_bounds(left, bottom, right, top, 21)


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The classes that a map and its labels share, numbered anew from 1.

    Args:
        layer: the map's own name of the main class.
        of_map, of_labels: (256,) uint8, the number of each id of theirs; 0 for classes that only one of them has.
        main: the number of the class whose objects are compared: the building, else the first.
    """

    names: tuple[str, ...]
    layer: str
    of_map: NDArray[np.uint8]
    of_labels: NDArray[np.uint8]
    main: int

    @classmethod
    def of(cls, mapped: Sequence[LegendClass], labelled: Legend) -> "Shared":
        """By their names, in any capitals; where each has one class alone, those are the same.

        Raises:
            LegendError: they share none.
        """
        if len(mapped) == 1 and labelled.is_binary:
            pairs = [(mapped[0], labelled.foreground[0])]
        else:
            pairs = [(a, b) for b in labelled.foreground for a in mapped if _same(a, b)]
        if not pairs:
            ours, theirs = (", ".join(c.name for c in some) for some in (mapped, labelled.foreground))
            raise LegendError(f"the map has the classes {ours}, the labels {theirs}: none is shared; rename them alike")
        # a raster without a legend has but numbers to call its classes by
        is_unnamed = len(mapped) > 1 or mapped[0].name in (f"class_{mapped[0].id}", f"class_{NODATA}")
        names = tuple(theirs.name if is_unnamed else ours.name for ours, theirs in pairs)
        buildings = [number for number, name in enumerate(names, 1) if is_building(name)]
        main = buildings[0] if buildings else 1
        return cls(
            names,
            pairs[main - 1][0].name,
            _table({ours.id: number for number, (ours, _) in enumerate(pairs, 1)}),
            _table({theirs.id: number for number, (_, theirs) in enumerate(pairs, 1)}),
            main,
        )

    @property
    def main_name(self) -> str:
        return self.names[self.main - 1]


def _same(one: LegendClass, other: LegendClass) -> bool:
    return one.name.casefold() == other.name.casefold() or (is_building(one.name) and is_building(other.name))


def _table(numbers: dict[int, int]) -> NDArray[np.uint8]:
    table = np.full(256, BACKGROUND, dtype="uint8")
    table[NODATA] = NODATA
    for id_, number in numbers.items():
        table[id_] = number
    return table
