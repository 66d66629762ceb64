"""Training: network, average and optimizer as they change, and the one step that changes them.

Tensors are suffixed by shape: B batch, C bands, K outputs, H rows, W columns.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from geounet.errors import TrainingError
from geounet.nn.device import ROOM, Runtime, enough_memory, placed
from geounet.nn.entrance import Entrance
from geounet.nn.group import Group
from geounet.nn.loader import Batch
from geounet.nn.losses import learned, loss_named
from geounet.nn.plan import Plan
from geounet.nn.tally import Tally
from geounet.nn.unet import UNet

CLIP = 1.0  # largest norm of a gradient
MOMENTUM = 0.9
OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": partial(torch.optim.SGD, momentum=MOMENTUM, nesterov=True),
}


@dataclass
class Training:
    """Everything that a run changes, and that going on with it needs (see `geounet.nn.checkpoint`).

    Args:
        best_step: after which the weights were that are kept.
        leader: the validation with the highest score so far; None before the first.
        stale: validations since.
    """

    network: UNet
    average: UNet
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    step: int = 0
    best_step: int = 0
    leader: Tally | None = None
    stale: int = 0
    history: list[dict[str, float | int | None]] = field(default_factory=list)

    @cached_property
    def pairs(self) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Numbers of the average and of the network, in one order, then counts of both; they stay the same tensors."""
        a, b = (list(network.state_dict().values()) for network in (self.average, self.network))
        numbers, counts = ([i for i, t in enumerate(a) if t.is_floating_point() is kind] for kind in (True, False))
        ours, theirs = ([[side[i] for i in which] for which in (numbers, counts)] for side in (a, b))
        return ours[0], theirs[0], ours[1], theirs[1]


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
    optimizer = OPTIMIZERS[plan.optimizer](
        [{"params": weights, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=plan.learning_rate,
        fused=runtime.on_gpu or None,  # one kernel for all weights, and none that waits for the scaler
    )
    scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.precision == "fp16")
    return Training(network, average, optimizer, scaler)


@enough_memory(TrainingError, ROOM)
def stepped(training: Training, plan: Plan, shares: Sequence[Batch], entrance: Entrance, group: Group) -> Tensor:
    """One step of the optimizer; the mean loss of this process's shares of the batch, still on the device.

    Gradients are the mean over all shares of all processes; each share has normalisations and Dice of its own. Of the
    normalisations' running statistics those of the batch's first share count.
    """
    rate = plan.rate(training.step)
    for parameters in training.optimizer.param_groups:
        parameters["lr"] = rate
    training.optimizer.zero_grad(set_to_none=True)
    values = []
    for number, share in enumerate(shares):
        with entrance.runtime.quickest():
            with _unnoted(training.network, number > 0):
                value = _loss(training.network, plan, share, entrance)
            training.scaler.scale(value / plan.shares).backward()  # type: ignore[no-untyped-call]
        values.append(value.detach())
    _add_gradients(training.network, group)
    training.scaler.unscale_(training.optimizer)
    nn.utils.clip_grad_norm_(training.network.parameters(), CLIP)
    training.scaler.step(training.optimizer)
    training.scaler.update()
    _averaged(training, min(plan.average, (1 + training.step) / (10 + training.step)))
    return torch.stack(values).mean()


def _loss(network: UNet, plan: Plan, batch: Batch, entrance: Entrance) -> Tensor:
    x_BCHW, labels_BHW = entrance(batch)
    with entrance.runtime.mixed():
        logits_BKHW = network(x_BCHW)
    targets_BHW, weights_BHW = learned(
        labels_BHW, logits_BKHW.shape[1], contact=plan.contact, class_weights=plan.class_weights
    )
    return loss_named(plan.loss, contact=plan.contact)(logits_BKHW.float(), targets_BHW, weights_BHW)


@contextmanager
def _unnoted(network: UNet, unnoted: bool) -> Iterator[None]:
    """Context in which the network's running statistics stay as they are, if so asked."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)] if unnoted else []
    for norm in norms:
        norm.track_running_stats = False
    yield
    for norm in norms:
        norm.track_running_stats = True


def _add_gradients(network: UNet, group: Group) -> None:
    """Give all processes the sum of their gradients."""
    if group.size == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    total = group.add(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(gradients, torch.split(total, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


@torch.no_grad()
def _averaged(training: Training, kept: float) -> None:
    """Move the average of weights and of the normalisations' statistics towards the network's."""
    numbers, new_numbers, counts, new_counts = training.pairs
    torch._foreach_lerp_(numbers, new_numbers, 1 - kept)
    torch._foreach_copy_(counts, new_counts)
