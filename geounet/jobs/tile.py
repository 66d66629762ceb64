"""tile: scenes and labels to a folder of training windows."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet import __version__
from geounet.chips import SPLITS, ChipsCard
from geounet.errors import LabelError, SceneError, SettingsError
from geounet.files import beside, identity, refuse_existing, translated, whole_folder
from geounet.frame import Frame
from geounet.io.chips import write_index
from geounet.io.labels import class_names
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Nodata, Reading
from geounet.jobs.chip_plan import PlannedChip, SplitSettings, plan_chips
from geounet.jobs.chip_write import Chip, ChipWriter, Statistics, cut_chips, write_chips
from geounet.jobs.resolution import GroundResolution, wanted_resolution
from geounet.jobs.truth import AREA_SPLITS, Areas, Contact, Truth, contact_width, one_for_each
from geounet.legend import Legend
from geounet.track import Track, untracked

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TileResult:
    """What was written: the folder, windows by split, and how often a block of the scenes was decoded on average.

    `was_finished`: whether the same job was done before, and nothing was written now.
    """

    out: Path
    windows: Mapping[str, int]
    ground_resolution: float | None
    decoded: float
    was_finished: bool = False


@dataclass(frozen=True, slots=True)
class Tiling:
    """The settings of `tile` under their own names, for a job that tiles first."""

    size: int = 256
    stride: int = 256
    bands: Sequence[int] | Literal["auto"] = "auto"
    gsd: GroundResolution = "auto"
    class_field: str | None = None
    ignore: Path | None = None
    label_area: Path | None = None
    keep_empty: float = 0.25
    val: float = 0.15
    test: float = 0.0
    split_block: float | None = None
    val_area: Path | None = None
    test_area: Path | None = None
    nodata: Nodata = "auto"
    contact: Contact = "auto"

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def options(self) -> dict[str, Any]:
        """As keyword arguments of `tile`."""
        return {name: getattr(self, name) for name in self.names()}


def tile(
    scenes: Sequence[Path],
    *,
    labels: Sequence[Path],
    out: Path | None = None,
    size: int = 256,
    stride: int = 256,
    bands: Sequence[int] | Literal["auto"] = "auto",
    gsd: GroundResolution = "auto",
    class_field: str | None = None,
    ignore: Path | None = None,
    label_area: Path | None = None,
    keep_empty: float = 0.25,
    val: float = 0.15,
    test: float = 0.0,
    split_block: float | None = None,
    val_area: Path | None = None,
    test_area: Path | None = None,
    nodata: Nodata = "auto",
    contact: Contact = "auto",
    seed: int = 0,
    overwrite: bool = False,
    track: Track = untracked,
) -> TileResult:
    """Cut scenes and vector labels into training windows: images.npy, labels.npy, index.gpkg and chips.json.

    Args:
        scenes: rasters, treated singly.
        labels: a vector file for all scenes, or one for each, in any CRS.
        out: the folder to make; SCENE_chips beside the first scene where it is None.
        size, stride: of the windows, in pixels of the working grid.
        gsd: metres a pixel on the ground; auto takes scenes finer than 0.25 m to 0.3 m; native leaves them, unless
            their pixels are far from square on the ground.
        class_field: field of the class names; without one all polygons are buildings.
        ignore, label_area: polygons inside or outside of which nothing is learned or scored.
        keep_empty: share of the training windows without foreground that are kept.
        val, test: shares of the blocks; val_area, test_area: polygons that decide instead.
        split_block: side of a block in metres.
        contact: metres on the ground over which near neighbours are in contact, 254 in labels.npy, which a network
            learns in order to tell them apart; 2 pixels at least. auto is 3 pixels where buildings touch; or none.

    Raises:
        SceneError, LabelError: input that cannot be read or does not fit together.
        SettingsError: settings out of range.
        OutputError: a folder that cannot be written, or exists.
    """
    _check(scenes, size, stride, keep_empty, split_block)
    files = one_for_each(scenes, labels)
    legend = Legend.of_names(*class_names(labels, class_field))
    settings = SplitSettings(keep_empty, val, test, split_block, seed)
    areas = Areas(label_area, ignore, val_area, test_area)
    folder = out or default_chips(scenes[0])
    cutting = {"size": size, "stride": stride, "bands": bands, "gsd": gsd, "field": class_field, "nodata": str(nodata)}
    job = _job(scenes, files, areas, settings, contact=contact, **cutting)
    if not overwrite and (finished := _finished(folder, job)) is not None:
        return finished
    refuse_existing(folder, overwrite=overwrite, marker="chips.json")
    resolution = wanted_resolution(scenes, gsd, bands)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_scene(path, Reading(bands=bands, nodata=nodata), resolution=resolution))
            for path in scenes
        ]
        sources = _Sources.read(opened, files, legend, field=class_field, areas=areas).with_contact(contact)
        plans = plan_chips(sources.frames, sources.truths, legend, size=size, stride=stride, settings=settings)
        unfinished = stack.enter_context(whole_folder(folder, overwrite=overwrite, marker="chips.json"))
        chips = track(sources.chips(plans, size, stride), "tiling", total=len(plans), unit="windows")
        card = _write(unfinished, chips, sources, size=size, stride=stride, job=job)
        decoded = sources.decoded
    _tell_of_empty_splits(card, sources, areas, settings)
    return _result(folder, card, decoded)


@dataclass(frozen=True, slots=True, eq=False)
class _Sources:
    """Open scenes that go together, and what is known of the pixels of each."""

    scenes: Sequence[Scene]
    truths: Sequence[Truth]
    legend: Legend
    contact_width: float | None = None

    @classmethod
    def read(
        cls, scenes: Sequence[Scene], labels: Sequence[Path], legend: Legend, *, field: str | None, areas: Areas
    ) -> "_Sources":
        """Scenes with the label file of each.

        Raises:
            SceneError, LabelError: scenes that do not go together, labels or areas that do not fit their scene.
        """
        _check_alike(scenes)
        truths = [
            Truth.read(file, scene.frame, legend, field=field, areas=areas)
            for file, scene in zip(labels, scenes, strict=True)
        ]
        return cls(scenes, truths, legend)

    def with_contact(self, wanted: Contact) -> "_Sources":
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
        for number, (scene, truth) in enumerate(zip(self.scenes, self.truths, strict=True)):
            yield from cut_chips(scene, truth, [plan for plan in plans if plan.scene == number], size, stride)


def default_chips(scene: Path) -> Path:
    """SCENE_chips beside a scene; in the working folder for one read from a URL."""
    return beside(scene, "_chips")


def _result(folder: Path, card: ChipsCard, decoded: float, *, was_finished: bool = False) -> TileResult:
    counts = {split: len(card.of_split(split)) for split in SPLITS}
    return TileResult(folder, counts, card.ground_resolution, decoded, was_finished)


def _finished(folder: Path, job: Mapping[str, object]) -> TileResult | None:
    """The result of the same job where it was done before."""
    if not (folder / "chips.json").exists():
        return None
    card = ChipsCard.read(folder)
    return _result(folder, card, 0.0, was_finished=True) if card.origin.get("job") == job else None


def _check(scenes: Sequence[Path], size: int, stride: int, keep_empty: float, split_block: float | None) -> None:
    if not scenes:
        raise SettingsError("no scene given; name at least one raster")
    if not 16 <= size <= 4096:
        raise SettingsError(f"window size {size} must be between 16 and 4096 pixels")
    if not 0 < stride <= size:
        raise SettingsError(f"stride {stride} must be between 1 and the window size {size}")
    if not 0 <= keep_empty <= 1:
        raise SettingsError(f"keep-empty {keep_empty} must be between 0 and 1")
    if split_block is not None and not 0 < split_block < float("inf"):
        raise SettingsError(f"split block {split_block} m must be above 0")


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


def _fill(statistics: Statistics, dtype: np.dtype[np.generic]) -> NDArray[np.float64]:
    """What stands for a missing pixel: the mean of each band, rounded where the dtype is whole numbers."""
    return np.rint(statistics.mean) if dtype.kind in "iu" else statistics.mean.astype(dtype).astype("float64")


def _write(
    folder: Path,
    chips: Iterator[Chip],
    sources: _Sources,
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


def _card(sources: _Sources, written: ChipWriter, *, size: int, stride: int, job: Mapping[str, object]) -> ChipsCard:
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
        origin={"geounet": __version__, "job": job},
    )


def _tell_of_empty_splits(card: ChipsCard, sources: _Sources, areas: Areas, settings: SplitSettings) -> None:
    """Say why there are no windows for validation or test where some were asked for."""
    for split, area, share, purpose in (
        ("val", areas.val, settings.val, "validation"),
        ("test", areas.test, settings.test, "testing"),
    ):
        if card.of_split(split):
            continue
        if area is not None and not _meets(sources, split):
            log.info("no windows for %s: %s (--%s-area) misses the scene; draw it there", purpose, area, split)
        elif area is not None:
            log.info("no window for %s has its centre in %s (--%s-area); draw it larger", purpose, area, split)
        elif share > 0:
            log.info(
                "no windows for %s: the scene is too small to divide; give --%s-area or more scenes", purpose, split
            )


def _meets(sources: _Sources, split: str) -> bool:
    """Whether an area kept for a split has ground in common with any scene."""
    return any(
        polygons.tree.query(shapely.box(0, 0, frame.width, frame.height), predicate="intersects").size
        for frame, truth in zip(sources.frames, sources.truths, strict=True)
        for id_, polygons in truth.kept
        if AREA_SPLITS[id_] == split
    )


def _job(
    scenes: Sequence[Path], labels: Sequence[Path], areas: Areas, settings: SplitSettings, **others: object
) -> dict[str, object]:
    """All that the windows depend on, as JSON gives it back."""
    files = {
        "scenes": [identity(path) for path in scenes],
        "labels": [identity(path) for path in labels],
        "areas": {name: path and identity(path) for name, path in asdict(areas).items()},
    }
    job: dict[str, object] = json.loads(json.dumps(files | {"split": asdict(settings)} | others))
    return job
