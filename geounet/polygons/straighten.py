"""Straightening: arcs become straight walls, which meet at the corners and junctions of their lines."""

from dataclasses import dataclass, replace

import numpy as np

from geounet.polygons.arcs import Arcs, Complex, corners, product, spans, totals
from geounet.polygons.joints import Straightened, joined
from geounet.polygons.partition import Partition
from geounet.polygons.runs import Integers
from geounet.polygons.settle import ROUGHLY, settled
from geounet.polygons.threads import Flags
from geounet.polygons.walls import (
    Directions,
    Lines,
    Sides,
    Walls,
    chords,
    common_direction,
    directions,
    fitted_lines,
    frames_of,
    gap,
    walls_of,
    weights,
)

_TOLERANCE = 1.0  # pixels that the first corners leave out
_SMALLEST_STEP = 2.5  # pixels; smaller ones in a wall are the raster's, not the building's
_CHAMFER = 5.0  # pixels; a shorter slanting wall between two square ones is a rounded corner
_NOTCH = 4.0  # pixels; shorter walls that end at a junction are the rim of the notch between two houses
_LINK = 1.5  # pixels: from where a wall ends to the rim of the data it is less
_ROUNDS = 6
_ASKEW = np.radians(10.0)  # between a polygon's direction and its cluster's, from which it keeps its own


@dataclass(frozen=True, slots=True, eq=False)
class Straightening:
    """Arcs on their way to straight walls in the directions that a building has in common, in pixels of the ground.

    Douglas and Peucker's corners are the first guess. Walls take the directions of their building; corners between
    walls on one line go, small steps and rounded corners too; each wall's line is fitted to the old outline, and
    neighbouring lines meet in the new corners.

    Args:
        kept: (points,) of the arcs: what begins a wall.
        frames: directions; 2 b and 2 b + 1 are those of body b.
        body: (arcs,) what has directions in common.
        square: whether all walls have the commonest direction or lie across it; otherwise those that do not fit
            take a second one, or keep their own.
    """

    partition: Partition
    sides: Sides
    kept: Flags
    frames: Complex
    body: Integers
    square: bool

    def of_polygons(self, wanted: Flags) -> "Straightening":
        """Some polygons alone; of a cluster all or none."""
        if wanted.all():
            return self
        arcs, arc = self.partition.arcs, np.flatnonzero(self.partition.around(wanted))
        points = spans(arcs.start[arc], arcs.length[arc])
        return replace(
            self,
            partition=self.partition.of_polygons(wanted),
            sides=self.sides.take(points),
            kept=self.kept[points],
            body=self.body[arc],
        )

    def replaced(self, where: Flags, others: "Straightening") -> "Straightening":
        """With other walls around lone polygons."""
        arcs, arc = self.partition.arcs, np.flatnonzero(self.partition.around(where))
        kept, body, frames = self.kept.copy(), self.body.copy(), np.append(self.frames, others.frames)
        kept[spans(arcs.start[arc], arcs.length[arc])] = others.kept
        body[arc] = others.body + len(self.frames) // 2
        return replace(self, kept=kept, body=body, frames=frames)

    def directed(self, walls: Walls) -> Directions:
        arcs, body = self.partition.arcs, self.body[walls.arc]
        return directions(chords(arcs, walls), self.frames, body, arcs.at_rim[walls.first], square=self.square)

    def without_steps(self, least: float) -> "Straightening":
        """Without steps smaller than `least` pixels."""
        arcs, sides, body, kept = self.partition.arcs, self.sides, self.body, self.kept.copy()
        places = np.arange(len(kept))
        for _ in range(_ROUNDS):
            old = kept[places]
            walls = walls_of(arcs, old)
            chord, rim = chords(arcs, walls), arcs.at_rim[walls.first]
            found = directions(chord, self.frames, body[walls.arc], rim, square=self.square)
            new = _cleaner(arcs, walls, found, fitted_lines(arcs, sides, walls, found.along), least)
            kept[places] = new
            # what nothing happened to stays so: arcs are cleaned each by itself
            arc = np.flatnonzero(np.bincount(arcs.of[new != old], minlength=len(arcs)))
            if not len(arc):
                break
            points = spans(arcs.start[arc], arcs.length[arc])
            arcs, sides, body, places = arcs.some(arc), sides.take(points), body[arc], places[points]
        return replace(self, kept=kept)

    def differs(self, other: "Straightening") -> Flags:
        """(n,) whether a polygon's cluster has walls that begin elsewhere than those of another of the same arcs."""
        arcs, partition = self.partition.arcs, self.partition
        moved = totals(arcs.of, self.kept != other.kept, len(arcs)) > 0
        return partition.any_in_cluster(partition.beside(moved))

    def outlines(self) -> Straightened:
        """What the walls make of the arcs."""
        walls = walls_of(self.partition.arcs, self.kept)
        found = self.directed(walls)
        lines = fitted_lines(self.partition.arcs, self.sides, walls, found.along)
        return joined(self.partition, walls, lines, found)


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """Douglas and Peucker's corners of a partition's arcs: the first guess, from which all straightening begins.

    Args:
        kept: (points,) of its arcs.
    """

    partition: Partition
    sides: Sides
    kept: Flags

    @classmethod
    def of(cls, partition: Partition) -> "Guess":
        arcs = partition.arcs
        return cls(partition, Sides.of(arcs), _with_rim_ends(arcs, corners(arcs, np.full(len(arcs), _TOLERANCE))))

    def of_polygons(self, wanted: Flags) -> "Guess":
        """Some polygons alone; of a cluster all or none."""
        if wanted.all():
            return self
        arcs, arc = self.partition.arcs, np.flatnonzero(self.partition.around(wanted))
        points = spans(arcs.start[arc], arcs.length[arc])
        return Guess(self.partition.of_polygons(wanted), self.sides.take(points), self.kept[points])

    def straightened(self, *, square: bool, hint: Complex | None = None) -> Straightening:
        """With walls in the directions of buildings, without the steps that are the raster's own.

        Args:
            hint: (n,) the direction of each polygon's cluster to begin with; the commonest of its walls where None.
        """
        partition, arcs, sides = self.partition, self.partition.arcs, self.sides
        walls = walls_of(arcs, self.kept)
        chord, rim = chords(arcs, walls), arcs.at_rim[walls.first]
        body = _bodies(partition, walls, chord)
        frames = frames_of(chord, body[walls.arc], int(body.max()) + 1, rim)
        if hint is not None:
            frames[2 * body] = hint[partition.arc_polygon]
        found = directions(chord, frames, body[walls.arc], rim, square=square)
        frames = settled(frames, sides, walls, found, ROUGHLY)
        first = Straightening(partition, sides, self.kept, frames, body, square).without_steps(_SMALLEST_STEP)
        walls = walls_of(arcs, first.kept)
        return replace(first, frames=settled(frames, sides, walls, first.directed(walls)))


