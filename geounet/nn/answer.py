"""From logits to probabilities, levels and classes: the one way from the network to a map.

Tensors are suffixed by shape: B batch, K outputs, F bands of a strip, H rows, W columns.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from geounet.rule import LEVELS


def probabilities(logits_BKHW: Tensor) -> Tensor:
    """Probability of each class in the legend's order, contact last: (B, classes, H, W) float32, summing to 1."""
    logits_BKHW = logits_BKHW.float()
    if logits_BKHW.shape[1] == 1:
        chance_BKHW = logits_BKHW.sigmoid()
        return torch.cat([1 - chance_BKHW, chance_BKHW], dim=1)
    return logits_BKHW.softmax(1)


def averaged(views: Sequence[Tensor]) -> Tensor:
    """Mean of the probabilities that several views' logits (B, K, H, W) give."""
    total_BKHW = probabilities(views[0])
    for logits_BKHW in views[1:]:
        total_BKHW += probabilities(logits_BKHW)
    return total_BKHW.div_(len(views)) if len(views) > 1 else total_BKHW


def strips(chance_BKHW: Tensor, classes: int, *, cut: int) -> Tensor:
    """Class, then the level round(254 p) of each foreground class and of contact: (B, F, H, W) uint8.

    Between background and building the level decides: building where it is at least `cut`, and the building's
    probability takes in its contact. Among more classes the likeliest wins, contact left out.

    Args:
        chance_BKHW: probability of each class, contact last, float32.
        classes: of the legend; one output more than that is contact.
    """
    contact_BKHW = chance_BKHW[:, classes:]
    if classes == 2:
        # 1 - background keeps building + contact at most 1
        has_contact = contact_BKHW.shape[1] > 0
        shown_BKHW = torch.cat([1 - chance_BKHW[:, :1], contact_BKHW], dim=1) if has_contact else chance_BKHW[:, 1:]
        levels_BKHW = _levels(shown_BKHW)
        winner_BKHW = (levels_BKHW[:, :1] - (cut - 1)).clamp_(0, 1)
    else:
        winner_BKHW = chance_BKHW[:, :classes].argmax(1, keepdim=True).to(torch.int16)
        levels_BKHW = _levels(chance_BKHW[:, 1:])
    # on a processor int16 is several times as quick as uint8 to make from floats and to compare
    return torch.cat([winner_BKHW, levels_BKHW], dim=1).to(torch.uint8)


def _levels(chance_BKHW: Tensor) -> Tensor:
    return (LEVELS * chance_BKHW).round_().to(torch.int16)
