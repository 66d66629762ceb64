"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import click

from geounet.track import Track, untracked

T = TypeVar("T")
_SECONDS_BETWEEN_LINES = 10.0


def progress(*, quiet: bool = False) -> AbstractContextManager[Track]:
    """A Track that shows stage, rate and time left; `quiet` shows nothing."""
    if quiet:
        return _silent()
    return _bar() if sys.stderr.isatty() else _lines()


@contextmanager
def _silent() -> Iterator[Track]:
    yield untracked


@contextmanager
def _lines() -> Iterator[Track]:
    yield _tell_in_lines


def _tell_in_lines(
    items: Iterable[T],
    stage: str,
    *,
    total: float,
    unit: str,
    amount: Callable[[T], float] = lambda _: 1.0,
    tell: Callable[[T], str] = lambda _: "",
) -> Iterator[T]:
    start = said = time.monotonic()
    done, words = 0.0, ""
    for item in items:
        yield item
        done += amount(item)
        words = tell(item) or words
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_LINES:
            said = now
            click.echo(_line(stage, done, total, unit, now - start, words), err=True)
    click.echo(f"{stage}: {_amount(done)} {unit} in {_clock(time.monotonic() - start)}  {words}".rstrip(), err=True)


def _line(stage: str, done: float, total: float, unit: str, seconds: float, words: str) -> str:
    rate = done / seconds if seconds else 0.0
    left = f", {_clock((total - done) / rate)} left" if rate and total > done else ""
    return f"{stage}: {100 * done / total if total else 100:.0f} % at {rate:.3g} {unit}/s{left}  {words}".rstrip()


def _amount(value: float) -> str:
    """
    >>> _amount(6400.0), _amount(1.499031)
    ('6,400', '1.5')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _clock(seconds: float) -> str:
    """
    >>> _clock(3700)
    '1:01:40'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _bar() -> Iterator[Track]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]:>14}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:

        def track(
            items: Iterable[T],
            stage: str,
            *,
            total: float,
            unit: str,
            amount: Callable[[T], float] = lambda _: 1.0,
            tell: Callable[[T], str] = lambda _: "",
        ) -> Iterator[T]:
            start, done = time.monotonic(), 0.0
            task = shown.add_task(stage, total=total, rate="", words="")
            for item in items:
                yield item
                done += amount(item)
                rate = f"{done / max(1e-9, time.monotonic() - start):.3g} {unit}/s"
                shown.update(task, completed=done, rate=rate, words=tell(item))

        yield track
