"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import logging
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
    seconds = time.monotonic() - start
    rate = f" ({_rate(done, seconds, unit)})" if seconds >= 1 else ""
    click.echo(f"{stage}: {_amount(done)} {unit} in {_clock(seconds)}{rate}  {words}".rstrip(), err=True)


def _line(stage: str, done: float, total: float, unit: str, seconds: float, words: str) -> str:
    rate = done / seconds if seconds else 0.0
    left = f", {_clock((total - done) / rate)} left" if rate and total > done else ""
    share = 100 * done / total if total else 100
    return f"{stage}: {share:.0f} % at {_rate(done, seconds, unit)}{left}  {words}".rstrip()


def _rate(done: float, seconds: float, unit: str) -> str:
    """
    >>> _rate(5670.0, 3.0, "windows"), _rate(0.5, 2.0, "Mpx")
    ('1,890 windows/s', '0.25 Mpx/s')
    """
    return f"{_amount(done / max(1e-9, seconds))} {unit}/s"


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
def _log_above_the_bar() -> Iterator[None]:
    """What is logged goes through rich's stand-in for stderr, which moves the bar out of its way."""
    handlers = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    before = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)


@contextmanager
def _bar() -> Iterator[Track]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Time(ProgressColumn):
        """What is left of a stage, or what it took."""

        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            if task.finished_time is not None:
                return Text(f"in {_clock(task.finished_time)}", style="progress.elapsed")
            left = task.time_remaining
            return Text("" if left is None else f"{_clock(left)} left", style="progress.remaining")

    def cut(least: int | None = None, most: int | None = None) -> Column:
        return Column(no_wrap=True, overflow="ellipsis", min_width=least, max_width=most)

    columns = (
        TextColumn("{task.description}", markup=False, table_column=cut(10, 18)),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]:>14}"),
        Time(table_column=Column(no_wrap=True, min_width=9)),
        TextColumn("{task.fields[words]}", markup=False, table_column=cut()),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown, _log_above_the_bar():

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
                rate = _rate(done, time.monotonic() - start, unit)
                shown.update(task, completed=done, rate=rate, words=tell(item))
            shown.update(task, completed=total)  # what was known before counts as done

        yield track
