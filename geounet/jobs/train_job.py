"""A training before its first step: its windows opened, its network and its plan made."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from geounet import synthetic
from geounet.card import Architecture
from geounet.errors import SettingsError
from geounet.jobs.ledger import Ledger, ledger_named
from geounet.jobs.synthetic_towns import are_wanted
from geounet.jobs.train_run import Run
from geounet.legend import is_building
from geounet.nn.areas import AreaWindows, in_firsts, read_ahead
from geounet.nn.augment import AUGMENTS, Augmentation
from geounet.nn.checkpoint import load_checkpoint
from geounet.nn.chip_set import ChipSet
from geounet.nn.chip_store import ChipFolder
from geounet.nn.device import Runtime
from geounet.nn.entrance import Entrance
from geounet.nn.exam import Exam
from geounet.nn.group import Group
from geounet.nn.init import adapted
from geounet.nn.loader import batches, usual_workers
from geounet.nn.model_file import NAME as MODEL
from geounet.nn.model_file import load_model, model_hash, model_path
from geounet.nn.pace import VALIDATIONS, measured
from geounet.nn.pipeline import Pipeline
from geounet.nn.plan import Plan
from geounet.nn.samples import REVISION, Samples, Variation
from geounet.nn.settings import TrainingSettings
from geounet.nn.training import Training, begun
from geounet.nn.unet import UNet, alignment, initialised

log = logging.getLogger(__name__)

DEARER = 1.5  # times that a validation may cost what it would without context around what it scores
MEASURING = 0.08  # share of the minutes given after which a few steps are measured well enough
DRAWING = 4.0  # seconds that the pictures of a finished training take, and reading its model


@dataclass(frozen=True)
class Job:
    """What all stages of one training need."""

    run: Run
    data: ChipSet
    settings: TrainingSettings
    runtime: Runtime
    workers: int
    entrance: Entrance
    init: Path | None
    group: Group
    ledger: Ledger
    augmentation: Variation

    @property
    def has_towns(self) -> bool:
        """Whether windows of synthetic towns go with its own."""
        return self.run.identity["synthetic"] is not None

    def samples(self, towns: Path | None = None) -> Samples:
        """The training samples, augmented; with the windows of synthetic towns in a folder, if any."""
        beside = ChipFolder.open(towns) if towns else None
        return Samples(self.data.folders, self.augmentation, self.settings.seed, synthetic=beside)

    def validation(self, plan: Plan, architecture: Architecture) -> AreaWindows:
        """The padded windows that score every pixel of the validation windows once."""
        return AreaWindows.of(self.data.folders, "val", architecture, pixels=self._step_pixels(plan))

    def exam(self, plan: Plan, architecture: Architecture) -> Exam:
        """This process's part of what a validation looks at."""
        windows = self._looked_at(plan, architecture)
        groups = windows.together(self._step_pixels(plan))
        numbers = range(self.group.rank, len(groups), self.group.size)
        groups = [groups[number] for number in numbers]
        return Exam(
            lambda: read_ahead(groups),
            len(self.data.card.legend.classes),
            in_firsts(groups),
            windows.margin,
            numbers,
        )

    def _looked_at(self, plan: Plan, architecture: Architecture) -> AreaWindows:
        """So many of the windows that looking at them takes a small share of the run."""
        return self.validation(plan, architecture).thinned(DEARER * plan.scored_windows * self.data.card.size**2)

    def looks_at_all(self, plan: Plan, architecture: Architecture) -> float:
        """Times that one process needs for all windows what a validation takes."""
        looked_at = self._looked_at(plan, architecture).cost
        return self.group.size * self.validation(plan, architecture).cost / looked_at if looked_at else 0.0

    def _step_pixels(self, plan: Plan) -> int:
        """Pixels that are computed together in a step."""
        return plan.share * self.data.card.size**2


