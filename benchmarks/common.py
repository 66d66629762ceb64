"""What the benchmarks share: best of several runs, and a scene to run on."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine


def best_seconds(work: Callable[[], object], *, runs: int = 3) -> float:
    """Wall time of the quickest of several runs: what else the machine does only ever adds to it."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def told(what: str, ours: float, theirs: float, *, rival: str) -> None:
    """Print a ratio of two times of one run: above 1 we are quicker."""
    print(f"{what:<48} {ours:8.3f} s   {rival} {theirs:8.3f} s   ratio {theirs / ours:6.2f}")


def write_scene(path: Path, side: int, *, seed: int = 0) -> None:
    """A noisy RGB scene of `side` x `side` pixels of 0.3 m, deflate-compressed in tiles of 512."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (3, side // 64 + 1, side // 64 + 1), dtype="uint8")
    pixels = coarse.repeat(64, axis=1).repeat(64, axis=2)[:, :side, :side]
    pixels = pixels + rng.integers(0, 8, pixels.shape, dtype="uint8")
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=3,
        height=side,
        width=side,
        dtype="uint8",
        crs="EPSG:32632",
        transform=Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        photometric="rgb",
    ) as dataset:
        dataset.write(pixels)
