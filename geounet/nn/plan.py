"""Plan: what a training run does, every `auto` resolved."""

import math
from dataclasses import dataclass

from geounet.nn.group import Group


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training run does, everything resolved to numbers.

    Args:
        steps: in all; `validate_every` of them lie between two validations.
        batch_size: windows in a step, in `shares` equal parts that each have normalisation and loss of their own: one
            process takes them one after the other, a group each its part of them.
        learning_rate: highest, reached after `warmup` steps, falling to 0 along a cosine by the last.
        average: share of the weights' running average that a step keeps, once it is warm.
        patience: validations without a better score before the run stops; None never stops it.
        class_weights: of a pixel of each class in the cross entropy; none where all weigh the same.
        optimizer: adamw, adam or sgd (with Nesterov's momentum).
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
    shares: int = 1
    class_weights: tuple[float, ...] = ()
    optimizer: str = "adamw"

    @property
    def scored_windows(self) -> int:
        """Most windows that a validation looks at, so that all of them take a small share of the run."""
        return max(256, self.validate_every * self.batch_size // 4)

    @property
    def share(self) -> int:
        """Windows that are computed together."""
        return self.batch_size // self.shares

    def rate(self, step: int) -> float:
        """Learning rate of step 0, 1, ..."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def numbers(self, first: int, group: Group) -> list[range]:
        """Numbers of the samples of each share that this process computes from step `first` on, in order.

        >>> plan = Plan(2, 8, 0.1, "dice", validate_every=1, warmup=1, average=0.9, shares=2)
        >>> plan.numbers(1, Group(0, 1)), plan.numbers(1, Group(1, 2))
        ([range(8, 12), range(12, 16)], [range(12, 16)])
        """
        own = self.batch_size // group.size
        begins = range(first * self.batch_size + group.rank * own, self.steps * self.batch_size, self.batch_size)
        return [range(at, at + self.share) for begin in begins for at in range(begin, begin + own, self.share)]
