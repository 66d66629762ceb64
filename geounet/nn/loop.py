"""The training loop: AdamW, linear warm-up and cosine, a running average of the weights, validation now and then.

Tensors are suffixed by shape: B batch, C bands, K outputs, H rows, W columns.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from geounet.block import Array
from geounet.errors import TrainingError
from geounet.metrics import Confusion
from geounet.nn.answer import probabilities, strips
from geounet.nn.chip_store import VOID
from geounet.nn.device import Runtime, enough_memory, placed
from geounet.nn.entrance import normalised
from geounet.nn.losses import Loss, learned, loss_named
from geounet.nn.samples import Batch
from geounet.nn.score import scored
from geounet.nn.unet import UNet
from geounet.rule import cut_level

CLIP = 1.0  # largest norm of a gradient
GPU_BEAT = 10  # steps between two looks at the loss on a GPU, where every look waits for the device
ROOM = "use a smaller --batch-size or --width"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training run does, everything resolved to numbers.

    Args:
        steps: in all; `validate_every` of them lie between two validations.
        learning_rate: highest, reached after `warmup` steps, falling to 0 along a cosine by the last.
        average: share of the weights' running average that a step keeps, once it is warm.
        patience: validations without a better score before the run stops; None never stops it.
        contact: whether the last output is the contact between buildings.
    """

    steps: int
    batch_size: int
    learning_rate: float
    loss: str
    validate_every: int
    warmup: int
    average: float
    weight_decay: float = 0.01
    patience: int | None = None
    contact: bool = False

    @property
    def scored_windows(self) -> int:
        """Most windows that a validation looks at, so that all of them take a small share of the run."""
        return max(256, self.validate_every * self.batch_size // 4)

    def rate(self, step: int) -> float:
        """Learning rate of step 0, 1, ..."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


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

    `score` and `iou` are None where there is nothing to score; `best` says that the weights are worth keeping.
    """

    number: int
    loss: float
    learning_rate: float
    validation_loss: float | None
    score: float | None
    iou: tuple[float | None, ...]
    best: bool


@dataclass
class Training:
    """Everything that a run changes, and that going on with it needs; `save` and `restored` are in checkpoint.py."""

    network: UNet
    average: UNet
    optimizer: torch.optim.AdamW
    scaler: torch.amp.GradScaler
    step: int = 0
    best_step: int = 0
    best_score: float | None = None
    stale: int = 0
    history: list[dict[str, float | int | None]] = field(default_factory=list)


@enough_memory(TrainingError, ROOM)
def begun(network: UNet, plan: Plan, runtime: Runtime) -> Training:
    """A training at step 0, on its device."""
    network = placed(network, runtime).train()
    average = placed(UNet(network.architecture), runtime).eval()
    average.load_state_dict(network.state_dict())
    average.requires_grad_(False)
    weights = [p for p in network.parameters() if p.ndim > 1]
    # normalisations and biases have no scale to decay
    others = [p for p in network.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": weights, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=plan.learning_rate,
    )
    scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.precision == "fp16")
    return Training(network, average, optimizer, scaler)


