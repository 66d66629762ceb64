"""tile against one plain read of the scene, in one run; and how often a block of the scene is decoded."""

import tempfile
from pathlib import Path

import geopandas
import rasterio
import shapely
from common import best_seconds, told, write_scene

from geounet.jobs.tile import tile

SIDE = 8192


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene, labels = Path(folder) / "scene.tif", Path(folder) / "labels.gpkg"
        write_scene(scene, SIDE, SIDE)
        boxes = [shapely.box(500_000 + x, 5_000_000 - y - 15, 500_015 + x, 5_000_000 - y)
                 for x in range(0, 2400, 40) for y in range(0, 2400, 40)]  # fmt: skip
        geopandas.GeoDataFrame(geometry=boxes, crs="EPSG:32632").to_file(labels)

        def read() -> None:
            with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), rasterio.open(scene) as dataset:
                dataset.read()

        decoded = []

        def cut() -> None:
            result = tile([scene], labels=[labels], out=Path(folder) / "chips", overwrite=True)
            decoded.append(result.decoded)

        told(f"tile a {SIDE} px square", best_seconds(cut), best_seconds(read), rival="plain read")
        print(f"each block decoded {decoded[0]:.2f} times")


if __name__ == "__main__":
    main()
