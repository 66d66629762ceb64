"""The one entrance to the network, in training and in inference alike.

Tensors are suffixed by shape: B batch, C bands, H rows, W columns.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from geounet.nn.chip_store import VOID
from geounet.nn.device import Runtime
from geounet.nn.loader import Batch

SLAB = 64  # rows whose float32 values stay in the processor's cache from one operation to the next


def normalised(x_BCHW: Tensor, valid_B1HW: Tensor | None, mean_C11: Tensor, std_C11: Tensor) -> Tensor:
    """What the network is given: (x - mean) / std in float32, and exactly 0 where a pixel is not valid.

    What invalid pixels hold, NaN included, has no part in it.

    Args:
        valid_B1HW: None where every pixel is.
    """
    x_BCHW = (x_BCHW.to(torch.float32) - mean_C11).div_(std_C11)
    return x_BCHW if valid_B1HW is None else torch.where(valid_B1HW, x_BCHW, 0.0)


def enter(out_BCHW: Tensor, x_BCHW: Tensor, valid_B1HW: Tensor | None, mean_C11: Tensor, std_C11: Tensor) -> None:
    """Fill `out_BCHW`, of any number type and memory format, with what `normalised` gives, slab by slab."""
    for rows in slabs(out_BCHW):
        valid = None if valid_B1HW is None else valid_B1HW[:, :, rows]
        slab_BCHW = normalised(x_BCHW[:, :, rows], valid, mean_C11, std_C11)
        # rounding first and then turning channels last is twice as quick as both at once
        out_BCHW[:, :, rows] = slab_BCHW.to(out_BCHW.dtype)


def slabs(x_BCHW: Tensor) -> list[slice]:
    """Rows to work on together: a few on a processor, all at once on a GPU."""
    height = x_BCHW.shape[2]
    step = SLAB if x_BCHW.device.type == "cpu" else height
    return [slice(row, min(row + step, height)) for row in range(0, height, step)]


@dataclass(frozen=True)
class Entrance:
    """Takes samples to the device and makes them what the network is given."""

    runtime: Runtime
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @cached_property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        """On the device once and for all: sending them makes the host wait for it."""
        mean_C, std_C = (torch.tensor(values, device=self.runtime.device) for values in (self.mean, self.std))
        return mean_C[:, None, None], std_C[:, None, None]

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Input (B, C, H, W) float32, 0 where there is no imagery; labels (B, H, W) uint8 with 255 there."""
        device = self.runtime.device
        labels_BHW = batch.labels_BHW.to(device, non_blocking=True)
        x_BCHW = batch.pixels_BCHW.to(device, non_blocking=True)
        mean_C11, std_C11 = self._statistics
        void_BHW = labels_BHW == VOID
        x_BCHW = normalised(x_BCHW, ~void_BHW[:, None], mean_C11, std_C11)
        return x_BCHW.contiguous(memory_format=torch.channels_last), labels_BHW.masked_fill(void_BHW, 255)
