"""What reports are made of in tests: scenes with footprints, and errors as eval writes them."""

from pathlib import Path

import geopandas
import numpy as np

from geounet.block import Array
from tests.scenes import noise


def patches(rows: int = 15, cols: int = 17) -> Array:
    """Squares of 10 px, each of a colour of its own: of them a model makes footprints, not specks."""
    pixels: Array = np.kron(noise(rows, cols), np.ones((1, 10, 10), "uint8"))
    return pixels


def write_errors(folder: Path) -> None:
    """Errors as eval writes them, of a map's footprints: all are made up, and the first one is the worst place."""
    found = geopandas.read_file(folder / "footprints.gpkg", layer="building")
    found[["confidence", "area_m2", "geometry"]].to_file(
        folder / "errors.gpkg", layer="false_positive", driver="GPKG", VERSION="1.2"
    )
    centre = geopandas.GeoDataFrame(
        {"rank": [1], "what": ["made up"], "area_m2": [12.5], "link": ["geo:1,2"]},
        geometry=[found.geometry[0].representative_point()],
        crs=found.crs,
    )
    centre.to_file(folder / "errors.gpkg", layer="worst", driver="GPKG", VERSION="1.2")
