"""Opens layers in QGIS and prints what it made of them as JSON; run by the system's Python, which has QGIS.

    QT_QPA_PLATFORM=offscreen python3 qgis_open.py PICTURE LAYER...

A LAYER is a raster's path or FILE.gpkg|layername=NAME. They are drawn into PICTURE, the last one on top.
"""

import json
import os
import sys
from typing import Any

from qgis.core import (  # type: ignore[import-not-found]
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # type: ignore[import-not-found]
from qgis.PyQt.QtGui import QColor  # type: ignore[import-not-found]

SIDE = 400


def main(picture: str, sources: list[str]) -> None:
    application = QgsApplication([], False)
    application.initQgis()
    layers = [opened(source) for source in sources]
    told = {"layers": [described(layer) for layer in layers], "colours": drawn(layers, picture)}
    print(json.dumps(told), flush=True)  # noqa: T201 (this is a script)


def opened(source: str) -> Any:
    if ".gpkg" in source:
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
