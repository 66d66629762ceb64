"""The segmenter as it runs here against plain float32 PyTorch, on the same window, in one run.

With --model and --scene also how far its building mask is from the one that float32 gives.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import Bright, best_seconds, segmenter_of, told

from geounet.assemble import cut
from geounet.block import Block, Piece
from geounet.card import Architecture, ModelCard
from geounet.grid import Window, WindowGrid
from geounet.io.scene import open_scene
from geounet.io.source import Reading
from geounet.nn.segmenter import TorchSegmenter, load_segmenter
from geounet.nn.unet import UNet, initialised

SIDE = 1024
WIDTHS = (64, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--scene", type=Path)
    asked = parser.parse_args()
    if asked.model and asked.scene:
        tell_distance(asked.model, asked.scene)
    else:
        tell_speed()


def tell_speed() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE), dtype="uint8")
    networks = {width: initialised(Architecture(width=width), 0).eval() for width in WIDTHS}
    # all of PyTorch's own first: the segmenter of a small network changes how this process keeps memory
    theirs = {width: best_seconds(partial(plain, network, pixels), runs=2) for width, network in networks.items()}
    for width, network in networks.items():
        segmenter = segmenter_of(network, network.architecture)
        for wanted, margin in (("whole window", 0), ("core alone", segmenter.card.halo)):
            piece = window_with_core(pixels, margin)
            ours = best_seconds(partial(answered, segmenter, piece))
            what = f"width {width}, {SIDE} px, {segmenter.runtime.precision}, {wanted}"
            told(what, ours, theirs[width], rival="float32 eager")
    one = segmenter_of(Bright(), Architecture())
    whole = window_with_core(pixels, 0)
    around = best_seconds(partial(answered, one, whole), runs=10) / SIDE**2
    print(f"all around the network (1x1 convolution in its place): {around * 1e9:.1f} ns a pixel")


def plain(network: UNet, pixels: np.ndarray) -> None:
    with torch.inference_mode():
        network(torch.from_numpy(pixels)[None].float() / 255)


def answered(segmenter: TorchSegmenter, piece: Piece) -> None:
    for _ in segmenter.predict([piece]):
        pass


def window_with_core(pixels: np.ndarray, margin: int) -> Piece:
    window = Window(0, 0, *pixels.shape[1:])
    return Piece(Block(window, pixels), Block(window, np.ones((1, *window.shape), dtype=bool)), window.grown(-margin))


def tell_distance(model: Path, scene: Path) -> None:
    """Print the IoU of the fast and the exact building mask, and how near the threshold they part."""
    exact, fast = (load_segmenter(model, "cpu", precision) for precision in ("fp32", "bf16"))
    both = either = 0
    furthest = 0.0
    for piece in windows_of(scene, exact.card):
        seen = piece.valid.cut(piece.core).values[0]
        (scores,) = exact.scores([piece])
        (strip,) = fast.predict([piece])
        core = scores.cut(piece.core)
        a, b = exact.strip(core).values[0] == 1, strip.values[0] == 1
        both, either = both + (a & b & seen).sum(), either + ((a | b) & seen).sum()
        apart = np.abs(core.values[1] - exact.threshold)[(a != b) & seen]
        furthest = max(furthest, float(apart.max(initial=0)))
    print(f"{scene.name}: IoU of bf16 and float32 buildings {both / either:.4f} ({either} px)")
    print(f"largest |p - threshold| where they differ: {furthest:.4f}")


def windows_of(path: Path, card: ModelCard) -> Iterator[Piece]:
    with open_scene(path, Reading(colours=card.colours), resolution=card.ground_resolution) as scene:
        grid = WindowGrid(*scene.frame.shape, 1024, card.halo, card.alignment, *scene.frame.phase(card.alignment))
        for plan in grid:
            yield from cut(*scene.read(plan.window), [plan])


if __name__ == "__main__":
    main()
