"""Footprints: polygons with their class, confidence and flags, as arrays."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import IntFlag

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geounet.frame import crs_of, in_degrees

Geometries = NDArray[np.object_]


DOUBT = 0.6  # mean probability below which a footprint is flagged


class Flag(IntFlag):
    """What a user should know about a footprint before trusting its outline."""

    NODATA = 1  # it touches nodata: some of it may be missing
    EDGE = 2  # it touches the edge of the raster, or of the area of interest: some of it may be missing
    DOUBTFUL = 32  # its confidence is below `DOUBT`

    @property
    def text(self) -> str:
        """Names in lower case, with commas between.

        >>> (Flag.NODATA | Flag.EDGE).text
        'nodata,edge'
        """
        return ",".join(str(flag.name).lower() for flag in Flag if flag in self)


@dataclass(frozen=True, slots=True, eq=False)
class Footprints:
    """n polygons, in pixel or map coordinates.

    Args:
        geometry: (n,) shapely Polygons.
        class_id: (n,) uint8.
        confidence: (n,) float32, mean probability inside, 0..1; NaN where the raster knows of no probability.
        flags: (n,) uint8, sums of `Flag`.
    """

    geometry: Geometries
    class_id: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    flags: NDArray[np.uint8]

    def __post_init__(self) -> None:
        assert len({len(getattr(self, f.name)) for f in fields(self)}) == 1

    def __len__(self) -> int:
        return len(self.geometry)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Footprints":
        """Those that a mask, indices or a slice choose."""
        return Footprints(*(getattr(self, f.name)[which] for f in fields(self)))

    @property
    def flag_texts(self) -> Geometries:
        """(n,) texts: empty, or flags in lower case with commas between."""
        texts = np.array([Flag(value).text for value in range(256)], object)
        chosen: Geometries = texts[self.flags]
        return chosen

    def doubted(self) -> "Footprints":
        """With the flag DOUBTFUL on those of low confidence, and on no other."""
        doubt = np.where(self.confidence < DOUBT, Flag.DOUBTFUL, 0).astype(np.uint8)
        return self.with_flags(self.flags & ~np.uint8(Flag.DOUBTFUL) | doubt)

    def with_geometry(self, geometry: Geometries) -> "Footprints":
        return replace(self, geometry=geometry)

    def with_flags(self, flags: NDArray[np.uint8]) -> "Footprints":
        return replace(self, flags=flags)

    def transformed(self, transform: Affine) -> "Footprints":
        """In the coordinates that `transform` makes of (x, y), with exteriors counter-clockwise there."""
        return self.with_geometry(shapely.orient_polygons(affine_transformed(self.geometry, transform)))

    @classmethod
    def none(cls) -> "Footprints":
        return cls(np.empty(0, object), np.empty(0, np.uint8), np.empty(0, np.float32), np.empty(0, np.uint8))

    @classmethod
    def joined(cls, several: "Iterable[Footprints]") -> "Footprints":
        """All of them in one, in order."""
        rows = [cls.none(), *several]
        return cls(*(np.concatenate([getattr(row, f.name) for row in rows]) for f in fields(cls)))


def affine_transformed(geometry: Geometries, transform: Affine) -> Geometries:
    """The geometries under an affine map; rings may change their orientation."""
    a, b, c, d, e, f = transform[:6]

    def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points[:, 0], points[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    transformed: Geometries = shapely.transform(geometry, moved)
    return transformed


def vertex_counts(geometry: Geometries) -> NDArray[np.int32]:
    """Corners of each polygon, those of its holes included; the point that closes a ring is not counted twice."""
    rings = shapely.get_num_interior_rings(geometry) + 1
    counts: NDArray[np.int32] = (shapely.get_num_coordinates(geometry) - rings).astype(np.int32)
    return counts


def ground_size(geometry: Geometries, crs: str | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Area in m² and length of all outlines in metres, holes' outlines included, on the ellipsoid of the CRS.

    Lengths are geodesic. Areas are those of an equal-area projection of the same ellipsoid, which for sides of less
    than 10 km differ from geodesic ones by less than 0.01 m². Without CRS both are plain, in pixels; in a CRS that
    lies nowhere on Earth, in metres.
    """
    whole = None if crs is None else crs_of(crs)
    if whole is None or whole.geodetic_crs is None:
        unit = whole.axis_info[0].unit_conversion_factor if whole is not None and whole.axis_info else 1.0
        return np.asarray(shapely.area(geometry) * unit**2), np.asarray(shapely.length(geometry) * unit)
    geod = whole.get_geod()
    assert geod is not None
    points, ring = shapely.get_coordinates(shapely.get_rings(geometry), return_index=True)
    lon, lat = in_degrees(whole, *points.T)
    side = ring[1:] == ring[:-1]
    metres = np.zeros(len(points))
    metres[1:][side] = geod.inv(lon[:-1][side], lat[:-1][side], lon[1:][side], lat[1:][side])[2]
    owner = shapely.get_coordinates(geometry, return_index=True)[1]
    perimeter: NDArray[np.float64] = np.bincount(owner, metres, minlength=len(geometry)).astype(np.float64)
    # Every footprint is measured at its own meridian: none is cut at the antimeridian, and numbers stay small.
    first = np.searchsorted(owner, np.arange(len(geometry)))
    east = (lon - lon[first][owner] + 180) % 360 - 180
    x, y = _equal_area(east, lat, geod.a, geod.es)
    flat = shapely.set_coordinates(geometry.copy(), np.stack([x, y], axis=1))
    return np.asarray(shapely.area(flat)), perimeter


def _equal_area(
    east: NDArray[np.float64], lat: NDArray[np.float64], a: float, es: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lambert's cylindrical equal-area projection of an ellipsoid (Snyder 1987, equations 10-14 and 3-12)."""
    sine, e = np.sin(np.radians(lat)), np.sqrt(es)
    q = sine / (1 - es * sine**2)
    q = 2 * sine if e == 0 else (1 - es) * (q + np.arctanh(e * sine) / e)
    return a * np.radians(east), a * q / 2
