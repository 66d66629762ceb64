"""Polygons of a map and of its labels, and their scores."""

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from shapely import affinity

from geounet.jobs.evaluate import evaluate
from tests.scenes import UTM, write_polygons


def metrics(prediction: Path, labels: Path, **options: Any) -> dict[str, Any]:
    return dict(evaluate(prediction, labels=labels, **options).metrics)


def layer(folder: Path, name: str) -> geopandas.GeoDataFrame:
    """Of the errors of a map that was scored."""
    return geopandas.read_file(folder / "errors.gpkg", layer=name)


def town(seed: int = 0) -> tuple[list[shapely.Polygon], list[shapely.Polygon]]:
    """Rotated houses on 240 x 320 px, and what a map has of them: off, missed, made up, split, merged."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for row in range(10, 230, 24):
        for col in range(10, 310, 30):
            house = affinity.rotate(shapely.box(col, row, col + rng.uniform(8, 18), row + rng.uniform(8, 14)), 20)
            truth.append(house)
            kind = rng.choice(["near", "missed", "split", "made up", "wide"], p=[0.6, 0.1, 0.1, 0.1, 0.1])
            if kind in ("near", "made up"):
                found.append(affinity.translate(affinity.rotate(house, rng.normal(0, 4)), *rng.normal(0, 1.2, 2)))
            if kind == "made up":
                found.append(affinity.translate(house, 0, 15))
            if kind == "split":
                left, bottom, right, top = house.bounds
                middle = (left + right) / 2 + 0.8
                found += [
                    house & shapely.box(left, bottom, middle, top),
                    house & shapely.box(middle, bottom, right, top),
                ]
            if kind == "wide":
                found.append(shapely.box(col - 2, row - 2, col + 44, row + 14))
    on_map = [affinity.affine_transform(one, [0.3, 0, 0, -0.3, UTM.transform.c, UTM.transform.f]) for one in truth]
    others = [affinity.affine_transform(one, [0.3, 0, 0, -0.3, UTM.transform.c, UTM.transform.f]) for one in found]
    return on_map, others


def write_town(folder: Path) -> tuple[Path, Path]:
    truth, found = town()
    labels = write_polygons(folder / "labels.gpkg", truth, crs=None)
    return write_polygons(
        folder / "map.gpkg", found, crs=None, confidence=np.linspace(0.3, 1, len(found)).tolist()
    ), labels
