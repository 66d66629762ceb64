"""The whole path on the sample towns: train on one, map the other, score the map."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geounet.errors import SettingsError
from geounet.jobs.evaluate import evaluate
from geounet.jobs.infer import infer
from geounet.jobs.tile import tile
from geounet.jobs.train import train
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

# In minutes on two cores context is worth more than sharp pixels: at 0.6 m a window shows whole blocks of houses, and
# the same number of steps goes over the town four times as often as at its own 0.3 m.
GROUND_RESOLUTION = 0.6
BATCH, STEPS = 4, 900


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Folders of the demo, and the scores of its map."""

    chips: Path
    run: Path
    map: Path
    metrics: Mapping[str, object]


def demo(
    samples: Path, *, out: Path, steps: int = STEPS, overwrite: bool = False, track: Track = untracked
) -> DemoResult:
    """Tile and train on the training town, map the test town and score it.

    Args:
        samples: the folder with town_train.tif, town_test.tif and their labels.
        out: the folder to write.
        steps: of training, 4 windows each.

    Raises:
        SettingsError: `samples` has no towns.
        GeoUNetError: what the jobs raise.
    """
    towns = {name: samples / f"town_{name}.tif" for name in ("train", "test")}
    for town in towns.values():
        if not town.exists():
            raise SettingsError(f"{town} is not there; run from the project's folder, or give --samples sample_tiles")
    log.info("1/4 tile the training town")
    chips = tile(
        [towns["train"]],
        labels=[samples / "town_train.gpkg"],
        out=out / "chips",
        gsd=GROUND_RESOLUTION,
        contact="none",  # walls that houses share are thin at 0.6 m, and take longer to learn than the houses
        overwrite=overwrite,
        track=track,
    )
    log.info("2/4 train a small U-Net")
    run = train(
        chips.out,
        out=out / "run",
        steps=steps,
        batch_size=BATCH,
        width=16,
        augment="flips",  # both towns look alike: other colours and scales would take longer to learn, and gain nothing
        overwrite=overwrite,
        track=track,
    )
    log.info("3/4 map the test town, which it has not seen")
    mapped = infer(towns["test"], model=run.run, out=out / "map", overwrite=overwrite, track=track)
    log.info("4/4 score the map")
    scores = evaluate(mapped.out, labels=samples / "town_test.gpkg", track=track)
    return DemoResult(chips.out, run.run, mapped.out, scores.metrics)
