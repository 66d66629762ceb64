"""Training windows of synthetic towns, beside a training's own."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from geounet import synthetic
from geounet.chips import ChipsCard
from geounet.errors import ChipsError, OutputError, SettingsError
from geounet.files import translated
from geounet.jobs.tile import tile
from geounet.jobs.train_run import METRICS, Run
from geounet.legend import is_building
from geounet.nn.augment import RGB
from geounet.nn.chip_set import ChipSet
from geounet.nn.settings import TrainingSettings
from geounet.rule import SAME

log = logging.getLogger(__name__)

NAME = "synthetic_towns"  # the folder in that of the run; gone when the training is finished
FINEST, COARSEST = 0.2, 1.0  # metres a pixel: finer ones show the towns' own pixels, in coarser ones a house has few
LEAST, MOST = 50.0, 200.0  # metres a side of a window: less shows no house with its ground, more is wider than a town


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
        and FINEST / (1 + SAME) <= resolution <= COARSEST * (1 + SAME)
        and LEAST <= card.size * resolution <= MOST
    )


def tiled_towns(data: ChipSet, run: Path) -> Path:
    """The towns' windows at the resolution and of the size of a training's own, in a folder of the run."""
    log.info("a quarter of the samples, or less, are of synthetic towns (--synthetic none leaves them out)")
    card = data.card
    return tile(
        synthetic.scenes(),
        labels=[synthetic.LABELS],
        out=run / NAME,
        size=card.size,
        stride=card.size,
        gsd=data.ground_resolution or "native",
        contact=card.contact_width or "none",
        val=0.0,
        overwrite=True,
    ).out


def check_place(run: Path, sources: Sequence[Path]) -> None:
    """Make sure that the towns' windows will replace nothing.

    Raises:
        OutputError: there is something else where they belong.
        SettingsError: the training is asked to learn from that very folder.
    """
    folder = run / NAME
    if (folder.exists() or folder.is_symlink()) and not _is_ours(folder):
        raise OutputError(
            f"{folder} is where windows of synthetic towns belong, and holds something else; move it away, choose "
            f"another --out, or train with --synthetic none"
        )
    if any(source.resolve() == folder.resolve() for source in sources):
        raise SettingsError(f"{folder} holds windows of synthetic towns that go with a training; give windows of yours")


@contextmanager
def cleared_at_the_end(run: Run, *, is_first: bool) -> Iterator[None]:
    """Context after which the towns' windows are gone, unless the training can go on from a checkpoint.

    Args:
        is_first: whether this process is the one that writes.
    """
    try:
        yield
    finally:
        folder = run.folder / NAME
        goes_on = run.checkpoint.exists() and not (run.folder / METRICS).exists()
        if is_first and not goes_on and _is_ours(folder):
            with translated(folder):
                shutil.rmtree(folder)


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds windows of the towns."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        job = ChipsCard.read(folder).origin["job"]
        names = [scene["name"] for scene in job["scenes"]]  # type: ignore[index]
    except (ChipsError, KeyError, TypeError):
        return False
    return names == [path.name for path in synthetic.scenes()]
