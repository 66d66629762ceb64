"""geounet train"""

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .closing import closing, of_run, quoted
from .options import PATH, common, device, is_first_process, number_or_auto, tiling, was_given, whole_or_auto
from .progress import progress


@click.command("train")
@click.argument("sources", metavar="CHIPS... | SCENE...", nargs=-1, required=True, type=PATH)
@click.option(
    "--labels",
    multiple=True,
    type=PATH,
    help="Labels of SCENEs, which are tiled first: one file for all, or one for each in their order.",
)
@click.option("--out", type=PATH, help="Folder to write.  [default: CHIPS_run]")
@click.option(
    "--steps",
    default="auto",
    show_default=True,
    callback=whole_or_auto,
    help="Steps of the optimizer; auto takes 2,000 or more.",
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training windows, in place of --steps.")
@click.option("--minutes", type=float, help="How long all of it may take, in place of --steps.")
@click.option("--batch-size", default="auto", show_default=True, callback=whole_or_auto, help="Windows in a step.")
@click.option(
    "--accumulate", type=click.IntRange(1), default=1, show_default=True, help="Parts of a batch computed in turn."
)
@click.option("--lr", default="auto", show_default=True, callback=number_or_auto, help="Highest learning rate.")
@click.option(
    "--width", default="auto", show_default=True, callback=whole_or_auto, help="Channels of the first level: 16 or 64."
)
@click.option("--depth", type=click.IntRange(1, 8), default=4, show_default=True, help="Times windows are halved.")
@click.option("--skips/--no-skips", default=True, help="Join levels down to levels up.")
@click.option(
    "--loss",
    type=click.Choice(["bce+dice", "dice", "bce", "ce", "focal", "boundary"]),
    default="bce+dice",
    show_default=True,
    help="boundary: pixels near the edge of a class weigh more.",
)
@click.option(
    "--class-weights",
    type=click.Choice(["none", "auto"]),
    default="none",
    show_default=True,
    help="auto: pixels of rare classes weigh more.",
)
@click.option("--optimizer", type=click.Choice(["adamw", "adam", "sgd"]), default="adamw", show_default=True)
@click.option(
    "--augment",
    metavar="standard|flips|none|strong|FILE",
    default="standard",
    show_default=True,
    help="FILE: a pipeline of albumentations, as A.save writes it (JSON, YAML).",
)
@click.option(
    "--synthetic",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="auto: synthetic towns are learned from, too, where buildings alone are looked for (docs/training.md).",
)
@click.option(
    "--workers",
    default="auto",
    show_default=True,
    help="Processes that prepare windows; 0: none beside the training's own.",
)
@click.option("--patience", type=click.IntRange(1), help="Stop after so many validations without a better score.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
@click.option("--init", type=PATH, help="Model to start from; bands and classes it lacks are learned anew.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn by lot.")
@click.option(
    "--track",
    "tracker",
    type=click.Choice(["none", "mlflow"]),
    default="none",
    show_default=True,
    help="Enter parameters, curves, pictures and model there as well.",
)
@click.option(
    "--track-uri", "tracker_uri", envvar="MLFLOW_TRACKING_URI", help="Store or server of MLflow.  [default: RUN/mlruns]"
)
@click.option("--overwrite", is_flag=True, help="Replace another run in the folder.")
@device
@tiling
@common
def command(
    sources: tuple[Path, ...],
    labels: tuple[Path, ...],
    workers: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Train a U-Net on CHIPS, folders that `geounet tile` wrote, or on SCENEs and --labels in one step.

    Keeps the weights that do best on the validation windows, or later ones as good: model.safetensors, with
    MODEL.md to read, curves.png and samples.png to look at. A folder that holds train and train_labels is tiled
    first, too. The options from --size to --nodata say how SCENEs are tiled; CHIPS are tiled already.
    """
    if workers != "auto" and not workers.isdecimal():
        raise click.BadParameter(f"{workers!r} is neither 'auto' nor a whole number", param_hint="--workers")
    from geounet.jobs.tile import Tiling
    from geounet.jobs.train import train

    _refuse_meaningless(click.get_current_context(), tiling=Tiling.names())
    quiet = quiet or not is_first_process()
    as_json = as_json and is_first_process()
    tiled = Tiling(**{name: settings.pop(name) for name in Tiling.names()})
    with progress(quiet=quiet or as_json) as track:
        result = train(
            sources,
            labels=labels or None,
            tiling=tiled,
            workers="auto" if workers == "auto" else int(workers),
            track=track,
            **settings,
        )
    if as_json:
        click.echo(json.dumps(asdict(result), default=str))
    elif not quiet:
        score = "" if result.iou is None else f", IoU {result.iou:.3f} on the validation windows"
        told = (
            "was finished before by the same job; nothing to do" if result.repeated else f"{result.steps} steps{score}"
        )
        closing(
            f"{result.model}: {told}",
            *of_run(result.run),
            ("next", f"geounet infer SCENE --model {quoted(result.run)}"),
        )


def _refuse_meaningless(ctx: click.Context, *, tiling: Collection[str]) -> None:
    """A usage error where options were given that would change nothing."""
    is_tiled = not ctx.params["labels"] and (ctx.params["sources"][0] / "chips.json").exists()
    given = [p.opts[0] for p in ctx.command.params if is_tiled and p.name in tiling and was_given(ctx, p.name)]
    if given:
        raise click.UsageError(f"{', '.join(given)} say how SCENEs are tiled; for CHIPS give them to geounet tile")
    if ctx.params["tracker"] == "none" and ctx.get_parameter_source("tracker_uri") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--track-uri means nothing without --track mlflow")
