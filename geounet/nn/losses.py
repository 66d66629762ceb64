"""What training minimises; ignored pixels have no part in it.

Tensors are suffixed by shape: B batch, K outputs, H rows, W columns. Labels are uint8 class ids, with 255 ignored.
A network of one output answers with the logit of class 1, one of more outputs with a logit for each class and, where
the model has a contact class, one more for that.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from geounet.errors import SettingsError
from geounet.legend import CONTACT, IGNORE

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
SMOOTHING = 1.0  # pixels; keeps the Dice of a batch without a class defined
FOCUS = 2.0  # gamma of Lin et al., the value they recommend
EDGE_WEIGHT, EDGE_REACH = 10.0, 5  # w0 and sigma in pixels of Ronneberger et al. (2015)
CONTACT_WEIGHT = 40.0  # of a pixel: where 2 or 3 in 1000 are contact, all of it weighs a tenth of the rest


def learned(
    labels_BHW: Tensor, outputs: int, *, contact: bool, class_weights: Sequence[float] = ()
) -> tuple[Tensor, Tensor]:
    """Number of the output each pixel should answer with (int64, 0 where ignored), and its weight (float32).

    Contact is the last output of a model that has it, and weighs more than other pixels because it is rare; to any
    other model contact pixels are ignored. What is ignored weighs nothing.

    Args:
        class_weights: of a pixel of each class of the legend; 1 each where there are none.
    """
    ignored_BHW, touching_BHW = labels_BHW == IGNORE, labels_BHW == CONTACT
    weights_BHW = torch.where(ignored_BHW, 0.0, 1.0)
    weights_BHW = torch.where(touching_BHW, CONTACT_WEIGHT if contact else 0.0, weights_BHW)
    targets_BHW = torch.where(touching_BHW, outputs - 1, labels_BHW.long())
    targets_BHW = torch.where(weights_BHW > 0, targets_BHW, 0)
    if class_weights:
        of_class_K = _on_device((*class_weights, *[1.0] * contact), labels_BHW.device)
        weights_BHW = weights_BHW * of_class_K[targets_BHW]
    return targets_BHW, weights_BHW


@lru_cache(maxsize=8)
def _on_device(values: tuple[float, ...], device: torch.device) -> Tensor:
    """On the device once and for all: sending them makes the host wait for it."""
    return torch.tensor(values, device=device)


def _mean(values_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """Weighted mean over the pixels; 0 where none weighs anything, with a gradient of 0."""
    total = torch.where(weights_BHW > 0, weights_BHW * values_BHW, 0).sum()
    return total / weights_BHW.sum().clamp(min=1)


def _surprise(logits_BKHW: Tensor, targets_BHW: Tensor) -> Tensor:
    """-log of the probability given to the right answer, (B, H, W)."""
    if logits_BKHW.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(
            logits_BKHW[:, 0], targets_BHW.to(logits_BKHW.dtype), reduction="none"
        )
    return functional.cross_entropy(logits_BKHW, targets_BHW, reduction="none")


def cross_entropy(logits_BKHW: Tensor, targets_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """Weighted mean of the cross entropy: binary for one output, else categorical."""
    return _mean(_surprise(logits_BKHW, targets_BHW), weights_BHW)


def focal(logits_BKHW: Tensor, targets_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """Cross entropy weighted by (1 - p) ** 2, so that pixels already right weigh little.

    Source: Lin et al. (2017), "Focal Loss for Dense Object Detection", without its alpha.
    """
    surprise_BHW = _surprise(logits_BKHW, targets_BHW)
    # -expm1(-s) is 1 - p without the loss of digits near p = 1
    return _mean((-torch.expm1(-surprise_BHW)) ** FOCUS * surprise_BHW, weights_BHW)


def boundary(logits_BKHW: Tensor, targets_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """Cross entropy in which pixels weigh more the nearer they lie to where one class meets another.

    A pixel d from such an edge weighs 10 exp(-d² / 2·5²) more than its class does.

    Source: Ronneberger et al. (2015), "U-Net", eq. 2, with the distance to the nearest edge alone, in a king's moves:
    labels in a raster know no second-nearest cell.
    """
    known_BHW = weights_BHW > 0
    weights_BHW = torch.where(known_BHW, weights_BHW + edge_weights(targets_BHW, known_BHW), 0)
    return _mean(_surprise(logits_BKHW, targets_BHW), weights_BHW)


def edge_weights(targets_BHW: Tensor, known_BHW: Tensor) -> Tensor:
    """What each pixel weighs more by its distance from where known classes meet, (B, H, W) float32."""
    near_B1HW = _edges(targets_BHW, known_BHW)[:, None].float()
    weights_B1HW = EDGE_WEIGHT * near_B1HW
    for distance in range(1, 3 * EDGE_REACH + 1):  # beyond three deviations next to nothing is left
        wider_B1HW = functional.max_pool2d(near_B1HW, 3, stride=1, padding=1)
        weight = EDGE_WEIGHT * math.exp(-(distance**2) / (2 * EDGE_REACH**2))
        weights_B1HW = weights_B1HW + weight * (wider_B1HW - near_B1HW)
        near_B1HW = wider_B1HW
    return weights_B1HW[:, 0]


def _edges(targets_BHW: Tensor, known_BHW: Tensor) -> Tensor:
    """Whether a pixel has a neighbour of another class below, above, left or right, (B, H, W) bool."""
    edges_BHW = torch.zeros_like(known_BHW)
    for axis in (1, 2):
        length = targets_BHW.shape[axis] - 1
        (a, b), (known_a, known_b), (edge_a, edge_b) = (
            (t.narrow(axis, 0, length), t.narrow(axis, 1, length)) for t in (targets_BHW, known_BHW, edges_BHW)
        )
        meet = (a != b) & known_a & known_b
        edge_a |= meet
        edge_b |= meet
    return edges_BHW


def dice(logits_BKHW: Tensor, targets_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """1 - Dice of each foreground class over the whole batch, averaged over the classes the batch has.

    For one output the class always takes part, so that a batch without buildings punishes those that are made up.

    Source: Milletari, Navab & Ahmadi (2016), "V-Net", with plain sums below as in Sudre et al. (2017).
    """
    if logits_BKHW.shape[1] == 1:
        chances_BKHW, truth_BKHW = logits_BKHW.sigmoid(), targets_BHW[:, None] == 1
    else:
        chances_BKHW = logits_BKHW.softmax(1)[:, 1:]
        classes_K = torch.arange(1, logits_BKHW.shape[1], device=logits_BKHW.device)
        truth_BKHW = targets_BHW[:, None] == classes_K[None, :, None, None]
    counts_B1HW = weights_BHW[:, None] > 0
    chances_BKHW = torch.where(counts_B1HW, chances_BKHW, 0)
    truth_BKHW = truth_BKHW & counts_B1HW
    both_K = torch.where(truth_BKHW, chances_BKHW, 0).sum((0, 2, 3))
    true_K = truth_BKHW.sum((0, 2, 3))
    lost_K = 1 - (2 * both_K + SMOOTHING) / (chances_BKHW.sum((0, 2, 3)) + true_K + SMOOTHING)
    if logits_BKHW.shape[1] == 1:
        return lost_K.sum()
    there_K = true_K > 0
    return torch.where(there_K, lost_K, 0).sum() / there_K.sum().clamp(min=1)


def dice_beside_contact(logits_BKHW: Tensor, targets_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """Dice of the classes, contact taken as building, and the weighted cross entropy of contact against all the rest.

    Dice of contact itself does not learn what 2 or 3 in 1000 pixels are: it is as happy with contact everywhere, and
    the other classes drown in that. With several foreground classes pixels of contact have no part in their Dice.
    """
    of_contact = logits_BKHW.shape[1] - 1
    touching_BHW = targets_BHW == of_contact
    rest_BHW, contact_BHW = logits_BKHW[:, :-1].logsumexp(1), logits_BKHW[:, -1]
    surprise_BHW = functional.softplus(torch.where(touching_BHW, rest_BHW - contact_BHW, contact_BHW - rest_BHW))
    if of_contact == 2:
        building_BHW = torch.logaddexp(logits_BKHW[:, 1], contact_BHW)
        classes = torch.stack([logits_BKHW[:, 0], building_BHW], 1)
        overlap = dice(classes, targets_BHW.clamp(max=1), weights_BHW)
    else:
        overlap = dice(logits_BKHW[:, :-1], targets_BHW, torch.where(touching_BHW, 0, weights_BHW))
    return overlap + _mean(surprise_BHW, weights_BHW)


def cross_entropy_and_dice(logits_BKHW: Tensor, targets_BHW: Tensor, weights_BHW: Tensor) -> Tensor:
    """Sum of both: the cross entropy judges each pixel, Dice the overlap whatever a class's share."""
    return cross_entropy(logits_BKHW, targets_BHW, weights_BHW) + dice(logits_BKHW, targets_BHW, weights_BHW)


LOSSES: Mapping[str, Loss] = {
    "bce+dice": cross_entropy_and_dice,
    "dice": dice,
    "bce": cross_entropy,
    "ce": cross_entropy,
    "focal": focal,
    "boundary": boundary,
}


def loss_named(name: str, *, contact: bool = False) -> Loss:
    """The loss of that name: of float32 logits (B, K, H, W) and what `learned` made of the labels.

    Args:
        contact: whether the last output is contact.

    Raises:
        SettingsError: a name that no loss has.
    """
    if name not in LOSSES:
        raise SettingsError(f"loss {name!r} is unknown; use one of {', '.join(LOSSES)}")
    return dice_beside_contact if contact and name == "dice" else LOSSES[name]
