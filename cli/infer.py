"""geounet infer"""

import json
from typing import Any

import click

from .options import PATH, band_list, common, device, nodata_value, not_negative_or_auto, whole_or_auto
from .progress import progress


@click.command("infer")
@click.argument("scene", type=str)
@click.option("--model", required=True, type=PATH, help="Folder of a training run, or its model.safetensors.")
@click.option("--out", type=PATH, help="Folder to write.  [default: SCENE_map]")
@click.option(
    "--window", default="1536", show_default=True, callback=whole_or_auto, help="Largest padded window, in pixels."
)
@click.option("--batch-size", default="auto", show_default=True, callback=whole_or_auto, help="Windows at once.")
@click.option("--threshold", default=0.5, show_default=True, help="Probability from which a pixel is building.")
@click.option("--bands", default="auto", show_default=True, callback=band_list, help="Band numbers, model's order.")
@click.option("--nodata", default="auto", show_default=True, callback=nodata_value, help="auto, none or a value.")
@click.option("--no-resample", is_flag=True, help="Keep the scene's pixels, whatever the model was trained at.")
@click.option("--no-vectors", is_flag=True, help="Write rasters only.")
@click.option("--min-area", default=4.0, show_default=True, help="Smallest footprint in m².")
@click.option("--fill-holes", default=4.0, show_default=True, help="Largest hole to fill, in m².")
@click.option(
    "--simplify", default="auto", show_default=True, callback=not_negative_or_auto, help="Metres; auto is ¾ of a pixel."
)
@click.option("--compress", type=click.Choice(["deflate", "zstd"]), default="deflate", show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace another job's output in --out.")
@device
@common
def command(
    scene: str,
    no_vectors: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Map SCENE (anything GDAL opens): class and probability rasters, footprints styled for QGIS, a preview.

    A job that was stopped goes on where it was when the same command is given again.
    """
    from geounet.jobs.infer import infer

    with progress(quiet=quiet or as_json) as track:
        result = infer(scene, no_vectors=no_vectors, track=track, **settings)
    if as_json:
        click.echo(json.dumps(result.summary))
        return
    if result.was_finished and not quiet:
        click.echo(f"{result.out} was finished before by the same job; nothing to do")
        return
    if quiet:
        return
    summary = result.summary
    click.echo(
        f"{result.out}: {summary['polygons']:,} footprints from {summary['pixels']:,} pixels "
        f"at {summary['megapixels_per_second']} Mpx/s"
    )
    if not no_vectors:
        click.echo(f"open {result.out / 'footprints.gpkg'} in QGIS; {result.out / 'preview.png'} shows it at a glance")
