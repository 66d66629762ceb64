"""Walls: the straight lines that outlines are made of, and the directions that a building's walls have in common."""

from dataclasses import dataclass

import numpy as np

from geounet.polygons.arcs import Arcs, Complex, as_complex, complex_totals, product, totals, units
from geounet.polygons.arrays import Coordinates, Floats
from geounet.polygons.runs import Integers
from geounet.polygons.threads import Flags

_BINS = 45  # of 2 degrees, over the quarter turn in which directions of right-angled shapes differ
_NEAR = np.radians(12.0)  # walls so near the commonest direction say what it is exactly
_SNAP = 1.5  # pixels by which the ends of a wall may move when it is turned into a common direction
_MEET = 0.2  # sine of the angle from which two walls meet in one corner
_MEANS = 2  # rounds in which a wall's line finds the middle of what lies along it
_ALWAYS = np.sin(np.radians(3.0))  # and however long it is, it is turned by this angle


@dataclass(frozen=True, slots=True, eq=False)
class Walls:
    """The stretches of arcs between kept points; one begins at each kept point, of no length at an open arc's last.

    Args:
        first: (walls,) place of the kept point.
        arc: (walls,).
        after, before: (walls,) the next and the last wall; at the ends of an open arc the wall itself.
        of: (points,) the wall that the way from a point to the next one belongs to.
    """

    first: Integers
    arc: Integers
    after: Integers
    before: Integers
    of: Integers

    def __len__(self) -> int:
        return len(self.first)


def walls_of(arcs: Arcs, kept: Flags) -> Walls:
    """Walls of all arcs; each arc has a kept point, an open one both its ends."""
    first = np.flatnonzero(kept)
    arc = arcs.of[first]
    head = np.searchsorted(arc, np.arange(len(arcs)))
    tail = np.append(head[1:], len(first)) - 1
    after, before = np.arange(1, len(first) + 1), np.arange(-1, len(first) - 1)
    after[tail] = np.where(arcs.closed, head, tail)
    before[head] = np.where(arcs.closed, tail, head)
    of = np.cumsum(kept) - 1
    lead = of < head[arcs.of]
    of[lead] = tail[arcs.of[lead]]
    return Walls(first, arc, after, before, of)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What is measured along every way from a point of an arc to the next: a wall's line is fitted to all of them."""

    length: Floats
    middle: Coordinates
    way: Coordinates

    @classmethod
    def of(cls, arcs: Arcs) -> "Sides":
        return cls(arcs.side_lengths, (arcs.points + arcs.points[arcs.following]) / 2, arcs.ways)

    def take(self, places: Integers) -> "Sides":
        """Those at some places."""
        return Sides(self.length[places], self.middle.take(places, axis=0), self.way.take(places, axis=0))


def chords(arcs: Arcs, walls: Walls) -> Complex:
    """(walls,) from each wall's beginning to its end, x + i y."""
    begin = arcs.points[walls.first]
    return as_complex(begin[walls.after] - begin)


