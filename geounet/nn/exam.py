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
from geounet.nn.device import ROOM, enough_memory
from geounet.nn.entrance import Entrance
from geounet.nn.group import Group
from geounet.nn.loader import Batch
from geounet.nn.losses import learned, loss_named
from geounet.nn.plan import Plan
from geounet.nn.score import scored, scored_contact
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
    """Pooled counts and mean loss over the validation windows of all processes; no loss where there are none.

    Args:
        contact: counts of pixels in contact or not; empty for a model without it.
    """

    confusion: Confusion
    contact: Confusion
    loss: float | None

    @property
    def merit(self) -> float | None:
        """By which the best weights are chosen: the classes' mean IoU, and as much contact's where the truth has it."""
        scores = [score for score in (self.confusion.score, self.contact.score) if score is not None]
        return sum(scores) / len(scores) if scores else None


@enough_memory(TrainingError, ROOM)
@torch.inference_mode()
def validated(network: UNet, plan: Plan, exam: Exam, entrance: Entrance, group: Group) -> Validation:
    """Answers of the network, in eval mode, scored by the rule that makes the maps."""
    loss, sums = loss_named(plan.loss), torch.zeros(2, dtype=torch.float64)
    confusion, contact = Confusion.empty(exam.classes), Confusion.empty(2)
    for batch in exam.batches():
        x_BCHW, labels_BHW = entrance(batch)
        with entrance.runtime.mixed():
            logits_BKHW = network(x_BCHW)
        targets_BHW, weights_BHW = learned(
            labels_BHW, logits_BKHW.shape[1], contact=plan.contact, class_weights=plan.class_weights
        )
        sums += torch.tensor([float(loss(logits_BKHW.float(), targets_BHW, weights_BHW)), 1.0])
        answer: Array = strips(probabilities(logits_BKHW), exam.classes, cut=cut_level(0.5)).cpu().numpy()
        labels = batch.labels_BHW.numpy()
        confusion += scored(labels, answer[:, 0], exam.classes)
        if plan.contact:
            contact += scored_contact(labels, answer)
    total, count = group.add(sums).tolist()
    return Validation(_added(confusion, group), _added(contact, group), total / count if count else None)


def _added(counts: Confusion, group: Group) -> Confusion:
    return Confusion(group.add(torch.from_numpy(counts.counts)).numpy())