@dataclass(frozen=True)
class Entrance:
    """Takes samples to the device and makes them what the network is given."""

    runtime: Runtime
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Input (B, C, H, W) float32, 0 where there is no imagery; labels (B, H, W) uint8 with 255 there."""
        device = self.runtime.device
        labels_BHW = batch.labels_BHW.to(device, non_blocking=True)
        x_BCHW = batch.pixels_BCHW.to(device, non_blocking=True)
        mean_C11, std_C11 = (torch.tensor(v, device=device)[:, None, None] for v in (self.mean, self.std))
        void_BHW = labels_BHW == VOID
        x_BCHW = normalised(x_BCHW, ~void_BHW[:, None], mean_C11, std_C11)
        return x_BCHW.contiguous(memory_format=torch.channels_last), labels_BHW.masked_fill(void_BHW, 255)


@dataclass(frozen=True)
class Exam:
    """The validation windows, made anew for each look at them (they may be none), and the classes of the legend."""

    batches: Callable[[], Iterable[Batch]]
    classes: int


def beat(runtime: Runtime) -> int:
    """Steps between two looks at the loss."""
    return GPU_BEAT if runtime.on_gpu else 1


def fit(
    training: Training, plan: Plan, batches: Iterable[Batch], exam: Exam, entrance: Entrance
) -> Iterator[Step | Checked]:
    """Train from the training's step to the plan's last, changing `training`; a record now and then.

    Args:
        batches: from the training's step on.

    Raises:
        TrainingError: a loss or weights that are no longer finite, or a device without the memory for a step.
    """
    loss = loss_named(plan.loss)
    since: list[float] = []  # losses since the last validation
    unread: list[Tensor] = []
    for batch in batches:
        unread.append(_stepped(training, plan, loss, batch, entrance))
        training.step += 1
        due = training.step % plan.validate_every == 0 or training.step == plan.steps
        if len(unread) == beat(entrance.runtime) or due:
            losses = torch.stack(unread).tolist()
            count, since, unread = len(unread), since + losses, []
            _check_finite(losses, training)
            yield Step(training.step, count, sum(losses) / count, plan.rate(training.step - 1))
        if due:
            yield _checked(training, plan, validated(training.average, plan, exam, entrance), since)
            since = []
            if plan.patience is not None and training.stale >= plan.patience:
                return


def _check_finite(losses: Sequence[float], training: Training) -> None:
    if not all(math.isfinite(loss) for loss in losses):
        raise TrainingError(
            f"the loss is no longer a number after step {training.step}; the best model so far is kept, if there is "
            f"one. Train with a lower --lr, or --precision fp32"
        )


@enough_memory(TrainingError, ROOM)
def _stepped(training: Training, plan: Plan, loss: Loss, batch: Batch, entrance: Entrance) -> Tensor:
    """One step of the optimizer; the loss, still on the device."""
    x_BCHW, labels_BHW = entrance(batch)
    rate = plan.rate(training.step)
    for group in training.optimizer.param_groups:
        group["lr"] = rate
    with entrance.runtime.mixed():
        logits_BKHW = training.network(x_BCHW)
    targets_BHW, weights_BHW = learned(labels_BHW, logits_BKHW.shape[1], contact=plan.contact)
    value = loss(logits_BKHW.float(), targets_BHW, weights_BHW)
    training.optimizer.zero_grad(set_to_none=True)
    training.scaler.scale(value).backward()  # type: ignore[no-untyped-call]
    training.scaler.unscale_(training.optimizer)
    nn.utils.clip_grad_norm_(training.network.parameters(), CLIP)
    training.scaler.step(training.optimizer)
    training.scaler.update()
    _averaged(training, min(plan.average, (1 + training.step) / (10 + training.step)))
    return value.detach()


@torch.no_grad()
def _averaged(training: Training, kept: float) -> None:
    """Move the average of weights and of the normalisations' statistics towards the network's."""
    pairs = list(zip(training.average.state_dict().values(), training.network.state_dict().values(), strict=True))
    numbers = [(a, b) for a, b in pairs if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in numbers], [b for _, b in numbers], 1 - kept)
    for a, b in pairs:
        if not a.is_floating_point():
            a.copy_(b)


@dataclass(frozen=True, slots=True)
class Validation:
    """Pooled counts and mean loss over the validation windows; no loss where there are none."""

    confusion: Confusion
    loss: float | None


@enough_memory(TrainingError, ROOM)
@torch.inference_mode()
def validated(network: UNet, plan: Plan, exam: Exam, entrance: Entrance) -> Validation:
    """Answers of the network, in eval mode, scored by the rule that makes the maps."""
    loss, losses = loss_named(plan.loss), []
    confusion = Confusion.empty(exam.classes)
    for batch in exam.batches():
        x_BCHW, labels_BHW = entrance(batch)
        with entrance.runtime.mixed():
            logits_BKHW = network(x_BCHW)
        targets_BHW, weights_BHW = learned(labels_BHW, logits_BKHW.shape[1], contact=plan.contact)
        losses.append(float(loss(logits_BKHW.float(), targets_BHW, weights_BHW)))
        strips_BFHW = strips(probabilities(logits_BKHW), exam.classes, cut=cut_level(0.5))
        answer: Array = strips_BFHW[:, 0].cpu().numpy()
        confusion += scored(batch.labels_BHW.numpy(), answer, exam.classes)
    return Validation(confusion, sum(losses) / len(losses) if losses else None)


def _checked(training: Training, plan: Plan, found: Validation, losses: Sequence[float]) -> Checked:
    """Take the validation into the training's history and best score."""
    if not all(torch.isfinite(tensor).all() for tensor in training.average.state_dict().values()):
        _check_finite([math.nan], training)
    score = found.confusion.score
    best = score is None or training.best_score is None or score > training.best_score
    training.stale = 0 if best else training.stale + 1
    if best:
        training.best_score, training.best_step = score, training.step
    record = Checked(
        number=training.step,
        loss=sum(losses) / max(1, len(losses)),
        learning_rate=plan.rate(training.step - 1),
        validation_loss=found.loss,
        score=score,
        iou=found.confusion.iou if found.confusion.pixels else (),
        best=best,
    )
    training.history.append(
        {
            "step": record.number,
            "loss": record.loss,
            "validation_loss": record.validation_loss,
            "iou": record.score,
            "learning_rate": record.learning_rate,
        }
    )
    return record
