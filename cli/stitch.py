"""geounet stitch"""

import json
from pathlib import Path

import click

from .closing import closing, quoted
from .options import PATH, common
from .progress import progress


@click.command("stitch")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--out", required=True, type=PATH, help="Raster to write.")
@click.option("--windows", type=PATH, help="Folder that `tile --inference` wrote, where DIR has no windows.json.")
@click.option("--overwrite", is_flag=True, help="Replace --out.")
@common
def command(
    folder: Path,
    out: Path,
    windows: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Merge predictions of padded windows in DIR into one raster.

    Each prediction is a raster named as its window, of the window's rows and columns, with any bands. What lies in a
    window's halo is cropped: every pixel comes from one window.
    """
    from geounet.jobs.stitch import stitch

    with progress(quiet=quiet or as_json) as track:
        result = stitch(folder, out=out, windows=windows, overwrite=overwrite, track=track)
    if as_json:
        click.echo(json.dumps({"out": str(result.out), "windows": result.windows}))
    elif not quiet:
        closing(f"{result.out}: {result.windows:,} windows", ("next", f"geounet vectorize {quoted(result.out)}"))
