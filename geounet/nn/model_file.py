"""model.safetensors: weights, with the model card in the header. Never unpickled."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from geounet.card import ModelCard
from geounet.errors import ModelError
from geounet.files import whole_file
from geounet.nn.unet import UNet, alignment, halo

NAME = "model.safetensors"
KEY = "geounet"


def model_path(path: Path) -> Path:
    """The model file meant: the file itself, or the one in a training run's folder.

    Raises:
        ModelError: nothing there.
    """
    file = path / NAME if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"{file} is not there; give a model file or the folder of a finished training")
    return file


def model_hash(path: Path) -> str:
    """SHA-256 of the model file, in hexadecimal.

    Raises:
        ModelError: nothing at `path`.
    """
    with model_path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_model(path: Path, weights: dict[str, Tensor], card: ModelCard) -> None:
    """Write weights and card as one file, which is whole or not there; the same bytes for the same model.

    Raises:
        ModelError: weights that are not finite.
        OutputError: the file cannot be written.
    """
    kept = {name: _kept(tensor) for name, tensor in weights.items()}
    _check_finite(path, kept)
    content = save(kept, metadata={KEY: card.to_json()})
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def _kept(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    return tensor.float().contiguous() if tensor.is_floating_point() else tensor.contiguous()


def load_model(path: Path) -> tuple[UNet, ModelCard]:
    """The network in eval mode and float32 on the processor, and its card.

    Raises:
        ModelError: no model at `path`, or one that is damaged or of another kind.
    """
    file = model_path(path)
    with _readable(file), safe_open(file, framework="pt", device="cpu") as opened:
        weights = {name: _kept(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118
    card = read_card(file)
    with torch.device("meta"):
        network = UNet(card.architecture)
    _check_fits(file, weights, network.state_dict())
    _check_finite(file, weights)
    network.load_state_dict(weights, assign=True)
    return network.eval(), card


def read_card(path: Path) -> ModelCard:
    """The card of a model, from the header of its file.

    Raises:
        ModelError: no model at `path`, or one of another kind.
    """
    file = model_path(path)
    with _readable(file), safe_open(file, framework="pt", device="cpu") as opened:
        text = (opened.metadata() or {}).get(KEY)
    if text is None:
        raise ModelError(f"{file} carries no geounet model card; give a model that `geounet train` wrote")
    try:
        card = ModelCard.from_json(text)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    expected = halo(card.architecture), alignment(card.architecture)
    if (card.halo, card.alignment) != expected:
        raise ModelError(f"{file} claims halo {card.halo} and alignment {card.alignment}; its network needs {expected}")
    return card


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{file} is no safetensors file ({error}); give a model that `geounet train` wrote") from error


def _check_fits(file: Path, weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    odd = sorted(weights.keys() ^ wanted.keys())
    if odd:
        known = "has an unknown" if odd[0] in weights else "lacks the"
        raise ModelError(f"{file} {known} tensor {odd[0]!r} ({len(odd)} such); train or export the model again")
    for name, tensor in wanted.items():
        found = weights[name]
        if found.shape != tensor.shape or found.is_floating_point() != tensor.is_floating_point():
            raise ModelError(
                f"{file} holds {name!r} as {tuple(found.shape)} where its card asks for {tuple(tensor.shape)}; "
                f"train or export the model again"
            )


def _check_finite(file: Path, weights: dict[str, Tensor]) -> None:
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{file}: weights {name!r} hold NaN or infinity; the model is of no use, train it again")
