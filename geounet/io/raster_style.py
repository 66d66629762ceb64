"""How QGIS shows rasters: a scene in its colours, probabilities by a ramp, classes in the legend's colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from geounet.legend import BACKGROUND, Legend

# Cividis (Nuñez, Anderton & Renslow 2018), which is read alike with any kind of colour vision: value, colour, alpha
_RAMP = (
    (0.0, "#00224e", 0),
    (0.1, "#00224e", 90),
    (0.25, "#35456c", 150),
    (0.5, "#7d7c78", 200),
    (0.75, "#bcae6c", 230),
    (1.0, "#fee838", 255),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A band of a scene as it is shown: its number from 1, and the values that become black and white."""

    band: int
    low: float
    high: float


def probability_pipe() -> ET.Element:
    """The pipe of a raster of probabilities, by its first band: transparent at 0."""
    pipe, renderer = _pipe("singlebandpseudocolor", band="1", classificationMin="0", classificationMax="1")
    ramp = {"colorRampType": "INTERPOLATED", "classificationMode": "1", "minimumValue": "0", "maximumValue": "1"}
    shader = ET.SubElement(ET.SubElement(renderer, "rastershader"), "colorrampshader", ramp, clip="0")
    for value, colour, alpha in _RAMP:
        ET.SubElement(shader, "item", value=f"{value:g}", label=f"{value:g}", color=colour, alpha=str(alpha))
    return pipe


def class_pipe(legend: Legend) -> ET.Element:
    """The pipe of a raster of classes, its background transparent."""
    pipe, renderer = _pipe("paletted", band="1")
    palette = ET.SubElement(renderer, "colorPalette")
    for cls in legend.classes:
        alpha = "0" if cls.id == BACKGROUND else "255"
        ET.SubElement(palette, "paletteEntry", value=str(cls.id), label=cls.name, color=cls.colour, alpha=alpha)
    return pipe


def scene_pipe(shown: Sequence[Shown]) -> ET.Element:
    """The pipe of a scene: of red, green and blue, or of one band in grey."""
    if len(shown) == 3:
        colours = ("red", "green", "blue")
        bands = {f"{colour}Band": str(one.band) for colour, one in zip(colours, shown, strict=True)}
        pipe, renderer = _pipe("multibandcolor", **bands)
        for colour, one in zip(colours, shown, strict=True):
            _add_contrast(renderer, f"{colour}ContrastEnhancement", one)
    else:
        pipe, renderer = _pipe("singlebandgray", grayBand=str(shown[0].band), gradient="BlackToWhite")
        _add_contrast(renderer, "contrastEnhancement", shown[0])
    return pipe


def _pipe(renderer: str, **settings: str) -> tuple[ET.Element, ET.Element]:
    """A pipe and the renderer in it."""
    pipe = ET.Element("pipe")
    element = ET.SubElement(pipe, "rasterrenderer", settings, type=renderer, opacity="1", alphaBand="-1")
    return pipe, element


def _add_contrast(renderer: ET.Element, name: str, shown: Shown) -> None:
    element = ET.SubElement(renderer, name)
    ET.SubElement(element, "minValue").text = f"{shown.low:g}"
    ET.SubElement(element, "maxValue").text = f"{shown.high:g}"
    ET.SubElement(element, "algorithm").text = "StretchToMinimumMaximum"
