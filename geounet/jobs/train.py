"""The job `train`: training windows in; a model with its card, its curves and its samples out."""

import csv
import io
import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from geounet.card import Architecture, ModelCard
from geounet.errors import SettingsError
from geounet.files import whole_file
from geounet.jobs.datasets import is_layout
from geounet.jobs.tile import Tiling, default_chips, tile
from geounet.jobs.train_report import judged, pictured
from geounet.jobs.train_run import CURVES, HISTORY, METRICS, SAMPLES, Run, TrainResult
from geounet.nn.augment import Augmentation
from geounet.nn.checkpoint import load_checkpoint, save_checkpoint
from geounet.nn.chip_set import ChipSet
from geounet.nn.device import Runtime, chosen_runtime, keep_freed_memory
from geounet.nn.loop import Checked, Entrance, Exam, Plan, Step, Training, begun, fit
from geounet.nn.model_file import NAME as MODEL
from geounet.nn.model_file import adapted, load_model, model_hash, model_path, save_model
from geounet.nn.samples import Samples, batches, usual_workers
from geounet.nn.segmenter import load_segmenter
from geounet.nn.settings import Auto, TrainingSettings, steps_within
from geounet.nn.unet import UNet, alignment, initialised
from geounet.report.curves import curves_picture
from geounet.track import Track, untracked

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """What all stages of one training need."""

    run: Run
    data: ChipSet
    settings: TrainingSettings
    runtime: Runtime
    workers: int
    entrance: Entrance
    init: Path | None


def train(
    sources: Path | Sequence[Path],
    *,
    labels: Path | Sequence[Path] | None = None,
    out: Path | None = None,
    tiling: Tiling | None = None,
    steps: int | Auto = "auto",
    epochs: int | None = None,
    minutes: float | None = None,
    batch_size: int | Auto = "auto",
    lr: float | Auto = "auto",
    width: int | Auto = "auto",
    depth: int = 4,
    skips: bool = True,
    loss: str = "bce+dice",
    augment: str = "standard",
    workers: int | Literal["auto"] = "auto",
    patience: int | None = None,
    resume: bool = False,
    init: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    overwrite: bool = False,
    track: Track = untracked,
) -> TrainResult:
    """Train a U-Net on training windows and keep the weights that do best on the validation windows.

    Args:
        sources: folders that `tile` wrote and that go together; or, with `labels`, scenes to be tiled first, into
            `out`/chips, or SCENE_chips where there is no `out`; or a folder of train, train_labels, ... to be tiled.
        labels: of the scenes, one file for all or one each, as `tile` takes them.
        out: the folder to write; by default the first folder's name with `_run` added.
        tiling: how scenes are tiled; the defaults of `tile` where None.
        steps: of the optimizer; auto is 40 passes over the windows, but 2,000 at least and 20,000 at most.
        epochs: passes over the training windows, in place of steps.
        minutes: how long it may take, in place of steps; the number of steps is measured at the start.
        lr: highest learning rate; auto is 1e-3 for width 16 and 8 windows a step.
        width: channels of the first level; auto is 64 on a GPU and 16 on a processor.
        depth: times the windows are halved; `skips`: whether levels down are joined to levels up.
        loss: bce+dice, dice, bce, ce or focal. `augment`: standard, flips, none or strong.
        workers: processes that prepare windows; 0 is a thread beside the training.
        patience: validations without a better score after which to stop; None never stops early.
        resume: go on from the last checkpoint in `out`, where there is one.
        init: a model to start from, of the same bands and shape; its width, depth and skips are taken over.

    Raises:
        ChipsError: a folder that is missing or damaged, or folders that do not go together.
        SettingsError: a setting out of its range, or a run to resume that began otherwise.
        OutputError: another run in `out`, without `overwrite`.
        TrainingError: a loss that is no longer a number, or too little memory.
        ModelError: an `init` that is no model or of another shape.
    """
    begin = time.perf_counter()
    settings = TrainingSettings(
        steps, epochs, minutes, batch_size, lr, width, depth, skips, loss, augment, patience, seed
    )
    settings = _shaped_like(settings, init) if init else settings
    runtime = chosen_runtime(device, precision)
    folders = _listed(sources)
    if labels is not None or is_layout(folders[0]):
        folders = [_tiled(folders, labels or (), out, tiling or Tiling(), seed=seed, overwrite=overwrite, track=track)]
    job = _job(folders, out or default_run(folders[0]), settings, runtime=runtime, workers=workers, init=init)
    if (finished := job.run.finished(overwrite=overwrite)) is not None:
        return finished
    samples = Samples(job.data.folders, _augmentation(job), seed)
    job.run.clear(resume=resume, overwrite=overwrite)
    keep_freed_memory()
    training, plan = _resumed(job) if job.run.checkpoint.exists() else _started(job, samples)
    _run(job, samples, training, plan, track)
    return _concluded(job, training, plan, begin)


