"""--threshold-sweep: which threshold would have been best, and what probabilities are worth."""

from pathlib import Path

import numpy as np

from geounet.calibration import LevelCounts, Reliability, threshold_of
from geounet.files import whole_file
from geounet.jobs.score_figures import Judged, Nested
from geounet.report.sweep import SweepPanels, sweep_picture
from geounet.rule import LEVELS, cut_level

_SHOWN = [round(0.05 * step, 2) for step in range(1, 20)]  # thresholds that metrics.json has
_DIGITS = 6


def sweep(levels: LevelCounts, judged: Judged, chosen: float, picture: Path) -> Nested:
    """Draw sweep.png; what metrics.json says of it.

    Args:
        chosen: the threshold with which the map was made.
    """
    best = levels.best()
    confidence, right = _claims(judged)
    reliabilities = {"pixels": levels.reliability()}
    if len(confidence):
        reliabilities["footprints"] = Reliability.of(confidence, right)
    ks = np.arange(1, LEVELS + 1)
    counts = [levels.at(int(k)) for k in ks]
    precision, recall, iou = (
        np.array([getattr(one, name) for one in counts], dtype=float) for name in ("precision", "recall", "iou")
    )
    panels = SweepPanels(
        ks / LEVELS, precision, recall, iou, chosen, None if best is None else threshold_of(best), reliabilities
    )
    with whole_file(picture) as unfinished:
        unfinished.write_bytes(sweep_picture(panels))
    return {
        "chosen": _at(levels, chosen),
        # of pixels the best F1 is where the best IoU is: F1 = 2 IoU / (1 + IoU)
        "best_iou": None if best is None else _at(levels, threshold_of(best)),
        "best_f1": None if best is None else _at(levels, threshold_of(best)),
        "advice": None if best is None else f"--threshold {threshold_of(best):g}",
        "thresholds": [_at(levels, threshold) for threshold in _SHOWN],
        "brier": _rounded(levels.brier),
        "reliability": {name: _reliability(one) for name, one in reliabilities.items()},
        "footprints": _least_confidence(judged, confidence, right),
    }


def _at(levels: LevelCounts, threshold: float) -> Nested:
    counts = levels.at(cut_level(threshold))
    scores = {name: _rounded(getattr(counts, name)) for name in ("iou", "f1", "precision", "recall")}
    return {"threshold": threshold, **scores}


def _claims(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of each polygon that is right or wrong, and whether it is right."""
    verdict, confidence = judged.verdict, np.round(judged.objects["found"].confidence.astype(float), 4)  # as stored
    right = np.zeros(len(confidence), bool)
    right[verdict.pairs.found[verdict.hit]] = True
    known = (right | verdict.made_up) & np.isfinite(confidence)
    return confidence[known], right[known]


def _least_confidence(judged: Judged, confidence: np.ndarray, right: np.ndarray) -> Nested | None:
    """The least confidence that gives the best F1 of polygons, where those below it are left out."""
    if not right.any():
        return None
    there = int(judged.verdict.hit.sum() + judged.verdict.missed.sum())
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    f1 = 2 * np.cumsum(right[order]) / (kept + there)
    last = np.append(np.diff(confidence[order]) != 0, True)  # of equal ones all are kept or none
    best = int(np.flatnonzero(last)[f1[last].argmax()])
    return {
        "least_confidence": _rounded(float(confidence[order][best])),
        "f1": _rounded(float(f1[best])),
        "f1_of_all": _rounded(float(f1[-1])),
        "kept": int(kept[best]),
        "all": len(order),
    }


def _reliability(one: Reliability) -> Nested:
    return {
        "error": _rounded(one.error),
        "count": one.count.tolist(),
        "claimed": [_rounded(float(value)) for value in one.claimed],
        "right": [_rounded(float(value)) for value in one.right],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, _DIGITS)
