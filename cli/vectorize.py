"""geounet vectorize."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .closing import closing, of_flags, quoted
from .options import PATH, common, outlines


@click.command()
@click.argument("raster", type=PATH)
@click.option(
    "--out", type=PATH, help="File to write: .gpkg, .parquet, .fgb, .geojson or .pmtiles.  [default: RASTER.gpkg]"
)
@click.option(
    "--threshold", type=float, default=0.5, show_default=True, help="Probability from which a pixel is building."
)
@click.option("--probability", type=PATH, help="Of a RASTER of class ids, infer's probability.tif that goes with it.")
@click.option("--aoi", type=PATH, help="Polygons that RASTER was cut to, at whose edge footprints are flagged.")
@outlines
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@common
def command(raster: Path, as_json: bool, quiet: bool, verbose: bool, **settings: Any) -> None:
    """Turn RASTER into polygons with class, confidence, area and flags; in a GeoPackage with a style for QGIS.

    Flags that ask for a look: nodata and edge (some of it may be missing), refused (straight walls would have lain too
    far from what was found: its outline is left ragged), large (too large a cluster for that), doubtful (confidence
    below 0.6).

    RASTER holds class ids or probabilities; infer's classes.tif and probability.tif, or another tool's. Without a CRS
    --min-area and its like count pixels, and areas are those of the raster's own coordinates.
    """
    import json

    from geounet.jobs.vectorize import vectorize

    from .progress import progress

    with progress(quiet=quiet or as_json) as track:
        result = vectorize(raster, track=track, **settings)
    if as_json:
        click.echo(json.dumps(asdict(result) | {"out": str(result.out)}))
    elif not quiet:
        counts = ", ".join(f"{count:,} {name}" for name, count in result.polygons.items())
        closing(
            f"{result.out}: {counts}",
            *of_flags(result.flagged, result.flags),
            ("next", f"geounet info {quoted(result.out)}"),
        )
