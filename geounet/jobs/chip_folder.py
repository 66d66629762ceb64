"""A folder of training windows: its arrays, its index, and the card that tells what is in it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet import __version__
from geounet.chips import ChipsCard
from geounet.errors import LabelError
from geounet.files import translated
from geounet.io.chips import write_index
from geounet.jobs.chip_sources import Sources
from geounet.jobs.chip_write import Chip, ChipWriter, Statistics, write_chips
from geounet.jobs.leakage import Leakage, leakage


def write_folder(
    folder: Path,
    chips: Iterator[Chip],
    sources: Sources,
    *,
    size: int,
    stride: int,
    job: Mapping[str, object],
) -> ChipsCard:
    """Write the windows, their index and their card into a folder."""
    dtype = sources.dtype
    written = write_chips(
        folder,
        chips,
        size=size,
        bands=len(sources.scenes[0].bands.numbers),
        dtype=dtype,
        legend=sources.legend,
        fill_of=lambda statistics: _fill(statistics, dtype),
    )
    card = _card(sources, written, size=size, stride=stride, job=job)
    with translated(folder):
        (folder / "chips.json").write_text(card.to_json(), encoding="utf-8")
    write_index(folder / "index.gpkg", card, sources.frames, [scene.path for scene in sources.scenes])
    return card


def _card(sources: Sources, written: ChipWriter, *, size: int, stride: int, job: Mapping[str, object]) -> ChipsCard:
    if not any(window.split == "train" for window in written.windows):
        names = ", ".join(scene.path for scene in sources.scenes)
        raise LabelError(f"no training window of {names} has both data and labels; check nodata and the label area")
    statistics = written.statistics
    return ChipsCard(
        size=size,
        stride=stride,
        dtype=sources.dtype.name,
        colours=sources.scenes[0].bands.colours,
        mean=tuple(float(value) for value in statistics.mean),
        std=tuple(float(value) for value in statistics.std),
        fill=tuple(float(value) for value in _fill(statistics, sources.dtype)),
        ground_resolution=sources.ground_resolution,
        legend=sources.legend,
        windows=tuple(written.windows),
        contact_width=sources.contact_width,
        origin={
            "geounet": __version__,
            "job": job,
            "leakage": [pair.to_json() for pair in _leakage(written, size, sources)],
            "label_shift": [shift.to_json() for shift in sources.shifts],
        },
    )


def _leakage(written: ChipWriter, size: int, sources: Sources) -> list[Leakage]:
    """What the splits have in common: no pixel."""
    found = leakage(written.windows, size, sources.frames)
    assert not any(pair.shared for pair in found), found
    return found


def _fill(statistics: Statistics, dtype: np.dtype[np.generic]) -> NDArray[np.float64]:
    """What stands for a missing pixel: the mean of each band, rounded where the dtype is whole numbers."""
    return np.rint(statistics.mean) if dtype.kind in "iu" else statistics.mean.astype(dtype).astype("float64")
