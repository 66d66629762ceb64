"""What `geounet info --picture` draws, at the edges of what there can be."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from geounet.jobs.picture import write_picture
from geounet.legend import IGNORE, Legend
from geounet.report.chips_picture import ChipsFacts, Example, chips_picture
from tests.scenes import noise, write_scene

SPLITS = ("train", "val", "test")


def facts(scenes: int, classes: int, windows: int) -> ChipsFacts:
    legend = Legend.of_names(*(f"class {number}" for number in range(classes)))
    rng = np.random.default_rng(scenes)
    names = [c.name for c in legend.foreground]
    places = {
        str(scene): (
            np.column_stack([rng.integers(0, 9, (windows, 2)) * 256.0, np.full(windows, 256.0)]),
            [SPLITS[window % 3] for window in range(windows)],
        )
        for scene in range(scenes)
    }
    return ChipsFacts(
        title="many",
        counts=dict.fromkeys(SPLITS, scenes * windows // 3),
        shares={split: dict.fromkeys(names, 1 / (classes + 1)) if windows else {} for split in SPLITS},
        colours={c.name: (c.rgb[0] / 255, c.rgb[1] / 255, c.rgb[2] / 255) for c in legend.foreground},
        ids={c.id: c.name for c in legend.foreground},
        places=places,
        examples=[],
    )


@pytest.mark.parametrize(("scenes", "classes", "windows"), [(1, 1, 1), (23, 1, 4), (2, 12, 30), (1, 1, 0)], ids=str)
def test_windows_of_any_number_of_scenes_and_classes_make_a_picture(scenes: int, classes: int, windows: int) -> None:
    shown = chips_picture(facts(scenes, classes, windows))
    assert shown == chips_picture(facts(scenes, classes, windows))
    assert imread(io.BytesIO(shown)).std() > 0.01


def test_what_is_ignored_shows_in_the_picture_of_windows() -> None:
    labels = np.zeros((64, 64), np.uint8)
    shown = []
    for ignored in (0, 20):
        labels[:ignored] = IGNORE
        example = Example(np.full((64, 64, 3), 0.5), labels.copy(), "train", "train")
        shown.append(imread(io.BytesIO(chips_picture(replace(facts(1, 2, 4), examples=[example]))))[..., :3])
    dark = [int((picture[picture.shape[0] // 2 :].max(axis=2) < 0.1).sum()) for picture in shown]
    assert dark[1] > dark[0] + 1000


def test_a_model_with_nothing_beside_it_is_drawn(model: Path, tmp_path: Path) -> None:
    write_picture(model, tmp_path / "model.png")
    assert imread(tmp_path / "model.png").std() > 0.05


@pytest.mark.parametrize("name", [r"$\frac{$", r"a$\q$b", "$", "cost in $ and $"])
def test_names_with_dollars_are_texts_and_no_formulas(name: str, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / f"{name}.tif", noise(40, 70))
    write_picture(scene, tmp_path / "scene.png")
    assert imread(tmp_path / "scene.png").std() > 0.05
    many = replace(facts(2, 2, 4), title=name)
    shown = chips_picture(replace(many, places={name: many.places["0"], "other": many.places["1"]}))
    assert imread(io.BytesIO(shown)).std() > 0.01
