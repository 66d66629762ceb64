"""Draw the towns again: `python -m sample_tiles.generator [--varied] [folder]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import COUNT, TEST, TRAIN, varied_town, write_scene, write_scenes

SAMPLES = Path(__file__).parents[1]
VARIED = SAMPLES.parent / "geounet" / "synthetic"


def main() -> None:
    """Write towns into a folder, by default the one the committed files lie in."""
    parser = argparse.ArgumentParser(prog="python -m sample_tiles.generator", description="Draw the sample towns.")
    parser.add_argument("--varied", action="store_true", help="the many small ones that trainings take in, instead")
    parser.add_argument("folder", nargs="?", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or (VARIED if asked.varied else SAMPLES)
    folder.mkdir(parents=True, exist_ok=True)
    if asked.varied:
        write_scenes([varied_town(number) for number in range(COUNT)], folder, "towns")
        return
    for style in (TRAIN, TEST):
        write_scene(style, folder)


if __name__ == "__main__":
    main()
