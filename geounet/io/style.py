"""How QGIS shows footprints: the colour of their class, paler where the model is less sure."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from geounet.legend import LegendClass

EPOCH = "1970-01-01T00:00:00.000Z"  # the date that files bear, so that the same input gives the same bytes

# Upper ends of the grades of confidence, and how much of the class's colour each takes; the rest is white.
# Lightness alone tells grades apart, so that they are told apart with any kind of colour vision.
_GRADES = ((0.6, 0.20), (0.7, 0.40), (0.8, 0.60), (0.9, 0.80), (1.0, 1.00))
_FILL_ALPHA = 150
_OUTLINE_MM = 0.5


def footprint_style(cls: LegendClass, *, graded: bool) -> str:
    """A QML document for a layer of footprints of one class.

    Args:
        graded: whether the layer's confidence is known; one plain symbol otherwise.
    """
    root = ET.Element("qgis", version="3.22", styleCategories="Symbology")
    if graded:
        renderer = ET.SubElement(
            root, "renderer-v2", type="graduatedSymbol", attr="confidence", graduatedMethod="GraduatedColor"
        )
        ranges = ET.SubElement(renderer, "ranges")
        lower = 0.0
        for number, (upper, _) in enumerate(_GRADES):
            label = f"{cls.name} {lower:.1f}–{upper:.1f}" if number else f"{cls.name} below {upper:.1f}"
            ET.SubElement(
                ranges,
                "range",
                lower=f"{lower:.6f}",
                upper=f"{upper:.6f}",
                symbol=str(number),
                label=label,
                render="true",
            )
            lower = upper
        shares: Sequence[float] = [share for _, share in _GRADES]
    else:
        renderer = ET.SubElement(root, "renderer-v2", type="singleSymbol")
        shares = [1.0]
    symbols = ET.SubElement(renderer, "symbols")
    for number, share in enumerate(shares):
        _symbol(symbols, str(number), cls.rgb, share)
    return '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + ET.tostring(root, encoding="unicode")


def _symbol(symbols: ET.Element, name: str, rgb: tuple[int, int, int], share: float) -> None:
    """A fill of `share` of the colour on white, with an outline of the same, darker."""
    fill = [round(255 + share * (value - 255)) for value in rgb]
    outline = [round(value * (0.8 - 0.3 * share)) for value in fill]
    symbol = ET.SubElement(symbols, "symbol", type="fill", name=name, alpha="1")
    layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "pass": "0", "locked": "0"})
    properties = {
        "color": ",".join(map(str, (*fill, _FILL_ALPHA))),
        "outline_color": ",".join(map(str, (*outline, 255))),
        "outline_style": "solid",
        "outline_width": str(_OUTLINE_MM),
        "outline_width_unit": "MM",
        "joinstyle": "miter",
        "style": "solid",
    }
    for key, value in properties.items():
        ET.SubElement(layer, "prop", k=key, v=value)
