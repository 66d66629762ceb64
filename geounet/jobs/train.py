"""The job `train`: training windows in; a model with its card, its curves and its samples out."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Literal

from geounet.files import StrPath, as_path, as_paths
from geounet.jobs.datasets import is_layout
from geounet.jobs.synthetic_towns import check_place, clear_towns, cleared_at_the_end, tiled_towns
from geounet.jobs.tile import Tiling, default_chips, tile
from geounet.jobs.train_job import Job, new_network, opened, resumed, shaped_like, started
from geounet.jobs.train_keep import concluded, keep
from geounet.jobs.train_run import TrainResult
from geounet.memory import keep_freed_memory
from geounet.nn.device import chosen_runtime
from geounet.nn.group import joined
from geounet.nn.loader import batches
from geounet.nn.loop import Checked, Step, fit
from geounet.nn.plan import Plan
from geounet.nn.samples import Samples
from geounet.nn.settings import Auto, TrainingSettings
from geounet.nn.training import Training
from geounet.track import Track, untracked

log = logging.getLogger(__name__)


def train(
    sources: StrPath | Sequence[StrPath],
    *,
    labels: StrPath | Sequence[StrPath] | None = None,
    out: StrPath | None = None,
    tiling: Tiling | None = None,
    steps: int | Auto = "auto",
    epochs: int | None = None,
    minutes: float | None = None,
    batch_size: int | Auto = "auto",
    accumulate: int = 1,
    lr: float | Auto = "auto",
    width: int | Auto = "auto",
    depth: int = 4,
    skips: bool = True,
    loss: str = "bce+dice",
    class_weights: str = "none",
    optimizer: str = "adamw",
    augment: str = "standard",
    synthetic: str = "auto",
    workers: int | Literal["auto"] = "auto",
    patience: int | None = None,
    resume: bool = False,
    init: StrPath | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    overwrite: bool = False,
    tracker: str = "none",
    tracker_uri: str | None = None,
    track: Track = untracked,
) -> TrainResult:
    """Train a U-Net on training windows and keep the weights that do best on the validation windows, or later ones
    that are as good.

    Processes that torchrun started train together, each on its share of every batch; the first of them writes.

    Args:
        sources: folders that `tile` wrote and that go together (strings or paths, here as everywhere); or, with
            `labels`, scenes to be tiled first, into `out`/chips, or SCENE_chips where there is no `out`; or a folder of
            train, train_labels, ... to be tiled.
        labels: of the scenes, one file for all or one each, as `tile` takes them.
        out: the folder to write; by default the first folder's name with `_run` added.
        tiling: how scenes are tiled; the defaults of `tile` where None.
        steps: of the optimizer; auto is 40 passes over the windows, but 2,000 at least and 20,000 at most.
        epochs: passes over the training windows, in place of steps.
        minutes: how long all of it may take, in place of steps; the number of steps is measured at the start.
        batch_size: windows in a step.
        accumulate: parts of a batch that are computed one after the other, so that it fits a small GPU.
        lr: highest learning rate; auto is 1e-3 for width 16 and 8 windows a step.
        width: channels of the first level; auto is 64 on a GPU and 16 on a processor.
        depth: times the windows are halved.
        skips: whether levels down are joined to levels up.
        loss: bce+dice, dice, bce, ce, focal or boundary (cross entropy that weighs more near the labels' edges).
        class_weights: none, or auto: pixels of rare classes weigh more in the cross entropy.
        optimizer: adamw, adam or sgd.
        augment: standard, flips, none, strong, or a file with albumentations' own pipeline (JSON or YAML, as `A.save`
            writes it).
        synthetic: auto, or none. auto takes windows of synthetic towns in beside the training's own, one to three of
            these, where buildings alone are looked for in 8-bit imagery of red, green and blue at 0.2 to 1 m, windows
            are 50 to 200 m wide, and `augment` is standard or strong.
        workers: processes that prepare windows; with 0 the training's own does, in a thread if it leaves a core to it.
        patience: validations without a better score after which to stop; None never stops early.
        resume: go on from the last checkpoint in `out`; where there is none, begin.
        init: a model to start from, whose width, depth and skips are taken over; bands and classes that it does not
            know by name are learned anew.
        seed: of all that is drawn by lot: split, first weights, samples.
        device: auto (a GPU where there is one), cpu, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16; auto takes bf16 where it is fast.
        overwrite: replace another run in `out`.
        tracker: none, or mlflow to enter parameters, curves, pictures and model there as well, in `out`/mlruns or at
            `tracker_uri`.
        track: shows the progress; see `geounet.track`.

    Raises:
        ChipsError: a folder that is missing or damaged, or folders that do not go together.
        SettingsError: a setting out of its range, or a run to resume that began otherwise.
        OutputError: another run in `out`, without `overwrite`.
        TrainingError: a loss that is no longer a number, or too little memory.
        ModelError: an `init` that is no model or of another shape.
    """
    begin = time.perf_counter()
    folders, out, init = as_paths(sources), as_path(out), as_path(init)
    with joined() as group:
        settings = TrainingSettings(
            steps=steps,
            epochs=epochs,
            minutes=minutes,
            batch_size=batch_size,
            accumulate=accumulate,
            lr=lr,
            width=width,
            depth=depth,
            skips=skips,
            loss=loss,
            class_weights=class_weights,
            optimizer=optimizer,
            augment=augment,
            synthetic=synthetic,
            patience=patience,
            seed=seed,
        )
        settings = shaped_like(settings, init) if init else settings
        runtime = chosen_runtime(group.device(device), precision)
        if labels is not None or is_layout(folders[0]):
            tiled = partial(
                _tiled,
                folders,
                as_paths(labels or ()),
                out,
                tiling or Tiling(),
                seed=seed,
                overwrite=overwrite,
                track=track,
            )
            folders = [group.from_first(tiled)]
        run = out or default_run(folders[0])
        job = opened(
            folders,
            run,
            settings,
            runtime=runtime,
            workers=workers,
            init=init,
            group=group,
            tracker=tracker,
            tracker_uri=tracker_uri,
        )
        return _finished(job, folders, begin, resume=resume, overwrite=overwrite, track=track)


def _finished(
    job: Job, folders: Sequence[Path], begin: float, *, resume: bool, overwrite: bool, track: Track
) -> TrainResult:
    """What the job comes to: made from its beginning, or gone on with, or finished before."""
    group, run = job.group, job.run
    finished = group.from_first(partial(run.finished, overwrite=overwrite))
    if finished is not None:
        if group.is_first:
            clear_towns(run.folder)  # a process that was killed at the very end left them
        return finished
    samples, network = job.samples(), new_network(job)
    group.from_first(partial(check_place, run.folder, folders, is_wanted=job.has_towns))
    group.from_first(partial(run.clear, resume=resume, overwrite=overwrite))
    with cleared_at_the_end(run, is_first=group.is_first):
        if job.has_towns:
            samples = job.samples(group.from_first(partial(tiled_towns, job.data, run.folder)))
            log.info("%d of %d samples are of synthetic towns (--synthetic none leaves them out)", *samples.of_towns)
        keep_freed_memory()
        goes_on = group.from_first(run.checkpoint.exists)
        training, plan, until = resumed(job) if goes_on else started(job, samples, network, begin)
        with job.ledger.page({**run.identity, **asdict(plan)}):
            _run(job, samples, training, plan, until=until, track=track)
            return group.from_first(partial(concluded, job, training, plan, begin))


def _tiled(
    scenes: Sequence[Path],
    labels: Sequence[Path],
    out: Path | None,
    tiling: Tiling,
    *,
    seed: int,
    overwrite: bool,
    track: Track,
) -> Path:
    """The folder of training windows of the scenes; made, unless the same ones are there already."""
    chips = out / "chips" if out else default_chips(scenes[0])
    return tile(scenes, labels=labels, out=chips, seed=seed, overwrite=overwrite, track=track, **tiling.options()).out


def default_run(chips: Path) -> Path:
    """CHIPS_run beside the folder of training windows."""
    chips = chips.resolve()
    return chips.with_name(f"{chips.name}_run")


def _run(job: Job, samples: Samples, training: Training, plan: Plan, *, until: float, track: Track) -> None:
    """Train to the end of the plan; model, history and checkpoint are written at each validation."""
    numbers = plan.numbers(training.step, job.group)
    made = batches(samples, numbers, workers=job.workers, device=job.runtime.device)
    exam = job.exam(plan, training.network.architecture)
    records = fit(training, plan, made, exam, job.entrance, until=until, group=job.group)
    for record in track(
        records,
        "training",
        total=(plan.steps - training.step) * plan.batch_size,
        unit="windows",
        amount=lambda record: record.count * plan.batch_size if isinstance(record, Step) else 0.0,
        tell=partial(_told, training),
    ):
        if isinstance(record, Checked) and job.group.is_first:
            keep(job, training, plan, record)
    if training.step < plan.steps:
        why = "out of time" if until < math.inf else f"no better score in {training.stale} validations (--patience)"
        log.info("stopped after step %d of %d: %s", training.step, plan.steps, why)


def _told(training: Training, record: Step | Checked) -> str:
    """The loss, and the IoU of the last validation."""
    score = training.history[-1]["iou"] if training.history else None
    return f"loss {record.loss:.3f}" + ("" if score is None else f", IoU {score:.3f}")