def _listed(paths: Path | Sequence[Path]) -> list[Path]:
    return [paths] if isinstance(paths, Path) else list(paths)


def _tiled(
    scenes: Sequence[Path],
    labels: Path | Sequence[Path],
    out: Path | None,
    tiling: Tiling,
    *,
    seed: int,
    overwrite: bool,
    track: Track,
) -> Path:
    """The folder of training windows of the scenes; made, unless the same ones are there already."""
    chips = out / "chips" if out else default_chips(scenes[0])
    return tile(
        scenes, labels=_listed(labels), out=chips, seed=seed, overwrite=overwrite, track=track, **tiling.options()
    ).out


def default_run(chips: Path) -> Path:
    """CHIPS_run beside the folder of training windows."""
    chips = chips.resolve()
    return chips.with_name(f"{chips.name}_run")


def _shaped_like(settings: TrainingSettings, init: Path) -> TrainingSettings:
    """The settings with the shape of the model to start from."""
    shape = load_model(init)[1].architecture
    if settings.width not in ("auto", shape.width):
        raise SettingsError(f"width {settings.width} contradicts --init, whose width is {shape.width}; leave it out")
    return replace(settings, width=shape.width, depth=shape.depth, skips=shape.skips)


def _job(
    chips: Sequence[Path],
    out: Path,
    settings: TrainingSettings,
    *,
    runtime: Runtime,
    workers: int | Literal["auto"],
    init: Path | None,
) -> _Job:
    """The training windows opened, and the run that is theirs."""
    if init is not None and model_path(init).resolve() == (out / MODEL).resolve():
        raise SettingsError(f"{init} is the model that the training would replace; choose another --out")
    data = ChipSet.open(chips)
    _check_window(settings, data)
    identity = {
        **asdict(settings),
        "chips": data.fingerprint,
        "init": model_hash(init) if init else None,
        "device": runtime.device.type,
        "precision": runtime.precision,
    }
    threads = usual_workers(runtime) if workers == "auto" else workers
    return _Job(Run(out, identity), data, settings, runtime, threads, Entrance(runtime, data.mean, data.std), init)


def _architecture(job: _Job) -> Architecture:
    settings = job.settings
    return Architecture(
        job.data.card.bands, job.data.outputs, settings.chosen_width(job.runtime), settings.depth, settings.skips
    )


def _check_window(settings: TrainingSettings, data: ChipSet) -> None:
    grid = alignment(Architecture(depth=settings.depth))
    if data.card.size % grid:
        raise SettingsError(
            f"windows of {data.card.size} px cannot be halved {settings.depth} times; "
            f"tile with a --size that is a multiple of {grid}, or train with a smaller --depth"
        )


def _augmentation(job: _Job) -> Augmentation:
    data = job.data
    return Augmentation(job.settings.augment, data.card.colours, data.card.dtype, data.mean, data.std)


def _resumed(job: _Job) -> tuple[Training, Plan]:
    """The training as its last checkpoint left it."""
    training, plan = load_checkpoint(job.run.checkpoint, job.runtime, job.run.check_same)
    log.info("going on after step %d of %d", training.step, plan.steps)
    return training, plan


def _started(job: _Job, samples: Samples) -> tuple[Training, Plan]:
    """A new training, and its plan; with minutes given, after measuring what a step takes."""
    settings, runtime = job.settings, job.runtime
    network = initialised(_architecture(job), settings.seed)
    if job.init is not None:
        network = adapted(job.init, network)
    contact = job.data.card.contact_width is not None
    width = network.architecture.width
    plan = settings.plan(samples.pass_length, width, runtime, contact=contact)
    if settings.minutes is not None:
        plan = settings.plan(
            samples.pass_length, width, runtime, contact=contact, steps=_measured(job, samples, network, plan)
        )
    if not len(job.data.windows("val")):
        log.warning("no validation window has a label; the last weights are kept, unscored")
    log.info(
        "%d steps of %d windows, validation every %d, learning rate %.2g",
        plan.steps,
        plan.batch_size,
        plan.validate_every,
        plan.learning_rate,
    )
    return begun(network, plan, runtime), plan


