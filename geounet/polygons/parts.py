"""Parts: connected pixels of one area, what is known of each, and the rings around them."""

from dataclasses import dataclass, fields

import numpy as np
import shapely

from geounet.footprints import Geometries
from geounet.polygons.arcs import as_complex
from geounet.polygons.arrays import Coordinates
from geounet.polygons.runs import Edges, Integers, Levels
from geounet.polygons.strands import Strand
from geounet.polygons.threads import Flags, Threads, components

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Connected pixels of one area each, and what is known of them; arrays of one length.

    Args:
        key: place of the first pixel, in the order of rows.
        last_row: the last row with a pixel.
        pixels: how many there are.
        level_sum: of the weights over these pixels.
        area: uint8, number of the area.
        nodata, edge: whether the outline touches nodata, or the edge of the raster.
    """

    key: Integers
    last_row: Integers
    pixels: Integers
    level_sum: Integers
    area: Levels
    nodata: Flags
    edge: Flags

    @classmethod
    def none(cls) -> "Parts":
        return cls(_NONE, _NONE, _NONE, _NONE, _NONE.astype(np.uint8), _NONE.astype(bool), _NONE.astype(bool))

    def __len__(self) -> int:
        return len(self.key)

    @classmethod
    def of_runs(cls, edges: Edges, key: Integers, level_sums: Integers) -> "Parts":
        """Each run of `edges` for itself; `key` are the places of their left edges."""
        never = np.zeros(len(key), bool)
        return cls(key, edges.row[::2], edges.run_lengths, level_sums, edges.area[::2], never, never)

    def __add__(self, other: "Parts") -> "Parts":
        return Parts(*(np.append(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))

    def __getitem__(self, which: Integers | Flags) -> "Parts":
        return Parts(*(getattr(self, f.name)[which] for f in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """Closed boundaries as LinearRings, the place of each one's first run edge, and the part that it bounds."""

    ring: Geometries
    key: Integers
    part: Integers

    @classmethod
    def none(cls) -> "Rings":
        return cls(np.empty(0, object), _NONE, _NONE)

    def __add__(self, other: "Rings") -> "Rings":
        return Rings(*(np.append(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)))

    def __getitem__(self, which: Integers | Flags) -> "Rings":
        return Rings(self.ring[which], self.key[which], self.part[which])


def connected(threads: Threads, entering: Integers, parts_above: int) -> tuple[Integers, Integers, int]:
    """The part of each thread and of each part from above, and how many parts these are.

    The two edges of a run bound the same part: what lies inside what needs no geometry.

    Args:
        entering: the part of each thread from above.
    """
    above = 2 * len(entering)
    left, right = threads.of[above::2], threads.of[above + 1 :: 2]
    apart = left != right  # of most runs both edges are on one thread
    count, part = components(
        len(threads) + parts_above,
        np.append(left[apart], threads.of[:above:2]),
        np.append(right[apart], len(threads) + entering),
    )
    return part[: len(threads)], part[len(threads) :], count


def merged(pieces: Parts, part: Integers, count: int) -> Parts:
    """Parts made of pieces, which come in the order of their last rows.

    Args:
        part: (pieces,) 0..count - 1, the part that each piece belongs to.
    """
    key = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(key, part, pieces.key)
    last_row, pixels, level_sum = np.zeros((3, count), np.int64)
    last_row[part] = pieces.last_row  # of several values for one place, the last stays
    np.add.at(pixels, part, pieces.pixels)
    np.add.at(level_sum, part, pieces.level_sum)
    area = np.zeros(count, np.uint8)
    area[part] = pieces.area
    nodata, edge = np.zeros((2, count), bool)
    nodata[part[pieces.nodata]] = True
    edge[part[pieces.edge]] = True
    return Parts(key, last_row, pixels, level_sum, area, nodata, edge)


def closed(
    threads: Threads,
    points: Coordinates,
    key: Integers,
    strands: dict[int, Strand],
    *,
    part: Integers,
    wanted: Flags,
    turns_alone: bool,
) -> Rings:
    """The threads of a strip that are rings now.

    Args:
        points, key: vertices of the threads, place of each run edge.
        strands: those threads that were open before, or are still.
        part: (threads,) the part that each bounds.
        wanted: (parts,) those whose rings are made.
        turns_alone: whether vertices at which a ring goes straight on are left out, but for its first and last one.
    """
    fresh = ~threads.is_open & wanted[part]
    fresh[list(strands)] = False
    late = [thread for thread in strands if not threads.is_open[thread] and wanted[part[thread]]]
    spliced = [strands[thread].closed() for thread in late]
    lengths = np.append(threads.length[fresh], np.array([len(ring) for ring in spliced], np.int64))
    vertices = np.concatenate([points[np.repeat(fresh, threads.length)], *spliced])
    ring = np.repeat(np.arange(len(lengths)), lengths)
    if turns_alone:
        turning = _turns(vertices, ring)
        vertices, ring = vertices[turning], ring[turning]
    rings = shapely.linearrings(vertices, indices=ring)
    keys = np.append(key[threads.first[fresh]], np.array([strands[thread].key for thread in late], np.int64))
    return Rings(rings, keys, np.append(part[fresh], part[late]))


def _turns(vertices: Coordinates, ring: Integers) -> Flags:
    """(n,) the first and last vertices of rings, and those at which a ring does not go straight on.

    Half-way between pixels vertices lie on halves, and the steps between them can be compared to the last bit.
    """
    place = as_complex(vertices)
    turning = np.ones(len(place), bool)
    steps = place[1:] - place[:-1]
    turning[1:-1] = steps[1:] != steps[:-1]
    border = np.flatnonzero(ring[1:] != ring[:-1])
    turning[border] = turning[border + 1] = True
    return turning


def surrounded(parts: Parts, rings: Rings) -> Geometries:
    """The polygon around each part.

    The first edge of a part, in the order of rows, belongs to its exterior: whatever lies left of it is outside.
    """
    order = np.lexsort((rings.key, rings.part))
    assert np.array_equal(np.unique(rings.part), np.arange(len(parts)))
    polygons: Geometries = shapely.polygons(rings.ring[order], indices=rings.part[order])
    return polygons
