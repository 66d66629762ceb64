"""Several folders of training windows as one: what they agree on, and their statistics pooled."""

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median

from geounet.block import Array
from geounet.card import Architecture, ModelCard, network_outputs
from geounet.chips import ChipsCard
from geounet.errors import ChipsError
from geounet.nn.chip_store import ChipFolder
from geounet.nn.unet import alignment, halo
from geounet.rule import SAME

log = logging.getLogger(__name__)

MOST_WEIGHT = 10.0  # of a rare class's pixels; more makes it found everywhere


@dataclass(frozen=True)
class ChipSet:
    """Folders of training windows with the same size, bands, dtype, legend and (within 10 %) ground resolution."""

    folders: tuple[ChipFolder, ...]

    @classmethod
    def open(cls, paths: Sequence[Path]) -> "ChipSet":
        """The folders, checked: their arrays are what they say, and they go together.

        Raises:
            ChipsError: a folder that is missing, damaged, or differs from the first one.
        """
        folders = tuple(ChipFolder.open(path) for path in paths)
        first = folders[0]
        for other in folders[1:]:
            odd = _difference(first.card, other.card)
            if odd is not None:
                name, a, b = odd
                raise ChipsError(
                    f"{other.path} has {name} {b} and {first.path} has {a}; tile both alike to train on them together"
                )
        _warn_of_mixed_splits(folders)
        for folder in folders:
            folder.check_labels()
        return cls(folders)

    @property
    def card(self) -> ChipsCard:
        """The first folder's card, for what all of them share."""
        return self.folders[0].card

    @property
    def _weights(self) -> tuple[float, ...]:
        """Share of the training windows that each folder has."""
        counts = [len(folder.card.of_split("train")) for folder in self.folders]
        return tuple(count / max(1, sum(counts)) for count in counts)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each band over the folders' training windows, in the scenes' units."""
        return self._pooled([folder.card.mean for folder in self.folders])

    @property
    def std(self) -> tuple[float, ...]:
        """Deviation of each band over the folders' training windows; 1 for a band that never changes."""
        squares = [tuple(m * m + s * s for m, s in zip(f.card.mean, f.card.std, strict=True)) for f in self.folders]
        variances = [q - m * m for q, m in zip(self._pooled(squares), self.mean, strict=True)]
        if len(self.folders) == 1:  # as it was written, not as rounding would leave it
            return tuple(s if s > 0 else 1.0 for s in self.card.std)
        return tuple(math.sqrt(v) if v > 0 else 1.0 for v in variances)

    def _pooled(self, values: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
        if len(values) == 1:
            return values[0]
        return tuple(sum(w * v for w, v in zip(self._weights, band, strict=True)) for band in zip(*values, strict=True))

    @property
    def ground_resolution(self) -> float | None:
        """Metres a pixel, averaged over the training windows; None where the scenes have no CRS."""
        found = [folder.card.ground_resolution for folder in self.folders]
        known = [r for r in found if r is not None]
        return self._pooled([(r,) for r in known])[0] if known else None

    @property
    def class_weights(self) -> tuple[float, ...]:
        """Weight of a pixel of each class: the classes' median share of the training pixels over its own, 10 at most.

        Source: Eigen & Fergus (2015), "Predicting Depth, Surface Normals and Semantic Labels", 6.3.2, with the share of
        all training windows instead of those that have the class. A class that no window has weighs 1.
        """
        windows = [folder.card.windows[number] for folder, number in self.windows("train").places]
        shares = [sum(w.valid * w.shares[c.id] for w in windows) for c in self.card.legend.classes]
        known = [share for share in shares if share > 0]
        return tuple(min(MOST_WEIGHT, median(known) / share) if share > 0 else 1.0 for share in shares)

    @property
    def fingerprint(self) -> str:
        """Changes when any of the folders is made anew from something else."""
        digest = hashlib.sha256()
        for folder in self.folders:
            digest.update((folder.path / "chips.json").read_bytes())
        return digest.hexdigest()

    def named(self, kind: str) -> list[str]:
        """Names of the `scenes` or `labels` that the folders were tiled from; none where they do not say."""
        files = [file for folder in self.folders for file in _listed(_job(folder.card).get(kind))]
        return list(dict.fromkeys(str(file.get("name")) for file in files))

    def model_card(self, architecture: Architecture) -> ModelCard:
        """The card of a model trained on these windows, its training record still empty."""
        return ModelCard(
            architecture=architecture,
            colours=self.card.colours,
            dtype=self.card.dtype,
            mean=self.mean,
            std=self.std,
            ground_resolution=self.ground_resolution,
            halo=halo(architecture),
            alignment=alignment(architecture),
            legend=self.card.legend,
            contact_width=self.card.contact_width,
        )

    @property
    def outputs(self) -> int:
        return network_outputs(self.card.legend, contact=self.card.contact_width is not None)

    @property
    def is_split_by_scenes(self) -> bool:
        """Whether no scene has windows in two splits, and the splits are more than one."""
        pairs = {(f, w.scene, w.split) for f, folder in enumerate(self.folders) for w in folder.card.windows}
        return len({split for _, _, split in pairs}) > 1 and len(pairs) == len({pair[:2] for pair in pairs})

    def windows(self, split: str) -> "Windows":
        """The windows of a split that have anything to score."""
        return Windows(
            tuple(
                (folder, number)
                for folder in self.folders
                for number in folder.card.of_split(split)
                if folder.card.windows[number].shares
            )
        )


@dataclass(frozen=True)
class Windows:
    """Windows as they lie on disk, in a fixed order: (folder, number)."""

    places: tuple[tuple[ChipFolder, int], ...]

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Pixels (bands, size, size) and labels (size, size) uint8, VOID where there is no imagery."""
        return (folder.window(number) for folder, number in self.places)

    @property
    def have_foreground(self) -> bool:
        """Whether any pixel in them is of a class to be found."""
        return any(sum(folder.card.windows[number].shares[1:]) > 0 for folder, number in self.places)

    def thinned(self, count: int) -> "Windows":
        """At most `count` of them, evenly spread over the order."""
        total = len(self.places)
        if total <= count:
            return self
        return Windows(tuple(self.places[index * total // count] for index in range(count)))

    def picked(self, indices: Sequence[int]) -> "Windows":
        return Windows(tuple(self.places[index] for index in indices))


def _difference(a: ChipsCard, b: ChipsCard) -> tuple[str, object, object] | None:
    """The first thing in which two cards differ that must not."""
    pairs: list[tuple[str, object, object]] = [
        ("size", a.size, b.size),
        ("bands", a.colours, b.colours),
        ("dtype", a.dtype, b.dtype),
        ("classes", a.legend.names, b.legend.names),
        ("contact width", a.contact_width, b.contact_width),
    ]
    for name, one, other in pairs:
        if one != other:
            return name, one, other
    near, far = a.ground_resolution, b.ground_resolution
    if (near is None) != (far is None):
        return "ground resolution", near, far
    if near is not None and far is not None and not 1 / (1 + SAME) <= near / far <= 1 + SAME:
        return "ground resolution", f"{near:.3g} m", f"{far:.3g} m"
    return None


def _warn_of_mixed_splits(folders: Sequence[ChipFolder]) -> None:
    """Say where two folders of one scene are divided differently, so that one may train on what the other validates."""
    for a, b in combinations(folders, 2):
        one, other = _job(a.card), _job(b.card)
        shared = _scenes(one).keys() & _scenes(other).keys()
        if shared and one != other and not _same_val_area(one, other):
            log.warning(
                "%s and %s hold the same scene %s, divided differently: training may see what validation scores, and "
                "the IoU be too high; tile both with one --val-area",
                a.path,
                b.path,
                _scenes(one)[min(shared)],
            )


def _job(card: ChipsCard) -> Mapping[str, object]:
    """What the folder was tiled from and how; empty where it does not say."""
    job = card.origin.get("job")
    return job if isinstance(job, Mapping) else {}


def _scenes(job: Mapping[str, object]) -> dict[str, object]:
    """Names of the scenes by all that tells them from others."""
    return {json.dumps(scene, sort_keys=True): scene.get("name") for scene in _listed(job.get("scenes"))}


def _listed(files: object) -> list[Mapping[str, object]]:
    return [file for file in files if isinstance(file, Mapping)] if isinstance(files, list) else []


def _same_val_area(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    areas = [job.get("areas") for job in (one, other)]
    a, b = (area.get("val_area") if isinstance(area, Mapping) else None for area in areas)
    return a is not None and a == b
