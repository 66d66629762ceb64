"""What a town is made of before it is drawn: buildings, ground, strips, trees and cars, all in plan metres."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import chain
from typing import Literal

from shapely import LineString, Polygon

from .geometry import Axes
from .streets import Road
from .style import RGB

Form = Literal["ridge", "flat", "shed", "frame"]


@dataclass(frozen=True, slots=True)
class Part:
    """A simple roof over a rectangle; a building's roof is the upper envelope of its parts.

    Args:
        axes: centre of the rectangle, u along the ridge.
        eave: height of the eaves in metres.
        pitch: rise over run.
        form: ridge (gable or hip), flat, shed (one slope), or frame (a ridge that runs around a courtyard).
        hips: whether the roof also slopes at its first and its last end.
        hole: length and width of the courtyard of a frame.
    """

    axes: Axes
    length: float
    width: float
    eave: float
    pitch: float
    form: Form
    hips: tuple[bool, bool] = (False, False)
    hole: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Fitting:
    """A thing on a roof: chimney, skylight, solar, vent, dome or stain; `rise` metres above the roof."""

    kind: str
    axes: Axes
    length: float
    width: float
    rise: float


@dataclass(frozen=True, slots=True)
class Building:
    """A building and its exact outline, which is the truth that labels are made of.

    Args:
        outline: the roof seen from above, plan metres (x east, y south).
        kind: detached, garage, shed, row, courtyard, hall, school or block.
        roof: gable, hip, flat or shed.
        cover: name of the roof's cover in `covers.COVERS`.
        tone: multiplies the cover's colour, one factor a channel.
        parts: the roof; together they cover the outline and nothing else.
        angle: direction of the building's main axis in radians from east, turning to the south.
    """

    outline: Polygon
    kind: str
    roof: str
    cover: str
    tone: RGB
    parts: tuple[Part, ...]
    angle: float
    fittings: tuple[Fitting, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """Ground of one surface (a name in `surfaces.SURFACES`); `rows` is the angle of its mowing or its furrows."""

    outline: Polygon
    surface: str
    tone: float = 1.0
    rows: float | None = None
    ragged: float = 0.0


@dataclass(frozen=True, slots=True)
class Strip:
    """Something long: a fence, hedge, path or painted line, `width` and `height` in metres."""

    line: LineString
    width: float
    height: float
    surface: str


@dataclass(frozen=True, slots=True)
class Tree:
    """A crown: its centre, radius and height in metres."""

    x: float
    y: float
    radius: float
    height: float
    species: str


@dataclass(frozen=True, slots=True)
class Car:
    """A vehicle with its bonnet towards +u."""

    axes: Axes
    paint: RGB
    length: float = 4.4
    width: float = 1.8
    boxy: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """Any small object: a box, or a disc where `round`, of `height` metres."""

    axes: Axes
    length: float
    width: float
    height: float
    colour: RGB
    round: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What stands on a piece of ground. `ground` is painted before the streets, `paving` after."""

    buildings: tuple[Building, ...] = ()
    ground: tuple[Area, ...] = ()
    paving: tuple[Area, ...] = ()
    pools: tuple[Polygon, ...] = ()
    strips: tuple[Strip, ...] = ()
    trees: tuple[Tree, ...] = ()
    cars: tuple[Car, ...] = ()
    things: tuple[Thing, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole town: its streets, and the content of all blocks together."""

    roads: tuple[Road, ...]
    blocks: tuple[Polygon, ...]
    content: Content


def merged(contents: Iterable[Content]) -> Content:
    """Several contents as one, in their order."""
    items = list(contents)
    names = [field.name for field in fields(Content)]
    return Content(**{name: tuple(chain.from_iterable(getattr(item, name) for item in items)) for name in names})
