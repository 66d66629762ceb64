"""Tiny real models, and a fake one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from geounet.block import Block, Piece
from geounet.card import Architecture, ModelCard
from geounet.legend import Legend
from geounet.nn.device import Runtime
from geounet.nn.model_file import load_model, save_model
from geounet.nn.segmenter import TorchSegmenter
from geounet.nn.unet import alignment, halo, initialised
from geounet.nn.views import Tta
from geounet.rule import LEVELS

torch.set_num_threads(1)  # tiny networks are slower on more, and answer with other last digits

RGB = ("red", "green", "blue")


def card_for(
    architecture: Architecture,
    *,
    colours: tuple[str, ...] = RGB,
    dtype: str = "uint8",
    ground_resolution: float | None = 0.3,
    mean: float = 125.0,
    std: float = 72.0,
) -> ModelCard:
    return ModelCard(
        architecture=architecture,
        colours=colours,
        dtype=dtype,
        mean=(mean,) * len(colours),
        std=(std,) * len(colours),
        ground_resolution=ground_resolution,
        halo=halo(architecture),
        alignment=alignment(architecture),
        legend=Legend.of_names("building"),
    )


def write_model(path: Path, card: ModelCard, *, seed: int = 3) -> Path:
    """A model of seeded weights that finds buildings on half of the ground, its normalisations as after training."""
    network = initialised(card.architecture, seed)
    side = card.alignment * 4
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(2, card.architecture.bands, side, side, generator=generator))
        logits = network.eval()(torch.randn(1, card.architecture.bands, side, side, generator=generator))
        network.head.bias -= logits.median()
    save_model(path, network.state_dict(), card)
    return path


def tiny_model(path: Path, *, depth: int = 1, width: int = 3, **about: object) -> Path:
    """A model that needs a halo of a few pixels; `about` is what `card_for` takes."""
    colours = about.get("colours", RGB)
    assert isinstance(colours, tuple)
    architecture = Architecture(bands=len(colours), width=width, depth=depth)
    return write_model(path, card_for(architecture, **about))  # type: ignore[arg-type]


def segmenter_of(path: Path, *, batch_size: int = 1, tta: Tta = "none") -> TorchSegmenter:
    """The model in float32 on the processor."""
    network, card = load_model(path)
    return TorchSegmenter(network, card, Runtime(torch.device("cpu"), "fp32"), batch_size=batch_size, tta=tta)


@dataclass
class BrightIsBuilding:
    """A fake Segmenter: the chance of a building is the first band's grey level, as a share of 255.

    Args:
        pieces_left: how many it answers before it raises, like a machine that goes down; None: all.
    """

    card: ModelCard = field(
        default_factory=lambda: replace(card_for(Architecture(width=1, depth=2)), halo=16, alignment=4)
    )
    pieces_left: int | None = None
    begins_early: bool = False

    def scores(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        for piece in pieces:
            if self.pieces_left is not None:
                if self.pieces_left == 0:
                    raise PowerCutError
                self.pieces_left -= 1
            chance = (piece.pixels.values[0] / 255).astype("float32")
            yield Block(piece.pixels.window, np.stack([1 - chance, chance]))

    def predict(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        for piece, scores in zip(pieces, self.scores(pieces), strict=True):
            yield self.strip(scores.cut(piece.core))

    def strip(self, scores: Block) -> Block:
        levels = np.rint(LEVELS * scores.values[1]).astype("uint8")
        return Block(scores.window, np.stack([(levels >= LEVELS // 2).astype("uint8"), levels]))


class PowerCutError(Exception):
    """The machine goes down."""
