"""The training loop: steps of the optimizer, and now and then a validation of the weights' running average."""

import math
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from geounet.errors import TrainingError
from geounet.nn.device import Runtime
from geounet.nn.entrance import Entrance
from geounet.nn.exam import Exam, Validation, validated
from geounet.nn.group import ALONE, Group
from geounet.nn.loader import Batch
from geounet.nn.plan import Plan
from geounet.nn.tally import is_clearly_worse
from geounet.nn.training import Training, stepped

GPU_BEAT = 10  # steps between two looks at the loss on a GPU, where every look waits for the device


@dataclass(frozen=True, slots=True)
class Step:
    """`count` steps done, the last of them `number` (from 1), with their mean loss."""

    number: int
    count: int
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A validation after step `number`: mean training loss since the one before, and the score of the average.

    `score` and `iou` are None where there is nothing to score; `best` says that the weights are kept:
    no earlier ones are clearly better.
    """

    number: int
    loss: float
    learning_rate: float
    validation_loss: float | None
    score: float | None
    iou: tuple[float | None, ...]
    best: bool


def beat(runtime: Runtime) -> int:
    """Steps between two looks at the loss."""
    return GPU_BEAT if runtime.on_gpu else 1


def fit(
    training: Training,
    plan: Plan,
    batches: Iterable[Batch],
    exam: Exam,
    entrance: Entrance,
    *,
    until: float = math.inf,
    group: Group = ALONE,
) -> Generator[Step | Checked, None, None]:
    """Train from the training's step to the plan's last, changing `training`; a record now and then.

    Args:
        batches: this process's shares of the batches, from the training's step on.
        until: by `time.perf_counter`, when to stop before the plan's end, after a validation.

    Raises:
        TrainingError: a loss or weights that are no longer finite, or a device without the memory for a step.
    """
    since: list[float] = []  # losses since the last validation
    unread: list[Tensor] = []
    if _is_spent(training, plan):
        return
    for shares in _grouped(batches, plan.shares // group.size):
        unread.append(stepped(training, plan, shares, entrance, group))
        training.step += 1
        due = training.step % plan.validate_every == 0 or training.step == plan.steps
        is_late = False
        if len(unread) == beat(entrance.runtime) or due:
            is_late = math.isfinite(until) and group.of_first(time.perf_counter() > until)
            losses = (group.add(torch.stack(unread)) / group.size).tolist()
            count, since, unread = len(unread), since + losses, []
            _check_finite(losses, training)
            yield Step(training.step, count, sum(losses) / count, plan.rate(training.step - 1))
        if due or is_late:
            group.copy_first(training.average.buffers())
            yield _checked(training, plan, validated(training.average, plan, exam, entrance, group), since)
            since = []
            if is_late or _is_spent(training, plan):
                return


def _is_spent(training: Training, plan: Plan) -> bool:
    """Whether the patience is used up."""
    return plan.patience is not None and training.stale >= plan.patience


def _grouped(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    iterator = iter(batches)
    while shares := list(islice(iterator, count)):
        yield shares


def _check_finite(losses: Sequence[float], training: Training) -> None:
    if not all(math.isfinite(loss) for loss in losses):
        raise TrainingError(
            f"the loss is no longer a number after step {training.step}; the best model so far is kept, if there is "
            f"one. Train with a lower --lr, or --precision fp32"
        )


def _checked(training: Training, plan: Plan, found: Validation, losses: Sequence[float]) -> Checked:
    """Take the validation into the training's history.

    Of weights that score alike the later ones are kept: where few windows are all there is to judge by, luck makes the
    first high score, and what is learned after it would be thrown away.
    """
    if not all(torch.isfinite(tensor).all() for tensor in training.average.state_dict().values()):
        _check_finite([math.nan], training)
    confusion, leader = found.tally.confusion, training.leader
    merit = found.tally.merit
    leads = leader is None or merit is None or merit > (leader.merit or 0.0)
    best = leader is None or leads or not is_clearly_worse(found.tally, leader)
    training.stale = 0 if leads else training.stale + 1
    if leads:
        training.leader = found.tally
    if best:
        training.best_step = training.step
    record = Checked(
        number=training.step,
        loss=sum(losses) / max(1, len(losses)),
        learning_rate=plan.rate(training.step - 1),
        validation_loss=found.loss,
        score=confusion.score,
        iou=confusion.iou if confusion.pixels else (),
        best=best,
    )
    training.history.append(
        {
            "step": record.number,
            "loss": record.loss,
            "validation_loss": record.validation_loss,
            "iou": record.score,
            **({"contact_iou": found.tally.confusion_of_contact.score} if plan.contact else {}),
            "learning_rate": record.learning_rate,
        }
    )
    return record
