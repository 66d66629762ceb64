"""Polygons against polygons: seconds and memory of `eval`, and how they grow.

python benchmarks/bench_eval.py              # 20 thousand against 80 thousand
python benchmarks/bench_eval.py --million    # 250 thousand against 1 million
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from geounet.jobs.evaluate import evaluate
from geounet.jobs.pipeline import peak_memory_mb

APART = 20.0  # metres from one house to the next
MISSED, MADE_UP = 0.1, 0.1  # share of the houses
LEFT, TOP = 500_000, 5_000_000


def houses(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 5): centre, sides and angle of rotated rectangles on a jittered grid."""
    across = round(count**0.5)
    place = np.stack(np.divmod(np.arange(count), across)[::-1], axis=1) * APART
    centre = place + rng.uniform(-3, 3, (count, 2)) + (LEFT, TOP)
    return np.column_stack([centre, rng.uniform(6, 11, (count, 2)), rng.uniform(0, np.pi, count)])


def rectangles(rows: np.ndarray) -> np.ndarray:
    unit = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) / 2
    corners = unit[None] * rows[:, None, 2:4]
    cos, sin = np.cos(rows[:, 4])[:, None], np.sin(rows[:, 4])[:, None]
    x, y = corners[..., 0], corners[..., 1]
    turned = np.stack([x * cos - y * sin, x * sin + y * cos], axis=2)
    polygons: np.ndarray = shapely.polygons(turned + rows[:, None, :2])
    return polygons


def found(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The houses as a map might have them: off a little, some missed, some that are none."""
    kept = rows[rng.random(len(rows)) > MISSED]
    off = np.column_stack([rng.normal(0, 0.4, (len(kept), 2)), rng.normal(0, 0.4, (len(kept), 2)),
                           rng.normal(0, 0.03, len(kept))])  # fmt: skip
    other = rows[rng.random(len(rows)) < MADE_UP] + [APART / 2, APART / 2, -3, -3, 0]
    return np.concatenate([kept + off, other])


def write(path: Path, rows: np.ndarray, rng: np.random.Generator) -> Path:
    pyogrio.raw.write(
        path, shapely.to_wkb(rectangles(rows)), [rng.uniform(0.5, 1, len(rows))], ["confidence"], layer="building",
        driver="GPKG", geometry_type="Polygon", crs="EPSG:32632", VERSION="1.2",
    )  # fmt: skip
    return path


def measured(folder: Path, count: int) -> int:
    """Score so many houses in a process of its own; its memory at most in megabytes."""
    rng = np.random.default_rng(0)
    rows = houses(count, rng)
    truth, other = (write(folder / f"{name}_{count}.gpkg", some, rng) for name, some in
                    (("truth", rows), ("found", found(rows, rng))))  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(other), str(truth)], check=True, capture_output=True, text=True
    ).stdout.split()
    print(f"{count:>9,} true houses: {float(told[0]):7.1f} s ({float(told[1]):.1f} s of processors), "
          f"peak {told[2]} MB, F1 {float(told[3]):.3f}", flush=True)  # fmt: skip
    return int(told[2])


def child(prediction: Path, labels: Path) -> None:
    start, used = time.perf_counter(), time.process_time()
    metrics = evaluate(prediction, labels=labels).metrics
    objects = metrics["objects"]
    assert isinstance(objects, dict)
    print(time.perf_counter() - start, time.process_time() - used, peak_memory_mb(), objects["f1"])


def main(*, million: bool) -> None:
    few, many = (250_000, 1_000_000) if million else (20_000, 80_000)
    with tempfile.TemporaryDirectory() as folder:
        less, more = measured(Path(folder), few), measured(Path(folder), many)
    print(f"memory of {many:,} / {few:,}: {more / less:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(million="--million" in sys.argv)
