"""geounet demo"""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from .closing import closing, of_map, of_run
from .options import PATH, common
from .progress import progress


@click.command("demo")
@click.option("--samples", type=PATH, default=Path("sample_tiles"), show_default=True, help="Folder of the towns.")
@click.option("--out", type=PATH, default=Path("demo"), show_default=True, help="Folder to write.")
@click.option("--steps", type=click.IntRange(1), help="Of training.  [default: 900, some five minutes]")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier demo wrote.")
@common
def command(
    samples: Path,
    out: Path,
    steps: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Do all of it on two drawn towns: tile and train on one, map and score the other; minutes without a GPU."""
    from geounet.jobs.demo import STEPS, demo

    with progress(quiet=quiet or as_json) as track:
        result = demo(samples, out=out, steps=steps or STEPS, overwrite=overwrite, track=track)
    if as_json:
        folders = {"chips": str(result.chips), "run": str(result.run), "map": str(result.map)}
        click.echo(json.dumps(folders | {"metrics": result.metrics}))
        return
    if quiet:
        return
    pixel = result.metrics["pixel"]
    assert isinstance(pixel, Mapping)
    report = result.map / "report.html"
    closing(
        f"building IoU {pixel['iou']:.3f}, F1 {pixel['f1']:.3f} on a town the network has not seen",
        *of_run(result.run),
        *of_map(result.map),
        ("open now", report if report.exists() else result.map / "preview.png"),
    )
