"""Options that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import click.shell_completion
from click.core import ParameterSource
from click.types import StringParamType

F = TypeVar("F", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)


class _Scene(StringParamType):
    """A file or anything else GDAL opens, such as a URL; a shell completes names of files."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        return [click.shell_completion.CompletionItem(incomplete, type="file")]


SCENE = _Scene()


def is_first_process() -> bool:
    """Whether this process speaks for all: among those that torchrun starts the first one does."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0"


def was_given(ctx: click.Context, name: str) -> bool:
    """Whether an option stands on the command line, or in a variable of the environment."""
    return ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


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


def number_or_word(*words: str, zero: bool = False) -> Callable[[click.Context, click.Parameter, str], float | str]:
    """A click callback for an option that is one of the words, or a number above 0, or 0 too."""
    numbers = "of 0 or more" if zero else "above 0"

    def checked(ctx: click.Context, parameter: click.Parameter, value: str) -> float | str:
        if value in words:
            return value
        number = _number(value)
        if number is None or not (0 < number < float("inf") or (zero and number == 0)):
            raise click.BadParameter(f"{value!r} is neither {' nor '.join(map(repr, words))} nor a number {numbers}")
        return number

    return checked


number_or_auto = number_or_word("auto")


not_negative_or_auto = number_or_word("auto", zero=True)


def whole_or_auto(ctx: click.Context, parameter: click.Parameter, value: str) -> int | str:
    """A click callback: 'auto', or a whole number above 0."""
    number = number_or_auto(ctx, parameter, value)
    if isinstance(number, str):
        return number
    if number != int(number):
        raise click.BadParameter(f"{value} must be a whole number")
    return int(number)


def two_numbers_or_none(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[float, float] | None:
    """A click callback: 'none', or two numbers with a comma between them."""
    numbers = two_numbers_or_word("none", example="0,3000")(ctx, parameter, value)
    return None if isinstance(numbers, str) else numbers


def two_numbers_or_word(
    *words: str, example: str
) -> Callable[[click.Context, click.Parameter, str], tuple[float, float] | str]:
    """A click callback for an option that is one of the words, or two numbers with a comma between them."""

    def checked(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[float, float] | str:
        if value in words:
            return value
        numbers = [_number(text) for text in value.split(",")]
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise click.BadParameter(
                f"{value!r} is neither {' nor '.join(map(repr, words))} nor two numbers as in {example}"
            )
        return numbers[0], numbers[1]

    return checked


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


def _yes_no_or_auto(ctx: click.Context, parameter: click.Parameter, value: bool | None) -> bool | str:
    """A click callback: True or False as a switch was given, 'auto' where it was not."""
    return "auto" if value is None else value


def outlines(command: F) -> F:
    """How footprints are made of what was traced, for `vectorize` and `infer`."""
    for option in (
        click.option(
            "--separate/--no-separate",
            default=None,
            callback=_yes_no_or_auto,
            help="Take buildings that touch apart.  [default: where the model has learned their contact]",
        ),
        click.option(
            "--regularize/--no-regularize",
            default=None,
            callback=_yes_no_or_auto,
            help="Make walls straight and corners square.  [default: of buildings]",
        ),
        click.option(
            "--simplify",
            default="auto",
            show_default=True,
            callback=not_negative_or_auto,
            help="Metres by which an outline may move to have fewer corners; 0 keeps all, auto is ¾ of a pixel.",
        ),
        click.option("--fill-holes", default=4.0, show_default=True, help="Largest hole to fill, in m² on the ground."),
        click.option("--min-area", default=4.0, show_default=True, help="Smallest footprint, in m² on the ground."),
    ):
        command = option(command)
    return command


def tiling(command: F) -> F:
    """How scenes are cut into training windows, for `tile` and for `train` in one step."""
    for option in (
        click.option(
            "--contact",
            default="auto",
            show_default=True,
            callback=number_or_word("auto", "none"),
            help="Metres over which near neighbours are in contact, a class that tells them apart; auto is 3 pixels "
            "where buildings touch.",
        ),
        click.option(
            "--nodata", default="auto", show_default=True, callback=nodata_value, help="auto, none or a value."
        ),
        click.option("--test-area", type=PATH, help="Polygons that are test, instead of --test."),
        click.option("--val-area", type=PATH, help="Polygons that are validation, instead of --val."),
        click.option("--split-block", type=float, help="Side of a block in metres.  [default: 1 to 4 windows]"),
        click.option("--test", default=0.0, show_default=True, help="Share of the blocks for testing."),
        click.option("--val", default=0.15, show_default=True, help="Share of the blocks for validation."),
        click.option("--keep-empty", default=0.25, show_default=True, help="Share kept of windows without foreground."),
        click.option("--label-area", type=PATH, help="Polygons that were labelled in full; outside is ignored."),
        click.option("--ignore", type=PATH, help="Polygons inside which nothing is learned or scored."),
        click.option(
            "--label-shift",
            default="none",
            show_default=True,
            callback=two_numbers_or_word("none", "auto", example="1.5,-2"),
            metavar="none|auto|EAST,NORTH",
            help="Metres by which labels are moved; auto finds it in the imagery, where that is sure.",
        ),
        click.option("--classes", type=PATH, help="CSV of name,r,g,b or id,name: what label rasters hold."),
        click.option("--class-field", help="Field with the class of each polygon; without it all are buildings."),
        click.option(
            "--gsd",
            default="auto",
            show_default=True,
            callback=number_or_word("auto", "native"),
            help="Metres a pixel on the ground; auto takes imagery finer than 0.25 m to 0.3 m.",
        ),
        click.option(
            "--bands", default="auto", show_default=True, callback=band_list, help="Band numbers, as in 4,3,2."
        ),
        click.option(
            "--stride", type=int, help="Pixels from one window to the next.  [default: 256, or --size if that is less]"
        ),
        click.option("--size", default=256, show_default=True, help="Side of a training window in pixels."),
    ):
        command = option(command)
    return command
