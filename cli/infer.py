"""geounet infer"""

import json
from typing import Any

import click

from .closing import closing, of_flags, of_map, quoted
from .options import (
    PATH,
    SCENE,
    band_list,
    common,
    device,
    nodata_value,
    outlines,
    two_numbers_or_none,
    whole_or_auto,
)
from .progress import progress

_LISTED = 3  # blocks that could not be read


@click.command("infer")
@click.argument("scenes", metavar="SCENE...", nargs=-1, required=True, type=SCENE)
@click.option("--model", required=True, type=PATH, help="Folder of a training run, or its model.safetensors.")
@click.option("--out", type=PATH, help="Folder to write; several scenes need one.  [default: SCENE_map]")
@click.option(
    "--window",
    default="1536",
    show_default=True,
    callback=whole_or_auto,
    help="Largest padded window, in pixels; auto goes by a GPU's free memory.",
)
@click.option(
    "--stitch",
    type=click.Choice(["exact", "hann"]),
    default="exact",
    show_default=True,
    help="exact crops windows to what is exact; hann blends them.",
)
@click.option("--batch-size", default="auto", show_default=True, callback=whole_or_auto, help="Windows at once.")
@click.option("--threshold", default=0.5, show_default=True, help="Probability from which a pixel is building.")
@click.option(
    "--tta",
    type=click.Choice(["none", "flips", "d4"]),
    default="none",
    show_default=True,
    help="Average answers over flips (4 times the work), or over turns too (8 times).",
)
@click.option("--aoi", type=PATH, help="Polygons outside of which nothing is mapped.")
@click.option("--bands", default="auto", show_default=True, callback=band_list, help="Band numbers, model's order.")
@click.option(
    "--stretch",
    default="none",
    show_default=True,
    callback=two_numbers_or_none,
    help="MIN,MAX of the scene's values that become the range of the model's type, of floats 0 and 1.",
)
@click.option("--nodata", default="auto", show_default=True, callback=nodata_value, help="auto, none or a value.")
@click.option("--no-resample", is_flag=True, help="Keep the scene's pixels, whatever the model was trained at.")
@click.option(
    "--output-grid",
    type=click.Choice(["working", "scene"]),
    default="working",
    show_default=True,
    help="Grid of the rasters: the model's resolution, or the scene's own.",
)
@click.option("--no-vectors", is_flag=True, help="Write rasters only.")
@outlines
@click.option("--workers", default="auto", show_default=True, callback=whole_or_auto, help="Processor threads.")
@click.option("--compress", type=click.Choice(["deflate", "zstd"]), default="deflate", show_default=True)
@click.option("--skip-unreadable", is_flag=True, help="A block that cannot be read has no data and is listed.")
@click.option("--overwrite", is_flag=True, help="Replace another job's output in --out.")
@device
@common
def command(
    scenes: tuple[str, ...],
    no_vectors: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Map SCENE (anything GDAL opens): class and probability rasters, footprints, a project for QGIS, a preview.

    Several scenes are one mosaic on the grid of the first; where they overlap, the first that has data counts.

    A job that was stopped goes on where it was when the same command is given again.
    """
    from geounet.jobs.infer import infer

    with progress(quiet=quiet or as_json) as track:
        result = infer(scenes, no_vectors=no_vectors, track=track, **settings)
    if as_json:
        click.echo(json.dumps(result.summary))
        return
    if result.was_finished and not quiet:
        closing(f"{result.out} was finished before by the same job; nothing to do", *of_map(result.out))
        return
    if quiet:
        return
    summary = result.summary
    unreadable, flagged, flags = summary["unreadable"], summary["flagged"], summary["flags"]
    assert isinstance(unreadable, list)
    assert isinstance(flagged, int)
    assert isinstance(flags, dict)
    for block in unreadable[:_LISTED]:
        row, col, height, width = block["window"]
        click.echo(f"{block['scene']}: {height} x {width} pixels at row {row}, column {col} could not be read: nodata")
    if len(unreadable) > _LISTED:
        click.echo(f"and {len(unreadable) - _LISTED:,} more blocks, listed in {result.out / 'summary.json'}")
    found = "rasters" if no_vectors else f"{summary['polygons']:,} footprints"
    closing(
        f"{result.out}: {found} from {summary['pixels']:,} pixels at {summary['megapixels_per_second']} Mpx/s",
        *of_flags(flagged, flags),
        *of_map(result.out),
        ("next", f"geounet eval {quoted(result.out)} --labels LABELS"),
    )
