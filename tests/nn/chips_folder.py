"""A folder of training windows of a made-up town, as `tile` would write it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geounet.block import Array
from geounet.chips import ChipsCard, ChipWindow
from geounet.legend import IGNORE, Legend

RGB = ("red", "green", "blue")


@dataclass(frozen=True)
class Town:
    """A made-up scene: bright rectangles (class 1, 2, ...) on dark noise, (bands, height, width) and (height, width).

    `valid` (height, width) bool says where it has imagery.
    """

    pixels: Array
    labels: Array
    valid: Array
    legend: Legend = field(default_factory=lambda: Legend.of_names("building"))


def town(height: int, width: int, *, bands: int = 3, dtype: str = "uint8", classes: int = 1, seed: int = 0) -> Town:
    """Rectangles of 6 to 14 px; the brightness tells the class."""
    rng = np.random.default_rng(seed)
    level = 60 if dtype == "uint8" else 400
    pixels = rng.normal(level, level / 6, (bands, height, width))
    labels = np.zeros((height, width), dtype=np.uint8)
    for _ in range(max(1, height * width // 500)):
        row, col = int(rng.integers(height)), int(rng.integers(width))
        rows, cols = slice(row, row + int(rng.integers(6, 15))), slice(col, col + int(rng.integers(6, 15)))
        which = int(rng.integers(1, classes + 1))
        labels[rows, cols] = which
        pixels[:, rows, cols] = level * (1 + which) + rng.normal(0, level / 8, pixels[:, rows, cols].shape)
    names = ("building", "road", "water")[:classes]
    top = 255 if dtype == "uint8" else None
    return Town(np.clip(pixels, 0, top).astype(dtype), labels, labels < IGNORE, Legend.of_names(*names))


def write_chips(
    folder: Path,
    scene: Town,
    *,
    size: int = 32,
    stride: int | None = None,
    splits: Sequence[str] = ("train", "train", "train", "val"),
    contact_width: float | None = None,
    ground_resolution: float | None = 0.3,
    colours: Sequence[str] = RGB,
) -> ChipsCard:
    """Windows of a scene, dealt to `splits` column by column; pixels that are not valid hold the fill."""
    stride = stride or size
    height, width = scene.labels.shape
    classes = len(scene.legend.classes)
    columns = list(range(0, width - size + 1, stride))
    mean = scene.pixels[:, scene.valid].mean(axis=1, dtype=np.float64)
    std = scene.pixels[:, scene.valid].std(axis=1, dtype=np.float64)
    fill = np.rint(mean).astype(scene.pixels.dtype)
    pixels = np.where(scene.valid, scene.pixels, fill[:, None, None])
    images, labels, windows = [], [], []
    for row in range(0, height - size + 1, stride):
        for index, col in enumerate(columns):
            image = pixels[:, row : row + size, col : col + size]
            label = scene.labels[row : row + size, col : col + size]
            scored = label < classes
            shares = tuple(np.bincount(label[scored], minlength=classes) / scored.sum()) if scored.any() else ()
            split = splits[index * len(splits) // len(columns)]
            windows.append(ChipWindow(0, row, col, split, float(scored.mean()), tuple(map(float, shares))))
            images.append(image)
            labels.append(label)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", np.stack(images))
    np.save(folder / "labels.npy", np.stack(labels))
    card = ChipsCard(
        size=size,
        stride=stride,
        dtype=str(scene.pixels.dtype),
        colours=tuple(colours),
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        fill=tuple(map(float, fill)),
        ground_resolution=ground_resolution,
        legend=scene.legend,
        windows=tuple(windows),
        contact_width=contact_width,
    )
    (folder / "chips.json").write_text(card.to_json(), encoding="utf-8")
    return card


def voided(scene: Town, rows: slice, cols: slice) -> Town:
    """The scene without imagery in a rectangle, which is 255 in the labels."""
    labels, valid = scene.labels.copy(), scene.valid.copy()
    labels[rows, cols] = IGNORE
    valid[rows, cols] = False
    return Town(scene.pixels, labels, valid, scene.legend)
