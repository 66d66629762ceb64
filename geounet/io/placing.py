"""Where the pixels of one grid lie among those of another, whatever their CRS, resolution and rotation."""

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from geounet.errors import LabelError
from geounet.frame import Frame, same_crs
from geounet.grid import Window

Floats = NDArray[np.float64]

_STEP = 32  # pixels between the places that are brought from one CRS to another; what lies between them is interpolated
_PARALLEL = 1e-9  # pixels that a column may shift by in a row, of two grids that count as parallel


@dataclass(frozen=True, slots=True)
class Placing:
    """How pixels of `grid` lie on those of `other`.

    Args:
        moved: columns and rows by which what is in `other` lies farther right and down than its georeference says.
    """

    grid: Frame
    other: Frame
    moved: tuple[float, float] = (0.0, 0.0)

    def moved_by(self, cols: float, rows: float) -> "Placing":
        return replace(self, moved=(self.moved[0] + cols, self.moved[1] + rows))

    @property
    def ratio(self) -> float:
        """Pixels of the other grid along the side of one of ours, about."""
        rows, cols = self._among(np.array([0.0, self.grid.height]), np.array([0.0, self.grid.width]))
        area = abs(shapely.Polygon(zip(cols.flat, rows.flat, strict=True)).convex_hull.area)
        return math.sqrt(area / self.grid.window.area)

    @property
    def meets(self) -> bool:
        """Whether the two grids have ground in common."""
        rows, cols = self._among(*(np.linspace(0, side, 33) for side in self.grid.shape))
        known = np.isfinite(rows) & np.isfinite(cols)
        seen = shapely.multipoints(np.column_stack([cols[known], rows[known]])).convex_hull
        return bool(seen.intersects(shapely.box(0, 0, self.other.width, self.other.height)))

    def reach(self, window: Window) -> float:
        """Pixels of the other grid, about, in its smallest upright rectangle that holds a window."""
        sides = np.linspace(window.row, window.rows.stop, 9), np.linspace(window.col, window.cols.stop, 9)
        rows, cols = self._among(*sides)
        known = np.isfinite(rows) & np.isfinite(cols)
        return float(np.ptp(rows[known]) * np.ptp(cols[known])) if known.any() else 0.0

    def samples(self, window: Window, per_side: int) -> tuple[Floats, Floats]:
        """Rows and columns in the other grid of `per_side`² places spread over each pixel of a window.

        Both broadcast to (height * per_side, width * per_side).
        """
        rows = window.row + (np.arange(window.height * per_side) + 0.5) / per_side - self.moved[1]
        cols = window.col + (np.arange(window.width * per_side) + 0.5) / per_side - self.moved[0]
        if same_crs(self.grid.crs, self.other.crs):
            t = self._transform
            if abs(t.b) + abs(t.d) < _PARALLEL:
                return rows[:, None] * t.e + t.f, cols[None] * t.a + t.c
            return self._among(rows, cols)
        knots_down, knots_across = _knots(rows), _knots(cols)
        lattice_rows, lattice_cols = self._among(knots_down, knots_across)
        down, across = _between(rows, knots_down), _between(cols, knots_across)
        return down @ lattice_rows @ across.T, down @ lattice_cols @ across.T

    @property
    def _transform(self) -> Affine:
        """From our pixels to the other grid's, of one CRS."""
        transform: Affine = ~self.other.transform @ self.grid.transform
        return transform

    def _among(self, rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
        """Rows and columns in the other grid, (rows, cols) each, of the crossings of some of ours."""
        across, down = np.meshgrid(cols, rows)
        try:
            xs, ys = in_pixels_of(self.other, self.grid, across, down)
        except ProjError as error:
            raise LabelError(f"no way leads from the scene's CRS to the labels' ({error}); reproject them") from error
        return ys, xs


def in_pixels_of(other: Frame, frame: Frame, cols: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Columns and rows in another frame of places in a frame, whatever their CRS.

    Raises:
        ProjError: no way leads from one CRS to the other.
    """
    if same_crs(frame.crs, other.crs):
        return _applied(~other.transform @ frame.transform, cols, rows)
    xs, ys = _applied(frame.transform, cols, rows)
    xs, ys = Transformer.from_crs(frame.crs, other.crs, always_xy=True).transform(xs, ys)
    return _applied(~other.transform, np.asarray(xs), np.asarray(ys))


def _applied(by: Affine, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    return by.a * xs + by.b * ys + by.c, by.d * xs + by.e * ys + by.f


def _knots(places: Floats) -> Floats:
    """Multiples of the step around some places, so that what is interpolated depends on its place alone."""
    first, last = math.floor(places[0] / _STEP), math.floor(places[-1] / _STEP) + 1
    return np.arange(first, last + 1) * float(_STEP)


def _between(places: Floats, knots: Floats) -> Floats:
    """(places, knots) weights of linear interpolation."""
    weights: Floats = np.maximum(0, 1 - np.abs(places[:, None] - knots) / _STEP)
    return weights
