"""The steps of a U-Net in one pass over the memory each, where a GPU has kernels for them.

On an H200 the convolutions of a U-Net take three fifths of its time; bias, rectifier and the joining of two levels,
each in kernels of its own, take the rest. Answers are the same to the last bit of bfloat16 or float16.

Tensors are suffixed by shape: B batch, C channels, H rows, W columns.
"""

import torch
from torch import Tensor, nn

_GROUP = 8  # channels that cuDNN's kernels for tensor cores take at once
_WIDE = 16  # bytes that a thread of a GPU copies best


def fuses(x_BCHW: Tensor) -> bool:
    """Whether a GPU is asked for half-precision answers alone, no gradients, and has cuDNN."""
    return (
        x_BCHW.is_cuda
        and x_BCHW.dtype in (torch.bfloat16, torch.float16)
        and not torch.is_grad_enabled()
        and torch.version.hip is None
        and bool(torch.backends.cudnn.is_available())  # type: ignore[no-untyped-call]
    )


def rectified(x_BCHW: Tensor, convolution: nn.Conv2d) -> Tensor:
    """The 3x3 convolution with its bias, then the rectifier."""
    spare = -x_BCHW.shape[1] % _GROUP
    weight = convolution.weight
    if spare:  # of three bands cuDNN would make eight itself, but not fuse
        x_BCHW, weight = (nn.functional.pad(each, (0, 0, 0, 0, 0, spare)) for each in (x_BCHW, weight))
    return _convolved(x_BCHW, weight, convolution.bias)


def _convolved(x_BCHW: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    answer: Tensor = torch.cudnn_convolution_relu(x_BCHW, weight, bias, (1, 1), (1, 1), (1, 1), 1)
    return answer


def joined(x_BCHW: Tensor, up: nn.ConvTranspose2d, beside_BCHW: Tensor, spare: int) -> Tensor:
    """Channels of a level, then those of the level below it, brought to its size without `spare` pixels on each side.

    Every pixel below becomes 2 x 2 pixels, each by a matrix of its own: one matrix product makes all four, and one
    copy puts them where they belong, beside those of the level.
    """
    batch, inputs, height, width = x_BCHW.shape
    outputs = up.out_channels
    matrix = up.weight.permute(0, 2, 3, 1).reshape(inputs, 4 * outputs)
    assert up.bias is not None
    grown = torch.addmm(up.bias.repeat(4), x_BCHW.permute(0, 2, 3, 1).reshape(-1, inputs), matrix)
    rows, cols = slice(spare, height - spare), slice(spare, width - spare)
    quads = grown.view(batch, height, width, 2, 2, outputs)[:, rows, cols].permute(0, 1, 3, 2, 4, 5)
    both = x_BCHW.new_empty(batch, *beside_BCHW.shape[2:], 2 * outputs)
    _copy(both[..., :outputs], beside_BCHW.permute(0, 2, 3, 1))
    _copy(both[..., outputs:].view(quads.shape), quads)
    return both.permute(0, 3, 1, 2)


def _copy(into: Tensor, values: Tensor) -> None:
    """Copy channels last, 16 bytes at once where they are whole numbers of them."""
    together = _WIDE // values.element_size()
    if values.shape[-1] % together == 0 and values.stride(-1) == 1:
        into, values = into.view(torch.complex128), values.view(torch.complex128)
    into.copy_(values)
