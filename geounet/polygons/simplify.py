"""From traced outlines to footprints: too small ones dropped, small holes filled, staircases made straight.

All of it happens to whole polygons, in metres on the ground.
"""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.errors import SettingsError
from geounet.footprints import Flag, Footprints, Geometries
from geounet.frame import Frame
from geounet.polygons.arcs import Arcs, corners
from geounet.polygons.borders import borders_of
from geounet.polygons.corridor import simplified_borders
from geounet.polygons.fit import RUNGS, fitted, simplified_arcs
from geounet.polygons.ground import Ground, ground_of, on_map
from geounet.polygons.partition import Partition, coverages_hold, offending, partition_of
from geounet.polygons.regularize import MOST_NEIGHBOURS, regularized
from geounet.polygons.rim import rim_of
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags

_AUTO = 0.75  # of a pixel: the staircase of a straight wall deviates from it by less
_LAST_DIGITS = 1e-9  # of an area that is measured in map coordinates
_LESS = (0.5, 0.25, 0.0)  # of the tolerance, for an outline that would cross itself on the map
_SPECK = 0.5  # of the least area: nothing that is done to a smaller polygon makes it large enough


@dataclass(frozen=True, slots=True)
class Tidying:
    """What is done to traced outlines.

    Args:
        min_area: footprints that end up below this area are dropped, in m² on the ground (pixels without a CRS).
        fill_holes: holes up to this area are filled, in the same unit.
        simplify: tolerance of the simplification in metres (pixels); 0 for none, None for 3/4 of a pixel.
        regularize: whether walls are made straight, at right angles where buildings have them.
    """

    min_area: float = 4.0
    fill_holes: float = 4.0
    simplify: float | None = None
    regularize: bool = False

    @property
    def fills_around_footprints(self) -> bool:
        """Whether a hole that is filled may have a footprint in it that is large enough to stay."""
        return self.fill_holes > self.min_area

    def __post_init__(self) -> None:
        for name, value in (
            ("min-area", self.min_area),
            ("fill-holes", self.fill_holes),
            ("simplify", self.simplify or 0.0),
        ):
            if not 0 <= value < float("inf"):
                raise SettingsError(f"--{name} {value:g} must be 0 or more")


def tidied(traced: Footprints, frame: Frame, tidying: Tidying) -> Footprints:
    """Footprints in map coordinates, of outlines traced in pixel coordinates; all are valid Polygons.

    What neighbours share they share afterwards: polygons of one class that have vertices in common, to the last bit,
    are a cluster. Those of two classes are none: what of another class is here depends on the strips.

    Args:
        frame: of the raster that was traced. Without a CRS its pixels stand for metres.
    """
    if not len(traced):
        return traced
    partition = partition_of(traced.geometry, traced.class_id.astype(np.int64))
    ground = ground_of(traced.geometry, partition.cluster, frame)
    filled = _small_holes(partition, tidying.fill_holes / ground.resolution**2)
    specks = (partition.cluster_size == 1) & (partition.polygon_area < _SPECK * tidying.min_area / ground.resolution**2)
    partition = partition.of_rings(~filled & ~specks[partition.ring_polygon])
    traced, ground = traced[~specks], ground[~specks]
    if tidying.regularize:
        rim = rim_of(partition, traced.flags & (Flag.NODATA | Flag.EDGE) > 0, frame.shape)
        partition = replace(partition, arcs=replace(partition.arcs, rim=rim))
    placed, flags = _redrawn(partition, ground, tidying)
    pixels = shapely.area(placed) / abs(frame.transform.determinant)
    kept = pixels * ground.resolution**2 >= tidying.min_area * (1 - _LAST_DIGITS)
    return traced.with_flags(traced.flags | flags)[kept].with_geometry(placed[kept])


def tidied_borders(traced: Footprints, frame: Frame, tidying: Tidying) -> Footprints:
    """Footprints in map coordinates, of outlines of several areas, which are simplified; all are valid Polygons.

    Neighbours have one border, whichever of them are here: each line between junctions is made simpler by itself, and
    no pixel's centre changes its side. Nothing is regularized.
    """
    pixels = shapely.area(traced.geometry)
    ground = ground_of(traced.geometry, np.arange(len(traced)), frame)
    large = pixels * ground.resolution**2 >= _SPECK * tidying.min_area
    traced, ground = traced[large], ground[large]
    if not len(traced):
        return traced
    rings, owner = shapely.get_rings(traced.geometry, return_index=True)
    is_hole = np.append(False, owner[1:] == owner[:-1])
    surely = (1 if tidying.fills_around_footprints else _SPECK) * tidying.fill_holes
    filled = is_hole & (shapely.area(shapely.polygons(rings)) * ground.resolution[owner] ** 2 <= surely)
    borders = borders_of(rings[~filled], owner[~filled])
    arcs = simplified_borders(borders, frame, tidying.simplify, _AUTO)
    outlines = borders.partition.polygons(arcs.points, arcs.length)
    least = tidying.min_area * (1 - _LAST_DIGITS) / ground.resolution**2
    if not tidying.fills_around_footprints:  # what stands in a hole is dropped by the area that the same line gives it
        outlines = _without_holes(outlines, tidying.fill_holes / ground.resolution**2, least)
    kept = shapely.area(outlines) >= least
    return traced[kept].with_geometry(_valid(on_map(outlines[kept], frame)))