def _with_rim_ends(arcs: Arcs, kept: Flags) -> Flags:
    """The kept points, and those where arcs come to the rim of the data or leave it, not what lies beside these."""
    end = np.flatnonzero(arcs.rim_ends)
    for beside in (arcs.preceding[end], arcs.following[end]):
        near = np.hypot(*(arcs.points[beside] - arcs.points[end]).T) < _LINK
        kept[beside[near & ~arcs.ends[beside]]] = False
    kept[end] = True
    return kept


def _bodies(partition: Partition, walls: Walls, chord: Complex) -> Integers:
    """(arcs,) numbers for what has directions in common: a cluster, and every polygon that lies askew in one.

    A line between two polygons goes with the larger one.
    """
    cluster, size = partition.cluster, partition.polygon_area
    by_arc = cluster[partition.arc_polygon]
    if partition.cluster_size.max() == 1:
        return by_arc
    arc, polygon = partition.use_arc, partition.ring_polygon[partition.use_ring]
    count = np.bincount(walls.arc, minlength=len(by_arc))
    wall = spans((np.cumsum(count) - count)[arc], count[arc])
    weight = weights(chord, partition.arcs.at_rim[walls.first])
    own = common_direction(chord[wall], weight[wall], np.repeat(polygon, count[arc]), len(cluster))
    common = common_direction(chord, weight, by_arc[walls.arc], len(cluster))[cluster]
    askew = np.abs(np.angle(product(own, common.conj()) ** 4)) > 4 * _ASKEW
    body = np.where(askew, len(cluster) + np.arange(len(cluster)), cluster)
    order = np.lexsort((size[polygon], arc))
    larger = order[np.append(arc[order][1:] != arc[order][:-1], True)]
    return np.asarray(body[polygon[larger]])


def _cleaner(arcs: Arcs, walls: Walls, found: Directions, lines: Lines, least: float) -> Flags:
    """The kept points without corners between walls on one line, small steps, and rounded corners."""
    kept, wall = np.zeros(len(arcs.points), bool), np.arange(len(walls))
    kept[walls.first] = True
    length = np.abs(chords(arcs, walls))
    before, after = walls.before, walls.after
    fixed = arcs.ends[walls.first]
    flat = ~fixed & found.parallel(before, wall) & (gap(lines, before, wall) < least)
    kept[walls.first[flat]] = False
    inner = ~fixed & ~fixed[after]
    shortest = inner & (length <= length[before]) & (length < length[after])
    around = found.parallel(before, after)
    step = shortest & around & (gap(lines, before, after) < least)
    chamfer = (
        shortest & ~around & (length < _CHAMFER)
        & (found.frame[before] == found.frame[after]) & (found.frame != found.frame[before])
    )  # fmt: skip
    notch = length < _NOTCH
    kept[walls.first[~fixed & fixed[after] & notch]] = False
    kept[walls.first[after[fixed & ~fixed[after] & notch]]] = False
    gone = np.flatnonzero(step | chamfer)
    kept[walls.first[gone]] = kept[walls.first[after[gone]]] = False
    cut = np.flatnonzero(chamfer)
    arc = walls.arc[cut]
    count = (walls.first[after[cut]] - walls.first[cut]) % arcs.length[arc]
    kept[arcs.start[arc] + (walls.first[cut] - arcs.start[arc] + count // 2) % arcs.length[arc]] = True
    return _with_corners(arcs, walls, kept)


def _with_corners(arcs: Arcs, walls: Walls, kept: Flags) -> Flags:
    """The kept points; an arc that would have lost all of them keeps what it had."""
    lost = np.bincount(arcs.of[kept], minlength=len(arcs)) < 2
    kept[walls.first[lost[walls.arc]]] = True
    return kept
