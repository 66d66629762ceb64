"""The U-Net of the field, and how far it sees.

Tensors are suffixed by shape: B batch, C channels, H rows, W columns.

Source: Ronneberger, Fischer & Brox (2015), "U-Net", with padded convolutions and batch normalisation.
"""

from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from geounet.card import Architecture
from geounet.nn.fused import fuses, joined, rectified

N = TypeVar("N", bound=nn.Module)
CONVOLUTIONS = 2  # a level, 3x3 each: every one sees a pixel further to each side


def alignment(architecture: Architecture) -> int:
    """Side in pixels of the ground that one pixel of the lowest level covers: windows start on multiples of it.

    >>> alignment(Architecture())
    16
    """
    return int(2**architecture.depth)


def reach(architecture: Architecture) -> int:
    """Pixels beyond the edge of an aligned core that its answer depends on; the same on all four sides.

    Walks the network backwards from the first pixel of a core that starts on the pooling grid. At depth 4 the
    convolutions alone see 92 pixels; falling between two pixels of a coarser level adds another 2.

    >>> reach(Architecture())
    94
    """
    first = 0  # the first pixel seen, counted on the level that the walk has come to
    for _ in range(architecture.depth):
        first = (first - CONVOLUTIONS) // 2
    first -= CONVOLUTIONS
    for _ in range(architecture.depth):
        first = first * 2 - CONVOLUTIONS
    return -first


def halo(architecture: Architecture) -> int:
    """Pixels of context on each side with which the core of a window is exactly what the whole scene gives.

    >>> halo(Architecture())
    96
    """
    grid = alignment(architecture)
    return -(-reach(architecture) // grid) * grid


def trims(depth: int, trim: int) -> list[int]:
    """Pixels on each side that the levels going up can leave out, the deepest first, when the answer leaves out `trim`.

    Each convolution spoils one pixel at the edge of what it is given, and a level begins with a whole pixel of the one
    below.

    >>> trims(4, 96)
    [8, 20, 44, 94]
    """
    found = []
    for _ in range(depth):
        spare = max(0, trim - CONVOLUTIONS) // 2
        found.append(2 * spare)
        trim = spare
    return found[::-1]


def trimmed(x_BCHW: Tensor, count: int) -> Tensor:
    """Without `count` pixels on each of the four sides; a view."""
    height, width = x_BCHW.shape[2:]
    return x_BCHW[:, :, count : height - count, count : width - count]


class Level(nn.Module):
    """3x3 convolutions, each with batch normalisation and a rectifier: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = [inputs, *[outputs] * CONVOLUTIONS]
        # the normalisation takes away a constant, so that these convolutions need no bias of their own
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(CONVOLUTIONS))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        fused = fuses(x_BCHW)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            if fused and isinstance(norm, nn.Identity):
                assert isinstance(convolution, nn.Conv2d)
                x_BCHW = rectified(x_BCHW, convolution)
            else:
                x_BCHW = torch.relu_(norm(convolution(x_BCHW)))
        return x_BCHW


def _up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """The step to a level of twice the size: (B, inputs, H, W) -> (B, outputs, 2 H, 2 W).

    Its bias is not learned: the next normalisation takes it away but at the edge, and to find out how it should change
    takes processors a tenth of a training's time.
    """
    up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    assert up.bias is not None
    up.bias.requires_grad_(False)
    return up


class UNet(nn.Module):
    """Logits of each pixel: (B, bands, H, W) -> (B, outputs, H, W); H and W are multiples of the alignment.

    Of `trim` pixels on each side no answer is wanted: it is left out, and on the way up most of what it takes is not
    computed. What is left is the same.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = [architecture.width * 2**level for level in range(architecture.depth + 1)]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(Level(a, b) for a, b in zip([architecture.bands, *widths], widths[:-1], strict=False))
        self.bridge = Level(*pairs[-1])
        self.up = nn.ModuleList(_up(b, a) for a, b in reversed(pairs))
        joined = 2 if architecture.skips else 1
        self.merge = nn.ModuleList(Level(joined * a, a) for a, _ in reversed(pairs))
        self.head = nn.Conv2d(widths[0], architecture.outputs, 1)

    def forward(self, x_BCHW: Tensor, trim: int = 0) -> Tensor:
        assert not any(side % alignment(self.architecture) for side in x_BCHW.shape[2:]), x_BCHW.shape
        skipped = []
        for level in self.down:
            x_BCHW = level(x_BCHW)
            if self.architecture.skips:
                skipped.append(x_BCHW)
            x_BCHW = nn.functional.max_pool2d(x_BCHW, 2)
        x_BCHW, gone = self.bridge(x_BCHW), 0
        for up, merge, going in zip(self.up, self.merge, trims(self.architecture.depth, trim), strict=True):
            beside_BCHW = trimmed(skipped.pop(), going) if skipped else None
            x_BCHW = merge(_risen(x_BCHW, up, beside_BCHW, spare=going // 2 - gone))
            gone = going
        logits_BCHW: Tensor = self.head(trimmed(x_BCHW, trim - gone))
        return logits_BCHW


def _risen(x_BCHW: Tensor, up: nn.Module, beside_BCHW: Tensor | None, *, spare: int) -> Tensor:
    """A level brought up to the next one's size, without `spare` pixels on each side, after what lies beside it."""
    if beside_BCHW is not None and fuses(x_BCHW):
        assert isinstance(up, nn.ConvTranspose2d)
        return joined(x_BCHW, up, beside_BCHW, spare)
    x_BCHW = up(trimmed(x_BCHW, spare))
    return x_BCHW if beside_BCHW is None else torch.cat([beside_BCHW, x_BCHW], dim=1)


def inner_answer(network: nn.Module, x_BCHW: Tensor, trim: int) -> Tensor:
    """Logits of all but `trim` pixels on each side; a network of another kind has to compute them all."""
    answer_BKHW = network(x_BCHW, trim) if isinstance(network, UNet) else trimmed(network(x_BCHW), trim)
    assert isinstance(answer_BKHW, Tensor)
    return answer_BKHW


def initialised(architecture: Architecture, seed: int) -> UNet:
    """A network with weights drawn after He et al. (2015), the same for the same seed, and biases of 0."""
    generator = torch.Generator().manual_seed(seed)
    network = UNet(architecture)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # of a transposed 2x2 convolution with stride 2 every output pixel sees one input pixel of each channel
            fan = module.in_channels * (module.kernel_size[0] ** 2 if isinstance(module, nn.Conv2d) else 1)
            gain = 2.0 if isinstance(module, nn.Conv2d) and module.kernel_size[0] > 1 else 1.0
            nn.init.normal_(module.weight, std=(gain / fan) ** 0.5, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def _fused(convolution: nn.Module, norm: nn.Module) -> nn.Module:
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)


def folded(network: N) -> N:
    """The same network in eval mode with each normalisation folded into the convolution before it."""
    network.eval()
    for level in network.modules():
        if isinstance(level, Level):
            pairs = zip(level.convolutions, level.norms, strict=True)
            level.convolutions = nn.ModuleList(_fused(convolution, norm) for convolution, norm in pairs)
            level.norms = nn.ModuleList(nn.Identity() for _ in range(CONVOLUTIONS))
    return network
