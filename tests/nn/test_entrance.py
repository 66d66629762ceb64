"""What the network is given is the same however it is put there."""

import pytest
import torch
from torch import Tensor

from geounet.nn.entrance import SLAB, enter, normalised

MEAN_C11, STD_C11 = torch.tensor([100.0, 90.0, 80.0])[:, None, None], torch.tensor([40.0, 0.3, 71.0])[:, None, None]


def drawn(height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height)
    x_BCHW = torch.randint(0, 256, (2, 3, height, width), generator=generator, dtype=torch.uint8)
    return x_BCHW, torch.rand((2, 1, height, width), generator=generator) < 0.8


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("height", [1, SLAB - 1, SLAB, 3 * SLAB + 5])
@pytest.mark.parametrize("masked", [True, False], ids=["masked", "all valid"])
def test_slabs_enter_as_the_whole_does_bit_by_bit(dtype: torch.dtype, height: int, masked: bool) -> None:
    x_BCHW, valid_B1HW = drawn(height, 21)
    valid = valid_B1HW if masked else torch.ones_like(valid_B1HW)
    out_BCHW = torch.full(x_BCHW.shape, 7, dtype=dtype).contiguous(memory_format=torch.channels_last)
    enter(out_BCHW, x_BCHW, valid if masked else None, MEAN_C11, STD_C11)
    expected = torch.where(valid, (x_BCHW.float() - MEAN_C11) / STD_C11, 0.0).to(dtype)
    assert torch.equal(out_BCHW, expected)
    assert out_BCHW.is_contiguous(memory_format=torch.channels_last)


def test_pixels_given_as_floats_are_left_as_they_are() -> None:
    x_BCHW = drawn(8, 8)[0].float()
    before = x_BCHW.clone()
    normalised(x_BCHW, None, MEAN_C11, STD_C11)
    assert torch.equal(x_BCHW, before)
