"""Rasters to GeoPackages against rasterio.features.shapes and GeoPandas in the same run; what many polygons cost."""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import cv2
import geopandas
import numpy as np
import rasterio
import rasterio.features
import shapely.geometry
from affine import Affine
from common import best_seconds, told

from geounet.jobs.pipeline import peak_memory_mb
from geounet.jobs.vectorize import vectorize
from geounet.memory import nothing_old_searched

TOWN = 4096  # pixels of the side of a town that is repeated over a mask
BUILDINGS = 3500  # of a town
ACROSS = 500  # squares
PLACE = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)


def write_raster(path: Path, ids: np.ndarray) -> Path:
    """Class ids with 255 for nodata, deflate-compressed in tiles of 512, as `classes.tif` of a map is."""
    profile = {
        "driver": "GTiff", "count": 1, "height": ids.shape[0], "width": ids.shape[1], "dtype": "uint8", "nodata": 255,
        "crs": "EPSG:32632", "transform": PLACE, "compress": "deflate", "tiled": True, "blockxsize": 512,
        "blockysize": 512,
    }  # fmt: skip
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), rasterio.open(path, "w", **profile) as dataset:
        dataset.write(ids, 1)
    return path


def buildings(towns: tuple[int, int]) -> np.ndarray:
    """0 and 1: rotated rectangles of 6 to 30 pixels, in towns below and beside each other."""
    rng = np.random.default_rng(0)
    mask = np.zeros((TOWN, TOWN), dtype="uint8")
    for _ in range(BUILDINGS):
        centre, size = rng.uniform(25, TOWN - 25, 2), rng.uniform(6, 30, 2)
        corners = cv2.boxPoints((centre.tolist(), size.tolist(), rng.uniform(0, 90)))
        cv2.fillPoly(mask, [np.rint(corners).astype("int32")], 1)
    return np.tile(mask, towns)


def land_cover(side: int, classes: int = 5) -> np.ndarray:
    """1 to `classes`: large patches with irregular edges, that leave no pixel out."""
    rng = np.random.default_rng(0)

    def noise(scale: int) -> np.ndarray:
        coarse = rng.normal(size=(classes, side // scale, side // scale)).astype("float32")
        return np.stack([cv2.resize(layer, (side, side), interpolation=cv2.INTER_CUBIC) for layer in coarse])

    scores = noise(128) + 0.3 * noise(16) + 0.1 * noise(4)
    ids: np.ndarray = 1 + scores.argmax(axis=0).astype("uint8")
    return ids


def squares(count: int, side: int, gap: int) -> np.ndarray:
    """About `count` squares of `side` pixels, `gap` pixels apart, on a raster that grows downwards, as strips do."""
    square = np.zeros((side + gap, side + gap), dtype="uint8")
    square[:side, :side] = 1
    return np.tile(square, (count // ACROSS, ACROSS))


def rival(raster: Path, out: Path) -> int:
    """The polygons of a raster as many a script makes them; how many there are."""
    with nothing_old_searched(), rasterio.open(raster) as dataset:  # what else is loaded here is none of its business
        ids = dataset.read(1)
        found = list(rasterio.features.shapes(ids, mask=ids > 0, transform=dataset.transform))
        frame = geopandas.GeoDataFrame(
            {"class": [int(number) for _, number in found]},
            geometry=[shapely.geometry.shape(polygon) for polygon, _ in found],
            crs=dataset.crs,
        )
    frame.to_file(out)
    return len(frame)


def compare(what: str, raster: Path, megapixels: float) -> None:
    ours, theirs = raster.with_name("ours.gpkg"), raster.with_name("theirs.gpkg")
    their_seconds = best_seconds(lambda: rival(raster, theirs), runs=2)
    for regularize, walls in ((False, ""), (True, ", straight walls")):
        seconds = best_seconds(partial(vectorize, raster, out=ours, regularize=regularize, overwrite=True), runs=3)
        told(f"{what}{walls}, {megapixels / seconds:.0f} Mpx/s", seconds, their_seconds, rival="shapes + GeoPandas")


def many(what: str, raster: Path, *, min_area: float) -> int:
    """Polygons of a raster in a process of its own; its memory at most, in megabytes."""
    command = [sys.executable, "-W", "ignore", __file__, str(raster), str(min_area)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    print(f"{what:<48} {float(answer[0]):8.3f} s   {answer[1]:>9} polygons   peak {answer[2]} MB", flush=True)
    return int(answer[2])


def child(raster: Path, min_area: float) -> None:
    start = time.perf_counter()
    polygons = vectorize(raster, min_area=min_area, regularize=False, overwrite=True).polygons
    print(time.perf_counter() - start, sum(polygons.values()), peak_memory_mb())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        raster = Path(folder) / "raster.tif"
        for what, ids in (("sparse buildings", buildings((3, 3))), ("5 classes, no pixel left out", land_cover(4096))):
            write_raster(raster, ids)
            compare(what, raster, ids.size / 1e6)
        few = many("250 thousand squares", write_raster(raster, squares(250_000, 4, 3)), min_area=0)
        lot = many("1 million squares", write_raster(raster, squares(1_000_000, 4, 3)), min_area=0)
        print(f"memory of 1 million / 250 thousand: {lot / few:.2f}")
        many("10 million specks, all too small", write_raster(raster, squares(10_000_000, 1, 1)), min_area=4)
        many("250 thousand specks, all kept", write_raster(raster, squares(250_000, 1, 1)), min_area=0)


if __name__ == "__main__":
    child(Path(sys.argv[1]), float(sys.argv[2])) if len(sys.argv) > 1 else main()
