"""Folders of images and labels, as data sets come: files of the same names, and splits by their folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geounet.chips import SPLITS
from geounet.errors import SettingsError
from geounet.io.class_rasters import is_raster

_IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".bmp", ".img", ".vrt", ".npy")
_LABELS = (*_IMAGES, ".gif", ".gpkg", ".geojson", ".shp", ".fgb", ".parquet")
_CLASSES = "*class_dict*.csv"
_SHOWN = 3  # names of files in an error


@dataclass(frozen=True, slots=True)
class Dataset:
    """Scenes and the label file of each; the split of each, where its folder says so; and a class table."""

    scenes: tuple[Path, ...]
    labels: tuple[Path, ...]
    splits: tuple[str | None, ...]
    classes: Path | None = None


def dataset_of(scenes: Sequence[Path], labels: Sequence[Path], classes: Path | None) -> Dataset:
    """What is meant by some scenes and labels: files, two folders, or one folder of train, train_labels, ...

    Raises:
        SettingsError: no labels, or not as many as scenes; folders whose files do not go together.
    """
    if not scenes:
        raise SettingsError("no scene given; name at least one raster")
    if not labels:
        return _layout(scenes, classes)
    if len(scenes) == len(labels) == 1 and scenes[0].is_dir() and labels[0].is_dir():
        pairs = _pairs(scenes[0], labels[0])
        return Dataset(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), (None,) * len(pairs), classes)
    if folder := next((path for path in labels if path.is_dir()), None):
        raise SettingsError(f"labels {folder} are a folder; give the folder of their scenes with it, or files")
    if len(labels) not in (1, len(scenes)):
        raise SettingsError(f"{len(labels)} label files for {len(scenes)} scenes; give one for all, or one for each")
    each = tuple(labels) * len(scenes) if len(labels) == 1 else tuple(labels)
    return Dataset(tuple(scenes), each, (None,) * len(scenes), classes)


def is_layout(folder: Path) -> bool:
    """Whether a folder holds images and labels in train and train_labels."""
    return (folder / "train").is_dir() and (folder / "train_labels").is_dir()


def _layout(folders: Sequence[Path], classes: Path | None) -> Dataset:
    """A folder with train, train_labels and, where it has them, val, val_labels, test and test_labels.

    Where it has no val, the windows for validation are taken from those of train.
    """
    folder = folders[0]
    if len(folders) > 1 or not is_layout(folder):
        raise SettingsError(f"no labels for {folder}; give --labels, or one folder that has train and train_labels")
    found = [split for split in SPLITS if (folder / split).is_dir()]
    scenes: list[Path] = []
    labels: list[Path] = []
    splits: list[str | None] = []
    for split in found:
        for scene, label in _pairs(folder / split, folder / f"{split}_labels"):
            scenes.append(scene)
            labels.append(label)
            splits.append(None if split == "train" and "val" not in found else split)
    if classes is None and any(map(is_raster, labels)):  # polygons have no use for a table that lies there
        tables = [*sorted(folder.glob(_CLASSES)), *sorted(folder.resolve().parent.glob(_CLASSES))]
        classes = next(iter(tables), None)
    return Dataset(tuple(scenes), tuple(labels), tuple(splits), classes)


def _pairs(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Image and label of each name, in the order of names.

    Raises:
        SettingsError: a name that only one of the folders has, or one that a folder has twice.
    """
    left, right = _by_name(images, _IMAGES), _by_name(labels, _LABELS)
    for here, there, folder in ((left, right, labels), (right, left, images)):
        lonely = [path.name for name, path in here.items() if name not in there]
        if lonely:
            more = f" and {len(lonely) - _SHOWN} more" if len(lonely) > _SHOWN else ""
            raise SettingsError(
                f"{folder} has nothing for {', '.join(lonely[:_SHOWN])}{more}; add it, or take them away"
            )
    return [(path, right[name]) for name, path in left.items()]


def _by_name(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """Files with one of the endings, by their name without it."""
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder; put the files there that belong to the other folder's")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.casefold() not in endings or path.name.startswith("."):
            continue
        if path.stem in found:
            raise SettingsError(f"{path} and {found[path.stem].name} have one name; keep one of them")
        found[path.stem] = path
    if not found:
        raise SettingsError(f"{folder} holds no file that could be used; give one with {', '.join(endings[:4])}, ...")
    return found
