"""What training windows are cut from: scenes that go together, and the truth of each."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean

import numpy as np

from geounet.errors import LabelError, SceneError
from geounet.frame import Frame
from geounet.io.reach import Reach
from geounet.io.scene import Scene
from geounet.jobs.chip_plan import Ground, PlannedChip
from geounet.jobs.chip_write import Chip, cut_chips
from geounet.jobs.datasets import Dataset
from geounet.jobs.label_set import LabelSet
from geounet.jobs.label_shift import LabelShift, Shift, shift_of
from geounet.jobs.truth import Areas, Contact, Truth, contact_width
from geounet.legend import Legend

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Open scenes that go together, and what is known of the pixels of each.

    Args:
        splits: of each scene whose windows are all of one split, else None.
        shifts: by which the labels of each were moved.
    """

    scenes: Sequence[Scene]
    truths: Sequence[Truth]
    splits: Sequence[str | None]
    shifts: Sequence[Shift]
    legend: Legend
    contact_width: float | None = None

    @classmethod
    def read(
        cls, scenes: Sequence[Scene], data: Dataset, labels: LabelSet, *, areas: Areas, shift: LabelShift
    ) -> "Sources":
        """Scenes with the label file of each.

        Raises:
            SceneError, LabelError: scenes that do not go together, labels or areas that do not fit their scene.
        """
        _check_alike(scenes)
        laid = labels.on_each(data.labels, scenes)
        shifts = [shift_of(shift, scene, own) for scene, own in zip(scenes, laid, strict=True)]
        moved = [by.applied(own) for own, by in zip(laid, shifts, strict=True)]
        for scene, before, after in zip(scenes, laid, moved, strict=True):
            if before.meets(scene.frame.window) and not after.meets(scene.frame.window):
                raise LabelError(f"--label-shift moves all labels off {scene.path}; it is in metres: check the numbers")
        truths = [Truth.read(own, scene.frame, areas) for scene, own in zip(scenes, moved, strict=True)]
        _check_areas_meet(scenes, truths, areas)
        return cls(scenes, truths, data.splits, shifts, labels.legend)

    def with_contact(self, wanted: Contact) -> "Sources":
        """With the contact between near neighbours in the truth, where it is wanted."""
        resolutions = [frame.ground_resolution or 1.0 for frame in self.frames]
        width = contact_width(wanted, self.legend, self.truths, resolutions)
        if width is None:
            return self
        truths = [truth.with_contact(width / side) for truth, side in zip(self.truths, resolutions, strict=True)]
        return replace(self, truths=truths, contact_width=width)

    @property
    def frames(self) -> list[Frame]:
        return [scene.frame for scene in self.scenes]

    @property
    def grounds(self) -> list[Ground]:
        return [Ground(*known) for known in zip(self.frames, self.truths, self.splits, strict=True)]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        dtype: np.dtype[np.generic] = self.scenes[0].dtype
        return dtype

    @property
    def ground_resolution(self) -> float | None:
        """Metres a pixel of the windows truly has, on average over the scenes; None without CRS."""
        own = [resolution for frame in self.frames if (resolution := frame.ground_resolution) is not None]
        return fmean(own) if own else None

    @property
    def decoded(self) -> float:
        """How often a pixel of the files was decoded on average."""
        pixels = sum(scene.native.height * scene.native.width for scene in self.scenes)
        return sum(scene.decoded for scene in self.scenes) / pixels

    def chips(self, plans: Sequence[PlannedChip], size: int, stride: int) -> Iterator[Chip]:
        """The planned windows that have data, scene by scene."""
        for number, group in groupby(plans, key=lambda plan: plan.scene):
            yield from cut_chips(self.scenes[number], self.truths[number], list(group), size, stride)


def _check_areas_meet(scenes: Sequence[Scene], truths: Sequence[Truth], areas: Areas) -> None:
    """Nothing, or a warning where no polygon of what is ignored lies on a scene.

    Raises:
        LabelError: none of what was labelled does.
    """
    known = list(zip(scenes, truths, strict=True))
    if areas.label_area and not any(t.label_area and t.label_area.meets(s.frame.window) for s, t in known):
        raise Reach.of(areas.label_area, scenes[0].frame).miss("the polygons of --label-area")
    if areas.ignore and not any(t.ignore and t.ignore.meets(s.frame.window) for s, t in known):
        log.warning("no polygon of --ignore %s lies on a scene: nothing is ignored by it", areas.ignore)


def _check_alike(scenes: Sequence[Scene]) -> None:
    first = scenes[0]
    for scene in scenes[1:]:
        if scene.dtype != first.dtype:
            raise SceneError(f"{scene.path} is {scene.dtype}, {first.path} is {first.dtype}; convert one of them")
        if scene.bands.colours != first.bands.colours:
            ours, theirs = ", ".join(first.bands.colours), ", ".join(scene.bands.colours)
            raise SceneError(f"{scene.path} has bands {theirs}, {first.path} has {ours}; pick them with --bands")
        if (scene.frame.crs is None) != (first.frame.crs is None):
            raise SceneError(f"of {scene.path} and {first.path} one has no CRS; assign it, or tile them apart")
