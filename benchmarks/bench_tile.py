"""tile against one plain read of the scene and writing the same arrays, in one run; and its memory for two scenes."""

import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas
import numpy as np
import rasterio
import shapely
from common import best_seconds, told, write_scene

from geounet.jobs.pipeline import peak_memory_mb
from geounet.jobs.tile import tile

SIDE = 8192
LARGER = 16384  # for the memory alone
BLOCK = 40  # metres from one building to the next


def write_labels(path: Path, side: int) -> Path:
    """Squares of 15 m all over a scene."""
    starts = range(0, int(0.3 * side) - BLOCK, BLOCK)
    boxes = [shapely.box(500_000 + x, 5_000_000 - y - 15, 500_015 + x, 5_000_000 - y) for x in starts for y in starts]
    geopandas.GeoDataFrame(geometry=boxes, crs="EPSG:32632").to_file(path)
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        scene, labels = write_scene(here / "scene.tif", SIDE, SIDE), write_labels(here / "labels.gpkg", SIDE)
        decoded = []

        def cut() -> None:
            result = tile([scene], labels=[labels], out=here / "chips", overwrite=True)
            decoded.append(result.decoded)

        ours = best_seconds(cut)
        arrays = [here / "chips" / f"{name}.npy" for name in ("images", "labels")]
        shapes = [(np.load(path, mmap_mode="r").shape, path.name) for path in arrays]

        def read_and_write() -> None:
            with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), rasterio.open(scene) as dataset:
                pixels = dataset.read()
            for shape, name in shapes:
                length = int(np.prod(shape))
                with (here / name).open("wb") as file:
                    file.write(np.resize(pixels.reshape(-1)[:length], length).data)

        what = f"tile a {SIDE} px square, {shapes[0][0][0]} windows"
        told(what, ours, best_seconds(read_and_write), rival="read, write")
        print(f"each block decoded {decoded[0]:.2f} times")
        tell_memory(here)


def tell_memory(here: Path) -> None:
    """Print the peak of processes of their own for two scenes, and for windows of two sizes."""
    for side, size in ((SIDE, 256), (SIDE, 1024), (LARGER, 256)):
        scene = write_scene(here / f"{side}.tif", side, side)
        labels = write_labels(here / f"{side}.gpkg", side)
        command = [sys.executable, "-W", "ignore", __file__, str(scene), str(labels), str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(f"{side} px square, windows of {size} px: peak {done.stdout.split()[-1]} MB", flush=True)


def child(scene: str, labels: str, size: str) -> None:
    out = Path(scene).with_suffix(f".{size}")
    tile([Path(scene)], labels=[Path(labels)], out=out, size=int(size), stride=int(size), overwrite=True)
    print(peak_memory_mb())


if __name__ == "__main__":
    child(*sys.argv[1:]) if len(sys.argv) > 1 else main()
