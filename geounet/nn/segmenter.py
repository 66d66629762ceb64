"""TorchSegmenter: a trained network behind the Segmenter protocol.

Tensors are suffixed by shape: B batch, C bands, K outputs, F bands of a strip, H rows, W columns.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from geounet.block import Array, Block, Piece
from geounet.card import Architecture, ModelCard
from geounet.errors import SettingsError
from geounet.grid import Window
from geounet.memory import keep_freed_memory
from geounet.nn.answer import averaged, strips
from geounet.nn.batch import USUAL, forward_bytes, window_that_fits, windows_that_fit
from geounet.nn.device import (
    Runtime,
    chosen_runtime,
    enough_memory,
    in_one_thread,
    placed,
    use_threads,
)
from geounet.nn.entrance import enter, slabs
from geounet.nn.launched import ROOM, Launched, Stopwatch
from geounet.nn.model_file import load_model
from geounet.nn.replay import Replay
from geounet.nn.unet import UNet, folded, inner_answer
from geounet.nn.views import VIEWS, Tta
from geounet.order import one_late
from geounet.rule import cut_level

Views = Sequence[Tensor]  # logits (B, K, H, W) of each view of a window

_KEPT = 1 << 30  # bytes: with more, half a gigabyte more would be held for a tenth of the time


class TorchSegmenter:
    """Answers of a network, window by window; see `geounet.block.Segmenter`.

    Args:
        network: in eval mode; it is changed: normalisations are folded in, weights moved and converted.
        batch_size: windows of one shape that are computed together. It does not change the answer: in float32 by
            less than 1e-5, through the order of summation.
        threshold: probability from which a pixel is building.
        tta: views of each window whose probabilities are averaged: none but its own, its 4 flips, or all 8 of d4.
        threads: of the processor; None leaves as many as PyTorch has.

    Attributes:
        network_seconds: time spent in the network alone so far, by the GPU's own clock where it runs on one.

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
        self.network_seconds = 0.0
        self._cut = cut_level(threshold)
        self.network = placed(folded(network), runtime, runtime.dtype)
        self._answers = Replay(self.network) if runtime.on_gpu and isinstance(self.network, UNet) else None
        self._mean_C11 = torch.tensor(card.mean, device=runtime.device)[:, None, None]
        self._std_C11 = torch.tensor(card.std, device=runtime.device)[:, None, None]

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def begins_early(self) -> bool:
        return self.runtime.on_gpu

    def scores(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        """Probability of each class over each whole window: (classes [+ contact], height, width) float32."""
        return self._answered(pieces, lambda piece: piece.pixels.window, lambda views: averaged(views)[0])

    def predict(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        """Strip of each core: (1 + foreground classes [+ contact], height, width) uint8."""
        return self._answered(pieces, lambda piece: piece.core, lambda views: self._strip(views, averaged))

    def strip(self, scores: Block) -> Block:
        """Strip (1 + foreground classes [+ contact], height, width) uint8 of scores like those of `scores`."""
        chance_BKHW = torch.from_numpy(scores.values)[None]
        return Block(scores.window, self._strip([chance_BKHW], lambda views: views[0]).numpy())

    def _strip(self, views: Views, chances: Callable[[Views], Tensor]) -> Tensor:
        """Strip (F, H, W) of the probabilities that `chances` makes of the views, slab by slab."""
        classes = len(self._card.legend.classes)
        with in_one_thread():
            slab_answers = [
                strips(chances([view_BKHW[:, :, rows] for view_BKHW in views]), classes, cut=self._cut)[0]
                for rows in slabs(views[0])
            ]
            return torch.cat(slab_answers, dim=1)

    def _answered(
        self, pieces: Iterable[Piece], wanted: Callable[[Piece], Window], answer: Callable[[Views], Tensor]
    ) -> Iterator[Block]:
        """What `answer` makes of each wanted window's views; on a GPU the first batch is on its way already."""
        batches = _batches(pieces, self.batch_size)
        launches = (self._launched(batch, [wanted(piece) for piece in batch], answer) for batch in batches)
        return self._landed(self._begun(launches) if self.begins_early else launches)

    @staticmethod
    def _begun(launches: Iterator[Launched]) -> Iterator[Launched]:
        """The launches, each when the next one has been made; the first is made at once."""
        first = list(islice(launches, 1))
        return one_late(chain(first, launches))

    def _landed(self, launches: Iterator[Launched]) -> Iterator[Block]:
        for launched in launches:
            self.network_seconds += launched.wait()
            yield from launched.blocks()

    @enough_memory(SettingsError, ROOM)
    @torch.inference_mode()
    def _launched(self, batch: list[Piece], wanted: list[Window], answer: Callable[[Views], Tensor]) -> Launched:
        given = [piece.pixels.window for piece in batch]
        trim = min(margin(outer, inner) for outer, inner in zip(given, wanted, strict=True))
        x_BCHW, answers = self._entered(batch), []
        stream = torch.cuda.current_stream(self.runtime.device) if self.runtime.on_gpu else None
        clock = Stopwatch(stream)
        with self.runtime.exact():
            views = [view.undone(self._inner_answer(view.of(x_BCHW), trim)) for view in VIEWS[self.tta]]
        clock.stop()
        for number, (outer, inner) in enumerate(zip(given, wanted, strict=True)):
            inside = inner.seen_from(outer.grown(-trim))
            answered = answer([view_BKHW[number : number + 1, :, inside.rows, inside.cols] for view_BKHW in views])
            # from a GPU: into pinned memory, while the host goes on
            answers.append(answered.to("cpu", non_blocking=True))
        return Launched(wanted, answers, clock, None if stream is None else stream.record_event())

    def _entered(self, batch: list[Piece]) -> Tensor:
        """What the network is given of the windows: (B, C, H, W)."""
        shape = len(batch), *batch[0].pixels.values.shape
        x_BCHW = torch.empty(
            shape, dtype=self.runtime.dtype, device=self.runtime.device, memory_format=torch.channels_last
        )
        with in_one_thread():
            for number, piece in enumerate(batch):
                valid = piece.valid.values
                enter(
                    x_BCHW[number : number + 1],
                    self._sent(piece.pixels.values),
                    None if valid.all() else self._sent(valid),
                    self._mean_C11,
                    self._std_C11,
                )
        return x_BCHW

    def _inner_answer(self, x_BCHW: Tensor, trim: int) -> Tensor:
        return inner_answer(self.network, x_BCHW, trim) if self._answers is None else self._answers(x_BCHW, trim)

    def _sent(self, values: Array) -> Tensor:
        """The values (1, C, H, W) on the device, as they are: bytes travel quicker than floats."""
        if not self.runtime.on_gpu:
            return torch.from_numpy(values)[None]
        # PyTorch lends a pinned buffer again only when the copy out of it is done
        buffer = torch.empty(values.shape, dtype=torch.from_numpy(values).dtype, pin_memory=True)
        np.copyto(buffer.numpy(), values)
        return buffer[None].to(self.runtime.device, non_blocking=True)


def margin(outer: Window, inner: Window) -> int:
    """Pixels of `outer` beyond `inner` on the side where there are fewest.

    >>> margin(Window(0, 0, 64, 64), Window(8, 4, 40, 52))
    4
    """
    inside = inner.seen_from(outer)
    below, right = outer.height - inside.row - inside.height, outer.width - inside.col - inside.width
    return min(inside.row, inside.col, below, right)


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
    largest_window: int = USUAL,
) -> TorchSegmenter:
    """The segmenter of a model file, or of a training run's folder.

    Args:
        batch_size: None is 1 on a processor, which a single window keeps busy, and what the memory holds on a GPU.
        tta, threads: as `TorchSegmenter` takes them.
        largest_window: side in pixels of the windows to come.

    Raises:
        ModelError: no model at `path`, or one that is damaged.
        SettingsError: a setting out of its range.
    """
    runtime = chosen_runtime(device, precision)
    network, card = load_model(path)
    keep_memory_for(card.architecture, runtime, largest_window)
    if batch_size is None:
        batch_size = _batch_size(runtime, card.architecture, largest_window)
    return TorchSegmenter(network, card, runtime, batch_size=batch_size, threshold=threshold, tta=tta, threads=threads)


def keep_memory_for(architecture: Architecture, runtime: Runtime, window: int) -> None:
    """Have what a window takes kept for the next one, unless it is so much that a laptop would miss it."""
    if forward_bytes(architecture, runtime.dtype.itemsize) * window**2 < _KEPT:
        keep_freed_memory()


def usual_window(architecture: Architecture, device: str = "auto", precision: str = "auto") -> int:
    """Side in pixels of the largest windows to give a network: on a GPU as large as its free memory holds.

    Raises:
        SettingsError: a device that is not there, or a precision it cannot compute in.
    """
    runtime = chosen_runtime(device, precision)
    if not runtime.on_gpu:
        return USUAL
    free, _ = torch.cuda.mem_get_info(runtime.device)
    return window_that_fits(free, architecture, runtime.dtype.itemsize)


def _batch_size(runtime: Runtime, architecture: Architecture, window: int) -> int:
    if not runtime.on_gpu:
        return 1
    free, _ = torch.cuda.mem_get_info(runtime.device)
    return windows_that_fit(free, architecture, window, runtime.dtype.itemsize)
