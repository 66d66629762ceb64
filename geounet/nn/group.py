"""The processes that train together: those torchrun started, or this one alone.

Tensors on a processor travel by gloo, those on a GPU by NCCL. All of a group make the same calls in the same order.
"""

import atexit
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from textwrap import shorten
from typing import TypeVar

import torch
from torch import Tensor, distributed

from geounet.errors import PeerError, SettingsError, TrainingError

T = TypeVar("T")
PATIENCE = timedelta(hours=4)  # the others wait while the first one tiles, and while it judges and draws
TO_SPEAK = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Group:
    """This process is number `rank` of `size`, and number `local` of those on its machine."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def device(self, asked: str) -> str:
        """The device for this process where `asked` is auto, cpu, cuda or cuda:N: on GPUs, one of its own.

        Raises:
            SettingsError: one GPU asked for by many processes, or more processes than GPUs.
        """
        if self.size == 1 or asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()):
            return asked
        if asked not in ("auto", "cuda"):
            raise SettingsError(
                f"device {asked!r} cannot be shared by {self.size} processes; use cuda without a number"
            )
        if self.local >= torch.cuda.device_count():
            raise SettingsError(
                f"{torch.cuda.device_count()} GPUs are too few for the processes started here; start one for each GPU"
            )
        return f"cuda:{self.local}"

    def add(self, tensor: Tensor) -> Tensor:
        """The sum of all processes' tensors, in place."""
        if self.size > 1:
            with _told_of_a_lost_one():
                distributed.all_reduce(tensor)
        return tensor

    def copy_first(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the first one's tensors, in place."""
        for tensor in tensors if self.size > 1 else ():
            with _told_of_a_lost_one():
                distributed.broadcast(tensor, 0)

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` gives the first process; the others wait for it and do not make it."""
        return self.of_first(make() if self.is_first else None)

    def of_first(self, value: T | None) -> T:
        """The first process's value."""
        told = [value]
        if self.size > 1:
            with _told_of_a_lost_one():
                distributed.broadcast_object_list(told, 0)
        return told[0]  # type: ignore[return-value]


ALONE = Group()


@contextmanager
def joined() -> Iterator[Group]:
    """The group of this process, which stays until the process ends: torchrun's store lets nobody join twice.

    Raises:
        PeerError: another process of the group failed first, and says why.
    """
    if not (distributed.is_available() and distributed.is_torchelastic_launched()):
        yield ALONE
        return
    if not distributed.is_initialized():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
        atexit.register(distributed.destroy_process_group)
    group = Group(distributed.get_rank(), distributed.get_world_size(), distributed.get_node_local_rank())
    if group.local < torch.cuda.device_count():  # else every process takes memory of the first GPU as well
        torch.cuda.set_device(group.local)
    try:
        yield group
    except BaseException as error:
        atexit.unregister(distributed.destroy_process_group)  # it would wait for those that are gone
        if not _is_first_to_fail():
            with suppress(KeyboardInterrupt):  # torchrun ends all as soon as one is gone: the first one speaks before
                time.sleep(TO_SPEAK)
            raise PeerError("another process of the group failed, and says why") from error
        raise


def _is_first_to_fail() -> bool:
    """Whether no other process has asked this; the store that tells is torchrun's own, which outlives them all."""
    try:
        store = distributed.distributed_c10d._get_default_store()
        return int(store.add("geounet/failed", 1)) == 1
    except RuntimeError:  # torchrun is gone, or its machine
        return True


@contextmanager
def _told_of_a_lost_one() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        # without where in gloo's source it was found, and which port it was
        cause = shorten(re.sub(r"^\[\S+\] ", "", str(error)).partition(" [")[0], 80, placeholder=" ...")
        raise TrainingError(f"a process of the group is gone ({cause}); start all again with --resume") from error
