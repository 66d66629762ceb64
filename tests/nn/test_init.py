"""Starting from another model: bands and classes are found by name, what has no counterpart stays as drawn."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from geounet.card import Architecture, ModelCard, network_outputs
from geounet.errors import ModelError
from geounet.legend import Legend
from geounet.nn.init import FIRST, adapted
from geounet.nn.model_file import save_model
from geounet.nn.unet import UNet, initialised
from tests.nn.cards import card_of

RGB = ("red", "green", "blue")


def card(colours: tuple[str, ...], *classes: str) -> ModelCard:
    legend = Legend.of_names(*classes)
    shape = Architecture(bands=len(colours), outputs=network_outputs(legend), width=2, depth=1)
    return replace(
        card_of(Architecture(bands=3, outputs=1, width=2, depth=1)),
        architecture=shape,
        legend=legend,
        colours=colours,
        mean=(1.0,) * len(colours),
        std=(1.0,) * len(colours),
    )


def drawn(card: ModelCard, seed: int) -> UNet:
    return initialised(card.architecture, seed)


def test_a_model_of_the_same_bands_and_classes_is_taken_whole(tmp_path: Path) -> None:
    old = card(RGB, "building")
    save_model(tmp_path / "model.safetensors", drawn(old, 1).state_dict(), old)
    network = drawn(old, 2)
    assert adapted(tmp_path, network, old) == []
    for name, tensor in drawn(old, 1).state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_shared_bands_and_classes_are_found_by_name_and_the_others_stay_as_drawn(tmp_path: Path) -> None:
    old, new = card(RGB, "building", "road", "water"), card(("nir", "blue", "green"), "water", "tree", "building")
    before, fresh = drawn(old, 1).state_dict(), drawn(new, 2).state_dict()
    save_model(tmp_path / "model.safetensors", before, old)
    network = drawn(new, 2)
    assert adapted(tmp_path, network, new) == ["band 1 (nir)", "class tree"]
    state = network.state_dict()
    assert torch.equal(state["bridge.convolutions.0.weight"], before["bridge.convolutions.0.weight"])
    assert torch.equal(state[FIRST][:, 0], fresh[FIRST][:, 0])
    assert torch.equal(state[FIRST][:, 1:], before[FIRST][:, [2, 1]])
    assert torch.equal(state["head.weight"][[0, 1, 3]], before["head.weight"][[0, 3, 1]])
    assert torch.equal(state["head.weight"][2], fresh["head.weight"][2])
    assert torch.equal(state["head.bias"][[0, 1, 3]], before["head.bias"][[0, 3, 1]])


def test_more_bands_without_names_are_all_learned_anew(tmp_path: Path) -> None:
    old, new = card(("undefined",) * 4, "building"), card(("undefined",) * 6, "building", "road")
    save_model(tmp_path / "model.safetensors", drawn(old, 1).state_dict(), old)
    network = drawn(new, 2)
    assert len(adapted(tmp_path, network, new)) == 6 + 3
    assert torch.equal(network.state_dict()[FIRST], drawn(new, 2).state_dict()[FIRST])


def test_a_model_of_another_width_is_refused(tmp_path: Path) -> None:
    old = card(RGB, "building")
    save_model(tmp_path / "model.safetensors", drawn(old, 1).state_dict(), old)
    with pytest.raises(ModelError, match="has width 2 where 3 is asked for"):
        adapted(tmp_path, initialised(Architecture(bands=3, outputs=1, width=3, depth=1), 0), old)
