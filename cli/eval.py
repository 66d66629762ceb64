"""geounet eval"""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from .options import PATH, common
from .progress import progress


@click.command("eval")
@click.argument("prediction", type=PATH)
@click.option("--labels", required=True, type=PATH, help="Vector labels in any CRS.")
@click.option("--label-area", type=PATH, help="Polygons that were labelled in full; outside is not scored.")
@click.option("--ignore", type=PATH, help="Polygons inside which nothing is scored.")
@click.option("--grid", type=PATH, help="Raster on whose pixels is scored.  [default: the prediction's own]")
@click.option("--out", type=PATH, help="Folder for metrics.json.")
@common
def command(
    prediction: Path,
    labels: Path,
    label_area: Path | None,
    ignore: Path | None,
    grid: Path | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Score PREDICTION (the folder of `infer`, or a class raster) against label polygons."""
    from geounet.jobs.evaluate import evaluate

    with progress(quiet=quiet or as_json) as track:
        result = evaluate(
            prediction, labels=labels, label_area=label_area, ignore=ignore, grid=grid, out=out, track=track
        )
    if as_json:
        click.echo(json.dumps(result.metrics))
        return
    pixel = result.metrics["pixel"]
    assert isinstance(pixel, Mapping)
    for name, value in pixel.items():
        click.echo(f"{name:<16} {'none to find' if value is None else format(value, '.3f')}")
    click.echo(f"{'pixels scored':<16} {result.metrics['pixels_scored']:,}")
