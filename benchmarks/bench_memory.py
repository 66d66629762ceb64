"""Peak memory of the path around a network that costs next to nothing: it is the same for scenes of any shape."""

import subprocess
import sys
import tempfile
from pathlib import Path

from common import Bright, map_scene, segmenter_of, write_scene

from geounet.card import Architecture
from geounet.jobs.pipeline import peak_memory_mb

SHAPES = ((8192, 8192), (8192, 65536), (65536, 8192))


def peak_of_child(scene: Path) -> int:
    """Megabytes that a process of its own held at most while it mapped a scene."""
    run = subprocess.run([sys.executable, "-W", "ignore", __file__, scene], check=True, capture_output=True, text=True)
    return int(run.stdout.split()[-1])


def main() -> None:
    peaks = []
    for height, width in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            peaks.append(peak_of_child(write_scene(Path(folder) / "scene.tif", height, width)))
        print(f"{height:>6} x {width:<6} px  peak {peaks[-1]} MB", flush=True)
    print(f"spread {100 * (max(peaks) / min(peaks) - 1):.1f} %")


def child(scene: Path) -> None:
    map_scene(scene, segmenter_of(Bright(), Architecture()), scene.parent / "map", vectors=True)
    print(peak_memory_mb())


if __name__ == "__main__":
    child(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
