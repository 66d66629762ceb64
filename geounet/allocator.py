"""Allocator: what glibc does with memory that is freed."""

import ctypes
from contextlib import suppress

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
