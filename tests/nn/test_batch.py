"""What a forward pass is reckoned to take is what it takes."""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from geounet.card import Architecture
from geounet.nn.batch import MOST, forward_bytes, window_that_fits, windows_that_fit
from geounet.nn.unet import folded, initialised

SIDE = 128


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that are made and not yet freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.storages: dict[int, tuple[int, int]] = {}  # address and size, by the tensors that hold them
        self.most = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and id(tensor) not in self.storages:
                storage = tensor.untyped_storage()
                self.storages[id(tensor)] = storage.data_ptr(), storage.nbytes()
                weakref.finalize(tensor, self.storages.pop, id(tensor))
        self.most = max(self.most, sum(size for _, size in set(self.storages.values())))
        return out


@pytest.mark.parametrize("skips", [True, False], ids=["skips", "no skips"])
@pytest.mark.parametrize(("width", "depth"), [(4, 2), (8, 1), (8, 4)])
def test_a_forward_pass_takes_at_its_peak_what_it_is_reckoned_to(skips: bool, width: int, depth: int) -> None:
    architecture = Architecture(width=width, depth=depth, skips=skips)
    network = folded(initialised(architecture, 0))
    with torch.inference_mode(), LiveTensors() as live:
        network(torch.zeros(1, 3, SIDE, SIDE))
    assert live.most / SIDE**2 == pytest.approx(forward_bytes(architecture, 4), rel=0.15)


@pytest.mark.parametrize(
    ("free_bytes", "count"),
    [(0, 1), (1 << 30, 1), (8 << 30, 2), (24 << 30, 8), (140 << 30, MOST)],
    ids=["nothing free", "1 GB", "8 GB", "24 GB", "140 GB"],
)
def test_a_batch_is_a_power_of_2_that_the_free_memory_holds(free_bytes: int, count: int) -> None:
    assert windows_that_fit(free_bytes, Architecture(), 1536, 2) == count


def test_smaller_windows_make_larger_batches() -> None:
    assert windows_that_fit(8 << 30, Architecture(), 768, 2) == 4 * windows_that_fit(8 << 30, Architecture(), 1536, 2)


def test_more_memory_never_makes_windows_smaller_and_two_of_them_always_fit() -> None:
    sides = [window_that_fits(gigabytes << 30, Architecture(), 2) for gigabytes in range(1, 140)]
    assert sides == sorted(sides)
    assert {512, 3072} <= set(sides)
    for gigabytes, side in enumerate(sides, 1):
        assert side == 512 or windows_that_fit(gigabytes << 30, Architecture(), side, 2) >= 2


def test_a_gpu_with_next_to_nothing_free_is_given_the_smallest_windows() -> None:
    assert window_that_fits(0, Architecture(), 2) == 512
