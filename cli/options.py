"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


def common(command: F) -> F:
    """--verbose, --quiet and --json, which every command has; main reads the first two from the command line."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, and nothing else."),
        click.option("--quiet", is_flag=True, help="Show errors only."),
        click.option("--verbose", is_flag=True, help="Show the log, and the traceback of an error."),
    ):
        command = option(command)
    return command


def device(command: F) -> F:
    """--device and --precision, wherever a network runs."""
    for option in (
        click.option(
            "--precision",
            type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
            default="auto",
            show_default=True,
            help="Arithmetic of the network; auto takes bf16 where it is fast.",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    ):
        command = option(command)
    return command


def number_or_word(*words: str) -> Callable[[click.Context, click.Parameter, str], float | str]:
    """A click callback for an option that is one of the words, or a number above 0."""

    def checked(ctx: click.Context, parameter: click.Parameter, value: str) -> float | str:
        if value in words:
            return value
        number = _number(value)
        if number is None or not 0 < number < float("inf"):
            raise click.BadParameter(f"{value!r} is neither {' nor '.join(map(repr, words))} nor a number above 0")
        return number

    return checked


number_or_auto = number_or_word("auto")


def whole_or_auto(ctx: click.Context, parameter: click.Parameter, value: str) -> int | str:
    """A click callback: 'auto', or a whole number above 0."""
    number = number_or_auto(ctx, parameter, value)
    if isinstance(number, str):
        return number
    if number != int(number):
        raise click.BadParameter(f"{value} must be a whole number")
    return int(number)


def band_list(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...] | str:
    """A click callback: 'auto', or band numbers from 1 with commas between them."""
    if value == "auto":
        return value
    numbers = value.replace(" ", "").split(",")
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise click.BadParameter(f"{value!r} is neither 'auto' nor band numbers such as 1,2,3")
    return tuple(int(number) for number in numbers)


def nodata_value(ctx: click.Context, parameter: click.Parameter, value: str) -> float | str:
    """A click callback: 'auto', 'none', or a value."""
    if value in ("auto", "none"):
        return value
    number = _number(value)
    if number is None:
        raise click.BadParameter(f"{value!r} is neither 'auto' nor 'none' nor a number")
    return number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
