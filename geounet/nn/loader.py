"""Batches of samples, prepared ahead of their use and, for a GPU, sent there ahead of it.

Tensors are suffixed by shape: B batch, C bands, H rows, W columns.
"""

import ctypes
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import torch
from torch import Tensor

from geounet.block import Array
from geounet.errors import TrainingError
from geounet.nn.device import ROOM, Runtime, enough_memory
from geounet.nn.preparers import DEEP, Shelf, fill, prepared, shelf
from geounet.nn.samples import Samples

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Batch:
    """Samples for the network: pixels (B, bands, size, size) in a dtype torch has, labels (B, size, size) uint8."""

    pixels_BCHW: Tensor
    labels_BHW: Tensor


def collated(samples: Sequence[tuple[Array, Array]]) -> Batch:
    """The samples as one batch."""
    pixels, labels = zip(*samples, strict=True)
    return Batch(torch.from_numpy(np.stack(pixels)), torch.from_numpy(np.stack(labels)))


def usual_workers(runtime: Runtime, devices: int = 1) -> int:
    """Processes that keep a device busy: one for each other core beside a GPU; none on a processor, which trains."""
    return min(16, max(1, (os.cpu_count() or 1) // devices - 1)) if runtime.on_gpu else 0


def batches(samples: Samples, numbers: Sequence[range], *, workers: int, device: torch.device = CPU) -> Iterator[Batch]:
    """A batch of the samples of each range of numbers, all ranges of one length, on the device.

    Args:
        workers: processes that prepare them; with 0 a thread beside the training does, or where training leaves no
            core to it, the training itself between its steps.
    """
    if not numbers:
        return
    on_gpu = device.type == "cuda"
    if not workers:
        made = _by_thread(samples, numbers) if on_gpu or _is_core_left() else _in_turn(samples, numbers)
        yield from _sent(made, device) if on_gpu else made
        return
    workers = min(workers, len(numbers))
    shared = shelf(samples, len(numbers[0]), DEEP * workers)
    places = prepared(samples, numbers, shared, workers)
    if not on_gpu:  # the memory is filled anew soon; NumPy copies in one thread, at a tenth of the processors' time
        yield from (Batch(*(torch.from_numpy(part.copy()) for part in shared.place(place))) for place in places)
        return
    with _pinned(shared):
        yield from _sent(_seen(shared, places), device)


def _is_core_left() -> bool:
    """Whether there are more cores than PyTorch computes on.

    Where there are not, a thread takes turns with those of a step, which all wait for the one that it holds up: on two
    cores that cost several times the thread's own work.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > torch.get_num_threads()


def _in_turn(samples: Samples, numbers: Sequence[range]) -> Iterator[Batch]:
    """Batches made when they are asked for."""
    with _small_work():
        yield from (_made(samples, share) for share in numbers)


def _by_thread(samples: Samples, numbers: Sequence[range]) -> Iterator[Batch]:
    """Batches made two ahead, in a thread."""
    with _small_work(), ThreadPoolExecutor(1, thread_name_prefix="samples") as thread:
        made = (thread.submit(_made, samples, share) for share in numbers)
        ahead = list(islice(made, 2))
        while ahead:
            yield ahead.pop(0).result()
            ahead.extend(islice(made, 1))


def _made(samples: Samples, numbers: range) -> Batch:
    pixels_BCHW = np.empty((len(numbers), *samples.shape), samples.dtype)
    labels_BHW = np.empty((len(numbers), *samples.shape[1:]), np.uint8)
    fill(samples, numbers, pixels_BCHW, labels_BHW)
    return Batch(torch.from_numpy(pixels_BCHW), torch.from_numpy(labels_BHW))


@contextmanager
def _small_work() -> Iterator[None]:
    """Context in which OpenCV wakes up no threads of its own: they would take the cores from the step's."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _seen(shared: Shelf, places: Iterator[int]) -> Iterator[Batch]:
    """Batches as they lie in the shared memory."""
    seen = [Batch(*map(torch.from_numpy, shared.place(number))) for number in range(shared.count)]
    return (seen[place] for place in places)


@contextmanager
def _pinned(shared: Shelf) -> Iterator[None]:
    """Context in which a GPU fetches from the shared memory by itself, while the host goes on."""
    runtime = torch.cuda.cudart()  # type: ignore[no-untyped-call]
    address, length = ctypes.addressof(shared.memory), ctypes.sizeof(shared.memory)
    # a system that locks no memory says so, and copies then take the host's time: nothing else changes
    is_pinned = int(runtime.cudaHostRegister(address, length, 0)) == 0
    try:
        yield
    finally:
        if is_pinned:
            torch.cuda.synchronize()
            runtime.cudaHostUnregister(address)


@dataclass(frozen=True)
class _Travelling:
    """A batch on its way; `there` tells when it has arrived."""

    batch: Batch
    there: torch.cuda.Event


def _sent(made: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches on a GPU: each travels in a stream of its own while the step before it is computed."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    on_way: list[_Travelling] = []
    for batch in made:
        with torch.cuda.stream(stream), enough_memory(TrainingError, ROOM):
            moved = Batch(*(t.to(device, non_blocking=True) for t in (batch.pixels_BCHW, batch.labels_BHW)))
            on_way.append(_Travelling(moved, stream.record_event()))
        if len(on_way) > 1:
            yield _arrived(on_way[-2], device)
            on_way.pop(0).there.synchronize()  # its memory is filled anew now
    if on_way:
        yield _arrived(on_way[-1], device)


def _arrived(travelling: _Travelling, device: torch.device) -> Batch:
    """The batch for use in the device's current stream."""
    current = torch.cuda.current_stream(device)
    current.wait_event(travelling.there)
    for tensor in (travelling.batch.pixels_BCHW, travelling.batch.labels_BHW):
        tensor.record_stream(current)  # else its memory would be given away while it is still in use
    return travelling.batch
