"""Legend: class ids, names and colours; the ids that are never a class of a map."""

import re
from dataclasses import dataclass

from geounet.errors import LegendError

BACKGROUND = 0
CONTACT = 254  # in training labels alone: the line between near neighbours
IGNORE = 255  # in labels: not scored, not learned from
NODATA = 255  # in maps: the scene has no pixel here

_BUILDINGS = ("building", "buildings", "house", "houses", "roof", "roofs")
_RESERVED = ("contact", "nodata", "layer_styles")

# Okabe & Ito (2008), "Color Universal Design": told apart with any kind of colour vision.
_PALETTE = ("#d55e00", "#0072b2", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442")


def colour_of(class_id: int) -> str:
    """A colour for the class 1, 2, ... that the colour-blind can tell from its neighbours', as #rrggbb.

    >>> colour_of(1)
    '#d55e00'
    """
    return _PALETTE[(class_id - 1) % len(_PALETTE)]


def is_building(name: str) -> bool:
    """Whether a class is named as one of buildings.

    >>> is_building("Roofs"), is_building("road")
    (True, False)
    """
    return name.casefold() in _BUILDINGS


@dataclass(frozen=True, slots=True)
class LegendClass:
    """One class: its id in label and class rasters, its name, and its colour as #rrggbb."""

    id: int
    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0..255."""
        return int(self.colour[1:3], 16), int(self.colour[3:5], 16), int(self.colour[5:7], 16)


def _check_name(name: str) -> None:
    """Names become layers and fields of a GeoPackage, bands, and texts of styles.

    Raises:
        LegendError: a name that one of these cannot hold.
    """
    if name.casefold() in _RESERVED or name.casefold().startswith(("gpkg_", "rtree_", "sqlite_")):
        raise LegendError(f"class name {name!r} is reserved; give the class another name")
    if not re.fullmatch(r"[^\W_][\w .,+&()'-]{0,62}", name):
        raise LegendError(
            f"class name {name!r} must begin with a letter or digit and hold letters, digits, spaces and _.,+&()'- "
            "alone, 63 at most"
        )


@dataclass(frozen=True, slots=True)
class Legend:
    """The classes of a map in the order of their ids: background is 0, the others 1, 2, ...

    Raises:
        LegendError: fewer than two classes, ids with a gap, a name twice or empty, a colour that is no #rrggbb.
    """

    classes: tuple[LegendClass, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) < CONTACT:
            raise LegendError(f"a legend of {len(self.classes)} classes; give background and 1 to {CONTACT - 2} others")
        ids = [c.id for c in self.classes]
        if ids != list(range(len(ids))):
            raise LegendError(f"class ids {ids} must be 0, 1, 2, ... without a gap")
        names = [c.name for c in self.classes]
        if not all(names) or len(set(names)) < len(names):
            raise LegendError(f"class names {names} must be different and not empty")
        for name in names:
            _check_name(name)
        if len({name.casefold() for name in names}) < len(names):
            raise LegendError(f"class names {names} must differ in more than capitals: they become layers")
        for c in self.classes:
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", c.colour):
                raise LegendError(f"colour {c.colour!r} of class {c.name!r} must be written as #rrggbb")

    @classmethod
    def of_names(cls, *names: str) -> "Legend":
        """Background and the named classes, in colours that the colour-blind can tell apart.

        >>> Legend.of_names("building").names
        ('background', 'building')
        """
        rows = [LegendClass(i, name, colour_of(i)) for i, name in enumerate(names, 1)]
        return cls((LegendClass(BACKGROUND, "background", "#ffffff"), *rows))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.classes)

    @property
    def foreground(self) -> tuple[LegendClass, ...]:
        return self.classes[1:]

    @property
    def is_binary(self) -> bool:
        return len(self.classes) == 2

    def to_json(self) -> list[dict[str, object]]:
        return [{"id": c.id, "name": c.name, "colour": c.colour} for c in self.classes]

    @classmethod
    def from_json(cls, rows: object) -> "Legend":
        """The legend that `to_json` wrote.

        Raises:
            LegendError: anything else.
        """
        if not isinstance(rows, list):
            raise LegendError("a legend must be a list of id, name and colour")
        try:
            return cls(tuple(LegendClass(int(row["id"]), str(row["name"]), str(row["colour"])) for row in rows))
        except LegendError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise LegendError("a legend must be a list of id, name and colour") from error
