"""What a report shows, as the page's script takes it: every text is a text, never markup."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from geounet.report.images import Picture

Value = str | float | int | None
Rings = Sequence[Sequence[float]]  # of each ring x, y, x, y, ... in pixels (column, row) of the map
Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Grade:
    """A range of confidence that has a colour of its own, and how many of all footprints lie in it."""

    least: float
    colour: str
    count: int


# The lower ends. Orange to blue is told apart with any kind of colour vision; doubt is the darker orange, and dashed.
GRADES = ((0.0, "#e8590c"), (0.6, "#ffa94d"), (0.7, "#ffe8b8"), (0.8, "#8fe3f7"), (0.9, "#00c2ee"))


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The pixels that everything is drawn on.

    Args:
        shape: rows and columns of the map.
        aspect: what a pixel's width and height are to be drawn as; their product is 1.
        metres: side on the ground of a square as large as a pixel; None without a CRS.
        north: direction of north as it is drawn, in degrees clockwise from up; None without one.
    """

    shape: tuple[int, int]
    aspect: tuple[float, float] = (1.0, 1.0)
    metres: float | None = None
    north: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """A picture that lies on the map.

    Args:
        place: left, top, right and bottom in pixels of the map.
        whole: rows and columns of what it is a picture of.
        keys: colours (#rrggbb) and what they stand for.
        is_scale: whether the keys are the ends of a scale, the colours between them are in `keys` too.
    """

    id: str
    name: str
    alt: str
    picture: Picture
    place: tuple[float, float, float, float]
    whole: tuple[int, int]
    opacity: float
    keys: Sequence[tuple[str, str]] = ()
    is_scale: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CloseUp:
    """A place of the scene, sharper than the overlay shows it; `place` as an overlay's."""

    picture: Picture
    place: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A polygon, or several of one feature, or a point (one ring of one place), and what is known of it."""

    polygons: Sequence[Rings]
    facts: Mapping[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Shapes under one name: those that are shown, of `total`."""

    id: str
    name: str
    colour: str
    total: int
    shapes: Sequence[Shape]
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table, whose first column names the rows; without a head where the others need no names."""

    title: str
    head: Row
    rows: Sequence[Row]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over an axis, both from 0 to 1; `mark` is a place on it worth a name."""

    title: str
    across: str
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    mark: tuple[float, str] | None = None
    has_diagonal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """All of a report. What depends on the run rather than on the map lies in `timing`."""

    title: str
    lead: str
    ground: Ground | None
    overlays: Sequence[Overlay] = ()
    close_ups: Sequence[CloseUp] = ()
    footprints: Sequence[Layer] = ()
    grades: Sequence[Grade] = ()
    errors: Sequence[Layer] = ()
    worst: Layer | None = None
    summary: Sequence[tuple[str, str]] = ()
    timing: Sequence[tuple[str, str]] = ()
    figures: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    pictures: Sequence[tuple[str, str, Picture]] = field(default=())  # title, alternative text
    notes: Sequence[str] = ()


def colour_or(text: str, otherwise: str) -> str:
    """A colour that is written #rrggbb, or another one where it is not.

    >>> colour_or("#00ff00", "#000000"), colour_or("url(x)", "#000000")
    ('#00ff00', '#000000')
    """
    return text if re.fullmatch(r"#[0-9a-fA-F]{6}", text) else otherwise
