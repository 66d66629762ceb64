"""The figures of metrics.json, from what was counted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geounet.bootstrap import LEVEL, RESAMPLES, SEED, Blocks, Sums, intervals
from geounet.frame import Frame
from geounet.io.object_store import Kind
from geounet.jobs.score_objects import Objects, Verdict
from geounet.jobs.score_pixels import RHO, pixel_figures, ratio
from geounet.objects import Numbers
from geounet.ranking import THRESHOLDS, Ranked

_SIZES, _SIZES_IN_PIXELS = (50.0, 200.0), (1024.0, 9216.0)  # m²; of scenes without CRS those of COCO
_DIGITS, _DIGITS_OF_ENDS = 9, 6

Nested = dict[str, object]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """All that was found out about a map.

    Args:
        sums: of pixels, by block; `areas`: of each polygon on the ground.
        invalid: polygons of the map that had to be repaired.
    """

    frame: Frame
    blocks: Blocks
    sums: Sums
    objects: Mapping[Kind, Objects]
    areas: Mapping[Kind, NDArray[np.float64]]
    verdict: Verdict
    main: int
    invalid: int


def figures(judged: Judged) -> Nested:
    """`pixel`, `objects`, `polygons` and `intervals` of metrics.json."""
    whole, drawn = _pixels_and_intervals(judged)
    of_objects = _object_sums(judged)
    total = {name: np.array([column.sum()]) for name, column in of_objects.items()}
    compared = {name: _value(value) for name, value in _object_figures(total).items()}
    drawn |= intervals(of_objects, _object_figures)
    outlines = {name.removeprefix("polygons."): v for name, v in compared.items() if name.startswith("polygons.")}
    verdict = judged.verdict
    return {
        "pixel": whole,
        "objects": {name.removeprefix("objects."): v for name, v in compared.items() if name.startswith("objects.")}
        | _average_precision(judged)
        | {
            "truth": int(total["tp"][0] + total["fn"][0]),
            "found": int(total["tp"][0] + total["fp"][0]),
            "matched": int(total["tp"][0]),
            "split": int(verdict.split.sum()),
            "merged": int(verdict.merged.sum()),
            "by_size": _by_size(judged),
        },
        "polygons": outlines | {"invalid": judged.invalid, "unit": "m" if judged.frame.crs else "px"},
        "intervals": {
            "level": LEVEL,
            "block_side": _block_side(judged),
            "blocks": int(np.count_nonzero(sum(judged.sums[name] for name in ("tp", "fp", "fn", "tn")))),
            "resamples": RESAMPLES,
            "seed": SEED,
            **{
                name: None if ends is None else [round(end, _DIGITS_OF_ENDS) for end in ends]
                for name, ends in drawn.items()
            },
        },
    }


def _pixels_and_intervals(judged: Judged) -> tuple[Nested, dict[str, tuple[float, float] | None]]:
    total = {name: np.array([column.sum()]) for name, column in judged.sums.items()}
    flat = {name: _value(value) for name, value in pixel_figures(total).items()}
    boundary = {name.partition(".")[2]: value for name, value in flat.items() if name.startswith("boundary_f1.")}
    plain = {name: value for name, value in flat.items() if "." not in name}
    relaxed = {side: flat[f"relaxed.{side}"] for side in ("precision", "recall")}
    drawn = {f"pixel.{name}": ends for name, ends in intervals(judged.sums, pixel_figures).items()}
    return plain | {"boundary_f1": boundary, "relaxed": relaxed | {"rho": RHO}}, drawn


def _block_side(judged: Judged) -> str:
    side, pixel = judged.blocks.side, judged.frame.ground_resolution
    return f"{side} px" if pixel is None else f"{side * pixel:.3g} m"


def _object_sums(judged: Judged) -> dict[str, NDArray[np.float64]]:
    """What was counted of polygons, by the block of their centre; of a pair, by that of the true one."""
    verdict, (truth, found) = judged.verdict, (judged.objects["truth"], judged.objects["found"])
    pairs = verdict.pairs[np.flatnonzero(verdict.hit)]
    columns: dict[str, tuple[Objects, Numbers, NDArray[np.float64]]] = {
        "tp": (truth, pairs.truth, np.ones(len(pairs.truth))),
        "fn": (truth, np.flatnonzero(verdict.missed), np.ones(int(verdict.missed.sum()))),
        "fp": (found, np.flatnonzero(verdict.made_up), np.ones(int(verdict.made_up.sum()))),
        "iou": (truth, pairs.truth, pairs.iou),
        "polis": (truth, pairs.truth, pairs.polis.astype(float)),
        "turned": (truth, pairs.truth, pairs.turned.astype(float)),
        "true_corners": (truth, pairs.truth, pairs.true_corners.astype(float)),
        "found_corners": (truth, pairs.truth, pairs.found_corners.astype(float)),
    }
    return {
        name: np.bincount(_blocks(judged.blocks, of, which), values, len(judged.blocks)).astype(float)
        for name, (of, which, values) in columns.items()
    }


def _blocks(blocks: Blocks, objects: Objects, which: Numbers) -> NDArray[np.int64]:
    return blocks.at(objects.cols[which].astype(float), objects.rows[which].astype(float))


def _object_figures(sums: Sums) -> dict[str, NDArray[np.float64]]:
    tp, fp, fn = (sums[name] for name in ("tp", "fp", "fn"))
    return {
        "objects.f1": ratio(2 * tp, 2 * tp + fp + fn),
        "objects.precision": ratio(tp, tp + fp),
        "objects.recall": ratio(tp, tp + fn),
        "objects.matched_iou": ratio(sums["iou"], tp),
        "polygons.polis_m": ratio(sums["polis"], tp),
        "polygons.vertices_ratio": ratio(sums["found_corners"], sums["true_corners"]),
        "polygons.rotation_deg": ratio(sums["turned"], tp),
    }


def _ranked(judged: Judged) -> Ranked | None:
    """The polygons found in the order of their confidence; None where it is not known of any."""
    confidence = judged.objects["found"].confidence
    if not np.isfinite(confidence).any():
        return None
    close = judged.verdict.close
    return Ranked(
        np.nan_to_num(confidence.astype(float)),
        judged.objects["truth"].counts(judged.main),
        judged.objects["found"].counts(judged.main),
        close.truth,
        close.found,
        close.iou,
    )


def _average_precision(judged: Judged) -> Nested:
    order = _ranked(judged)
    if order is None:
        return {"ap": None, "ap50_95": None}
    each = [order.average_precision(least) for least in THRESHOLDS]
    known = [value for value in each if value is not None]
    return {"ap": _value(each[0]), "ap50_95": _value(float(np.mean(known))) if known else None}


def _by_size(judged: Judged) -> Nested:
    """Of each class of size: true ones and pairs by the size of the true one, what was made up by its own."""
    verdict, pixels = judged.verdict, judged.frame.crs is None
    small, large = _SIZES_IN_PIXELS if pixels else _SIZES
    unit = "px" if pixels else "m2"
    classes = {
        f"below_{small:g}_{unit}": (0.0, small),
        f"{small:g}_to_{large:g}_{unit}": (small, large),
        f"from_{large:g}_{unit}": (large, np.inf),
    }
    hit = verdict.pairs.truth[verdict.hit]
    table: Nested = {}
    for name, (least, most) in classes.items():
        true, found = ((area >= least) & (area < most) for area in (judged.areas["truth"], judged.areas["found"]))
        tp, fn, fp = (
            np.array([float(np.count_nonzero(mask))])
            for mask in (true[hit], true & verdict.missed, found & verdict.made_up)
        )
        table[name] = {
            "truth": int(tp[0] + fn[0]),
            "found": int(tp[0] + fp[0]),
            "f1": _value(ratio(2 * tp, 2 * tp + fp + fn)),
            "precision": _value(ratio(tp, tp + fp)),
            "recall": _value(ratio(tp, tp + fn)),
        }
    return table


def _value(value: NDArray[np.float64] | float | None) -> float | None:
    """A figure as it is written; None for none."""
    if value is None:
        return None
    number = float(np.asarray(value).ravel()[0])
    return round(number, _DIGITS) if np.isfinite(number) else None
