"""geounet tile"""

import json
from pathlib import Path
from typing import Any

import click

from .options import PATH, band_list, common, nodata_value, number_or_word
from .progress import progress


@click.command("tile")
@click.argument("scenes", metavar="SCENE...", nargs=-1, required=True, type=PATH)
@click.option("--labels", multiple=True, type=PATH, help="Vector labels, for all scenes or once for each; any CRS.")
@click.option("--out", type=PATH, help="Folder to make.  [default: SCENE_chips]")
@click.option("--size", default=256, show_default=True, help="Side of a training window in pixels.")
@click.option("--stride", default=256, show_default=True, help="Pixels from one window to the next.")
@click.option("--bands", default="auto", show_default=True, callback=band_list, help="Band numbers, as in 4,3,2.")
@click.option(
    "--gsd",
    default="auto",
    show_default=True,
    callback=number_or_word("auto", "native"),
    help="Metres a pixel on the ground; auto takes imagery finer than 0.25 m to 0.3 m.",
)
@click.option("--class-field", help="Field with the class of each polygon; without it all are buildings.")
@click.option("--ignore", type=PATH, help="Polygons inside which nothing is learned or scored.")
@click.option("--label-area", type=PATH, help="Polygons that were labelled in full; outside is ignored.")
@click.option("--keep-empty", default=0.25, show_default=True, help="Share kept of windows without foreground.")
@click.option("--val", default=0.15, show_default=True, help="Share of the blocks for validation.")
@click.option("--test", default=0.0, show_default=True, help="Share of the blocks for testing.")
@click.option("--split-block", type=float, help="Side of a block in metres.  [default: 1 to 4 windows]")
@click.option("--val-area", type=PATH, help="Polygons that are validation, instead of --val.")
@click.option("--test-area", type=PATH, help="Polygons that are test, instead of --test.")
@click.option("--nodata", default="auto", show_default=True, callback=nodata_value, help="auto, none or a value.")
@click.option("--seed", default=0, show_default=True, help="Of the split and the choice of empty windows.")
@click.option("--inference", is_flag=True, help="Write padded windows as GeoTIFFs for any other tool, without labels.")
@click.option("--window", default=1536, show_default=True, help="With --inference: side of a padded window.")
@click.option("--halo", default=96, show_default=True, help="With --inference: context on each side of a core.")
@click.option("--overwrite", is_flag=True, help="Replace what is in --out.")
@common
def command(
    scenes: tuple[Path, ...],
    labels: tuple[Path, ...],
    inference: bool,
    window: int,
    halo: int,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Cut SCENEs and labels into training windows: images.npy, labels.npy, index.gpkg, chips.json.

    With --inference, cut one SCENE into padded windows instead; `geounet stitch` merges predictions of them.
    """
    if inference:
        _cut_windows(scenes, window=window, halo=halo, as_json=as_json, quiet=quiet, settings=settings)
        return
    if not labels:
        raise click.UsageError("--labels is missing (or give --inference to cut windows without labels)")
    from geounet.jobs.tile import tile

    with progress(quiet=quiet or as_json) as track:
        result = tile(scenes, labels=labels, track=track, **settings)
    if as_json:
        told = {"out": str(result.out), "windows": dict(result.windows)}
        click.echo(json.dumps(told | {"ground_resolution": result.ground_resolution, "decoded": result.decoded}))
        return
    if quiet:
        return
    counts = ", ".join(f"{count:,} {split}" for split, count in result.windows.items() if count)
    at = f" at {result.ground_resolution:.3g} m" if result.ground_resolution else ""
    click.echo(f"{result.out}: {counts}{at}; next: geounet train {result.out}")


def _cut_windows(
    scenes: tuple[Path, ...], *, window: int, halo: int, as_json: bool, quiet: bool, settings: dict[str, Any]
) -> None:
    from geounet.jobs.windows import cut_windows

    if len(scenes) != 1 or settings["out"] is None:
        raise click.UsageError("--inference takes one SCENE and needs --out")
    with progress(quiet=quiet or as_json) as track:
        count = cut_windows(
            scenes[0],
            out=settings["out"],
            window=window,
            halo=halo,
            bands=settings["bands"],
            nodata=settings["nodata"],
            overwrite=settings["overwrite"],
            track=track,
        )
    if as_json:
        click.echo(json.dumps({"out": str(settings["out"]), "windows": count}))
    elif not quiet:
        click.echo(f"{settings['out']}: {count:,} windows; merge predictions of them with `geounet stitch`")
