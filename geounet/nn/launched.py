"""Windows that a network was given: their answers, when they are there, and the time that it took."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from geounet.block import Block
from geounet.errors import SettingsError
from geounet.grid import Window
from geounet.nn.device import enough_memory

ROOM = "use a smaller --window or --batch-size"


class Stopwatch:
    """Seconds from its making to its stop; on a GPU, between what its stream was given before and after."""

    def __init__(self, stream: torch.cuda.Stream | None) -> None:
        self._stream = stream
        self._marks = [self._mark()]

    def stop(self) -> None:
        self._marks.append(self._mark())

    @property
    def seconds(self) -> float:
        """Once a GPU has done it all."""
        start, end = self._marks
        if isinstance(start, float) and isinstance(end, float):
            return end - start
        assert isinstance(start, torch.cuda.Event)
        assert isinstance(end, torch.cuda.Event)
        return 1e-3 * float(start.elapsed_time(end))

    def _mark(self) -> torch.cuda.Event | float:
        if self._stream is None:
            return time.perf_counter()
        event: torch.cuda.Event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._stream.record_event(event)
        return event


@dataclass(frozen=True, slots=True, eq=False)
class Launched:
    """Answers for some windows, and the network's time; `ready` tells when a GPU has put them there."""

    windows: list[Window]
    answers: list[Tensor]
    clock: Stopwatch
    ready: torch.cuda.Event | None

    def wait(self) -> float:
        """Seconds that the network took, when the answers are there."""
        if self.ready is not None:
            with enough_memory(SettingsError, ROOM):
                self.ready.synchronize()
        return self.clock.seconds

    def blocks(self) -> Iterator[Block]:
        for window, answer in zip(self.windows, self.answers, strict=True):
            yield Block(window, answer.numpy())
