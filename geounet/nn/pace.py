"""Pace: how long the parts of a training take, measured on a copy of the network that is thrown away."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice

from geounet.nn.entrance import Entrance
from geounet.nn.exam import Exam, validated
from geounet.nn.group import ALONE, Group
from geounet.nn.loader import Batch
from geounet.nn.loop import beat, fit
from geounet.nn.plan import Plan
from geounet.nn.training import begun
from geounet.nn.unet import UNet

MEASURED = 16  # steps at most, filled up to whole beats; the first beat warms the machine up and is not timed
LOOKING = 0.25  # most of the time that validations take
FEWEST_BETWEEN = 5  # steps from one validation to the next
VALIDATIONS = 20  # in a run that has the time for them


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: until the first batch is there, of a step, and of one batch in a validation, which has `batches`."""

    start: float
    step: float
    batch: float
    batches: float

    @property
    def validation(self) -> float:
        return self.batch * self.batches

    @property
    def least(self) -> float:
        """Of a step and the validation after it."""
        return self.start + self.step + self.validation

    def fitting(self, seconds: float) -> tuple[int, int]:
        """Steps and validations that fit into so many seconds: one of each at least.

        >>> Pace(start=2, step=0.5, batch=1, batches=4).fitting(102)
        (152, 6)
        """
        left = seconds - self.start
        looks = max(1, min(VALIDATIONS, int(LOOKING * left / self.validation) if self.batches else VALIDATIONS))
        steps = max(1, int((left - looks * self.validation) / self.step))
        return steps, min(looks, max(1, steps // FEWEST_BETWEEN))


def measured(
    network: UNet,
    plan: Plan,
    *,
    batches: Callable[[Plan], Iterable[Batch]],
    exam: Exam,
    entrance: Entrance,
    within: float,
    group: Group = ALONE,
) -> Pace:
    """The pace of a training by a few steps and one batch of a validation; the first process's counts for all.

    Args:
        batches: makes those of a plan.
        within: seconds after which a few are enough.
    """
    length = beat(entrance.runtime)
    tried = replace(plan, steps=max(2, -(-MEASURED // length)) * length)
    endless = replace(tried, steps=tried.steps + 1, validate_every=tried.steps + 1)  # no validation among them
    training = begun(deepcopy(network), endless, entrance.runtime)
    begin = time.perf_counter()
    marks = []
    with closing(fit(training, endless, batches(tried), exam, entrance, group=group)) as records:
        for _ in records:
            marks.append(time.perf_counter())
            if group.of_first(len(marks) > 1 and marks[-1] - begin > within):
                break
    looked = time.perf_counter()
    validated(training.average, plan, replace(exam, batches=lambda: islice(exam.batches(), 1)), entrance, group)
    a_step = (marks[-1] - marks[0]) / (length * (len(marks) - 1))
    return group.of_first(Pace(marks[0] - begin, a_step, time.perf_counter() - looked, exam.count))
