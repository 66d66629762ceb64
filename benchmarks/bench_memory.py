"""Peak memory of the path around a network that costs next to nothing: it is the same for scenes of any shape."""

import subprocess
import sys
import tempfile
from pathlib import Path

from common import Bright, map_scene, segmenter_of, write_scene

from geounet.card import Architecture
from geounet.jobs.pipeline import peak_memory_mb

SHAPES = ((8192, 8192), (8192, 65536), (65536, 8192))


def peak_of_child(scene: Path, what: str) -> int:
    """Megabytes that a process of its own held at most while it mapped a scene."""
    command = [sys.executable, "-W", "ignore", __file__, str(scene), what]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    peaks: dict[str, list[int]] = {"rasters": [], "polygons": []}
    for height, width in SHAPES:
        with tempfile.TemporaryDirectory() as folder:
            scene = write_scene(Path(folder) / "scene.tif", height, width)
            for what, found in peaks.items():
                found.append(peak_of_child(scene, what))
        told = ", ".join(f"to {what} {found[-1]} MB" for what, found in peaks.items())
        print(f"{height:>6} x {width:<6} px  peak {told}", flush=True)
    for what, found in peaks.items():
        print(f"spread to {what}: {100 * (max(found) / min(found) - 1):.1f} %")


def child(scene: Path, what: str) -> None:
    network = segmenter_of(Bright(), Architecture())
    map_scene(scene, network, scene.parent / "map", vectors=what == "polygons")
    print(peak_memory_mb())


if __name__ == "__main__":
    child(Path(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 1 else main()
