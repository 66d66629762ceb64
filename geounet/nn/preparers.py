"""Processes that prepare samples, in memory they share with the training; nothing here needs torch.

Each process has memory for `DEEP` batches of its own. Batch n is made by process n modulo their number; only its number
travels, so that a batch costs no copy and no pickle.
"""

import pickle
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import Array as CArray
from ctypes import c_ubyte
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import cv2
import numpy as np

from geounet.block import Array
from geounet.errors import GeoUNetError, TrainingError
from geounet.memory import keep_freed_memory
from geounet.nn.samples import Samples

DEEP = 3  # batches of a process: one is made, one is ready, one is in use
_PAGE = 4096  # bytes
_TO_END = 5.0  # seconds


@dataclass(frozen=True)
class Shelf:
    """Shared memory with places for `count` batches.

    Args:
        memory: of all places; see `shelf`.
        shape: of the pixels of a batch (B, bands, size, size).
    """

    memory: "CArray[c_ubyte]"
    shape: tuple[int, int, int, int]
    dtype: str
    count: int

    @property
    def _lengths(self) -> tuple[int, int]:
        """Bytes of the pixels, and of the labels after them."""
        batch, bands, height, width = self.shape
        return batch * bands * height * width * np.dtype(self.dtype).itemsize, batch * height * width

    @property
    def stride(self) -> int:
        """Bytes from one place to the next."""
        return -(-sum(self._lengths) // _PAGE) * _PAGE

    def place(self, number: int) -> tuple[Array, Array]:
        """Pixels (B, bands, size, size) and labels (B, size, size) of a place; they are the memory, not a copy."""
        start, (length, _) = number * self.stride, self._lengths
        batch, _, height, width = self.shape
        memory = memoryview(self.memory)
        pixels: Array = np.ndarray(self.shape, self.dtype, memory, start)
        return pixels, np.ndarray((batch, height, width), np.uint8, memory, start + length)


def shelf(samples: Samples, batch: int, count: int) -> Shelf:
    """Memory for so many batches of samples: /dev/shm where there is room, else a file that is gone with the process.

    Raises:
        TrainingError: there is not the room for it anywhere.
    """
    empty = Shelf((c_ubyte * 0)(), (batch, *samples.shape), samples.dtype.str, count)
    try:
        memory = get_context("spawn").RawArray(c_ubyte, count * empty.stride)
    except OSError as error:
        raise TrainingError(
            f"{count * empty.stride >> 20} MB to share with the processes that prepare windows cannot be had "
            f"({error}); use fewer --workers, or 0"
        ) from error
    return Shelf(memory, empty.shape, empty.dtype, count)


def prepared(samples: Samples, numbers: Sequence[range], shared: Shelf, workers: int) -> Iterator[int]:
    """Places of the batches of these samples, in order.

    A place is filled anew after the batch that follows the next one was asked for.

    Raises:
        TrainingError: a process ended before its time; and whatever preparing a sample raises.
    """
    crew = _Crew(samples, shared, workers)
    try:
        for number in range(min(len(numbers), shared.count)):
            crew.ask(number, numbers[number])
        for number in range(len(numbers)):
            crew.wait_for(number)
            yield number % shared.count
            freed = number - 1
            if freed >= 0 and freed + shared.count < len(numbers):
                crew.ask(freed + shared.count, numbers[freed + shared.count])
    finally:
        crew.dismiss()


class _Crew:
    """The processes, and a pipe to each."""

    def __init__(self, samples: Samples, shared: Shelf, workers: int) -> None:
        context = get_context("spawn")
        self._count = shared.count
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        with _deaf_to_interrupts():
            for _ in range(workers):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, samples, shared), daemon=True, name="samples")
                process.start()
                theirs.close()  # so that the pipe ends when the process does
                self._pipes.append(ours)
                self._processes.append(process)

    def ask(self, number: int, samples: range) -> None:
        with suppress(OSError):  # who waits for the answer says that the process is gone
            self._pipes[number % len(self._pipes)].send((number % self._count, samples))

    def wait_for(self, number: int) -> None:
        which = number % len(self._pipes)
        try:
            error = self._pipes[which].recv()
        except (EOFError, OSError) as lost:
            self._processes[which].join(_TO_END)
            raise TrainingError(
                f"a process that prepares windows is gone (exit status {self._processes[which].exitcode}), perhaps for "
                f"lack of memory; use fewer --workers, and --resume"
            ) from lost
        if error is not None:
            raise error

    def dismiss(self) -> None:
        """End the processes; they leave when their pipe does, or when they have made the batch in hand."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_TO_END)
            if process.exitcode is None:
                process.kill()
                process.join()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Context in which processes are started that Ctrl-C does not reach, from their first moment on."""
    resource_tracker.ensure_running()  # starting it would lift the block
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, samples: Samples, shared: Shelf) -> None:
    """Make batches as they are asked for, until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the training's to answer
    keep_freed_memory()
    cv2.setNumThreads(1)  # there are as many processes as are wanted
    with suppress(EOFError, OSError):
        while True:
            place, numbers = pipe.recv()
            try:
                fill(samples, numbers, *shared.place(place))
            except Exception as error:  # of any kind: the training raises it
                pipe.send(_portable(error))
                return
            pipe.send(None)


def fill(samples: Samples, numbers: range, pixels_BCHW: Array, labels_BHW: Array) -> None:
    """Put the samples of these numbers into a batch."""
    for place, number in enumerate(numbers):
        pixels_BCHW[place], labels_BHW[place] = samples[number]


def _portable(error: Exception) -> Exception:
    """The error, or one that can travel and says the same."""
    if isinstance(error, GeoUNetError):
        return error
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # whatever is wrong with it
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
