"""What asks for more memory than there is."""

import torch
from torch import Tensor


def greedy(x_BCHW: Tensor, trim: int = 0) -> Tensor:
    """A network's forward pass that the processor's allocator refuses."""
    return torch.empty(1 << 60)
