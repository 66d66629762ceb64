"""Write the sample scenes again: `python -m sample_tiles.generator [folder]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import TEST, TRAIN, write_scene


def main() -> None:
    """Write both towns into a folder, by default the one the committed files lie in."""
    parser = argparse.ArgumentParser(prog="python -m sample_tiles.generator", description="Draw the sample towns.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1])
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for style in (TRAIN, TEST):
        write_scene(style, folder)


if __name__ == "__main__":
    main()
