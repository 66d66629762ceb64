"""Oriented frames and the cutting of polygons. Plan coordinates are metres, x to the east, y to the south."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import split


@dataclass(frozen=True, slots=True)
class Axes:
    """A local frame: its origin in plan metres and the angle (radians) from the plan's x axis to the local u axis."""

    x: float
    y: float
    angle: float

    def world(self, u: float, v: float) -> tuple[float, float]:
        """Plan coordinates of the local point (u, v)."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.x + u * cos - v * sin, self.y + u * sin + v * cos

    def moved(self, u: float, v: float, turn: float = 0.0) -> Axes:
        """The frame whose origin is the local point (u, v), turned by `turn` radians."""
        return Axes(*self.world(u, v), self.angle + turn)


@dataclass(frozen=True, slots=True)
class OrientedBox:
    """The smallest rectangle around a shape; u runs along its longer side."""

    axes: Axes
    length: float
    width: float


def rectangle(axes: Axes, length: float, width: float) -> Polygon:
    """The rectangle of `length` along u and `width` along v, centred on the frame's origin.

    >>> rectangle(Axes(1.0, 2.0, 0.0), 4.0, 2.0).bounds
    (-1.0, 1.0, 3.0, 3.0)
    """
    a, b = length / 2, width / 2
    return Polygon([axes.world(-a, -b), axes.world(a, -b), axes.world(a, b), axes.world(-a, b)])


def oriented_box(polygon: Polygon) -> OrientedBox:
    """The smallest rotated rectangle that holds the polygon."""
    corners = list(shapely.minimum_rotated_rectangle(polygon).exterior.coords)
    sides = [(math.dist(corners[i], corners[i + 1]), corners[i], corners[i + 1]) for i in (0, 1)]
    length, start, end = max(sides)
    centre = polygon.minimum_rotated_rectangle.centroid
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    # Half a turn changes nothing for a rectangle, but an angle in (-90, 90] keeps "along" the same from block to block.
    angle = (angle + math.pi / 2) % math.pi - math.pi / 2
    return OrientedBox(Axes(centre.x, centre.y, angle), length, min(sides)[0])


def box_along(polygon: Polygon, angle: float) -> OrientedBox:
    """The rectangle around a polygon whose u axis lies at the given angle or across it, whichever is longer."""
    axes = Axes(0.0, 0.0, angle)
    points = np.asarray(polygon.exterior.coords)
    along = points @ [math.cos(angle), math.sin(angle)]
    across = points @ [-math.sin(angle), math.cos(angle)]
    centre = axes.moved(float(along.min() + along.max()) / 2, float(across.min() + across.max()) / 2)
    length, width = float(np.ptp(along)), float(np.ptp(across))
    return (
        OrientedBox(centre, length, width)
        if length >= width
        else OrientedBox(centre.moved(0, 0, math.pi / 2), width, length)
    )


def polygons_of(shape: BaseGeometry, smallest: float = 0.0) -> list[Polygon]:
    """The polygons a geometry is made of, those of at least `smallest` square metres."""
    parts: Iterable[BaseGeometry] = getattr(shape, "geoms", [shape])
    return [part for part in parts if isinstance(part, Polygon) and not part.is_empty and part.area >= smallest]


def lines_of(shape: BaseGeometry) -> list[LineString]:
    """The lines a geometry is made of."""
    parts: Iterable[BaseGeometry] = getattr(shape, "geoms", [shape])
    return [part for part in parts if isinstance(part, LineString) and not part.is_empty]


def cut(polygon: Polygon, line: LineString) -> list[Polygon]:
    """The pieces of a polygon on the two sides of a line; the polygon itself where the line misses it."""
    return polygons_of(split(polygon, line), smallest=1.0)


def crossing(axes: Axes, at: float, lean: float = 0.0, swing: float = 0.0, phase: float = 0.0) -> LineString:
    """A long line across the frame's u axis at u = `at`, leaning by `lean` radians, straight or swinging by metres."""
    middle = axes.moved(at, 0.0, math.pi / 2 + lean)
    if swing == 0.0:
        return LineString([middle.world(-2000.0, 0.0), middle.world(2000.0, 0.0)])
    return LineString([middle.world(u, swing * math.sin(u / 48.0 + phase)) for u in np.arange(-1200.0, 1201.0, 6.0)])


def slices(polygon: Polygon, axes: Axes, cuts: Iterable[float]) -> list[Polygon]:
    """The polygon cut by lines across the u axis, in ascending order of `cuts`."""
    pieces = [polygon]
    for at in cuts:
        line = crossing(axes, at)
        pieces = [part for piece in pieces for part in cut(piece, line)]
    return pieces


def longest_edge(shape: BaseGeometry) -> LineString | None:
    """The longest straight piece of a line geometry; None where it has no line."""
    edges = [
        LineString([start, end])
        for line in lines_of(shape)
        for start, end in zip(line.coords[:-1], line.coords[1:], strict=True)
    ]
    return max(edges, key=lambda edge: float(edge.length), default=None)
