"""tile, train and infer in a row, on the kinds of scenes and labels that people have."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geounet.block import Array
from geounet.chips import ChipsCard
from geounet.jobs.infer import infer
from geounet.jobs.tile import tile
from geounet.jobs.train import train
from geounet.legend import NODATA
from tests.scenes import UTM, noise, three_buildings, write_polygons, write_scene


@pytest.mark.parametrize(
    ("bands", "dtype"), [(1, "uint8"), (1, "uint16"), (12, "uint16"), (4, "int16"), (2, "float32")], ids=str
)
def test_scenes_of_any_bands_and_type_are_tiled_learned_and_mapped(tmp_path: Path, bands: int, dtype: str) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(150, 170, bands=bands, dtype=dtype))
    labels = write_polygons(tmp_path / "l.gpkg", three_buildings(UTM))
    tile([scene], labels=[labels], out=tmp_path / "chips", size=32, stride=32, keep_empty=1.0)
    train(tmp_path / "chips", out=tmp_path / "run", steps=2, width=2, depth=2, batch_size=2, device="cpu", workers=0)
    infer([scene], model=tmp_path / "run", out=tmp_path / "map", window=256, device="cpu")
    with rasterio.open(tmp_path / "map" / "classes.tif") as classes:
        assert set(np.unique(classes.read(1))) <= {0, 1}
        assert classes.shape == (150, 170)


def slices(folder: Path, count: int, *, bands_first: bool) -> tuple[Path, Path]:
    """Medical images of floats and masks of three classes, as arrays; discs within discs."""
    images, masks = folder / "images", folder / "masks"
    images.mkdir()
    masks.mkdir()
    rows, cols = np.mgrid[:64, :48]
    for number in range(count):
        draw = np.random.default_rng(number)
        far = np.hypot(rows - draw.integers(24, 40), cols - draw.integers(18, 30))
        mask = ((far < 20).astype("uint8") + (far < 14) + (far < 7)).astype("uint8")
        image: Array = (mask * 0.3 + draw.normal(0, 0.05, mask.shape)).astype("float32")
        np.save(images / f"{number:03d}.npy", image[None] if bands_first else image)
        np.save(masks / f"{number:03d}.npy", mask)
    return images, masks


@pytest.mark.parametrize("bands_first", [False, True], ids=["(h, w)", "(bands, h, w)"])
def test_arrays_of_medical_images_with_three_classes_are_tiled_learned_and_mapped(
    tmp_path: Path, *, bands_first: bool
) -> None:
    images, masks = slices(tmp_path, 5, bands_first=bands_first)
    (tmp_path / "classes.csv").write_text("id,name\n1,fat\n2,muscle\n3,bone\n")
    tile(
        [images], labels=[masks], classes=tmp_path / "classes.csv", out=tmp_path / "chips", size=32, stride=32, val=0.2
    )
    card = ChipsCard.read(tmp_path / "chips")
    assert (card.dtype, card.bands, card.ground_resolution) == ("float32", 1, None)
    assert card.legend.names == ("background", "fat", "muscle", "bone")
    of_split = {split: {w.scene for w in card.windows if w.split == split} for split in ("train", "val")}
    assert len(of_split["val"]) == 1
    assert not of_split["train"] & of_split["val"]
    train(
        tmp_path / "chips",
        out=tmp_path / "run",
        steps=60,
        lr=0.01,
        width=4,
        depth=2,
        batch_size=8,
        device="cpu",
        workers=0,
    )
    infer([images / "000.npy"], model=tmp_path / "run", out=tmp_path / "map", window=256, device="cpu")
    with rasterio.open(tmp_path / "map" / "classes.tif") as classes:
        found = classes.read(1)
    assert NODATA not in found
    mask = np.load(masks / "000.npy")
    assert (found == mask).mean() > (mask == 0).mean() + 0.1  # better than background alone
    with zipfile.ZipFile(tmp_path / "map" / "map.qgz") as project:
        assert not any(b".npy" in project.read(name) for name in project.namelist())
