"""Starting from another model: what fits its place is taken, the rest stays as it was drawn."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from geounet.card import ModelCard
from geounet.errors import ModelError
from geounet.nn.model_file import load_model
from geounet.nn.unet import UNet

FIRST = "down.0.convolutions.0.weight"  # (width, bands, 3, 3)
HEAD = ("head.weight", "head.bias")  # (outputs, ...)


def adapted(path: Path, network: UNet, card: ModelCard) -> list[str]:
    """Give `network`, whose card this is, the weights of another model; names of the bands and classes left as drawn.

    Bands and classes are found by their names, or by their places where both models name them alike.

    Raises:
        ModelError: no model at `path`, or one of another width, depth or skips.
    """
    source, known = load_model(path)
    a, b = known.architecture, network.architecture
    for name in ("width", "depth", "skips"):
        if getattr(a, name) != getattr(b, name):
            raise ModelError(
                f"{path} has {name} {getattr(a, name)} where {getattr(b, name)} is asked for; "
                f"start from a model of the same shape"
            )
    drawn, weights = network.state_dict(), source.state_dict()
    bands = _found(known.colours, card.colours)
    weights[FIRST] = _placed(weights[FIRST], drawn[FIRST], bands, axis=1)
    outputs = _found(_outputs(known), _outputs(card))
    weights |= {name: _placed(weights[name], drawn[name], outputs, axis=0) for name in HEAD}
    network.load_state_dict(weights)
    new_bands = [f"band {i + 1} ({name})" for i, name in enumerate(card.colours) if i not in bands]
    return new_bands + [f"class {name}" for i, name in enumerate(_outputs(card)) if i not in outputs]


def _outputs(card: ModelCard) -> tuple[str, ...]:
    """Names of the network's outputs; one alone answers for the foreground, whatever it is called."""
    if card.architecture.outputs == 1:
        return ("foreground",)
    return (*card.legend.names, *["contact"] * (card.contact_width is not None))


def _found(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """Places in `old` of the entries of `new`, by place; an entry that is not there, or not alone, has none.

    >>> _found(("red", "green", "blue"), ("nir", "red")), _found(("undefined",) * 2, ("undefined",) * 2)
    ({1: 0}, {0: 0, 1: 1})
    """
    if tuple(old) == tuple(new):
        return {i: i for i in range(len(new))}
    return {i: old.index(name) for i, name in enumerate(new) if old.count(name) == 1 == new.count(name)}


def _placed(old: Tensor, drawn: Tensor, places: dict[int, int], *, axis: int) -> Tensor:
    """`drawn` with the entries of `old` along an axis at the places found for them."""
    if not places:
        return drawn
    result = drawn.clone()
    into, of = (torch.tensor(list(side)) for side in (places.keys(), places.values()))
    return result.index_copy_(axis, into, old.index_select(axis, of))
