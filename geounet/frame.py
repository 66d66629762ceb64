"""Frame: where a raster lies."""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from affine import Affine

from geounet.errors import SceneError
from geounet.grid import Window

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS, Transformer

    Floats = NDArray[np.float64]

STEPS = 64  # the ratio of two pixel sizes and the offset of two grids are kept in whole 64ths of a pixel


@cache
def crs_of(text: str) -> "CRS":
    """The CRS that a WKT or another text names.

    Raises:
        SceneError: a text that PROJ cannot read.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise SceneError(f"CRS {text[:60]!r} is unknown to PROJ; assign one that it knows") from error


def same_crs(one: str | None, other: str | None) -> bool:
    """Whether two texts name one CRS, in the order of x and y that rasters have; None is only None's like."""
    if one is None or other is None:
        return one is other
    return one == other or crs_of(one).equals(crs_of(other), ignore_axis_order=True)


@dataclass(frozen=True, slots=True)
class Frame:
    """Shape in pixels, transform from (column, row) to map coordinates, and CRS as WKT (None: plain pixels)."""

    height: int
    width: int
    transform: Affine
    crs: str | None

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def window(self) -> Window:
        return Window(0, 0, self.height, self.width)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in map coordinates, whatever the rotation."""
        corners = [self.transform @ (col, row) for col in (0, self.width) for row in (0, self.height)]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return min(xs), min(ys), max(xs), max(ys)

    def crop(self, window: Window) -> "Frame":
        """The frame of a window, which may hang over the edge."""
        moved = self.transform @ Affine.translation(window.col, window.row)
        return replace(self, height=window.height, width=window.width, transform=moved)

    @property
    def pixel_metres(self) -> tuple[float, float] | None:
        """Width and height of the centre pixel on the ground in metres, measured on the ellipsoid; None without CRS.

        A pixel of Web Mercator is smaller than its nominal size by the cosine of the latitude.
        """
        if self.crs is None:
            return None
        return _pixel_metres(self.height, self.width, self.transform, self.crs)

    def ground_axes(self, cols: "Floats", rows: "Floats") -> "NDArray[np.float64]":
        """(n, 2, 2) what a pixel's way to the right and its way down are on the ground around some places.

        [[east, east], [north, north]] in metres, as on the ellipsoid; in a CRS that lies nowhere on Earth along its
        own axes, and without one in pixels. Angles and lengths are right there whatever the CRS does to them. Beyond
        the Earth, as a satellite sees its disk, they are those at the raster's centre.

        Raises:
            SceneError: the centre lies beyond it, too.
        """
        import numpy as np

        t = self.transform
        linear = np.array([[t.a, t.b], [t.d, t.e]])
        crs = None if self.crs is None else crs_of(self.crs)
        if crs is None:
            return np.broadcast_to(np.diag([1.0, -1.0]), (len(cols), 2, 2))
        if crs.geodetic_crs is None:
            return np.broadcast_to(linear * metres_per_unit(crs), (len(cols), 2, 2))
        steps = np.array([[-0.5, 0.5, 0.0, 0.0], [0.0, 0.0, -0.5, 0.5]])  # half a pixel to either side
        xs, ys = (t @ (cols[:, None] + steps[0], rows[:, None] + steps[1]))[:2]
        lon, lat = np.radians(in_degrees(crs, xs, ys))
        off = ~(np.isfinite(lon) & np.isfinite(lat)).all(axis=1)
        lon[off] = lat[off] = 0
        east, north = metres_per_radian(crs, lat.mean(axis=1))
        across = (np.diff(lon)[:, ::2] + np.pi) % (2 * np.pi) - np.pi
        axes = np.stack([across * east[:, None], np.diff(lat)[:, ::2] * north[:, None]], axis=1)
        if off.any():
            col, row = self.width / 2, self.height / 2
            if off[(cols == col) & (rows == row)].any():
                raise SceneError(f"the centre of the scene lies outside its CRS {crs.name}; check its georeference")
            axes[off] = self.ground_axes(np.array([col]), np.array([row]))
        return axes

    @property
    def ground_resolution(self) -> float | None:
        """Side in metres of a square that covers as much ground as the centre pixel; None without CRS."""
        metres = self.pixel_metres
        return None if metres is None else math.sqrt(metres[0] * metres[1])

    @property
    def crs_name(self) -> str | None:
        """Name of the CRS for people, with its code where it has one."""
        if self.crs is None:
            return None
        crs = crs_of(self.crs)
        code = crs.to_epsg()
        return crs.name if code is None else f"{crs.name} (EPSG:{code})"

    @property
    def north(self) -> float | None:
        """Direction of true north at the centre, in degrees clockwise from the raster's up; None without CRS."""
        if self.crs is None:
            return None
        crs = crs_of(self.crs)
        if crs.geodetic_crs is None:
            return None
        below, above = (self.transform @ (self.width / 2, self.height / 2 + half) for half in (0.5, -0.5))
        return -_distance_azimuth(crs, below, above)[1]

    @property
    def ground_steps(self) -> "Floats | None":
        """(2, 2): metres to the east and north (rows) that a column and a row (columns) are long at the centre.

        None without CRS.
        """
        import numpy as np

        if self.crs is None:
            return None
        crs, t = crs_of(self.crs), self.transform
        if crs.geodetic_crs is None:
            unit = metres_per_unit(crs)
            return np.array([[t.a, t.b], [t.d, t.e]]) * unit
        steps = []
        for across, down in ((0.5, 0.0), (0.0, 0.5)):
            start, end = (t @ (self.width / 2 + s * across, self.height / 2 + s * down) for s in (-1, 1))
            metres, azimuth = _distance_azimuth(crs, start, end)
            steps.append((metres * math.sin(math.radians(azimuth)), metres * math.cos(math.radians(azimuth))))
        return np.array(steps).T

    @property
    def absolute_origin(self) -> tuple[float, float]:
        """Row and column of the first pixel, counted from the origin of the CRS along the raster's own axes."""
        t = self.transform
        inverse = ~Affine(t.a, t.b, 0.0, t.d, t.e, 0.0)
        col, row = inverse @ (t.c, t.f)
        return row, col

    def phase(self, alignment: int) -> tuple[int, int]:
        """Row and column of the first pixel on the absolute grid, modulo `alignment`.

        Windows that start on multiples of the alignment of the absolute grid see the same ground the same way in a
        scene and in any crop of it.
        """
        row, col = self.absolute_origin
        return _nearest(row) % alignment, _nearest(col) % alignment


