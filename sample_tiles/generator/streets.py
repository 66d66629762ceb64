"""The street network: an arterial that bends, quarters that lie at their own angles, blocks between streets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

from .dice import either_side, one_of
from .geometry import box_along, crossing, cut, lines_of, oriented_box, polygons_of
from .style import TownStyle

MARGIN = 70.0
LONGEST_BLOCK = 150.0
DEEPEST_BLOCK = 98.0
BLOCK_DEPTH = 74.0


@dataclass(frozen=True, slots=True)
class Road:
    """A street: its centre line in plan metres, the width of its carriageway and of each pavement in metres."""

    line: LineString
    width: float
    pavement: float
    arterial: bool

    @property
    def corridor(self) -> Polygon:
        """All ground that belongs to the street."""
        return self.line.buffer(self.width / 2 + self.pavement, quad_segs=6)


@dataclass(frozen=True, slots=True)
class Layout:
    """Streets and the blocks between them; the block polygons end where the pavements begin."""

    roads: tuple[Road, ...]
    blocks: tuple[Polygon, ...]


def lay_out(style: TownStyle, rng: np.random.Generator) -> Layout:
    """The streets and blocks of a town, reaching a little beyond the scene on every side."""
    area = box(-MARGIN, -MARGIN, style.extent + MARGIN, style.extent + MARGIN)
    bend = arterial(style.extent, rng)
    roads = [Road(bend, 10.0, 3.6, arterial=True)]
    cells: list[Polygon] = []
    for half in cut(area, bend):
        for quarter in divided(half, rng, roads):
            angle = oriented_box(quarter).axes.angle + either_side(rng) * rng.uniform(0.0, 0.3)
            cells.extend(subdivided(quarter, angle, rng, roads))
    corridors = shapely.union_all([road.corridor for road in roads])
    blocks = [rounded for cell in cells for rounded in polygons_of(rounded_corners(cell.difference(corridors)), 250.0)]
    return Layout(tuple(roads), tuple(blocks))


def arterial(extent: float, rng: np.random.Generator) -> LineString:
    """The one road that crosses the whole town in a bend."""
    x = np.arange(-MARGIN - 20, extent + MARGIN + 25, 5.0)
    swing = extent * rng.uniform(0.05, 0.09) * np.sin(x / extent * rng.uniform(3.5, 5.0) + rng.uniform(0, 6.28))
    tilt = rng.uniform(-0.25, 0.25)
    return LineString(np.column_stack([x, extent * rng.uniform(0.42, 0.58) + swing + tilt * (x - extent / 2)]))


def divided(part: Polygon, rng: np.random.Generator, roads: list[Road]) -> list[Polygon]:
    """One side of the arterial cut by collector roads into quarters that will lie at different angles."""
    frame = oriented_box(part)
    if frame.length < 330:
        return [part]
    lean = either_side(rng) * rng.uniform(0.12, 0.38)
    line = crossing(frame.axes, rng.uniform(-0.14, 0.14) * frame.length, lean, rng.uniform(3, 9), rng.uniform(0, 6))
    roads.extend(Road(piece, 7.6, 2.2, arterial=False) for piece in lines_of(line.intersection(part)))
    return [quarter for piece in cut(part, line) for quarter in divided(piece, rng, roads)]


def subdivided(area: Polygon, angle: float, rng: np.random.Generator, roads: list[Road]) -> list[Polygon]:
    """An area cut by streets until every piece is a block: as deep as two rows of parcels, and not too long.

    Args:
        angle: direction of the quarter's streets, radians.
    """
    frame = box_along(area, angle)
    longest = LONGEST_BLOCK * rng.uniform(0.8, 1.25)
    axes, span, pieces = frame.axes, frame.length, 2
    if frame.width > DEEPEST_BLOCK and frame.length < 2.2 * LONGEST_BLOCK:
        axes, span, pieces = frame.axes.moved(0, 0, math.pi / 2), frame.width, max(round(frame.width / BLOCK_DEPTH), 2)
    elif frame.length <= longest:
        return [area]
    swing = rng.uniform(2.0, 6.0) * (rng.random() < 0.45)
    lean, phase, width = rng.normal(0, 0.03), rng.uniform(0, 6.28), one_of((5.2, 5.8, 6.6), rng)
    parts = [area]
    for index in range(1, pieces):
        at = span * (index / pieces - 0.5) + rng.normal(0, 0.03) * span / pieces
        line = crossing(axes, at, lean, swing, phase)
        roads.extend(Road(piece, width, 1.7, arterial=False) for piece in lines_of(line.intersection(area)))
        parts = [part for whole in parts for part in cut(whole, line)]
    return [block for part in parts for block in subdivided(part, angle, rng, roads)]


def junctions_of(index: int, roads: tuple[Road, ...], room: float) -> BaseGeometry:
    """The carriageways that one road meets, `room` metres wider on each side."""
    line = roads[index].line
    beds = [
        road.line.buffer(road.width / 2 + room) for road in roads[:index] + roads[index + 1 :] if near(road.line, line)
    ]
    return shapely.union_all(beds)


def near(line: LineString, other: LineString) -> bool:
    return bool(shapely.dwithin(line, other, 12.0))


def rounded_corners(block: Polygon, radius: float = 3.0) -> Polygon:
    """The block with its corners rounded, as kerbs are."""
    return block.buffer(-radius, quad_segs=4).buffer(radius, quad_segs=4)
