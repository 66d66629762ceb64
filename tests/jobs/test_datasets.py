"""Folders as data sets come: pairs by name, splits by folder, one image a block."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from geounet.chips import ChipsCard
from geounet.errors import SettingsError
from geounet.jobs.datasets import dataset_of
from geounet.jobs.tile import tile
from tests.scenes import NOWHERE, UTM, box, noise, write_polygons, write_scene

MASK = np.zeros((64, 64), "uint8")
MASK[8:30, 8:40] = 255


def folders(root: Path, counts: dict[str, int], *, colours: bool = True) -> Path:
    """A data set laid out as that of the Massachusetts Buildings; no two images share ground."""
    number = 0
    for split, count in counts.items():
        for name in (split, f"{split}_labels"):
            (root / name).mkdir(parents=True)
        for _ in range(count):
            place = UTM.cropped(0, 100 * number)
            write_scene(root / split / f"{number}.tiff", noise(64, 64, seed=number), place)
            write_scene(
                root / f"{split}_labels" / f"{number}.tif", np.stack([MASK] * 3) if colours else MASK[None], place
            )
            number += 1
    (root / "label_class_dict.csv").write_text("name,r,g,b\nbackground,0,0,0\nbuilding,255,255,255\n")
    (root / "train" / "0.tiff.aux.xml").write_text("<PAMDataset/>")
    (root / "metadata.csv").write_text("a,b\n")
    return root


def test_the_massachusetts_layout_is_tiled_as_it_is(tmp_path: Path) -> None:
    root = folders(tmp_path / "set", {"train": 3, "val": 1, "test": 2})
    result = tile([root], out=tmp_path / "chips", size=32, stride=32, keep_empty=1.0)
    assert result.windows == {"train": 12, "val": 4, "test": 8}
    card = ChipsCard.read(tmp_path / "chips")
    assert card.legend.names == ("background", "building")
    splits = defaultdict(set)
    for window in card.windows:
        splits[window.split].add(window.scene)
    assert splits == {"train": {0, 1, 2}, "val": {3}, "test": {4, 5}}
    labels = np.load(tmp_path / "chips" / "labels.npy")
    assert_array_equal(labels[0], MASK[:32, :32] // 255)
    assert tile([root], out=tmp_path / "chips", size=32, stride=32, keep_empty=1.0).was_finished


def test_a_class_table_that_lies_beside_polygons_is_left_alone(tmp_path: Path) -> None:
    root = folders(tmp_path / "set", {"train": 2, "val": 1})
    for split in ("train", "val"):
        for mask in (root / f"{split}_labels").glob("*.tif"):
            number = int(mask.stem)
            write_polygons(mask.with_suffix(".gpkg"), [box(UTM, 8, 100 * number + 8, 22, 32)])
            mask.unlink()
    result = tile([root], out=tmp_path / "chips", size=32, stride=32, keep_empty=1.0)
    assert result.windows == {"train": 8, "val": 4, "test": 0}
    assert ChipsCard.read(tmp_path / "chips").legend.names == ("background", "building")
    with pytest.raises(SettingsError, match=r"--classes .* is for label rasters"):
        tile([root], out=tmp_path / "other", classes=root / "label_class_dict.csv")


def test_without_a_folder_for_validation_its_windows_come_from_training(tmp_path: Path) -> None:
    root = folders(tmp_path / "set", {"train": 4, "test": 1})
    tile([root], out=tmp_path / "chips", size=32, stride=32, val=0.25, test=0.5)
    windows = ChipsCard.read(tmp_path / "chips").windows
    assert {w.scene for w in windows if w.split == "test"} == {4}
    assert {w.split for w in windows if w.scene < 4} == {"train", "val"}


def test_a_class_table_may_lie_beside_the_folder_and_another_be_named(tmp_path: Path) -> None:
    root = folders(tmp_path / "tiff", {"train": 1})
    beside, own = tmp_path / "class_dict.csv", root / "label_class_dict.csv"
    beside.write_text(own.read_text())
    assert dataset_of([root], [], None).classes == own
    own.unlink()
    assert dataset_of([root], [], None).classes == beside
    assert dataset_of([root], [], tmp_path / "mine.csv").classes == tmp_path / "mine.csv"


def test_two_folders_go_together_by_names_whatever_their_endings(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "images" / "b.npy", noise(64, 64))
    np.save(tmp_path / "masks" / "b.npy", MASK)
    write_scene(tmp_path / "images" / "a.tiff", noise(64, 64), NOWHERE)
    write_scene(tmp_path / "masks" / "a.tif", MASK[None], NOWHERE)
    data = dataset_of([tmp_path / "images"], [tmp_path / "masks"], None)
    assert [(a.name, b.name) for a, b in zip(data.scenes, data.labels, strict=True)] == [
        ("a.tiff", "a.tif"), ("b.npy", "b.npy"),
    ]  # fmt: skip
    result = tile([tmp_path / "images"], labels=[tmp_path / "masks"], out=tmp_path / "chips", size=32, stride=32)
    assert sum(result.windows.values()) == 8 - 3


def test_of_many_plain_images_each_is_of_one_split(tmp_path: Path) -> None:
    images = [write_scene(tmp_path / f"{i}.tif", noise(96, 96, seed=i), NOWHERE) for i in range(10)]
    mask = write_scene(tmp_path / "mask.tif", np.pad(MASK, 16)[None], NOWHERE)
    tile(images, labels=[mask], out=tmp_path / "chips", size=32, stride=32, val=0.2, test=0.1, keep_empty=1.0)
    splits = defaultdict(set)
    for window in ChipsCard.read(tmp_path / "chips").windows:
        splits[window.split].add(window.scene)
    assert [len(splits[name]) for name in ("train", "val", "test")] == [7, 2, 1]
    assert len(set.union(*splits.values())) == 10


def strayed(root: Path, what: str) -> list[Path]:
    """Scenes and labels, with a folder that something is wrong with."""
    match what:
        case "label missing":
            (root / "train_labels" / "1.tif").unlink()
        case "image missing":
            (root / "train" / "1.tiff").unlink()
        case "twice":
            write_scene(root / "train" / "1.png.tif", noise(64, 64)).rename(root / "train" / "1.png")
        case "no folder":
            (root / "val").mkdir()
        case "nothing":
            (root / "val").mkdir()
            (root / "val_labels").mkdir()
    return [root]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        pytest.param("label missing", r"train_labels has nothing for 1\.tiff; add it", id="label missing"),
        pytest.param("image missing", r"train has nothing for 1\.tif; add it", id="image missing"),
        pytest.param("twice", r"1\.tiff and 1\.png have one name; keep one", id="a name twice"),
        pytest.param("no folder", r"val holds no file that could be used", id="an empty folder"),
        pytest.param("nothing", r"val holds no file that could be used; give one with \.tif", id="two empty folders"),
    ],
)
def test_folders_that_do_not_go_together_are_refused(tmp_path: Path, what: str, words: str) -> None:
    root = folders(tmp_path / "set", {"train": 3})
    with pytest.raises(SettingsError, match=words):
        dataset_of(strayed(root, what), [], None)


def test_scenes_without_labels_are_refused(tmp_path: Path, scene: Path) -> None:
    for scenes, words in (
        ([scene], "no labels for .*scene.tif; give --labels"),
        ([tmp_path], "no labels for"),
        ([], "no scene given"),
    ):
        with pytest.raises(SettingsError, match=words):
            dataset_of(scenes, [], None)
    with pytest.raises(SettingsError, match=r"are a folder; give the folder of their scenes with it"):
        dataset_of([scene], [tmp_path], None)
    with pytest.raises(SettingsError, match="3 label files for 2 scenes"):
        dataset_of([scene, scene], [scene] * 3, None)