def _nearest(position: float) -> int:
    """The whole number nearest to a position in pixels, halves upward: a crop's are counted as its scene's are."""
    # scenes often start on half a pixel, where the last digit of a float must not decide: 64ths do
    return math.floor(Fraction(round(position * STEPS), STEPS) + Fraction(1, 2))


@cache
def _pixel_metres(height: int, width: int, transform: Affine, crs_text: str) -> tuple[float, float]:
    crs = crs_of(crs_text)
    if crs.geodetic_crs is None:
        unit = metres_per_unit(crs)
        return math.hypot(transform.a, transform.d) * unit, math.hypot(transform.b, transform.e) * unit
    row, col = height / 2, width / 2
    sides = []
    for half_col, half_row in ((0.5, 0.0), (0.0, 0.5)):
        start, end = (transform @ (col + s * half_col, row + s * half_row) for s in (-1, 1))
        sides.append(_distance_azimuth(crs, start, end)[0])
    if min(sides) <= 0:
        raise SceneError("pixels of the scene have no size on the ground; check its georeference")
    return sides[0], sides[1]


def ground_distance(crs_text: str, start: tuple[float, float], end: tuple[float, float]) -> float:
    """Metres from one place of a map to another, on the ellipsoid."""
    crs = crs_of(crs_text)
    if crs.geodetic_crs is None:
        return math.dist(start, end) * metres_per_unit(crs)
    return _distance_azimuth(crs, start, end)[0]


def in_degrees(crs: "CRS", xs: "ArrayLike", ys: "ArrayLike") -> "tuple[Floats, Floats]":
    """Longitude and latitude of map coordinates in degrees, on the CRS's own ellipsoid and from its own meridian.

    Some geodetic CRS count in grads, which a formula that expects degrees would take for them.
    """
    import numpy as np

    to_geodetic, degrees = _to_geodetic(crs)
    lon, lat = to_geodetic.transform(xs, ys)
    return np.asarray(lon) * degrees, np.asarray(lat) * degrees


@cache
def _to_geodetic(crs: "CRS") -> "tuple[Transformer, float]":
    """What takes places of a CRS to its own longitude and latitude, and the degrees in one of their units."""
    from pyproj import Transformer

    geodetic = crs.geodetic_crs
    assert geodetic is not None, crs
    degrees = math.degrees(geodetic.axis_info[0].unit_conversion_factor)
    return Transformer.from_crs(crs, geodetic, always_xy=True), degrees


def metres_per_unit(crs: "CRS") -> float:
    """Of the coordinates of a CRS that lies nowhere on Earth."""
    return crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0


def metres_per_radian(crs: "CRS", lat: "Floats") -> "tuple[Floats, Floats]":
    """Of longitude and of latitude, on the CRS's ellipsoid (Snyder 1987, equations 4-19 and 4-20)."""
    import numpy as np

    geod = crs.get_geod()
    assert geod is not None
    bend = 1 - geod.es * np.sin(lat) ** 2
    return geod.a * np.cos(lat) / np.sqrt(bend), geod.a * (1 - geod.es) / bend**1.5


def _distance_azimuth(crs: "CRS", start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Metres and azimuth in degrees from one place of the map to another, on the ellipsoid."""
    (x0, x1), (y0, y1) = zip(start, end, strict=True)
    lon, lat = in_degrees(crs, [x0, x1], [y0, y1])
    geod = crs.get_geod()
    assert geod is not None
    azimuth, _, metres = geod.inv(lon[0], lat[0], lon[1], lat[1])
    if not math.isfinite(metres):
        raise SceneError(f"the centre of the scene lies outside its CRS {crs.name}; check its georeference")
    return float(metres), float(azimuth)
