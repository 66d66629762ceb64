"""Track: how a job tells how far it is, without knowing who listens."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


def _one(_: object) -> float:
    return 1.0


def _nothing(_: object) -> str:
    return ""


class Track(Protocol):
    """Hands on the items and tells a listener about each one when the job comes back for the next.

    Args:
        stage: what is being done, in a word or two: "predicting".
        total: how much there is to do, in `unit`s.
        unit: of the rate shown: "Mpx", "windows", "steps".
        amount: how much of the total an item was.
        tell: a few words about an item, shown beside the rate: "loss 0.21".
    """

    def __call__(
        self,
        items: Iterable[T],
        stage: str,
        *,
        total: float,
        unit: str,
        amount: Callable[[T], float] = _one,
        tell: Callable[[T], str] = _nothing,
    ) -> Iterator[T]: ...


def untracked(
    items: Iterable[T],
    stage: str,
    *,
    total: float,
    unit: str,
    amount: Callable[[T], float] = _one,
    tell: Callable[[T], str] = _nothing,
) -> Iterator[T]:
    """The items, with nobody listening."""
    yield from items
