"""The segmenter as it runs here against plain float32 PyTorch, on the same window, in one run."""

import numpy as np
import torch
from common import best_seconds, told

from geounet.block import Block, Piece
from geounet.card import Architecture, ModelCard
from geounet.grid import Window
from geounet.legend import Legend
from geounet.nn.device import chosen_runtime
from geounet.nn.segmenter import TorchSegmenter
from geounet.nn.unet import alignment, halo, initialised

SIDE = 512


def main() -> None:
    for width in (16, 64):
        architecture = Architecture(width=width)
        network = initialised(architecture, 0).eval()
        pixels = np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE), dtype="uint8")
        window = Window(0, 0, SIDE, SIDE)
        piece = Piece(Block(window, pixels), Block(window, np.ones((1, SIDE, SIDE), dtype=bool)), window)
        x_BCHW = torch.from_numpy(pixels)[None].float() / 255

        def plain(network: torch.nn.Module = network, x_BCHW: torch.Tensor = x_BCHW) -> None:
            with torch.inference_mode():
                network(x_BCHW)

        theirs = best_seconds(plain)
        colours = ("red", "green", "blue")
        card = ModelCard(
            architecture, colours, "uint8", (127.0,) * 3, (50.0,) * 3, 0.3, halo(architecture),
            alignment(architecture), Legend.of_names("building"),
        )  # fmt: skip
        runtime = chosen_runtime()
        segmenter = TorchSegmenter(network, card, runtime)
        ours = best_seconds(lambda s=segmenter, p=piece: list(s.predict([p])))
        told(f"U-Net of width {width}, {SIDE} px, {runtime.precision}", ours, theirs, rival="float32 eager")


if __name__ == "__main__":
    main()
