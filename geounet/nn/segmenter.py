"""TorchSegmenter: a trained network behind the Segmenter protocol.

Tensors are suffixed by shape: B batch, C bands, K outputs, F bands of a strip, H rows, W columns.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from geounet.block import Array, Block, Piece
from geounet.card import ModelCard
from geounet.errors import SettingsError
from geounet.nn.answer import averaged, strips
from geounet.nn.device import Runtime, chosen_runtime, enough_memory, normalised, placed, use_threads
from geounet.nn.model_file import load_model
from geounet.nn.unet import folded
from geounet.nn.views import VIEWS, Tta
from geounet.rule import cut_level

_ROOM = "use a smaller --window or --batch-size"
GPU_BATCH = 4  # padded windows of 1536 px: enough to fill a GPU, few enough for its memory


class TorchSegmenter:
    """Answers of a network, window by window; see `geounet.block.Segmenter`.

    Args:
        network: in eval mode; it is changed: normalisations are folded in, weights moved and converted.
        batch_size: windows of one shape that are computed together. It does not change the answer: in float32 by
            less than 1e-5, through the order of summation.
        threshold: probability from which a pixel is building.
        tta: views of each window whose probabilities are averaged: none but its own, its 4 flips, or all 8 of d4.
        threads: of the processor; None leaves as many as PyTorch has.

    Raises:
        SettingsError: settings out of their range; from the answers, windows or batches too large for the memory.
    """

    backend = "torch"
    backend_version = torch.__version__

    def __init__(
        self,
        network: nn.Module,
        card: ModelCard,
        runtime: Runtime,
        *,
        batch_size: int = 1,
        threshold: float = 0.5,
        tta: Tta = "none",
        threads: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise SettingsError(f"batch size {batch_size} must be at least 1")
        if tta not in VIEWS:
            raise SettingsError(f"tta {tta!r} is unknown; use {', '.join(VIEWS)}")
        if threads is not None:
            use_threads(threads)
        self._card = card
        self.runtime = runtime
        self.batch_size = batch_size
        self.threshold = threshold
        self.tta = tta
        self.threads = torch.get_num_threads()  # sums come out differently in the last digit with another number
        self._cut = cut_level(threshold)
        self._network = placed(folded(network), runtime, runtime.dtype)
        self._mean_C11 = torch.tensor(card.mean, device=runtime.device)[:, None, None]
        self._std_C11 = torch.tensor(card.std, device=runtime.device)[:, None, None]

    @property
    def card(self) -> ModelCard:
        return self._card

    def scores(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        """Probability of each class over each whole window: (classes [+ contact], height, width) float32."""
        for batch, views in self._answers(pieces):
            with enough_memory(SettingsError, _ROOM):
                chances = _fetched(averaged(views))
            for piece, values in zip(batch, chances, strict=True):
                yield Block(piece.pixels.window, values)

    def predict(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        """Strip of each core: (1 + foreground classes [+ contact], height, width) uint8."""
        for batch, views in self._answers(pieces):
            for number, piece in enumerate(batch):
                inside = piece.core.seen_from(piece.pixels.window)
                with enough_memory(SettingsError, _ROOM):
                    core_BKHW = averaged([view[number : number + 1, :, inside.rows, inside.cols] for view in views])
                    strip = _fetched(self._strips(core_BKHW))[0]
                yield Block(piece.core, strip)

    def strip(self, scores: Block) -> Block:
        """Strip (1 + foreground classes [+ contact], height, width) uint8 of scores like those of `scores`."""
        chance_BKHW = torch.from_numpy(scores.values)[None]
        return Block(scores.window, _fetched(self._strips(chance_BKHW))[0])

    def _strips(self, chance_BKHW: Tensor) -> Tensor:
        return strips(chance_BKHW, len(self._card.legend.classes), cut=self._cut)

    def _answers(self, pieces: Iterable[Piece]) -> Iterator[tuple[list[Piece], list[Tensor]]]:
        """Each batch with the logits of its views; on a GPU the next batch is on its way before the last is fetched."""
        ahead: tuple[list[Piece], list[Tensor]] | None = None
        for batch in _batches(pieces, self.batch_size):
            current = batch, self._logits(batch)
            if not self.runtime.on_gpu:
                yield current
                continue
            if ahead is not None:
                yield ahead
            ahead = current
        if ahead is not None:
            yield ahead

    @enough_memory(SettingsError, _ROOM)
    @torch.inference_mode()
    def _logits(self, batch: list[Piece]) -> list[Tensor]:
        """What the network says of each view of the windows, turned back: (B, K, H, W) each."""
        x_BCHW = self._sent([piece.pixels.values for piece in batch])
        valid_B1HW = self._sent([piece.valid.values for piece in batch])
        x_BCHW = normalised(x_BCHW, valid_B1HW, self._mean_C11, self._std_C11)
        x_BCHW = x_BCHW.to(self.runtime.dtype, memory_format=torch.channels_last)
        with self.runtime.exact():
            return [view.undone(self._network(view.of(x_BCHW))) for view in VIEWS[self.tta]]

    def _sent(self, arrays: list[Array]) -> Tensor:
        together = torch.from_numpy(np.stack(arrays))
        if not self.runtime.on_gpu:
            return together
        return together.pin_memory().to(self.runtime.device, non_blocking=True)


def _fetched(values: Tensor) -> Array:
    fetched: Array = values.cpu().contiguous().numpy()
    return fetched


def _batches(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    """The pieces in order, as many together as have one shape, `size` at most."""
    batch: list[Piece] = []
    for piece in pieces:
        if batch and (len(batch) == size or piece.pixels.values.shape != batch[0].pixels.values.shape):
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def load_segmenter(
    path: Path,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    threshold: float = 0.5,
    *,
    tta: Tta = "none",
    threads: int | None = None,
) -> TorchSegmenter:
    """The segmenter of a model file, or of a training run's folder.

    Args:
        batch_size: None is 1 on a processor, which a single window keeps busy, and 4 on a GPU.
        tta, threads: as `TorchSegmenter` takes them.

    Raises:
        ModelError: no model at `path`, or one that is damaged.
        SettingsError: a setting out of its range.
    """
    runtime = chosen_runtime(device, precision)
    network, card = load_model(path)
    size = batch_size if batch_size is not None else GPU_BATCH if runtime.on_gpu else 1
    return TorchSegmenter(network, card, runtime, batch_size=size, threshold=threshold, tta=tta, threads=threads)
