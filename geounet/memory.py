"""Memory: what glibc does with what is freed, and what Python looks through for garbage."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # mallopt(3)


def keep_freed_memory() -> None:
    """Have glibc keep what a step or window frees for the next one; elsewhere, nothing.

    Each allocates and frees the same large tensors. By default glibc hands them back to the system, which has to give
    every page anew: on a virtual machine that took up to three quarters of a training's time and a fifth of an
    inference's. The most memory that is ever held stays the same; it is only held longer.
    """
    # threads other than the first have heaps of 64 MB at most, too small for such tensors: all share one
    _tune((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 64 << 20), (_ARENA_MAX, 1))


def give_freed_memory_back() -> None:
    """Have glibc hand the system what the network's windows took, and from now on what is freed; elsewhere, nothing.

    What follows a prediction would otherwise lie wherever the windows left gaps, and take more or less by chance.
    """
    _tune((_MMAP_THRESHOLD, 1 << 20), (_TRIM_THRESHOLD, 1 << 20), (_TOP_PAD, 1 << 20))
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _tune(*settings: tuple[int, int]) -> None:
    with suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in settings:
            mallopt(parameter, value)


@contextmanager
def nothing_old_searched() -> Iterator[None]:
    """Context in which Python's search for garbage leaves out what was there before.

    Geometries by the hundred thousand have it look through everything now and then, and what the libraries have loaded
    takes it a tenth of a second each time, in which no thread moves.
    """
    if gc.get_freeze_count():  # by whoever will also undo it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