def _measured(job: _Job, samples: Samples, network: UNet, plan: Plan) -> int:
    assert job.settings.minutes is not None
    return steps_within(
        job.settings.minutes,
        network,
        plan,
        batches=lambda count: batches(samples, 0, count, plan.batch_size, workers=job.workers),
        exam=_exam(job, plan),
        entrance=job.entrance,
    )


def _exam(job: _Job, plan: Plan) -> Exam:
    windows = job.data.windows("val").thinned(plan.scored_windows)
    return Exam(lambda: windows.batches(plan.batch_size), len(job.data.card.legend.classes))


def _run(job: _Job, samples: Samples, training: Training, plan: Plan, track: Track) -> None:
    """Train to the end of the plan; model, history and checkpoint are written at each validation."""
    first, left = training.step * plan.batch_size, plan.steps - training.step
    made = batches(samples, first, left, plan.batch_size, workers=job.workers)
    records = fit(training, plan, made, _exam(job, plan), job.entrance)
    for record in track(
        records,
        "training",
        total=left * plan.batch_size,
        unit="windows",
        amount=lambda record: record.count * plan.batch_size if isinstance(record, Step) else 0.0,
        tell=_told,
    ):
        if isinstance(record, Checked):
            _kept(job, training, plan, record)


def _told(record: Step | Checked) -> str:
    if isinstance(record, Step):
        return f"loss {record.loss:.3f}"
    return f"loss {record.loss:.3f}" if record.score is None else f"IoU {record.score:.3f}"


def _kept(job: _Job, training: Training, plan: Plan, record: Checked) -> None:
    """Write what a validation brought; the checkpoint last, so that going on from it writes the rest again."""
    if record.best:
        card = _recorded(job.data.model_card(training.average.architecture), job, plan, record)
        save_model(job.run.model, training.average.state_dict(), card)
    _write(job.run.folder / HISTORY, _table(training.history))
    save_checkpoint(job.run.checkpoint, training, plan, json.dumps(job.run.identity))
    score = "not scored" if record.score is None else f"IoU {record.score:.3f}"
    log.info("step %d: loss %.4f, %s", record.number, record.loss, score)


def _recorded(card: ModelCard, job: _Job, plan: Plan, record: Checked) -> ModelCard:
    """The card with the record of its training; no times and no paths, so that the same run gives the same bytes."""
    windows = {split: len(job.data.windows(split)) for split in ("train", "val")}
    made = {"step": record.number, "iou": record.score, "windows": windows}
    return card.with_training(**asdict(plan), **made, seed=job.settings.seed, augment=job.settings.augment)


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


def _concluded(job: _Job, training: Training, plan: Plan, begin: float) -> TrainResult:
    """Score the kept model on all validation windows, draw, and write metrics.json last."""
    device, precision = str(job.runtime.device), job.runtime.precision
    segmenter = load_segmenter(job.run.model, device, precision, batch_size=plan.batch_size)
    judgement = judged(segmenter, job.data.windows("val"))
    shown = job.data.windows("val") if judgement.scores else job.data.windows("train").thinned(6)
    _write(job.run.folder / CURVES, curves_picture(training.history, best_step=training.best_step))
    _write(job.run.folder / SAMPLES, pictured(segmenter, shown, judgement))
    names = job.data.card.legend.names
    class_iou = dict(zip(names, judgement.confusion.iou, strict=True))
    seconds = round(time.perf_counter() - begin, 1)
    result = TrainResult(
        job.run.folder, job.run.model, training.step, training.best_step, judgement.confusion.score, class_iou, seconds
    )
    content = {
        "iou": result.iou,
        "class_iou": class_iou,
        "validation_pixels": judgement.confusion.pixels,
        "validation_windows": len(job.data.windows("val")),
        "training_windows": len(job.data.windows("train")),
        "steps": result.steps,
        "best_step": result.best_step,
        "seconds": seconds,
        "device": device,
        "precision": precision,
        "plan": asdict(plan),
        "job": job.run.identity,
    }
    _write(job.run.folder / METRICS, (json.dumps(content, indent=2) + "\n").encode())
    return result
