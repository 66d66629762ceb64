"""Validation in the midst of a training: the answers that a map would have, scored by the rule that makes maps.

Tensors are suffixed by shape: B batch, C bands, K outputs, F bands of a strip, H rows, W columns.
"""

import sys
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

from geounet.block import Array
from geounet.errors import TrainingError
from geounet.nn.answer import probabilities, strips
from geounet.nn.device import ROOM, enough_memory, placed
from geounet.nn.entrance import Entrance
from geounet.nn.group import Group
from geounet.nn.loader import Batch
from geounet.nn.losses import learned, loss_named
from geounet.nn.plan import Plan
from geounet.nn.tally import Tally
from geounet.nn.unet import UNet, folded, inner_answer
from geounet.rule import cut_level


@dataclass(frozen=True)
class Exam:
    """This process's part of the validation windows, made anew for each look, and the classes of the legend.

    Args:
        count: of the batches, counted as if all cost what the first one does.
        margin: pixels on each side of the windows that are not scored.
        numbers: of the batches among those of all processes, of which each has every n-th.
    """

    batches: Callable[[], Iterable[Batch]]
    classes: int
    count: float
    margin: int = 0
    numbers: Iterable[int] = range(sys.maxsize)


@dataclass(frozen=True, slots=True)
class Validation:
    """Counts and mean loss over the pixels that all processes scored; no loss where there are none."""

    tally: Tally
    loss: float | None


@enough_memory(TrainingError, ROOM)
@torch.inference_mode()
def validated(network: UNet, plan: Plan, exam: Exam, entrance: Entrance, group: Group) -> Validation:
    """Answers of the network, in eval mode, scored by the rule that makes the maps.

    Normalisations are folded into the convolutions as `infer` folds them. The loss is the mean over the windows, each
    weighing as its pixels do.
    """
    loss, sums = loss_named(plan.loss, contact=plan.contact), torch.zeros(2, dtype=torch.float64)
    tally = Tally.empty(exam.classes)
    runtime = entrance.runtime
    network = placed(folded(deepcopy(network)), runtime, runtime.dtype)
    for number, batch in zip(exam.numbers, exam.batches(), strict=False):
        x_BCHW, labels_BHW = entrance(batch)
        with runtime.exact():
            logits_BKHW = inner_answer(network, x_BCHW.to(runtime.dtype), exam.margin)
        labels_BHW = _inner(labels_BHW, exam.margin)
        targets_BHW, weights_BHW = learned(
            labels_BHW, logits_BKHW.shape[1], contact=plan.contact, class_weights=plan.class_weights
        )
        scored_pixels = int((weights_BHW > 0).sum())
        value = float(loss(logits_BKHW.float(), targets_BHW, weights_BHW))
        sums += torch.tensor([value * scored_pixels, scored_pixels], dtype=torch.float64)
        answer: Array = strips(probabilities(logits_BKHW), exam.classes, cut=cut_level(0.5)).cpu().numpy()
        labels = _inner(batch.labels_BHW, exam.margin).numpy()
        tally.count(labels, answer, number, contact=plan.contact)
    total, count = group.add(sums).tolist()
    for counts in (tally.classes, tally.contact):
        group.add(torch.from_numpy(counts))  # in place, where the counts are
    return Validation(tally, total / count if count else None)


def _inner(labels_BHW: Tensor, margin: int) -> Tensor:
    return labels_BHW[:, margin : labels_BHW.shape[1] - margin, margin : labels_BHW.shape[2] - margin]
