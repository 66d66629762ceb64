"""model.safetensors: what is saved comes back; what is no model is refused in one line."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from geounet.card import Architecture, ModelCard
from geounet.errors import ModelError, OutputError
from geounet.nn.model_file import KEY, load_model, model_hash, save_model
from geounet.nn.unet import initialised
from tests.nn.cards import card_of

SHAPE = Architecture(bands=3, outputs=1, width=2, depth=1)


def weights_of(card: ModelCard, seed: int = 0) -> dict[str, Tensor]:
    return dict(initialised(card.architecture, seed).state_dict())


def test_a_saved_model_comes_back_as_it_was_from_file_and_folder(tmp_path: Path) -> None:
    card = card_of(SHAPE).with_training(iou=0.5)
    weights = weights_of(card)
    save_model(tmp_path / "model.safetensors", weights, card)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        network, read = load_model(path)
        assert read == card
        assert not network.training
        assert all(torch.equal(weights[name], tensor) for name, tensor in network.state_dict().items())


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    card = card_of(SHAPE)
    for name in ("a", "b"):
        save_model(tmp_path / name, weights_of(card), card)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert model_hash(tmp_path / "a") == model_hash(tmp_path / "b")


def test_a_write_that_fails_leaves_the_model_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_of(SHAPE)
    path = tmp_path / "model.safetensors"
    save_model(path, weights_of(card), card)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        save_model(path, weights_of(card, seed=1), card)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path: Path) -> None:
    card = card_of(SHAPE)
    weights = weights_of(card)
    weights["head.bias"] = torch.tensor([float("nan")])
    with pytest.raises(ModelError, match=r"'head.bias' hold NaN or infinity"):
        save_model(tmp_path / "model.safetensors", weights, card)
    assert not list(tmp_path.iterdir())
    save_file(weights, tmp_path / "other.safetensors", metadata={KEY: card.to_json()})
    with pytest.raises(ModelError, match=r"'head.bias' hold NaN or infinity"):
        load_model(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no safetensors file"),
        (b"II*\x00 a picture", "is no safetensors file"),
        (b"\xff" * 4096, "is no safetensors file"),
        (b"\x80\x04\x95 a pickle", "is no safetensors file"),
    ],
    ids=["empty", "picture", "noise", "pickle"],
)
def test_files_of_another_kind_are_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model.safetensors is not there; give a model file or the folder"):
        load_model(tmp_path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    card = card_of(SHAPE)
    path = tmp_path / "model.safetensors"
    save_model(path, weights_of(card), card)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is no safetensors file"):
        load_model(path)


def test_safetensors_without_our_card_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="carries no geounet model card"):
        load_model(path)
    save_file({"a": torch.zeros(2)}, path, metadata={KEY: "{]"})
    with pytest.raises(ModelError, match="a model card that cannot be read"):
        load_model(path)


def test_missing_unknown_and_wrongly_shaped_weights_are_refused_by_name(tmp_path: Path) -> None:
    card = card_of(SHAPE)
    path = tmp_path / "model.safetensors"
    weights = weights_of(card)
    missing = {name: tensor for name, tensor in weights.items() if name != "head.weight"}
    save_file(missing, path, metadata={KEY: card.to_json()})
    with pytest.raises(ModelError, match=r"lacks the tensor 'head.weight'"):
        load_model(path)
    save_file({**weights, "tail.weight": torch.zeros(1)}, path, metadata={KEY: card.to_json()})
    with pytest.raises(ModelError, match=r"has an unknown tensor 'tail.weight'"):
        load_model(path)
    save_file({**weights, "head.weight": torch.zeros(1, 3, 1, 1)}, path, metadata={KEY: card.to_json()})
    with pytest.raises(ModelError, match=r"holds 'head.weight' as \(1, 3, 1, 1\) where its card asks for"):
        load_model(path)


def test_a_card_with_a_halo_its_network_does_not_have_is_refused(tmp_path: Path) -> None:
    card = card_of(SHAPE)
    path = tmp_path / "model.safetensors"
    text = json.dumps({**json.loads(card.to_json()), "halo": 2})
    save_file(weights_of(card), path, metadata={KEY: text})
    with pytest.raises(ModelError, match=r"claims halo 2 and alignment 2; its network needs \(8, 2\)"):
        load_model(path)
