"""Footprints: polygons with their class, confidence and flags, as arrays."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geounet.frame import crs_of, in_degrees, metres_per_radian, metres_per_unit

if TYPE_CHECKING:
    from pyproj import CRS

Geometries = NDArray[np.object_]

DOUBT = 0.6  # mean probability below which a footprint is flagged
_CAP = 91.0  # degrees of latitude: pixels centred on a pole reach half of one beyond it, no farther place is on Earth
_NEAR, _POLAR = 300.0, 80.0  # metres, and degrees of latitude: as far as short sides are measured the quick way


class Flag(IntFlag):
    """What a user should know about a footprint before trusting its outline."""

    NODATA = 1  # it touches nodata: some of it may be missing
    EDGE = 2  # it touches the edge of the raster, or of the area of interest: some of it may be missing
    REGULARIZED = 4  # its walls are made straight, at right angles where the building has them
    REFUSED = 8  # they would have been, but for a shape too far from the outline
    LARGE = 16  # it, or its cluster of touching polygons, is too large for that, or for being taken apart
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
        kinds, which = np.unique(self.flags, return_inverse=True)
        texts: Geometries = np.array([Flag(value).text for value in kinds.tolist()], object)[which]
        return texts

    def doubted(self) -> "Footprints":
        """With the flag DOUBTFUL on those of low confidence, and on no other."""
        doubt = np.where(self.confidence < DOUBT, Flag.DOUBTFUL, 0).astype(np.uint8)
        return self.with_flags(self.flags & ~np.uint8(Flag.DOUBTFUL) | doubt)

    def with_geometry(self, geometry: Geometries) -> "Footprints":
        return replace(self, geometry=geometry)

    def with_flags(self, flags: NDArray[np.uint8]) -> "Footprints":
        return replace(self, flags=flags)

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


def ragged(geometry: Geometries) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Points (n, 2) of all rings, where each ring starts among them, and each polygon among the rings.

    What `shapely.to_ragged_array` gives of polygons; it makes a geometry of every ring, which took a quarter of the
    time of writing a map of houses. Here only those with holes pay for it.

    Args:
        geometry: (n,) Polygons.
    """
    holes = shapely.get_num_interior_rings(geometry)
    is_pierced = holes > 0
    of_pierced = np.repeat(is_pierced, holes + 1)
    lengths = np.empty(len(of_pierced), dtype=np.int64)
    lengths[~of_pierced] = shapely.get_num_coordinates(geometry[~is_pierced])
    lengths[of_pierced] = shapely.get_num_coordinates(shapely.get_rings(geometry[is_pierced]))
    rings, polygons = (np.append(0, np.cumsum(counts, dtype=np.int64)) for counts in (lengths, holes + 1))
    return shapely.get_coordinates(geometry), rings, polygons


def ground_size(geometry: Geometries, crs: str | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Area in m² and length of all outlines in metres, holes' outlines included, on the ellipsoid of the CRS.

    Lengths are geodesic, to a thousandth of a millimetre a side. Areas are those of an equal-area projection of the
    same ellipsoid, which for sides of less than 10 km differ from geodesic ones by less than 0.01 m². Without CRS both
    are plain, in its coordinates; in a CRS that lies nowhere on Earth, in metres. Both are NaN of what reaches beyond
    the Earth, as a satellite sees its disk.

    Args:
        geometry: (n,) Polygons.
    """
    whole = None if crs is None else crs_of(crs)
    if whole is None or whole.geodetic_crs is None:
        unit = 1.0 if whole is None else metres_per_unit(whole)
        return np.asarray(shapely.area(geometry) * unit**2), np.asarray(shapely.length(geometry) * unit)
    geod = whole.get_geod()
    assert geod is not None
    if not len(geometry):
        return np.empty(0), np.empty(0)
    points, ring_starts, polygon_starts = ragged(geometry)
    lon, lat = in_degrees(whole, *points.T)
    off = ~(np.isfinite(lon) & (np.abs(lat) <= _CAP))
    lon[off] = lat[off] = 0
    lat = lat.clip(-90, 90)
    first_ring, first = polygon_starts[:-1], ring_starts[polygon_starts[:-1]]
    sides = _sides(lon, lat, whole)
    sides[ring_starts[1:-1] - 1] = 0  # from ring to ring
    # Every footprint is measured at its own meridian: none is cut at the antimeridian, and numbers stay small.
    owner = np.repeat(np.arange(len(geometry)), np.diff(ring_starts[polygon_starts]))
    x, y = _equal_area((lon - lon[first][owner] + 180) % 360 - 180, lat, geod.a, geod.es)
    y -= y[first][owner]
    twice = np.append(x[:-1] * y[1:] - x[1:] * y[:-1], 0)
    twice[ring_starts[1:] - 1] = 0
    rings = np.abs(np.add.reduceat(twice, ring_starts[:-1])) / 2
    area = 2 * rings[first_ring] - np.add.reduceat(rings, first_ring)  # exteriors less holes
    perimeter = np.add.reduceat(sides, first)
    area[owner[off]] = perimeter[owner[off]] = np.nan
    return area, perimeter


def _sides(lon: NDArray[np.float64], lat: NDArray[np.float64], crs: "CRS") -> NDArray[np.float64]:
    """Metres from each point to the next, (n,); the last is 0.

    Short ones by the radii of curvature half-way: quicker than a geodesic, and off by some s² tan² lat / (24 R²) of it.
    """
    east, north = (np.diff(lon) + 180) % 360 - 180, np.diff(lat)
    across, along = metres_per_radian(crs, np.radians(lat[:-1] + north / 2))
    metres = np.hypot(np.radians(east) * across, np.radians(north) * along)
    far = (metres > _NEAR) | (np.abs(lat[:-1]) > _POLAR)
    geod = crs.get_geod()
    assert geod is not None
    metres[far] = geod.inv(lon[:-1][far], lat[:-1][far], lon[1:][far], lat[1:][far])[2]
    return np.append(metres, 0)


def _equal_area(
    east: NDArray[np.float64], lat: NDArray[np.float64], a: float, es: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lambert's cylindrical equal-area projection of an ellipsoid (Snyder 1987, equations 10-14 and 3-12)."""
    sine, e = np.sin(np.radians(lat)), np.sqrt(es)
    q = sine / (1 - es * sine**2)
    q = 2 * sine if e == 0 else (1 - es) * (q + np.arctanh(e * sine) / e)
    return a * np.radians(east), a * q / 2
