"""geounet tile"""

import json
from pathlib import Path
from typing import Any

import click

from .closing import closing, quoted
from .options import PATH, common, tiling, was_given
from .progress import progress

_FOR_INFERENCE = {"window", "halo"}
_FOR_BOTH = {"scenes", "out", "inference", "bands", "gsd", "nodata", "overwrite", "as_json", "quiet", "verbose"}


@click.command("tile")
@click.argument("scenes", metavar="SCENE... | FOLDER", nargs=-1, required=True, type=PATH)
@click.option(
    "--labels",
    multiple=True,
    type=PATH,
    help="Polygons in any CRS or a raster, for all scenes or once for each; or a folder of files named as the scenes.",
)
@click.option("--out", type=PATH, help="Folder to make.  [default: SCENE_chips]")
@tiling
@click.option("--seed", default=0, show_default=True, help="Of the split and the choice of empty windows.")
@click.option(
    "--inference",
    is_flag=True,
    help="Write padded windows as GeoTIFFs for any other tool, without labels; at the scene's own pixels, unless --gsd "
    "is given.",
)
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

    A FOLDER holds train and train_labels, and perhaps val, val_labels, test and test_labels.

    With --inference, cut one SCENE into padded windows instead; `geounet stitch` merges predictions of them.
    """
    ctx = click.get_current_context()
    _refuse_meaningless(ctx, inference=inference)
    if inference:
        if not was_given(ctx, "gsd"):
            settings["gsd"] = "native"
        _cut_windows(scenes, window=window, halo=halo, as_json=as_json, quiet=quiet, settings=settings)
        return
    if not (labels or (len(scenes) == 1 and scenes[0].is_dir())):
        raise click.UsageError("--labels is missing (or give --inference to cut windows without labels)")
    from geounet.jobs.tile import tile

    with progress(quiet=quiet or as_json) as track:
        result = tile(scenes, labels=labels, track=track, **settings)
    if as_json:
        told = {"out": str(result.out), "windows": dict(result.windows), "repeated": result.was_finished}
        click.echo(json.dumps(told | {"ground_resolution": result.ground_resolution, "decoded": result.decoded}))
        return
    if quiet:
        return
    if result.was_finished:
        closing(f"{result.out} was finished before by the same job; nothing to do", *_to_open(result.out))
        return
    counts = ", ".join(f"{count:,} {split}" for split, count in result.windows.items() if count)
    at = f" at {result.ground_resolution:.3g} m" if result.ground_resolution else ""
    closing(f"{result.out}: {counts}{at}", *_to_open(result.out))


def _to_open(chips: Path) -> list[tuple[str, Path | str]]:
    return [
        ("in QGIS", chips / "index.gpkg"),
        ("at a glance", f"geounet info {quoted(chips)} --picture"),
        ("next", f"geounet train {quoted(chips)}"),
    ]


def _refuse_meaningless(ctx: click.Context, *, inference: bool) -> None:
    """A usage error where options were given that would change nothing."""
    if inference:
        meaningless = {parameter.name for parameter in ctx.command.params} - _FOR_BOTH - _FOR_INFERENCE
    else:
        meaningless = _FOR_INFERENCE
    given = [p.opts[0] for p in ctx.command.params if p.name in meaningless and was_given(ctx, p.name)]
    if given:
        raise click.UsageError(f"{', '.join(given)} mean nothing {'with' if inference else 'without'} --inference")


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
            gsd=settings["gsd"],
            overwrite=settings["overwrite"],
            track=track,
        )
    if as_json:
        click.echo(json.dumps({"out": str(settings["out"]), "windows": count}))
    elif not quiet:
        closing(
            f"{settings['out']}: {count:,} windows",
            ("next", "predict them with any tool, under the same names"),
            ("then", "geounet stitch PREDICTIONS --out RASTER.tif"),
        )
