"""Replay: a network's work on a GPU, recorded once and then handed over as one thing.

Tensors are suffixed by shape: B batch, C bands, K outputs, H rows, W columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from geounet.nn.unet import UNet


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    given_BCHW: Tensor
    answer_BKHW: Tensor
    graph: torch.cuda.CUDAGraph


class Replay:
    """Answers of a network in eval mode on a GPU; its weights stay as they are from the first answer on.

    What a window takes is some forty kernels. A CUDA graph of them spares the host the time to hand over each, and
    the GPU the gaps between them. Of each shape of input there is one; they share their memory.
    """

    def __init__(self, network: UNet) -> None:
        self._network = network
        self._recordings: dict[tuple[torch.Size, int], _Recording] = {}

    def __call__(self, x_BCHW: Tensor, trim: int = 0) -> Tensor:
        """What the network answers, without `trim` pixels on each side."""
        key = x_BCHW.shape, trim
        if key not in self._recordings:
            with torch.cuda.device(x_BCHW.device):
                self._recordings[key] = self._recorded(x_BCHW, trim)
        recording = self._recordings[key]
        recording.given_BCHW.copy_(x_BCHW)
        recording.graph.replay()
        return recording.answer_BKHW.clone()  # the next window's answer takes its place

    def _recorded(self, x_BCHW: Tensor, trim: int) -> _Recording:
        given_BCHW = x_BCHW.clone(memory_format=torch.channels_last)
        current, beside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(current)
        with torch.cuda.stream(beside):  # what libraries set up when first called cannot be recorded
            self._network(given_BCHW, trim)
        current.wait_stream(beside)
        pool = next((recording.graph.pool() for recording in self._recordings.values()), None)
        graph = torch.cuda.CUDAGraph()
        # other threads may go on with whatever they ask of the GPU
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            answer_BKHW = self._network(given_BCHW, trim)
        return _Recording(given_BCHW, answer_BKHW, graph)
