"""tile: scenes and labels to a folder of training windows."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from geounet.chips import SPLITS, ChipsCard
from geounet.errors import SettingsError
from geounet.files import StrPath, as_path, as_paths, beside, identity, refuse_existing, whole_folder
from geounet.io.gdal import Handles
from geounet.io.scene import open_scene
from geounet.io.source import Nodata, Reading
from geounet.jobs.chip_folder import write_folder
from geounet.jobs.chip_plan import SplitSettings, plan_chips
from geounet.jobs.chip_sources import Sources
from geounet.jobs.datasets import Dataset, dataset_of
from geounet.jobs.label_set import LabelSet
from geounet.jobs.label_shift import LabelShift
from geounet.jobs.resolution import GroundResolution, wanted_resolution
from geounet.jobs.tile_notes import tell_of_empty_splits, tell_of_part_labelled
from geounet.jobs.truth import Areas, Contact
from geounet.track import Track, untracked

log = logging.getLogger(__name__)

STRIDE = 256  # pixels, unless windows are smaller


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
    stride: int | None = None
    bands: Sequence[int] | Literal["auto"] = "auto"
    gsd: GroundResolution = "auto"
    class_field: str | None = None
    classes: StrPath | None = None
    ignore: StrPath | None = None
    label_area: StrPath | None = None
    keep_empty: float = 0.25
    val: float = 0.15
    test: float = 0.0
    split_block: float | None = None
    val_area: StrPath | None = None
    test_area: StrPath | None = None
    nodata: Nodata = "auto"
    contact: Contact = "auto"
    label_shift: LabelShift = "none"

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def options(self) -> dict[str, Any]:
        """As keyword arguments of `tile`."""
        return {name: getattr(self, name) for name in self.names()}


def tile(
    scenes: StrPath | Sequence[StrPath],
    *,
    labels: StrPath | Sequence[StrPath] = (),
    out: StrPath | None = None,
    size: int = 256,
    stride: int | None = None,
    bands: Sequence[int] | Literal["auto"] = "auto",
    gsd: GroundResolution = "auto",
    class_field: str | None = None,
    classes: StrPath | None = None,
    ignore: StrPath | None = None,
    label_area: StrPath | None = None,
    keep_empty: float = 0.25,
    val: float = 0.15,
    test: float = 0.0,
    split_block: float | None = None,
    val_area: StrPath | None = None,
    test_area: StrPath | None = None,
    nodata: Nodata = "auto",
    contact: Contact = "auto",
    label_shift: LabelShift = "none",
    seed: int = 0,
    overwrite: bool = False,
    track: Track = untracked,
) -> TileResult:
    """Cut scenes and labels into training windows: images.npy, labels.npy, index.gpkg and chips.json.

    Args:
        scenes: rasters, treated singly; or a folder of them. Files may be strings or paths, here as everywhere.
        labels: a file for all scenes, or one for each: polygons in any CRS, or a raster of class ids, of 0 and 255, or
            coloured; or a folder of files that are named as the scenes are. None: the one folder of `scenes` holds
            train, train_labels and, perhaps, val, val_labels, test and test_labels.
        out: the folder to make; SCENE_chips beside the first scene where it is None.
        size: of the windows, in pixels of the working grid.
        stride: from one window to the next; 256 where None, or `size` where that is less.
        gsd: metres a pixel on the ground; auto takes scenes finer than 0.25 m to 0.3 m; native leaves them, unless
            their pixels are far from square on the ground.
        class_field: field of the class names; without one all polygons are buildings.
        classes: a CSV file of name,r,g,b or id,name that says what the colours or values of label rasters are.
        ignore, label_area: polygons inside or outside of which nothing is learned or scored.
        keep_empty: share of the training windows without foreground that are kept.
        val, test: shares of the blocks; val_area, test_area: polygons that decide instead.
        split_block: side of a block in metres.
        contact: metres on the ground over which near neighbours are in contact, 254 in labels.npy, which a network
            learns in order to tell them apart; 2 pixels at least. auto is 3 pixels where buildings touch; or none.
        label_shift: metres to the east and north by which labels are moved before anything else; auto: for each scene
            as far as its edges say, if they are sure of it.

    Raises:
        SceneError, LabelError: input that cannot be read or does not fit together.
        SettingsError: settings out of range.
        OutputError: a folder that cannot be written, or exists.
    """
    stride = min(STRIDE, size) if stride is None else stride
    _check(size, stride, keep_empty, split_block)
    paths = as_paths(scenes)
    data = dataset_of(paths, as_paths(labels), as_path(classes))
    settings = SplitSettings(keep_empty, val, test, split_block, seed)
    areas = Areas(as_path(label_area), as_path(ignore), as_path(val_area), as_path(test_area))
    folder = as_path(out) or default_chips(paths[0])
    cutting = {"size": size, "stride": stride, "bands": bands, "gsd": gsd, "field": class_field, "nodata": str(nodata)}
    job = _job(data, areas, settings, contact=contact, label_shift=label_shift, **cutting)
    if not overwrite and (finished := _finished(folder, job)) is not None:
        return finished
    refuse_existing(folder, overwrite=overwrite, marker="chips.json")
    resolution = wanted_resolution(data.scenes, gsd, bands)
    with ExitStack() as stack:
        handles = stack.enter_context(closing(Handles()))
        known = LabelSet.read(data.labels, handles, field=class_field, classes=data.classes)
        reading = Reading(bands=bands, nodata=nodata)
        opened = [
            stack.enter_context(open_scene(path, reading, resolution=resolution, handles=handles))
            for path in data.scenes
        ]
        sources = Sources.read(opened, data, known, areas=areas, shift=label_shift).with_contact(contact)
        tell_of_part_labelled(sources, areas)
        plans = plan_chips(sources.grounds, sources.legend, size=size, stride=stride, settings=settings)
        unfinished = stack.enter_context(whole_folder(folder, overwrite=overwrite, marker="chips.json"))
        chips = track(sources.chips(plans, size, stride), "tiling", total=len(plans), unit="windows")
        card = write_folder(unfinished, chips, sources, size=size, stride=stride, job=job)
        decoded = sources.decoded
    tell_of_empty_splits(card, sources, areas, settings)
    return _result(folder, card, decoded)


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


def _check(size: int, stride: int, keep_empty: float, split_block: float | None) -> None:
    if not 16 <= size <= 4096:
        raise SettingsError(f"window size {size} must be between 16 and 4096 pixels")
    if not 0 < stride <= size:
        raise SettingsError(f"stride {stride} must be between 1 and the window size {size}")
    if not 0 <= keep_empty <= 1:
        raise SettingsError(f"keep-empty {keep_empty} must be between 0 and 1")
    if split_block is not None and not 0 < split_block < float("inf"):
        raise SettingsError(f"split block {split_block} m must be above 0")


def _job(data: Dataset, areas: Areas, settings: SplitSettings, **others: object) -> dict[str, object]:
    """All that the windows depend on, as JSON gives it back."""
    files = {
        "scenes": [identity(path) for path in data.scenes],
        "labels": [identity(path) for path in data.labels],
        "splits": data.splits,
        "classes": data.classes and identity(data.classes),
        "areas": {name: path and identity(path) for name, path in asdict(areas).items()},
    }
    job: dict[str, object] = json.loads(json.dumps(files | {"split": asdict(settings)} | others))
    return job
