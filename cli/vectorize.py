"""geounet vectorize."""

from pathlib import Path

import click

from .options import PATH, common, not_negative_or_auto


@click.command()
@click.argument("raster", type=PATH)
@click.option(
    "--out", type=PATH, help="File to write: .gpkg, .parquet, .fgb, .geojson or .pmtiles.  [default: RASTER.gpkg]"
)
@click.option(
    "--threshold", type=float, default=0.5, show_default=True, help="Probability from which a pixel is building."
)
@click.option(
    "--min-area", type=float, default=4.0, show_default=True, help="Drop polygons below this area, in m² on the ground."
)
@click.option("--fill-holes", type=float, default=4.0, show_default=True, help="Fill holes up to this area, in m².")
@click.option(
    "--simplify",
    default="auto",
    show_default=True,
    callback=not_negative_or_auto,
    help="Tolerance of the simplification in metres; 0 for none, auto is 3/4 of a pixel.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@common
def command(
    *,
    raster: Path,
    out: Path | None,
    threshold: float,
    min_area: float,
    fill_holes: float,
    simplify: float | str,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Turn RASTER into polygons with class, confidence, area and flags; in a GeoPackage with a style for QGIS.

    RASTER holds class ids or probabilities; infer's classes.tif and probability.tif, or another tool's. Without a CRS
    all measures are in pixels.
    """
    import json

    from geounet.jobs.vectorize import vectorize

    from .progress import progress

    with progress(quiet=quiet) as track:
        result = vectorize(
            raster,
            out=out,
            threshold=threshold,
            min_area=min_area,
            fill_holes=fill_holes,
            simplify="auto" if isinstance(simplify, str) else simplify,
            overwrite=overwrite,
            track=track,
        )
    if as_json:
        click.echo(json.dumps({"out": str(result.out), "polygons": result.polygons}))
    elif not quiet:
        counts = ", ".join(f"{count:,} {name}" for name, count in result.polygons.items())
        click.echo(f"{result.out}: {counts}")
