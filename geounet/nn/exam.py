"""Validation in the midst of a training.

Tensors are suffixed by shape: B batch, C bands, K outputs, F bands of a strip, H rows, W columns.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from geounet.block import Array
from geounet.errors import TrainingError
from geounet.metrics import Confusion
from geounet.nn.answer import probabilities, strips
from geounet.nn.device import enough_memory
from geounet.nn.entrance import Entrance
from geounet.nn.group import Group
from geounet.nn.losses import learned, loss_named
from geounet.nn.plan import Plan
from geounet.nn.samples import Batch
from geounet.nn.score import scored
from geounet.nn.training import ROOM
from geounet.nn.unet import UNet
from geounet.rule import cut_level


@dataclass(frozen=True)
class Exam:
    """This process's part of the validation windows, made anew for each look, and the classes of the legend.

    Args:
        count: of the batches.
    """

    batches: Callable[[], Iterable[Batch]]
    classes: int
    count: int


@dataclass(frozen=True, slots=True)
class Validation:
    """Pooled counts and mean loss over the validation windows of all processes; no loss where there are none."""

    confusion: Confusion
    loss: float | None


@enough_memory(TrainingError, ROOM)
@torch.inference_mode()
def validated(network: UNet, plan: Plan, exam: Exam, entrance: Entrance, group: Group) -> Validation:
    """Answers of the network, in eval mode, scored by the rule that makes the maps."""
    loss, sums = loss_named(plan.loss), torch.zeros(2, dtype=torch.float64)
    confusion = Confusion.empty(exam.classes)
    for batch in exam.batches():
        x_BCHW, labels_BHW = entrance(batch)
        with entrance.runtime.mixed():
            logits_BKHW = network(x_BCHW)
        targets_BHW, weights_BHW = learned(
            labels_BHW, logits_BKHW.shape[1], contact=plan.contact, class_weights=plan.class_weights
        )
        sums += torch.tensor([float(loss(logits_BKHW.float(), targets_BHW, weights_BHW)), 1.0])
        strips_BFHW = strips(probabilities(logits_BKHW), exam.classes, cut=cut_level(0.5))
        answer: Array = strips_BFHW[:, 0].cpu().numpy()
        confusion += scored(batch.labels_BHW.numpy(), answer, exam.classes)
    total, count = group.add(sums).tolist()
    counts = group.add(torch.from_numpy(confusion.counts))
    return Validation(Confusion(counts.numpy()), total / count if count else None)
