"""Training windows of synthetic towns, beside a training's own."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from geounet import synthetic
from geounet.errors import OutputError, SettingsError
from geounet.files import translated
from geounet.jobs.tile import tile
from geounet.jobs.train_run import METRICS, Run
from geounet.legend import is_building
from geounet.nn.augment import RGB
from geounet.nn.chip_set import ChipSet
from geounet.nn.settings import TrainingSettings

log = logging.getLogger(__name__)

NAME = "synthetic_towns"  # the folder in that of the run; gone when the training is finished
MARK = "of_this_training.txt"  # in it, before anything else: by this file alone it is known for ours
FINEST, COARSEST = 0.2, 1.0  # metres a pixel: finer ones show the towns' own pixels, in coarser ones a house has few
LEAST, MOST = 50.0, 200.0  # metres a side of a window: less shows no house with its ground, more has no room in a town
SLACK = 1.005  # a pixel that a CRS calls a metre, and a whole number of pixels, is so to some thousandths of it


def are_wanted(data: ChipSet, settings: TrainingSettings) -> bool:
    """Whether synthetic towns go with these windows: buildings alone are looked for, in colours as people see them.

    They belong to the augmentation: who trains with `flips` or a pipeline of his own wants imagery as it is. Where it
    is the imagery that they do not go with, the log says why.
    """
    if (
        settings.synthetic != "auto"
        or settings.augment not in ("standard", "strong")
        or [is_building(c.name) for c in data.card.legend.foreground] != [True]
    ):
        return False
    reason = _unlike(data)
    if reason is not None:
        log.info("no synthetic towns are learned from: %s", reason)
    return reason is None


def _unlike(data: ChipSet) -> str | None:
    """What it is of these windows that the towns do not go with; None where they do."""
    card, resolution = data.card, data.ground_resolution
    if (card.colours, card.dtype) != (RGB, "uint8"):
        return "they are red, green and blue in 8 bits, and these bands are not"
    if resolution is None:
        return "the scenes have no CRS, and so no known ground resolution"
    if not FINEST / SLACK <= resolution <= COARSEST * SLACK:
        return f"they go with {FINEST:g} to {COARSEST:g} m a pixel, and these windows have {resolution:.4g}"
    width = card.size * resolution
    if not LEAST / SLACK <= width <= MOST * SLACK:
        return f"they go with windows of {LEAST:g} to {MOST:g} m, and these are {width:.0f} m wide (--size)"
    return None


def check_place(run: Path, sources: Sequence[Path], *, is_wanted: bool) -> None:
    """Make sure that the towns' windows, if they are wanted, will replace nothing, and are not taken for one's own.

    Raises:
        OutputError: there is something else where they belong.
        SettingsError: a source is such windows of another training, or of this.
    """
    folder = run / NAME
    for source in sources:
        if (source.parent / MARK).is_file():
            raise SettingsError(f"{source} holds windows of synthetic towns of a training; give windows of yours")
    is_free = not folder.is_symlink() and (not folder.exists() or (folder.is_dir() and not any(folder.iterdir())))
    if is_wanted and not (is_free or _is_ours(folder)):
        raise OutputError(
            f"{folder} is where windows of synthetic towns belong, and holds something else; move it away, choose "
            f"another --out, or train with --synthetic none"
        )


def tiled_towns(data: ChipSet, run: Path) -> Path:
    """The towns' windows at the resolution and of the size of a training's own, in a folder of the run."""
    card, folder = data.card, run / NAME
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("Windows of synthetic towns; geounet removes this folder when the training ends.\n")
    return tile(
        synthetic.scenes(),
        labels=[synthetic.LABELS],
        out=folder / "windows",
        size=card.size,
        stride=card.size,
        gsd=data.ground_resolution or "native",
        contact=card.contact_width or "none",
        val=0.0,
        overwrite=True,
    ).out


@contextmanager
def cleared_at_the_end(run: Run, *, is_first: bool) -> Iterator[None]:
    """Context after which the towns' windows are gone, unless the training can go on from a checkpoint.

    Args:
        is_first: whether this process is the one that writes.
    """
    try:
        yield
    finally:
        goes_on = run.checkpoint.exists() and not (run.folder / METRICS).exists()
        if is_first and not goes_on:
            clear_towns(run.folder)


def clear_towns(run: Path) -> None:
    """Remove the towns' windows, and a run's folder that had nothing else; where that fails the training is none the
    worse for it."""
    folder = run / NAME
    if not _is_ours(folder):
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        log.warning("%s cannot be removed (%s); it is not needed any more", folder, error.strerror or error)
    with suppress(OSError):  # it holds more
        run.rmdir()


def _is_ours(folder: Path) -> bool:
    """Whether a training made a folder for the windows of towns."""
    return not folder.is_symlink() and (folder / MARK).is_file()