def common_direction(walls: Complex, weight: Floats, body: Integers, bodies: int) -> Complex:
    """(bodies,) unit vectors in the direction, modulo a quarter turn, that most of each body's walls have.

    The fullest bin of a histogram of angles decides, so that a diagonal wing turns nothing; then the mean of the
    angles around it, four times as large (a circular mean of period 90 degrees), makes it exact.
    """
    quarter = np.angle(walls**4) / (np.pi / 2) % 4 / 4 * _BINS  # 0.._BINS
    low = np.floor(quarter).astype(np.int64)
    share = quarter - low
    bins = totals(body * _BINS + low % _BINS, weight * (1 - share), bodies * _BINS)
    bins += totals(body * _BINS + (low + 1) % _BINS, weight * share, bodies * _BINS)
    around = np.pad(bins.reshape(bodies, _BINS), ((0, 0), (2, 2)), mode="wrap")
    smooth = sum((3 - abs(shift)) * around[:, 2 - shift : 2 - shift + _BINS] for shift in (-2, -1, 0, 1, 2))
    peak = np.exp(2j * np.pi * np.argmax(smooth, axis=1) / _BINS / 4)
    turned = product(walls, peak[body].conj()) ** 4
    near = np.abs(np.angle(turned)) < 4 * _NEAR
    mean = complex_totals(body, near * weight * units(turned), bodies)
    return product(peak, np.exp(0.25j * np.angle(mean)))


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The direction of each wall: that of a frame of right angles, or across it.

    Args:
        frame: (walls,) 2 b and 2 b + 1 are body b's two frames; what fits neither has a frame of its own beyond.
        along: (walls,) unit vectors, in the sense of the arc.
    """

    frame: Integers
    along: Complex

    def parallel(self, one: Integers, other: Integers) -> Flags:
        """Whether walls have the same direction, whichever way they run."""
        cross = product(self.along[one].conj(), self.along[other]).imag
        return np.asarray((self.frame[one] == self.frame[other]) & (np.abs(cross) < 0.5))


def directions(chord: Complex, frames: Complex, body: Integers, rim: Flags, *, square: bool) -> Directions:
    """The direction of each wall: of the first of its body's frames that it fits, else its own.

    Args:
        frames: (2 bodies,) unit vectors.
        body: (walls,).
        rim: (walls,) what is no wall, but where the data end: it keeps its own direction.
        square: whether all walls are to fit the first frame.
    """
    own = units(chord)
    frame = 2 * len(frames) + np.arange(len(chord))
    if square:
        main = frames[2 * body]
        along = main * nearest_axis(product(chord, main.conj()))
        return Directions(np.where(rim, frame, 2 * body), np.where(rim, own, along))
    length = np.abs(chord)
    along = own.copy()
    for second in (1, 0):
        turn = product(own, frames[2 * body + second].conj())
        fits = ~rim & (strays(turn) <= np.maximum(_ALWAYS, 2 * _SNAP / np.maximum(length, 1e-300)))
        frame = np.where(fits, 2 * body + second, frame)
        along = np.where(fits, frames[2 * body + second] * nearest_axis(turn), along)
    return Directions(frame, along)


def strays(turn: Complex) -> Floats:
    """Sine of the angle between a unit vector and the nearest axis."""
    return np.minimum(np.abs(turn.real), np.abs(turn.imag))


def nearest_axis(turn: Complex) -> Complex:
    """1, i, -1 or -i, whichever points most alike."""
    level = np.abs(turn.real) >= np.abs(turn.imag)
    axis: Complex = np.where(level, np.where(turn.real < 0, -1, 1), 1j * np.where(turn.imag < 0, -1, 1))
    return axis


def weights(chord: Complex, rim: Flags) -> Floats:
    """(walls,) by which each tells a building's direction: what is long is straight, and the rim tells nothing."""
    weight: Floats = np.where(rim, 0, np.abs(chord) ** 2)
    return weight


def frames_of(chord: Complex, body: Integers, bodies: int, rim: Flags) -> Complex:
    """(2 bodies,) the commonest direction of each body, and the commonest of the walls that do not fit that one."""
    weight = weights(chord, rim)
    frames = np.repeat(common_direction(chord, weight, body, bodies), 2)
    rest = directions(chord, frames, body, rim, square=False).frame != 2 * body
    frames[1::2] = common_direction(chord, np.where(rest, weight, 0), body, bodies)
    return frames


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """(walls,) lines in the directions `along`, `offset` to their left from the origin, and the lengths fitted to."""

    along: Complex
    offset: Floats
    weight: Floats


def _alignment(sides: Sides, along: Complex) -> Floats:
    """Length of each side, less where it does not run along its wall: cosine of twice the angle, none below 0."""
    way = product(as_complex(sides.way), along.conj())
    squared = way.real**2 + way.imag**2
    return np.maximum(way.real**2 - way.imag**2, 0) / np.maximum(squared, 1e-300) * sides.length