def _without_holes(polygons: Geometries, largest: NDArray[np.float64], below: NDArray[np.float64]) -> Geometries:
    """The polygons without the holes that are not larger than the one area and smaller than the other, (n,) each."""
    pierced = np.flatnonzero(shapely.get_num_interior_rings(polygons))
    rings, owner = shapely.get_rings(polygons[pierced], return_index=True)
    area, polygon = shapely.area(shapely.polygons(rings)), pierced[owner]
    stays = (
        np.append(True, owner[1:] != owner[:-1])[: len(rings)] | (area > largest[polygon]) | (area >= below[polygon])
    )
    result = polygons.copy()
    result[pierced] = shapely.polygons(rings[stays], indices=owner[stays])
    return result


def _small_holes(partition: Partition, largest: NDArray[np.float64]) -> Flags:
    """(rings,) holes up to `largest` of their polygon that hold no neighbour."""
    small = np.abs(partition.ring_area) <= largest[partition.ring_polygon]
    return np.asarray(partition.is_hole & partition.is_free & small)


def _redrawn(partition: Partition, ground: Ground, tidying: Tidying) -> tuple[Geometries, NDArray[np.uint8]]:
    """(n,) regular or simplified outlines on the map, all valid, and flags that say which."""
    drawn = partition.moved(ground.points(partition.arcs.points, partition.arc_polygon[partition.arcs.of]))
    simplify, count = tidying.simplify, len(partition.cluster)
    tolerance = np.broadcast_to(_AUTO if simplify is None else simplify / ground.resolution, count)
    outlines, flags = _regular(drawn, tolerance, ground) if tidying.regularize else _none(count)
    plain = shapely.is_missing(outlines)
    if plain.any():
        outlines[plain] = simplified(drawn.of_polygons(plain), tolerance[plain], ground[plain])
    return _placed(outlines, flags, drawn, tolerance, ground)


def _placed(
    outlines: Geometries, flags: NDArray[np.uint8], drawn: Partition, tolerance: NDArray[np.float64], ground: Ground
) -> tuple[Geometries, NDArray[np.uint8]]:
    """(n,) the outlines on the map, all valid, and flags: where rounding makes lines cross there, less simplified."""
    placed, flags = ground.on_map(outlines), flags.copy()
    for share in _LESS:
        # what is a common line on the ground may by rounding be none on the map
        broken = drawn.any_in_cluster(~shapely.is_valid(placed))
        broken |= ~coverages_hold(placed, np.where(broken, -1, drawn.cluster))
        if not broken.any():
            return placed, flags
        again = simplified(drawn.of_polygons(broken), share * tolerance[broken], ground[broken])
        placed[broken] = ground[broken].on_map(again)
        flags[broken & (flags == Flag.REGULARIZED)] = Flag.REFUSED
    return _valid(placed), flags


def _regular(drawn: Partition, tolerance: NDArray[np.float64], ground: Ground) -> tuple[Geometries, NDArray[np.uint8]]:
    """(n,) regular outlines, and a flag for each; None for clusters that have none."""
    outlines, flags = _none(len(drawn.cluster))
    tried = drawn.cluster_size <= MOST_NEIGHBOURS
    some = drawn.of_polygons(tried)
    found = regularized(some, tolerance[tried])
    placed = _within(found.polygons, ground[tried])
    crossing = some.any_in_cluster(~shapely.is_missing(placed) & ~shapely.is_valid(placed))
    placed[crossing] = None
    outlines[tried] = placed
    flags[tried] = np.where(found.refused | crossing, Flag.REFUSED, Flag.REGULARIZED)
    flags[~tried] = Flag.LARGE
    return outlines, flags


