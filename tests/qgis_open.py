"""Opens layers in QGIS and prints what it made of them as JSON; run by the system's Python, which has QGIS.

    QT_QPA_PLATFORM=offscreen python3 qgis_open.py PICTURE LAYER...

A LAYER is the path of a raster or of a file of polygons, FILE.gpkg|layername=NAME, or a project. They are drawn into
PICTURE, the last one on top; of a project all layers are told of, and those that it shows are drawn.
"""

import json
import os
import sys
from typing import Any

from qgis.core import (  # type: ignore[import-not-found]
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # type: ignore[import-not-found]
from qgis.PyQt.QtGui import QColor  # type: ignore[import-not-found]

SIDE = int(os.environ.get("SIDE", "400"))
VECTORS = (".gpkg", ".fgb", ".geojson", ".parquet", ".pmtiles")


def main(picture: str, sources: list[str]) -> None:
    application = QgsApplication([], False)
    application.initQgis()
    layers, shown = project(sources[0]) if sources[0].endswith(".qgz") else ([opened(one) for one in sources], None)
    colours = drawn(layers if shown is None else shown, picture)
    told = {"layers": [described(layer) for layer in layers], "colours": colours, "shown": len(shown or layers)}
    print(json.dumps(told), flush=True)  # noqa: T201 (this is a script)


def project(path: str) -> tuple[list[Any], list[Any]]:
    """All layers of a project, and those that it shows, the lowest first."""
    whole = QgsProject.instance()
    if not whole.read(path):
        return [], []
    tree = whole.layerTreeRoot()
    return tree.layerOrder()[::-1], tree.checkedLayers()[::-1]


def opened(source: str) -> Any:
    if source.endswith(VECTORS) or ".gpkg|" in source:
        return QgsVectorLayer(source, source.rpartition("=")[2], "ogr")
    return QgsRasterLayer(source, source, "gdal")


def described(layer: Any) -> dict[str, object]:
    if not layer.isValid():
        return {"valid": False}
    told = {
        "valid": True,
        "name": layer.name(),
        "crs": layer.crs().authid(),
        "renderer": layer.renderer().type(),
    }
    if isinstance(layer, QgsVectorLayer):
        renderer = layer.renderer()
        told["features"] = layer.featureCount()
        told["fields"] = [field.name() for field in layer.fields()]
        told["grades"] = [grade.label() for grade in renderer.ranges()] if hasattr(renderer, "ranges") else []
        told["invalid"] = sum(not feature.geometry().isGeosValid() for feature in layer.getFeatures())
    return told


def drawn(layers: list[Any], picture: str) -> int:
    """Number of colours in the picture."""
    settings = QgsMapSettings()
    settings.setLayers(layers[::-1])
    settings.setDestinationCrs(layers[0].crs())
    settings.setOutputSize(QSize(SIDE, SIDE))
    settings.setBackgroundColor(QColor("white"))
    extent = QgsRectangle()
    for layer in layers:
        extent.combineExtentWith(layer.extent())
    extent.scale(1.05)
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(picture)
    return len({image.pixel(x, y) for x in range(0, SIDE, 2) for y in range(0, SIDE, 2)})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
    os._exit(0)  # QGIS 3.22 crashes while it is torn down
