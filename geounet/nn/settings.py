"""What a user asks of a training, and the plan that makes of it, with every `auto` resolved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from geounet.errors import SettingsError
from geounet.nn.device import Runtime
from geounet.nn.group import ALONE, Group
from geounet.nn.losses import loss_named
from geounet.nn.pace import VALIDATIONS
from geounet.nn.plan import Plan
from geounet.nn.training import OPTIMIZERS

Auto = Literal["auto"]

FEWEST_STEPS = 2000
MOST_STEPS = 20_000
PASSES = 40  # over the training windows, between the two
AVERAGED = 0.05  # share of the run that the running average of the weights reaches back
MOST_SEED = 2**63 - 1  # PyTorch's
MOST_RATE = 1e30  # what optimizers make of it must be a float32
RATES = {"adamw": 1.0, "adam": 1.0, "sgd": 10.0}  # times AdamW's learning rate
DECAYS = {"adamw": 0.01, "adam": 0.0, "sgd": 5e-4}  # Adam would scale its decay with the gradient


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings that a training is started with; going on with it takes the same ones.

    Raises:
        SettingsError: one out of its range, or two that contradict each other.
    """

    steps: int | Auto = "auto"
    epochs: int | None = None
    minutes: float | None = None
    batch_size: int | Auto = "auto"
    accumulate: int = 1
    lr: float | Auto = "auto"
    width: int | Auto = "auto"
    depth: int = 4
    skips: bool = True
    loss: str = "bce+dice"
    class_weights: str = "none"
    optimizer: str = "adamw"
    augment: str = "standard"
    synthetic: str = "auto"
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "epochs", "minutes", "batch_size", "accumulate", "lr", "width", "patience"):
            value = getattr(self, name)
            if not isinstance(value, str) and value is not None and not (value > 0 and math.isfinite(value)):
                raise SettingsError(f"{name} {value} must be above 0")
            if isinstance(value, str) and value != "auto":
                raise SettingsError(f"{name} {value!r} must be a number or auto")
        if self.lr != "auto" and self.lr > MOST_RATE:
            raise SettingsError(f"lr {self.lr:g} must be at most {MOST_RATE:g}")
        lengths = [n for n in ("steps", "epochs", "minutes") if getattr(self, n) not in (None, "auto")]
        if len(lengths) > 1:
            raise SettingsError(f"{' and '.join(lengths)} both say how long to train; give one of them")
        if not 0 <= self.seed <= MOST_SEED:
            raise SettingsError(f"seed {self.seed} must be from 0 to {MOST_SEED}")
        loss_named(self.loss)
        known_names = {"class_weights": ("auto", "none"), "synthetic": ("auto", "none"), "optimizer": tuple(OPTIMIZERS)}
        for name, known in known_names.items():
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} {getattr(self, name)!r} is unknown; use one of {', '.join(known)}")

    def chosen_width(self, runtime: Runtime) -> int:
        """Channels of the first level: 64 on a GPU, 16 on a processor."""
        return (64 if runtime.on_gpu else 16) if self.width == "auto" else self.width

    def chosen_batch(self, runtime: Runtime) -> int:
        """Windows in a step: 32 on a GPU, 8 on a processor."""
        return (32 if runtime.on_gpu else 8) if self.batch_size == "auto" else self.batch_size

    def shares(self, runtime: Runtime, group: Group) -> int:
        """Parts of a batch: so many of each process as are accumulated.

        Raises:
            SettingsError: a batch that cannot be divided so.
        """
        batch, shares = self.chosen_batch(runtime), self.accumulate * group.size
        if batch % shares:
            raise SettingsError(
                f"a batch of {batch} windows cannot be shared by {group.size} processes with --accumulate "
                f"{self.accumulate}; use a --batch-size that is a multiple of {shares}"
            )
        return shares

    def plan(
        self,
        windows: int,
        width: int,
        runtime: Runtime,
        *,
        contact: bool,
        class_weights: Sequence[float] = (),
        group: Group = ALONE,
        steps: int | None = None,
        looks: int = VALIDATIONS,
    ) -> Plan:
        """The plan of a run over so many training windows.

        Args:
            class_weights: that balance the classes, for the case that this is asked for.
            steps: how many the minutes given allow for, with so many `looks` at the validation windows; None where
                minutes were not given.
        """
        batch = self.chosen_batch(runtime)
        a_pass = max(1, math.ceil(windows / batch))
        if steps is None:
            steps = self._steps(a_pass)
        return Plan(
            steps=steps,
            batch_size=batch,
            learning_rate=RATES[self.optimizer] * usual_rate(width, batch) if self.lr == "auto" else self.lr,
            loss=self.loss,
            validate_every=max(1, min(steps, math.ceil(steps / looks))),
            warmup=max(1, min(200, steps // 10)),
            average=1 - 1 / max(10.0, AVERAGED * steps),
            weight_decay=DECAYS[self.optimizer],
            patience=self.patience,
            contact=contact,
            class_weights=tuple(class_weights) if self.class_weights == "auto" else (),
            optimizer=self.optimizer,
            shares=self.shares(runtime, group),
        )

    def _steps(self, a_pass: int) -> int:
        if self.epochs is not None:
            return self.epochs * a_pass
        if self.steps == "auto":
            return max(FEWEST_STEPS, min(MOST_STEPS, PASSES * a_pass))
        return self.steps


def usual_rate(width: int, batch_size: int) -> float:
    """Learning rate for AdamW: 1e-3 at width 16 and 8 windows a step, falling with the width, rising with the batch.

    >>> usual_rate(16, 8), usual_rate(64, 32)
    (0.001, 0.001)
    """
    return round(1e-3 * math.sqrt(16 / width) * math.sqrt(batch_size / 8), 7)
