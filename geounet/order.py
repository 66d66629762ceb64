"""The order in which things are made and used."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def one_late(items: Iterable[T]) -> Iterator[T]:
    """The items, each when the one after it has been made.

    >>> made = (print("made", n) or n for n in range(3))
    >>> for n in one_late(made):
    ...     print("used", n)
    made 0
    made 1
    used 0
    made 2
    used 1
    used 2
    """
    iterator = iter(items)
    for waiting in iterator:
        for following in iterator:
            yield waiting
            waiting = following  # noqa: PLW2901 - it is the one that waits now
        yield waiting