def _within(polygons: Geometries, ground: Ground) -> Geometries:
    """Polygons on the ground, or None, moved to within the raster; they may come to cross so."""
    points, polygon = shapely.get_coordinates(polygons, return_index=True)
    inside = ground.within(points, polygon)
    return polygons if inside is points else shapely.set_coordinates(polygons.copy(), inside)


def _none(count: int) -> tuple[Geometries, NDArray[np.uint8]]:
    return np.full(count, None, object), np.zeros(count, np.uint8)


def _valid(polygons: Geometries) -> Geometries:
    """The polygons; of an invalid one, as coordinates too coarse for the pixels make them, the largest valid part."""
    broken = ~shapely.is_valid(polygons)
    if not broken.any():
        return polygons
    pieces, owner = shapely.get_parts(shapely.make_valid(polygons[broken], method="structure"), return_index=True)
    order = np.lexsort((shapely.area(pieces), owner))
    last = np.append(owner[order][1:] != owner[order][:-1], True)
    mended = polygons.copy()
    mended[broken] = shapely.orient_polygons(pieces[order][last])
    return mended


def simplified(partition: Partition, tolerance: NDArray[np.float64], ground: Ground) -> Geometries:
    """The polygons with as few vertices as `tolerance` allows: valid, within the raster, and neighbours as they were.

    Corners lie where the lines fitted to the outline between them meet; of a cluster in which lines come to cross so,
    at vertices of the outline. Where they cross even then, less of the tolerance has to do for the lines around; a lone
    polygon is simplified by GEOS's way of watching all rings at once, which takes twenty times as long.

    Args:
        tolerance: (n,).
    """
    arcs, allowed = partition.arcs, partition.allowed(tolerance)
    kept = corners(arcs, allowed)
    flat = partition.ring_sizes(_counts(arcs, kept)) < 3
    kept |= np.isin(arcs.of, partition.use_arc[flat[partition.use_ring]])
    counts = _counts(arcs, kept)
    corner = ground.within(fitted(arcs, kept, allowed), partition.arc_polygon[arcs.of[kept]])
    outcome = partition.polygons(corner, counts)
    broken = _crossing(partition, outcome, np.ones(len(outcome), bool))
    if broken.any():
        outcome[broken] = partition.polygons(arcs.points[kept], counts, broken)
        broken = _crossing(partition, outcome, broken)
    lone = partition.cluster_size == 1
    watched = lone & (broken | partition.any_ring(flat))
    if watched.any():
        old = partition.polygons(arcs.points, arcs.length, watched)
        outcome[watched] = shapely.simplify(old, tolerance[watched], preserve_topology=True)
    again = broken & ~lone
    if again.any():
        outcome[again] = _cautiously(partition.of_polygons(again), tolerance[again], outcome[again])
    return outcome


def _cautiously(partition: Partition, tolerance: NDArray[np.float64], made: Geometries) -> Geometries:
    """Polygons of clusters: the lines around those that come to cross are simplified less, rung by rung.

    Args:
        made: what they are on the first rung.
    """
    rung = np.ones(len(partition.arcs), np.int64)
    outcome, place = made.copy(), np.arange(len(made))
    while True:
        bad = offending(made, partition.cluster)
        higher = partition.around(bad) & (rung < RUNGS - 1)
        again = partition.any_in_cluster(bad)
        stuck = again & ~partition.any_in_cluster(partition.beside(higher))
        higher |= partition.around(stuck) & (rung < RUNGS - 1)  # what is left of others crosses these
        stuck &= ~partition.any_in_cluster(partition.beside(higher))
        if stuck.any():
            outcome[place[stuck]] = partition.polygons(partition.arcs.points, partition.arcs.length, stuck)
        again &= ~stuck
        if not again.any():
            return outcome
        rung = (rung + higher)[partition.around(again)]
        partition, tolerance, place = partition.of_polygons(again), tolerance[again], place[again]
        plain = simplified_arcs(partition.arcs, partition.allowed(tolerance), rung)
        whole = ~partition.any_ring(partition.ring_sizes(plain.length) < 3)
        made = np.full(len(whole), None, object)
        made[whole] = partition.polygons(plain.points, plain.length, whole)
        outcome[place] = made


def _crossing(partition: Partition, polygons: Geometries, which: Flags) -> Flags:
    """(n,) those of whole clusters in which outlines cross, their own or each other's."""
    invalid = partition.any_in_cluster(~shapely.is_valid(polygons))
    return np.asarray(which & (invalid | ~coverages_hold(polygons, np.where(which, partition.cluster, -1))))


def _counts(arcs: Arcs, kept: Flags) -> Integers:
    return np.bincount(arcs.of[kept], minlength=len(arcs))
