"""How QGIS shows layers: footprints by their confidence, training windows by their split, errors by their kind."""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

from geounet.legend import LegendClass

EPOCH = "1970-01-01T00:00:00.000Z"  # the date that files bear, so that the same input gives the same bytes

Rgb = tuple[int, int, int]

CYAN: Rgb = (0, 229, 255)  # of no roof, soil or tree, nor of a class
_DARK, _LIGHT = (0, 25, 40), (255, 255, 255)  # of the casing, a line under each outline, so that it is seen anywhere
_CASING_ALPHA = 170
_CASING_MM, _OUTLINE_MM = 0.9, 0.4

# Upper ends of the grades of confidence; how much of the colour each takes, the rest is white; and how much it covers.
# Lightness alone tells grades apart, so that they are told apart with any kind of colour vision.
_GRADES = ((0.6, 0.0, 70), (0.7, 0.3, 25), (0.8, 0.5, 35), (0.9, 0.75, 45), (1.0, 1.0, 55))

_SPLITS: Mapping[str, Rgb] = {"train": (0, 114, 178), "val": (230, 159, 0), "test": (204, 121, 167)}


def document(*parts: ET.Element) -> str:
    """A QML document, which QGIS 3.22 and newer read."""
    root = ET.Element("qgis", version="3.22", styleCategories="Symbology")
    root.extend(parts)
    return '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + ET.tostring(root, encoding="unicode")


def footprint_renderer(cls: LegendClass, *, graded: bool, is_only: bool) -> ET.Element:
    """The renderer of a layer of footprints of one class: paler where the model is less sure, dashed where it doubts.

    Args:
        graded: whether the layer's confidence is known; one plain symbol otherwise.
        is_only: whether there are no other classes to be told apart from: the colour is then one that stands out.
    """
    colour = CYAN if is_only else cls.rgb
    if not graded:
        renderer = ET.Element("renderer-v2", type="singleSymbol")
        _add_symbols(renderer, [_footprint(colour, *_GRADES[-1][1:])])
        return renderer
    renderer = ET.Element("renderer-v2", type="graduatedSymbol", attr="confidence", graduatedMethod="GraduatedColor")
    ranges = ET.SubElement(renderer, "ranges")
    lower = 0.0
    for number, (upper, _, _) in enumerate(_GRADES):
        label = f"{cls.name} {lower:.1f}–{upper:.1f}" if number else f"{cls.name} below {upper:.1f}"
        ends = {"lower": f"{lower:.6f}", "upper": f"{upper:.6f}"}
        ET.SubElement(ranges, "range", ends, symbol=str(number), label=label, render="true")
        lower = upper
    _add_symbols(renderer, [_footprint(colour, share, alpha) for _, share, alpha in _GRADES])
    return renderer


def split_renderer() -> ET.Element:
    """The renderer of training windows, a colour for each split."""
    renderer = ET.Element("renderer-v2", type="categorizedSymbol", attr="split")
    categories = ET.SubElement(renderer, "categories")
    for number, split in enumerate(_SPLITS):
        ET.SubElement(categories, "category", value=split, symbol=str(number), label=split, render="true")
    _add_symbols(renderer, [[_fill(rgb, 50), _line(rgb, _OUTLINE_MM)] for rgb in _SPLITS.values()])
    return renderer


# Okabe & Ito (2008), and what samples.png has: right is blue, missed orange, made up purple
_ERRORS: Mapping[str, tuple[Rgb, int, bool]] = {
    "true_positive": ((0, 114, 178), 60, False),
    "false_positive": ((204, 121, 167), 130, False),
    "false_negative": ((230, 159, 0), 130, False),
    "split": ((86, 180, 233), 0, True),
    "merged": ((240, 228, 66), 0, True),
}


def error_renderer(layer: str) -> ET.Element:
    """The renderer of a layer of what is right or wrong: filled, and dashed for what came apart or together."""
    rgb, alpha, dashed = _ERRORS[layer]
    renderer = ET.Element("renderer-v2", type="singleSymbol")
    symbol = [_line(_LIGHT, _CASING_MM + dashed * _OUTLINE_MM, _CASING_ALPHA)]
    symbol += [_line(rgb, _OUTLINE_MM * (1 + dashed), dashed=dashed)]
    _add_symbols(renderer, [[_fill(rgb, alpha), *symbol] if alpha else symbol])
    return renderer


def place_renderer() -> ET.Element:
    """The renderer of points: yellow circles with a dark edge."""
    renderer = ET.Element("renderer-v2", type="singleSymbol")
    marker = {
        "name": "circle",
        "color": _colour((240, 228, 66), 230),
        "outline_color": _colour(_DARK, 255),
        "outline_width": str(_OUTLINE_MM),
        "size": "3",
        "size_unit": "MM",
    }
    _add_symbols(renderer, [[("SimpleMarker", marker)]], kind="marker")
    return renderer


def labelling(field: str) -> ET.Element:
    """Texts of a field beside each feature, dark on white."""
    labelling = ET.Element("labeling", type="simple")
    settings = ET.SubElement(labelling, "settings", calloutType="simple")
    style = {
        "fieldName": field,
        "isExpression": "0",
        "fontSize": "8",
        "fontSizeUnit": "Point",
        "textColor": _colour(_DARK, 255),
        "textOpacity": "1",
    }
    text = ET.SubElement(settings, "text-style", style)
    halo = {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM", "bufferColor": _colour(_LIGHT, 230)}
    ET.SubElement(text, "text-buffer", halo, bufferOpacity="1")
    placement = {"placement": "6", "dist": "1", "distUnits": "MM", "priority": "5", "offsetType": "1"}
    ET.SubElement(settings, "placement", placement)
    return labelling


Layer = tuple[str, Mapping[str, str]]  # of a symbol: its kind and properties


def _footprint(colour: Rgb, share: float, alpha: int) -> list[Layer]:
    """A fill of `share` of a colour on white, under an outline of the same with a casing."""
    red, green, blue = (round(255 + share * (value - 255)) for value in colour)
    rgb = red, green, blue
    lightness = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    casing = _line(_DARK if lightness > 140 else _LIGHT, _CASING_MM, _CASING_ALPHA)
    return [_fill(rgb, alpha), casing, _line(rgb, _OUTLINE_MM, dashed=not share)]


def _fill(rgb: Rgb, alpha: int) -> Layer:
    return "SimpleFill", {"color": _colour(rgb, alpha), "style": "solid", "outline_style": "no"}


def _line(rgb: Rgb, width: float, alpha: int = 255, *, dashed: bool = False) -> Layer:
    return "SimpleLine", {
        "line_color": _colour(rgb, alpha),
        "line_style": "dash" if dashed else "solid",
        "line_width": str(width),
        "line_width_unit": "MM",
        "joinstyle": "miter",
    }


def _colour(rgb: Rgb, alpha: int) -> str:
    return ",".join(map(str, (*rgb, alpha)))


def _add_symbols(renderer: ET.Element, symbols: Iterable[Iterable[Layer]], kind: str = "fill") -> None:
    """Symbols 0, 1, 2, ... of a renderer, each of layers that are drawn one over the other."""
    parent = ET.SubElement(renderer, "symbols")
    for number, layers in enumerate(symbols):
        symbol = ET.SubElement(parent, "symbol", type=kind, name=str(number), alpha="1")
        for class_, properties in layers:
            layer = ET.SubElement(symbol, "layer", {"class": class_, "enabled": "1", "pass": "0", "locked": "0"})
            for key, value in properties.items():
                ET.SubElement(layer, "prop", k=key, v=value)
