"""A QGIS project: layers in their order and style, by paths from its own folder. The same bytes on every run."""

import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from pyproj import CRS

from geounet.files import is_remote, whole_file
from geounet.frame import Frame

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that an archive knows
_VIRTUAL = {"s3": "/vsis3/", "gs": "/vsigs/", "az": "/vsiaz/"}  # GDAL's names for stores by their URLs


@dataclass(frozen=True, slots=True, eq=False)
class ProjectLayer:
    """A layer of a project.

    Args:
        source: as QGIS opens it: a path from the project's folder, or a URL; of a GeoPackage with |layername=NAME.
        style: a vector layer's renderer, or a raster layer's pipe.
        crs: WKT; None where there is none.
    """

    name: str
    kind: Literal["raster", "vector"]
    source: str
    style: ET.Element
    crs: str | None
    is_shown: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Layers under one heading, the uppermost first."""

    name: str
    layers: Sequence[ProjectLayer]


def source_of(path: str, folder: Path) -> str:
    """How a project in a folder names a file, wherever both are moved together.

    >>> source_of("/data/scene.tif", Path("/data/scene_map"))
    '../scene.tif'
    >>> source_of("https://a.example/scene.tif", Path("/data"))
    '/vsicurl/https://a.example/scene.tif'
    """
    if is_remote(path):
        scheme, _, rest = path.partition("://")
        return f"{_VIRTUAL[scheme]}{rest}" if scheme in _VIRTUAL else re.sub(r"^(?=https?://)", "/vsicurl/", path)
    try:
        relative = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return Path(path).absolute().as_posix()
    return relative if relative.startswith("..") else f"./{relative}"


def write_project(path: Path, contents: Sequence[Group | ProjectLayer], frame: Frame) -> None:
    """Write a .qgz that shows what lies in a frame, the first of its contents uppermost.

    Raises:
        OutputError: it cannot be written.
    """
    info = zipfile.ZipInfo(f"{path.stem}.qgs", _DATE)
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    with whole_file(path) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr(info, _document(contents, frame))


def _document(contents: Sequence[Group | ProjectLayer], frame: Frame) -> str:
    root = ET.Element("qgis", projectname="", version="3.22.0")
    ET.SubElement(root, "title")
    _add_crs(ET.SubElement(root, "projectCrs"), frame.crs)
    tree = ET.SubElement(root, "layer-tree-group")
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas")
    extent = ET.SubElement(canvas, "extent")
    for side, value in zip(("xmin", "ymin", "xmax", "ymax"), frame.bounds, strict=True):
        ET.SubElement(extent, side).text = repr(float(value))
    _add_crs(ET.SubElement(canvas, "destinationsrs"), frame.crs)
    layers = ET.SubElement(root, "projectlayers")
    for one in contents:
        if isinstance(one, Group):
            group = ET.SubElement(tree, "layer-tree-group", name=one.name, checked="Qt::Checked", expanded="0")
            for layer in one.layers:
                _add_layer(layers, group, layer)
        else:
            _add_layer(layers, tree, one)
    paths = ET.SubElement(ET.SubElement(root, "properties"), "Paths")
    ET.SubElement(paths, "Absolute", type="bool").text = "false"
    return '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">\n' + ET.tostring(root, encoding="unicode")


def _add_layer(layers: ET.Element, tree: ET.Element, layer: ProjectLayer) -> None:
    number = f"geounet_layer_{len(layers)}"  # QGIS gives another to a layer whose id is of less than 11 letters
    checked = "Qt::Checked" if layer.is_shown else "Qt::Unchecked"
    ET.SubElement(tree, "layer-tree-layer", id=number, name=layer.name, checked=checked, expanded="0")
    element = ET.SubElement(layers, "maplayer", type=layer.kind)
    if layer.kind == "vector":
        element.set("geometry", "Polygon")
    texts = {
        "id": number,
        "datasource": layer.source,
        "layername": layer.name,
        "provider": "ogr" if layer.kind == "vector" else "gdal",
    }
    for key, text in texts.items():
        ET.SubElement(element, key).text = text
    _add_crs(ET.SubElement(element, "srs"), layer.crs)
    element.append(layer.style)


def _add_crs(parent: ET.Element, text: str | None) -> None:
    """A CRS by its number where it has one, which QGIS looks for first, and by its WKT."""
    element = ET.SubElement(parent, "spatialrefsys", nativeFormat="Wkt")
    ET.SubElement(element, "wkt").text = text or ""
    authority = CRS.from_user_input(text).to_authority(min_confidence=100) if text else None
    if authority is not None:
        ET.SubElement(element, "authid").text = ":".join(authority)
