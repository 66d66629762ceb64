"""The whole path around a network that costs next to nothing, against GDAL alone on the same pixels, in one run.

GDAL alone reads the scene once with all threads and writes the two finished Cloud Optimized GeoTIFFs from memory.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from common import Bright, Mapped, map_scene, segmenter_of, write_scene

from geounet.card import Architecture
from geounet.io.cog import CogOptions
from geounet.io.gdal import gdal
from geounet.io.overviews import Kind

HEIGHT, WIDTH = 8192, 32768
RUNS = 2
PLACED = ("count", "height", "width", "dtype", "nodata", "crs", "transform")
RASTERS: dict[str, Kind] = {"classes.tif": "mode", "probability.tif": "average"}


def spent(work: Callable[[], object]) -> np.ndarray:
    """Seconds of the clock, and of the processors."""
    clock, processors = time.perf_counter(), time.process_time()
    work()
    return np.array([time.perf_counter() - clock, time.process_time() - processors])


def read_once(scene: Path) -> None:
    with gdal(), rasterio.open(scene) as dataset:
        for row in range(0, HEIGHT, 1024):
            dataset.read(window=rasterio.windows.Window(0, row, WIDTH, 1024))


def write_from_memory(raster: Path, kind: Kind) -> np.ndarray:
    """Seconds that GDAL needs for the same Cloud Optimized GeoTIFF, its overviews included."""
    options = CogOptions(kind).creation() | {"OVERVIEWS": "IGNORE_EXISTING", "OVERVIEW_RESAMPLING": kind}
    floor = str(raster.with_suffix(".floor"))
    with gdal(), rasterio.open(raster) as finished:
        profile = {key: finished.profile[key] for key in PLACED}
        with rasterio.open("", "w", driver="MEM", **profile) as memory:
            memory.write(finished.read())
            return spent(lambda: rasterio.shutil.copy(memory, floor, driver="COG", **options))


def told(mapped: Mapped) -> None:
    grid = mapped.grid
    halo = 2 * grid.halo
    (rows, core_rows), (cols, core_cols) = ((len(starts), starts.step) for starts in (grid.row_starts, grid.col_starts))
    most = rows * (core_rows + halo) * cols * (core_cols + halo)
    print("  ".join(f"{stage} {seconds:.2f}" for stage, seconds in mapped.seconds.items()), "(stages overlap)")
    print(f"network pixels {mapped.predicted.network_pixels:,}, at most {most:,}, "
          f"{mapped.predicted.network_pixels / grid.height / grid.width:.3f} of the scene's")  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene, out = write_scene(Path(folder) / "scene.tif", HEIGHT, WIDTH), Path(folder) / "map"
        segmenter = segmenter_of(Bright(), Architecture())
        print(f"{HEIGHT} x {WIDTH} px, a 1x1 network in {segmenter.runtime.precision}, halo {segmenter.card.halo} px")
        ours: dict[bool, list[np.ndarray]] = {False: [], True: []}
        floor = []
        for _ in range(RUNS):
            for vectors, times in ours.items():
                mapped: list[Mapped] = []
                times.append(spent(lambda: mapped.append(map_scene(scene, segmenter, out, vectors=vectors))))  # noqa: B023
                told(*mapped)
            reading = spent(lambda: read_once(scene))
            writing = np.sum([write_from_memory(out / name, kind) for name, kind in RASTERS.items()], axis=0)
            print(f"GDAL alone: read {reading[0]:.2f} s, write {writing[0]:.2f} s")
            floor.append(reading + writing)
        least = np.min(floor, axis=0)
        for vectors, what in ((False, "to both rasters"), (True, "to rasters and polygons")):
            best = np.min(ours[vectors], axis=0)
            for kind, mine, theirs in zip(("by the clock", "of processors"), best, least, strict=True):
                print(f"{what:<24} {mine:6.2f} s {kind:<14} GDAL {theirs:6.2f} s   {mine / theirs:.2f} times")


if __name__ == "__main__":
    main()