def opened(
    chips: Sequence[Path],
    out: Path,
    settings: TrainingSettings,
    *,
    runtime: Runtime,
    workers: int | Literal["auto"],
    init: Path | None,
    group: Group,
    tracker: str,
    tracker_uri: str | None,
) -> Job:
    """The training windows opened, and the run that is theirs.

    Raises:
        ChipsError: a folder that is missing or damaged, or folders that do not go together.
        SettingsError: settings that contradict each other, the windows or `out`.
    """
    if init is not None and model_path(init).resolve() == (out / MODEL).resolve():
        raise SettingsError(f"{init} is the model that the training would replace; choose another --out")
    places = [folder.resolve() for folder in chips]
    if len(set(places)) < len(places):
        raise SettingsError(f"{max(chips, key=places.count)} is given more than once; give each folder once")
    if out.resolve() in places:
        raise SettingsError(f"{out} holds the training windows, which are made anew as a whole; choose another --out")
    data = ChipSet.open(chips)
    if settings.loss == "dice" and settings.class_weights != "none" and data.card.contact_width is None:
        raise SettingsError("--class-weights have no part in --loss dice; leave them out, or take --loss bce+dice")
    _check_window(settings, data, settings.chosen_batch(runtime) // settings.shares(runtime, group))
    augmentation = _augmentation(settings.augment, data)
    asked = asdict(settings)
    del asked["accumulate"]  # who computes a batch's shares changes nothing
    identity = {
        **asked,
        "shares": settings.shares(runtime, group),
        "augment": augmentation.name,
        "synthetic": synthetic.fingerprint() if are_wanted(data, settings) else None,
        "chips": data.fingerprint,
        "samples": REVISION,
        "init": model_hash(init) if init else None,
        "device": runtime.device.type,
        "precision": runtime.precision,
    }
    threads = usual_workers(runtime, group.size) if workers == "auto" else workers
    entrance = Entrance(runtime, data.mean, data.std)
    ledger = ledger_named(tracker if group.is_first else "none", tracker_uri, out)
    return Job(Run(out, identity), data, settings, runtime, threads, entrance, init, group, ledger, augmentation)


def shaped_like(settings: TrainingSettings, init: Path) -> TrainingSettings:
    """The settings with the shape of the model to start from."""
    shape = load_model(init)[1].architecture
    if settings.width not in ("auto", shape.width):
        raise SettingsError(f"width {settings.width} contradicts --init, whose width is {shape.width}; leave it out")
    usual = TrainingSettings()
    if settings.depth not in (usual.depth, shape.depth):
        raise SettingsError(f"depth {settings.depth} contradicts --init, whose depth is {shape.depth}; leave it out")
    if settings.skips not in (usual.skips, shape.skips):
        raise SettingsError("--no-skips contradicts --init, which has them; leave it out")
    return replace(settings, width=shape.width, depth=shape.depth, skips=shape.skips)


def _check_window(settings: TrainingSettings, data: ChipSet, together: int) -> None:
    grid = alignment(Architecture(depth=settings.depth))
    if data.card.size % grid:
        raise SettingsError(
            f"windows of {data.card.size} px cannot be halved {settings.depth} times; "
            f"tile with a --size that is a multiple of {grid}, or train with a smaller --depth"
        )
    if data.card.size == grid and together == 1:
        raise SettingsError(
            f"one window of {grid} px alone, halved {settings.depth} times, is a single pixel, which cannot be "
            f"normalised; train with a larger --batch-size, a smaller --accumulate or --depth, or tile with a larger "
            f"--size"
        )


def _augmentation(name: str, data: ChipSet) -> Variation:
    """The augmentation of that name, or the pipeline in a file of that name."""
    card = data.card
    if name in AUGMENTS or not (Path(name).suffix or Path(name).exists()):
        buildings = tuple(cls.id for cls in card.legend.foreground if is_building(cls.name))
        return Augmentation(name, card.colours, card.dtype, data.mean, data.std, buildings)
    return Pipeline.read(Path(name), dtype=card.dtype, mean=data.mean, std=data.std, size=card.size)


def new_network(job: Job) -> UNet:
    """The network at its start: drawn by the seed, or that of another model."""
    settings, data = job.settings, job.data
    width = settings.chosen_width(job.runtime)
    shape = Architecture(data.card.bands, data.outputs, width, settings.depth, settings.skips)
    network = initialised(shape, settings.seed)
    if job.init is not None:
        new = adapted(job.init, network, data.model_card(shape))
        log.info("starting from %s; learned anew: %s", job.init, ", ".join(new) or "nothing")
    return network


def resumed(job: Job) -> tuple[Training, Plan, float]:
    """The training as its last checkpoint left it, to be brought to its end whenever that is."""
    training, plan = load_checkpoint(job.run.checkpoint, job.runtime, job.run.check_same)
    log.info("going on after step %d of %d", training.step, plan.steps)
    return training, plan, math.inf


def started(job: Job, samples: Samples, network: UNet, begin: float) -> tuple[Training, Plan, float]:
    """A new training, its plan, and when it has to stop by `time.perf_counter`.

    With minutes given, the plan is made after measuring what a step takes.

    Args:
        begin: when the minutes began.
    """
    plan, until = _plan(job, samples, network), math.inf
    if job.settings.minutes is not None:
        plan, until = _timed(job, samples, network, plan, begin + 60 * job.settings.minutes)
    if not job.data.windows("val").have_foreground:
        what = "class to be found" if len(job.data.windows("val")) else "label"
        log.warning("no validation window has a %s; the last weights are kept, unscored", what)
    log.info(
        "%d steps of %d windows, validation every %d, learning rate %.2g",
        plan.steps,
        plan.batch_size,
        plan.validate_every,
        plan.learning_rate,
    )
    return begun(network, plan, job.runtime), plan, until


def _timed(job: Job, samples: Samples, network: UNet, plan: Plan, end: float) -> tuple[Plan, float]:
    """The plan that ends at `end`, judged, drawn and written; and when its last validation has to begin.

    Raises:
        SettingsError: there is not the time for one step.
    """
    pace = measured(
        network,
        plan,
        batches=lambda tried: batches(
            samples, tried.numbers(0, job.group), workers=job.workers, device=job.runtime.device
        ),
        exam=job.exam(plan, network.architecture),
        entrance=job.entrance,
        within=MEASURING * (end - time.perf_counter()),
        group=job.group,
    )
    judging = DRAWING + pace.validation * job.looks_at_all(plan, network.architecture)
    left = job.group.of_first(end - judging - time.perf_counter())
    if left < pace.least:
        minutes = job.settings.minutes or 0
        raise SettingsError(
            f"--minutes {minutes:g} is too short for this network on this machine, where a step, a validation and "
            f"what is around them take {minutes + (pace.least - left) / 60:.2g} minutes; give more, or --steps"
        )
    steps, looks = pace.fitting(left)
    until = end - judging - pace.validation
    return _plan(job, samples, network, steps=steps, looks=looks), until


def _plan(job: Job, samples: Samples, network: UNet, *, steps: int | None = None, looks: int = VALIDATIONS) -> Plan:
    return job.settings.plan(
        samples.pass_length,
        network.architecture.width,
        job.runtime,
        contact=job.data.card.contact_width is not None,
        class_weights=job.data.class_weights,
        group=job.group,
        steps=steps,
        looks=looks,
    )
