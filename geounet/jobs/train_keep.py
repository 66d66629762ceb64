"""What a training writes: model, history and checkpoint at each validation; pictures and scores at its end."""

import csv
import io
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from geounet.card import ModelCard
from geounet.chips import SPLITS
from geounet.files import whole_file
from geounet.jobs.train_job import Job
from geounet.jobs.train_report import SHOWN, Judgement, judged, pictured
from geounet.jobs.train_run import CURVES, HISTORY, METRICS, PAGE, SAMPLES, TrainResult
from geounet.nn.checkpoint import save_checkpoint
from geounet.nn.loop import Checked
from geounet.nn.model_file import NAME as MODEL
from geounet.nn.model_file import save_model
from geounet.nn.plan import Plan
from geounet.nn.segmenter import load_segmenter
from geounet.nn.training import Training
from geounet.report.curves import curves_picture
from geounet.report.model_page import FIGURES, Facts, model_page

log = logging.getLogger(__name__)


def keep(job: Job, training: Training, plan: Plan, record: Checked) -> None:
    """Write what a validation brought; the checkpoint last, so that going on from it writes the rest again."""
    if record.best:
        card = _recorded(job.data.model_card(training.average.architecture), job, plan, record)
        save_model(job.run.model, training.average.state_dict(), card)
    _write(job.run.folder / HISTORY, _table(training.history))
    job.ledger.note(record.number, {name: value for name, value in training.history[-1].items() if name != "step"})
    save_checkpoint(job.run.checkpoint, training, plan, json.dumps(job.run.identity))
    score = "not scored" if record.score is None else f"IoU {record.score:.3f}"
    log.info("step %d: loss %.4f, %s", record.number, record.loss, score)


def _recorded(card: ModelCard, job: Job, plan: Plan, record: Checked) -> ModelCard:
    """The card with the record of its training; no times and no paths, so that the same run gives the same bytes."""
    windows = {split: len(job.data.windows(split)) for split in ("train", "val")}
    made = {"step": record.number, "iou": record.score, "windows": windows}
    return card.with_training(
        **asdict(plan), **made, seed=job.settings.seed, augment=job.augmentation.name, synthetic=job.has_towns
    )


def _table(history: Iterable[dict[str, float | int | None]]) -> bytes:
    rows = list(history)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def concluded(job: Job, training: Training, plan: Plan, begin: float) -> TrainResult:
    """Score the kept model on all validation windows, draw, describe, and write metrics.json last."""
    folder, windows = job.run.folder, job.data.windows("val")
    segmenter = load_segmenter(job.run.model, str(job.runtime.device), job.runtime.precision)
    judgement = judged(segmenter, job.validation(plan, training.average.architecture), windows)
    shown = windows if judgement.scores else job.data.windows("train").thinned(SHOWN)
    facts = _facts(job, training, judgement)
    _write(folder / CURVES, curves_picture(training.history, best_step=training.best_step))
    _write(folder / SAMPLES, pictured(segmenter, shown, judgement))
    _write(folder / PAGE, model_page(segmenter.card, facts).encode())
    result = TrainResult(
        run=folder,
        model=job.run.model,
        steps=training.step,
        best_step=training.best_step,
        iou=judgement.confusion.score,
        class_iou=dict(zip(job.data.card.legend.names, judgement.confusion.iou, strict=True)),
        seconds=round(time.perf_counter() - begin, 1),
    )
    figures = {name: {key: getattr(counts, key) for key in FIGURES} for name, counts in facts.classes.items()}
    for name, values in figures.items():
        job.ledger.note(training.step, {f"{name}_{key}": value for key, value in values.items()})
    content = _metrics(job, training, plan, result, judgement) | {"pixel": figures}
    _write(folder / METRICS, (json.dumps(content, indent=2) + "\n").encode())
    job.ledger.keep([folder / name for name in (MODEL, PAGE, HISTORY, CURVES, SAMPLES, METRICS)])
    return result


def _metrics(job: Job, training: Training, plan: Plan, result: TrainResult, judgement: Judgement) -> dict[str, object]:
    """What metrics.json holds, but for the scores of each class."""
    return {
        "iou": result.iou,
        "class_iou": result.class_iou,
        **({"contact_iou": _contact_iou(training)} if plan.contact else {}),
        "validation_pixels": judgement.confusion.pixels,
        "validation_windows": len(job.data.windows("val")),
        "training_windows": len(job.data.windows("train")),
        "steps": result.steps,
        "best_step": result.best_step,
        "seconds": result.seconds,
        "device": str(job.runtime.device),
        "precision": job.runtime.precision,
        "plan": asdict(plan),
        "job": job.run.identity,
    }


def _contact_iou(training: Training) -> float | None:
    """The contact's IoU by the kept weights, on what a validation looks at; None where there is none to be found."""
    return next((row.get("contact_iou") for row in training.history if row["step"] == training.best_step), None)


def _facts(job: Job, training: Training, judgement: Judgement) -> Facts:
    legend = job.data.card.legend
    confusion = judgement.confusion
    return Facts(
        scenes=job.data.named("scenes"),
        labels=job.data.named("labels"),
        windows={split: len(job.data.windows(split)) for split in SPLITS},
        size=job.data.card.size,
        classes={c.name: confusion.of_class(c.id) for c in legend.foreground} if confusion.pixels else {},
        steps=(training.step, training.best_step),
        by_scenes=job.data.is_split_by_scenes,
        is_chosen=confusion.score is not None,
        has_towns=job.has_towns,
        contact_iou=_contact_iou(training),
    )
