"""Blocks cut into parcels, each with its frontage on the street."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from shapely import LineString, Point, Polygon

from .geometry import Axes, longest_edge, oriented_box, slices

ROW_DEPTH = 42.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """A piece of land; `front` has its origin in the middle of the frontage, u along the street, v into the land."""

    outline: Polygon
    front: Axes
    width: float
    depth: float


def strips_of(block: Polygon) -> list[Polygon]:
    """The block as one row of parcels or as two rows back to back, by its depth."""
    frame = oriented_box(block)
    if frame.width <= ROW_DEPTH:
        return [block]
    return slices(block, frame.axes.moved(0, 0, math.pi / 2), [0.0])


def parcels_of(block: Polygon, width: float, rng: np.random.Generator) -> Iterator[Parcel]:
    """The parcels of a block, about `width` metres wide, those without a frontage left out."""
    for strip in strips_of(block):
        frame = oriented_box(strip)
        cuts = cut_positions(frame.length, width, rng)
        for piece in slices(strip, frame.axes, cuts):
            parcel = fronted(piece, block)
            if parcel is not None:
                yield parcel


def cut_positions(length: float, width: float, rng: np.random.Generator) -> list[float]:
    """Positions of the cuts along a strip of `length` metres about its middle: equal widths, slightly disturbed."""
    count = max(round(length / (width * rng.uniform(0.9, 1.12))), 1)
    step = length / count
    return [step * i - length / 2 + float(rng.normal(0, 0.06)) * step for i in range(1, count)]


def fronted(piece: Polygon, block: Polygon) -> Parcel | None:
    """A piece of a block as a parcel that faces the street with its longest outer edge; None if it has none."""
    street = piece.exterior.simplify(0.4).intersection(block.exterior.buffer(0.8))
    edge = longest_edge(street)
    if edge is None or edge.length < 6.0:
        return None
    front = facing(edge, piece)
    reach = [front_depth(front, point) for point in piece.exterior.coords]
    return Parcel(piece, front, float(edge.length), max(reach))


def facing(edge: LineString, piece: Polygon) -> Axes:
    """The frame of a frontage, turned so that v points into the parcel."""
    (x0, y0), (x1, y1) = edge.coords
    front = Axes((x0 + x1) / 2, (y0 + y1) / 2, math.atan2(y1 - y0, x1 - x0))
    return front if piece.contains(Point(front.world(0.0, 1.5))) else front.moved(0, 0, math.pi)


def front_depth(front: Axes, point: tuple[float, ...]) -> float:
    """How far behind the frontage a point lies, metres."""
    return (point[1] - front.y) * math.cos(front.angle) - (point[0] - front.x) * math.sin(front.angle)
