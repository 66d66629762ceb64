"""`geounet train`."""

import json
from pathlib import Path
from typing import Any

import click

from . import options
from .progress import progress


def _count(ctx: click.Context, parameter: click.Parameter, value: str) -> int | str:
    number = options.number_or_auto(ctx, parameter, value)
    if isinstance(number, float):
        if not number.is_integer():
            raise click.BadParameter(f"{value} must be a whole number")
        return int(number)
    return number


def _workers(ctx: click.Context, parameter: click.Parameter, value: str) -> int | str:
    return 0 if value == "0" else _count(ctx, parameter, value)


@click.command("train")
@click.argument("chips", nargs=-1, required=True, type=options.PATH)
@click.option("--out", type=options.PATH, help="Folder to write; by default CHIPS_run.")
@click.option("--steps", callback=_count, default="auto", show_default=True, help="Steps of the optimizer.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the windows, in place of --steps.")
@click.option("--minutes", type=float, help="How long it may take, in place of --steps.")
@click.option("--batch-size", callback=_count, default="auto", show_default=True, help="Windows in a step.")
@click.option("--lr", callback=options.number_or_auto, default="auto", show_default=True, help="Highest learning rate.")
@click.option("--width", callback=_count, default="auto", show_default=True, help="Channels of the first level.")
@click.option("--depth", type=click.IntRange(1, 8), default=4, show_default=True, help="Times windows are halved.")
@click.option("--skips/--no-skips", default=True, help="Join the levels down to the levels up.")
@click.option(
    "--loss",
    type=click.Choice(["bce+dice", "dice", "bce", "ce", "focal"]),
    default="bce+dice",
    show_default=True,
    help="What is minimised.",
)
@click.option(
    "--augment",
    type=click.Choice(["standard", "flips", "none", "strong"]),
    default="standard",
    show_default=True,
    help="How windows are varied.",
)
@click.option("--workers", callback=_workers, default="auto", show_default=True, help="Processes preparing windows.")
@click.option("--patience", type=click.IntRange(1), help="Stop after so many validations without a better score.")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--init", type=options.PATH, help="Model or run to start from.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Makes runs repeatable.")
@options.device
@click.option("--overwrite", is_flag=True, help="Replace another run in the folder.")
@options.common
def command(chips: tuple[Path, ...], *, as_json: bool, quiet: bool, verbose: bool, **settings: Any) -> None:
    """Train a U-Net on the windows in CHIPS folders, which `geounet tile` cut."""
    from dataclasses import asdict

    from geounet.jobs.train import train

    with progress(quiet=quiet) as track:
        result = train(chips, track=track, **settings)
    if as_json:
        click.echo(json.dumps(asdict(result), default=str))
    elif not quiet:
        score = "not scored" if result.iou is None else f"IoU {result.iou:.3f} on the validation windows"
        done = "was finished before" if result.repeated else f"{result.steps} steps"
        click.echo(f"{result.model}: {done}, {score}", err=True)
