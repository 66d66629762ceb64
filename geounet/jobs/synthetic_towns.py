"""Training windows of synthetic towns, beside a training's own."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
SLACK = 1.001  # a pixel that a CRS calls a metre is so to some thousandths of it


def are_wanted(data: ChipSet, settings: TrainingSettings) -> bool:
    """Whether synthetic towns go with these windows: buildings alone are looked for, in colours as people see them.

    They belong to the augmentation: who trains with `flips` or a pipeline of his own wants imagery as it is.
    """
    card, resolution = data.card, data.ground_resolution
    return (
        settings.synthetic == "auto"
        and settings.augment in ("standard", "strong")
        and [is_building(c.name) for c in card.legend.foreground] == [True]
        and (card.colours, card.dtype) == (RGB, "uint8")
        and resolution is not None
        and FINEST / SLACK <= resolution <= COARSEST * SLACK
        and LEAST / SLACK <= card.size * resolution <= MOST * SLACK
    )


def check_place(run: Path, sources: Sequence[Path]) -> None:
    """Make sure that the towns' windows will replace nothing.

    Raises:
        OutputError: there is something else where they belong.
        SettingsError: the training is asked to learn from these very windows.
    """
    folder = run / NAME
    if any(source.resolve().is_relative_to(folder.resolve()) for source in sources) and _is_ours(folder):
        raise SettingsError(f"{folder} holds windows of synthetic towns that go with a training; give windows of yours")
    is_free = not folder.is_symlink() and (not folder.exists() or (folder.is_dir() and not any(folder.iterdir())))
    if not (is_free or _is_ours(folder)):
        raise OutputError(
            f"{folder} is where windows of synthetic towns belong, and holds something else; move it away, choose "
            f"another --out, or train with --synthetic none"
        )


def tiled_towns(data: ChipSet, run: Path) -> Path:
    """The towns' windows at the resolution and of the size of a training's own, in a folder of the run."""
    log.info("a quarter of the samples, or less, are of synthetic towns (--synthetic none leaves them out)")
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
    """Remove the towns' windows; where that fails the training is none the worse for it."""
    folder = run / NAME
    if not _is_ours(folder):
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        log.warning("%s cannot be removed (%s); it is not needed any more", folder, error.strerror or error)


def _is_ours(folder: Path) -> bool:
    """Whether a training made a folder for the windows of towns."""
    return not folder.is_symlink() and (folder / MARK).is_file()
