"""geounet eval"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from .options import PATH, common, number_or_auto
from .progress import progress


@click.command("eval")
@click.argument("prediction", type=PATH)
@click.option("--labels", required=True, type=PATH, help="Polygons in any CRS, or a raster: classes, mask, colours.")
@click.option("--label-area", type=PATH, help="Polygons that were labelled in full; outside is not scored.")
@click.option("--aoi", type=PATH, help="Polygons that were mapped; outside is not scored.")
@click.option("--ignore", type=PATH, help="Polygons inside which nothing is scored.")
@click.option("--classes", type=PATH, help="CSV of name,r,g,b or id,name: what a label raster holds.")
@click.option("--class-field", help="Field with the class of each label polygon; without it all are buildings.")
@click.option(
    "--gsd",
    default="auto",
    show_default=True,
    callback=number_or_auto,
    help="Metres a pixel on which polygons are scored; auto is 0.3. Rasters are scored on their own.",
)
@click.option("--grid", type=PATH, help="Raster on whose pixels a raster is scored.  [default: its own]")
@click.option(
    "--threshold-sweep", is_flag=True, help="Draw sweep.png, and name the best threshold; needs a map's probability."
)
@click.option("--out", type=PATH, help="Folder to write.  [default: the map's own, or PREDICTION_eval]")
@common
def command(
    prediction: Path,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    **settings: Any,
) -> None:
    """Score PREDICTION against labels: the folder of `infer`, a class raster, or a file of polygons.

    Writes metrics.json, and errors.gpkg: what is right, made up, missed, split and merged, and the 50 worst places.
    """
    from geounet.jobs.evaluate import evaluate

    with progress(quiet=quiet or as_json) as track:
        result = evaluate(prediction, out=out, track=track, **settings)
    if as_json:
        click.echo(json.dumps(result.metrics))
    elif not quiet:
        for line in _table(result.metrics):
            click.echo(line)
        click.echo()
        for what, name in _written(result.metrics):
            click.echo(f"{what:<18} {result.out / name}")
        if result.report is not None:
            click.echo(f"{'the map with them':<18} {result.report}")


def _table(metrics: Mapping[str, Any]) -> Iterator[str]:
    """The figures in at most 80 columns, each with its interval."""
    pixel, objects, polygons = (metrics[name] for name in ("pixel", "objects", "polygons"))
    ends = metrics["intervals"]
    unit = polygons["unit"]
    yield f"{metrics['class']:<38.38} {'value':>9}   {ends['level'] * 100:.0f} % interval"
    rows: list[tuple[str, object, str]] = [
        ("pixels: IoU", pixel["iou"], "pixel.iou"),
        ("F1", pixel["f1"], "pixel.f1"),
        ("precision", pixel["precision"], "pixel.precision"),
        ("recall", pixel["recall"], "pixel.recall"),
        ("accuracy", pixel["accuracy"], "pixel.accuracy"),
        ("IoU of two channels (flatters)", pixel["iou_two_channel"], "pixel.iou_two_channel"),
        *((f"boundary F1 within {_distance(name)}", f1, f"pixel.boundary_f1.{name}")
          for name, f1 in pixel["boundary_f1"].items()),
        (f"relaxed precision ({pixel['relaxed']['rho']} px)", pixel["relaxed"]["precision"], "pixel.relaxed.precision"),
        (f"relaxed recall ({pixel['relaxed']['rho']} px)", pixel["relaxed"]["recall"], "pixel.relaxed.recall"),
        ("objects: F1 at IoU 0.5", objects["f1"], "objects.f1"),
        ("precision", objects["precision"], "objects.precision"),
        ("recall", objects["recall"], "objects.recall"),
        ("average precision at IoU 0.5", objects["ap"], ""),
        ("average precision, 0.50 to 0.95", objects["ap50_95"], ""),
        ("IoU of the matched", objects["matched_iou"], "objects.matched_iou"),
        (f"outlines: PoLiS in {unit}", polygons["polis_m"], "polygons.polis_m"),
        ("vertices, found / true", polygons["vertices_ratio"], "polygons.vertices_ratio"),
        ("rotation error in degrees", polygons["rotation_deg"], "polygons.rotation_deg"),
    ]  # fmt: skip
    for name, value, key in rows:
        yield _row(name if ":" in name else f"  {name}", value, ends.get(key))
    yield f"{objects['truth']:,} true, {objects['found']:,} found, {objects['matched']:,} matched"
    yield f"{objects['split']:,} split, {objects['merged']:,} merged, {polygons['invalid']:,} invalid"
    for name, one in objects["by_size"].items():
        yield _row(f"  F1 of {_size(name)}, {one['truth']:,} true", one["f1"])
    for name, one in metrics.get("classes", {"by_name": {}})["by_name"].items():
        yield _row(f"  IoU of {name:.29}", one["iou"])
    yield f"{metrics['pixels_scored']:,} pixels scored; {ends['blocks']:,} blocks of {ends['block_side']} resampled"
    if "sweep" in metrics:
        yield from _sweep(metrics["sweep"])


def _sweep(sweep: Mapping[str, Any]) -> Iterator[str]:
    chosen, best = sweep["chosen"], sweep["best_iou"]
    yield f"threshold {chosen['threshold']:g} of the map: IoU {_number(chosen['iou'])}, F1 {_number(chosen['f1'])}"
    if best is not None:
        yield (
            f"best for pixels: {best['threshold']:g} (IoU {_number(best['iou'])}, F1 {_number(best['f1'])}); "
            f"vectorize {sweep['advice']}"
        )
    if sweep["footprints"] is not None:
        least = sweep["footprints"]
        yield (
            f"footprints: F1 {_number(least['f1'])} if those below confidence {least['least_confidence']:.2f} are left "
            f"out, {_number(least['f1_of_all'])} with all"
        )
    for name, one in sweep["reliability"].items():
        yield f"calibration error of {name}: {_number(one['error'])}"


def _distance(name: str) -> str:
    """
    >>> _distance("3px"), _distance("0.5m")
    ('3 px', '0.5 m')
    """
    unit = "px" if name.endswith("px") else "m"
    return f"{name.removesuffix(unit)} {unit}"


def _size(name: str) -> str:
    """
    >>> _size("50_to_200_m2"), _size("below_50_m2"), _size("from_9216_px")
    ('50-200 m²', '<50 m²', '≥9216 px')
    """
    words = name.replace("m2", "m²").replace("_to_", "-").replace("below_", "<").replace("from_", "≥")
    return words.replace("_", " ")


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | int) else "none"


def _row(name: str, value: object, ends: object = None) -> str:
    interval = f"{ends[0]:.3f} to {ends[1]:.3f}" if isinstance(ends, list) else ""
    return f"{name:<38} {_number(value):>9}   {interval}".rstrip()


def _written(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "all figures", "metrics.json"
    yield "where, for QGIS", "errors.gpkg"
    if "sweep" in metrics:
        yield "thresholds", "sweep.png"
