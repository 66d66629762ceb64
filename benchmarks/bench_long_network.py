"""A whole map with the U-Net of 31 million weights: what everything around it adds, and the memory it takes."""

import tempfile
from pathlib import Path

from common import Laborious, map_scene, segmenter_of, write_scene

from geounet.card import Architecture
from geounet.jobs.pipeline import peak_memory_mb

SIDE = 6144


def main() -> None:
    architecture = Architecture(width=64)
    segmenter = segmenter_of(Laborious(architecture), architecture)
    with tempfile.TemporaryDirectory() as folder:
        scene = write_scene(Path(folder) / "scene.tif", SIDE, SIDE)
        mapped = map_scene(scene, segmenter, Path(folder) / "map", vectors=True)
    total, forward = mapped.seconds["total"], mapped.seconds["forward"]
    print("  ".join(f"{stage} {seconds:.2f}" for stage, seconds in mapped.seconds.items()), "(stages overlap)")
    print(f"{SIDE} px square, {segmenter.runtime.precision}: total / forward {total / forward:.3f}, "
          f"{mapped.predicted.network_pixels / 1e6 / forward:.2f} Mpx/s in the network, "
          f"peak {peak_memory_mb()} MB")  # fmt: skip


if __name__ == "__main__":
    main()
