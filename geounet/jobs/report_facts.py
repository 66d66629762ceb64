"""What a report says in words and figures of a map that is finished, and of the model that made it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from geounet.card import ModelCard
from geounet.io.features import Totals
from geounet.jobs.outputs import SUMMARY
from geounet.jobs.report_overlays import MapRaster, Shares
from geounet.jobs.report_sources import MapSources
from geounet.report.content import Layer, Table
from geounet.report.figures import listed, number, short


def lead(raster: MapRaster, sums: Sequence[Totals], shares: Shares) -> str:
    """How much was found on how much ground, in a sentence."""
    height, width = raster.frame.shape
    resolution = raster.frame.ground_resolution
    if sums:
        count = sum(total.count for total in sums)
        begin = f"{count:,} footprint{'' if count == 1 else 's'}"
    else:
        begin = f"{len(raster.names)} class{'es' if len(raster.names) > 1 else ''}, no footprints"
    if resolution is None:
        return f"{begin} on {width:,} × {height:,} pixels without a CRS; {shares.covered:.1%} of them are covered."
    ground = shares.known * height * width * resolution**2
    area = f"{ground / 1e6:,.2f} km²" if ground >= 1e5 else f"{ground:,.0f} m²"
    return f"{begin} on {area}, mapped at {resolution:.3g} m a pixel; {shares.covered:.1%} of it is covered."


def scored_notes(metrics: Mapping[str, object], known: int, shape: tuple[int, int]) -> list[str]:
    """That eval scored but a part of the map, where it did: elsewhere a map without errors is none without mistakes.

    Args:
        metrics: what eval wrote; known: pixels of the map that have data; shape: the map's.
    """
    scored = metrics.get("pixels_scored")
    if not isinstance(scored, int) or metrics.get("size") != list(shape) or not 0 < scored < 0.99 * known:
        return []
    area = metrics.get("label_area")
    within = f" (inside {short(area)})" if area else ""
    return [f"{scored / known:.0%} of the map was scored{within}; elsewhere nothing is marked, right or wrong."]


def found_table(raster: MapRaster, layers: Sequence[Layer], sums: Sequence[Totals], shares: Shares) -> Table:
    """A table of the classes: their footprints, the area of these, and the share of the ground."""
    unit = "px²" if raster.frame.crs is None else "m²"
    ids = {short(name): number_ for number_, name in raster.names.items()}
    if not sums:
        shared = [(short(name), f"{shares.classes.get(number_, 0):.2%}") for number_, name in raster.names.items()]
        return Table("What was found", ("class", "of the ground"), shared)
    rows = [
        (
            layer.name,
            f"{total.count:,}",
            f"{total.area:,.0f} {unit}",
            f"{shares.classes.get(ids.get(layer.name, -1), 0):.2%}",
        )
        for layer, total in zip(layers, sums, strict=True)
    ]
    return Table("What was found", ("class", "footprints", "their area", "of the ground"), rows)


def summary_rows(sources: MapSources, raster: MapRaster, unreadable: Sequence[object]) -> list[tuple[str, str]]:
    """What was done, with which model, and what was skipped.

    Args:
        unreadable: blocks of the scene, as the summary lists them.
    """
    summary, frame = sources.summary, raster.frame
    rows = [("Scene", listed(sources.scene_names))]
    if raster.date != "unknown":
        rows.append(("Taken", raster.date.replace("/", " to ")))
    rows.append(("Size", f"{frame.height:,} rows × {frame.width:,} columns"))
    rows.append(("Pixel", "no known size" if frame.ground_resolution is None else f"{frame.ground_resolution:.3g} m"))
    rows.append(("CRS", short(frame.crs_name or "none: pixel coordinates")))
    rows += model_rows(sources.card(), sources.model_sha256)
    told = {
        "threshold": "Threshold",
        "stitch": "Stitching",
        "tta": "Looks averaged",
        "window": "Window",
        "halo": "Halo",
        "output_grid": "Grid of the rasters",
        "device": "Device",
        "precision": "Precision",
    }
    for key, name in told.items():
        if (value := summary.get(key)) is not None:
            rows.append((name, short(f"{value} px" if key in ("window", "halo") else value)))
    rows += [("Could not be read", short(_block(one))) for one in unreadable[:10]]
    if len(unreadable) > 10:
        rows.append(("Could not be read", f"and {len(unreadable) - 10:,} more blocks, listed in {SUMMARY}"))
    return rows


def _block(one: object) -> str:
    """A block that could not be read, in words."""
    window = one.get("window") if isinstance(one, Mapping) else None
    if not isinstance(one, Mapping) or not isinstance(window, list) or len(window) != 4:
        return "a block"
    row, col, height, width = window
    return f"{Path(str(one.get('scene'))).name}: {height} × {width} pixels at row {row}, column {col}"


def model_rows(card: ModelCard | None, sha256: str) -> list[tuple[str, str]]:
    """Which model it was, what it was trained at, and how far."""
    digest = f"SHA-256 {sha256[:16]}…"
    if card is None:
        return [("Model", f"{digest}; it is not where it was")]
    shape = card.architecture
    words = f"U-Net of width {shape.width}, depth {shape.depth}{'' if shape.skips else ', without skip connections'}"
    rows = [("Model", f"{words}; {digest}")]
    resolution = card.ground_resolution
    if resolution is not None:
        rows.append(("Trained at", f"{resolution:.3g} m a pixel, bands {listed(card.colours)}"))
    steps, best, iou = (card.training.get(key) for key in ("steps", "step", "iou"))
    if isinstance(steps, int) and isinstance(best, int):
        score = f", IoU {number(float(iou))} on validation windows" if isinstance(iou, int | float) else ""
        rows.append(("Training", f"weights after step {best:,} of {steps:,}{score}"))
    return rows