def fitted_lines(arcs: Arcs, sides: Sides, walls: Walls, along: Complex) -> Lines:
    """The line through each wall: the mean of its sides' offsets, in which rounded corners hardly count."""
    side_along = along[walls.of]
    weight = _alignment(sides, side_along)
    offsets = product(side_along.conj(), as_complex(sides.middle)).imag
    total = totals(walls.of, weight, len(walls))
    sums = totals(walls.of, weight * offsets, len(walls))
    at_chord = product(along.conj(), as_complex(arcs.points[walls.first]) + chords(arcs, walls) / 2).imag
    return Lines(along, np.where(total > 0, sums / np.maximum(total, 1e-300), at_chord), total)


def refined(frames: Complex, sides: Sides, walls: Walls, found: Directions) -> Complex:
    """The frames turned so that the squared distances of the outlines from all walls together are least."""
    return product(frames, turns(len(frames), sides, walls.of, found))


def turns(frames: int, sides: Sides, of: Integers, found: Directions, scale: float | None = None) -> Complex:
    """(frames,) unit vectors by which frames turn so that the squared distances of outlines from their walls are least.

    Total least squares for several parallel and perpendicular lines at once: the scatter of each wall's sides around
    its own middle, those across turned by a quarter, added up for each frame; the principal axis is the direction.

    Args:
        of: (sides,) the wall of each.
        scale: distance from its wall's line at which a side has a quarter of its weight (Geman and McClure 1987);
            None for all of it.
    """
    common, walls = found.frame < frames, len(found.frame)
    back = np.where(common, found.along, 1)[of].conj()
    middle, way = product(as_complex(sides.middle), back), product(as_complex(sides.way), back)
    x, y, level, twisted = middle.real, middle.imag, way.real**2 - way.imag**2, way.real * way.imag
    aligned = np.maximum(level, 0) / np.maximum(way.real**2 + way.imag**2, 1e-300)
    weight = np.where(common[of], aligned * sides.length, 0)
    if scale is not None:
        whole = weight
        for _ in range(_MEANS):
            weight = whole / (1 + ((y - _middles(of, walls, weight, y)[0]) / scale) ** 2) ** 2
    middle_x, middle_y = _middles(of, walls, weight, x, y)
    dx, dy = x - middle_x, y - middle_y
    spread, twist = weight * (dx**2 - dy**2 + level / 12), weight * (dx * dy + twisted / 12)
    frame = np.where(common, found.frame, frames)[of]
    sums = [totals(frame, values, frames + 1)[:-1] for values in (spread, twist)]
    turn: Complex = np.exp(0.5j * np.arctan2(2 * sums[1], np.maximum(sums[0], 1e-300)))
    return turn


def _middles(of: Integers, walls: int, weight: Floats, *several: Floats) -> list[Floats]:
    """(sides,) of each of several values the mean of what lies along each one's wall."""
    total = np.maximum(totals(of, weight, walls), 1e-300)
    return [(totals(of, weight * values, walls) / total)[of] for values in several]


def meets(lines: Lines, walls: Walls) -> tuple[Flags, Complex]:
    """(walls,) whether a wall's line clearly crosses that of the wall before it, and where they cross if so."""
    before = walls.before
    cross = product(lines.along[before].conj(), lines.along).imag
    crossing = np.abs(cross) > _MEET
    point = (lines.offset[before] * lines.along - lines.offset * lines.along[before]) / np.where(crossing, cross, 1)
    return crossing, point


def gap(lines: Lines, one: Integers, other: Integers) -> Floats:
    """Distance of walls from parallel ones."""
    same = np.sign(product(lines.along[one], lines.along[other].conj()).real)
    return np.abs(lines.offset[one] - same * lines.offset[other])
