"""Training windows of drawn towns, beside a training's own."""

import logging
import shutil
from pathlib import Path

from geounet import drawn
from geounet.chips import ChipsCard
from geounet.jobs.tile import tile
from geounet.legend import is_building
from geounet.nn.augment import RGB
from geounet.nn.settings import TrainingSettings

log = logging.getLogger(__name__)

NAME = "drawn"  # the folder in that of the run; gone when the training is finished
FINEST, COARSEST = 0.2, 1.0  # metres a pixel: finer ones show the towns' own pixels, in coarser ones a house has few
LEAST = 50.0  # metres a side of a window: less shows no house with what is around it


def are_wanted(card: ChipsCard, settings: TrainingSettings) -> bool:
    """Whether drawn towns go with these windows: buildings alone are looked for, in colours as people see them.

    They belong to the augmentation: who trains with `flips` or a pipeline of his own wants imagery as it is.
    """
    resolution = card.ground_resolution
    return (
        settings.drawn == "auto"
        and settings.augment in ("standard", "strong")
        and [is_building(c.name) for c in card.legend.foreground] == [True]
        and (card.colours, card.dtype) == (RGB, "uint8")
        and resolution is not None
        and FINEST <= resolution <= COARSEST
        and card.size * resolution >= LEAST
    )


def tiled_towns(card: ChipsCard, run: Path) -> Path:
    """The towns' windows at the resolution and of the size of a training's own, in a folder of the run."""
    log.info("up to a quarter of the samples are of drawn towns (--drawn none leaves them out)")
    return tile(
        drawn.scenes(),
        labels=[drawn.LABELS],
        out=run / NAME,
        size=card.size,
        stride=card.size,
        gsd=card.ground_resolution or "native",
        contact=card.contact_width or "none",
        val=0.0,
        overwrite=True,
    ).out


def clear_towns(run: Path) -> None:
    """A finished training needs their windows no more."""
    shutil.rmtree(run / NAME, ignore_errors=True)
