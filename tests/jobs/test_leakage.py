"""The leakage audit: what it says of windows that were written, and that it catches a plan that leaks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer

from geounet.chips import ChipWindow
from geounet.frame import Frame
from geounet.grid import Window
from geounet.jobs import chip_plan
from geounet.jobs.leakage import Leakage, leakage
from geounet.jobs.tile import tile
from tests.scenes import (
    DEGREES_60N,
    MERCATOR_60N,
    NOWHERE,
    ROTATED,
    UTM,
    Place,
    frame,
    noise,
    three_buildings,
    write_polygons,
    write_scene,
)

SIZE = 32


def window(split: str, row: int, col: int, scene: int = 0) -> ChipWindow:
    return ChipWindow(scene, row, col, split, 1.0, (1.0, 0.0))


def audited(*windows: ChipWindow, frames: tuple[Frame, ...] = (frame(300, 300),)) -> Leakage:
    (pair,) = leakage(windows, SIZE, frames)
    return pair


@pytest.mark.parametrize(
    ("col", "shared", "nearest"),
    [
        pytest.param(31, 1, 0.0, id="one column in common"),
        pytest.param(32, 0, 0.0, id="side by side"),
        pytest.param(42, 0, 3.0, id="ten pixels apart"),
    ],
)
def test_a_pixel_in_common_is_told_from_neighbours_and_distance(col: int, shared: int, nearest: float) -> None:
    pair = audited(window("train", 0, 0), window("val", 0, col), window("val", 200, 200))
    assert (pair.first, pair.second, pair.shared, pair.unit) == ("train", "val", shared, "m")
    assert pair.nearest == pytest.approx(nearest, rel=2e-3)


@pytest.mark.parametrize("place", [MERCATOR_60N, DEGREES_60N], ids=["web mercator", "degrees"])
def test_distances_are_metres_on_the_ground(place: Place) -> None:
    pair = audited(window("train", 0, 0), window("test", 0, 132), frames=(frame(300, 300, place),))
    assert pair.nearest == pytest.approx(30.0, rel=0.01)


def test_what_hangs_over_the_edge_is_no_pixel() -> None:
    """The second scene begins where the first ends; the first one's last window reaches over its edge."""
    frames = (frame(40, 40), frame(40, 40, UTM.cropped(0, 40)))
    pair = audited(window("train", 0, 20), window("val", 0, 0, scene=1), frames=frames)
    assert (pair.shared, pair.nearest) == (0, 0.0)


def test_the_same_ground_in_two_scenes_is_leakage_whatever_their_crs() -> None:
    frames = (frame(300, 300, MERCATOR_60N), frame(300, 300, DEGREES_60N))
    pair = audited(window("train", 64, 64), window("val", 70, 70, scene=1), frames=frames)
    assert pair.shared == 1


def test_images_that_lie_nowhere_are_apart_but_for_their_own_pixels() -> None:
    frames = (frame(300, 300, NOWHERE), frame(300, 300, NOWHERE))
    assert audited(window("train", 0, 0), window("val", 0, 0, scene=1), frames=frames) == Leakage(
        "train", "val", 0, None, "px"
    )
    pair = audited(window("train", 0, 0), window("val", 0, 35), window("val", 9, 9, scene=1), frames=frames)
    assert (pair.shared, pair.nearest, pair.unit) == (0, 3.0, "px")


@pytest.fixture
def job(tmp_path: Path) -> dict[str, object]:
    scene = write_scene(tmp_path / "a.tif", noise(300, 300))
    labels = write_polygons(tmp_path / "l.gpkg", three_buildings(UTM))
    shares = {"val": 0.2, "test": 0.1, "keep_empty": 1.0}
    return {"scenes": [scene], "labels": [labels], "out": tmp_path / "chips", "size": 32, "stride": 20} | shares


def test_chips_json_says_that_no_two_splits_share_a_pixel(tmp_path: Path, job: dict[str, object]) -> None:
    tile(**job)  # type: ignore[arg-type]
    pairs = json.loads((tmp_path / "chips" / "chips.json").read_text())["origin"]["leakage"]
    assert [(pair["first"], pair["second"], pair["shared"]) for pair in pairs] == [
        ("train", "val", 0), ("train", "test", 0), ("val", "test", 0),
    ]  # fmt: skip
    assert all(pair["nearest"] >= 0 and pair["unit"] == "m" for pair in pairs)


@pytest.mark.parametrize("how", ["overlapping windows", "windows drawn by lot"])
def test_a_plan_that_leaks_is_caught(
    tmp_path: Path, job: dict[str, object], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = chip_plan._disjoint

    def leaking(chips: list[chip_plan.PlannedChip], frames: list[Frame]) -> list[chip_plan.PlannedChip]:
        if how == "overlapping windows":
            return chips
        return [replace(chip, split=("train", "val")[i % 2]) for i, chip in enumerate(honest(chips, frames))]

    monkeypatch.setattr(chip_plan, "_disjoint", leaking)
    with pytest.raises(AssertionError, match=r"shared=[1-9]"):
        tile(**job)  # type: ignore[arg-type]
    assert not (tmp_path / "chips").exists()


def splits_of(folder: Path) -> list[list[tuple[int, int, str]]]:
    """Row, column and split of the windows of each scene."""
    windows = json.loads((folder / "chips.json").read_text())["windows"]
    return [[(row, col, split) for s, row, col, split, *_ in windows if s == scene] for scene in range(6)]


@pytest.mark.parametrize(
    "place", [UTM, ROTATED, MERCATOR_60N, DEGREES_60N], ids=["utm", "turned", "mercator", "degrees"]
)
def test_scenes_of_one_place_are_divided_alike(place: Place, tmp_path: Path) -> None:
    """Six years of a place keep all their windows, each of the same split every year."""
    years = [write_scene(tmp_path / f"{year}.tif", noise(320, 320, seed=year), place) for year in range(6)]
    labels = write_polygons(tmp_path / "l.gpkg", three_buildings(place), place)
    tile(years, labels=[labels], out=tmp_path / "chips", size=32, stride=32, val=0.25, test=0.1, keep_empty=1.0)
    first, *others = splits_of(tmp_path / "chips")
    assert len(first) == 100
    assert {split for *_, split in first} == {"train", "val", "test"}
    assert all(other == first for other in others)


def test_shifted_scenes_of_one_place_lose_windows_only_where_splits_meet(tmp_path: Path) -> None:
    scenes = [write_scene(tmp_path / f"{n}.tif", noise(320, 320, seed=n), UTM.cropped(3 * n, 5 * n)) for n in range(6)]
    labels = write_polygons(tmp_path / "l.gpkg", three_buildings(UTM))
    tile(scenes, labels=[labels], out=tmp_path / "chips", size=32, stride=32, val=0.2, keep_empty=1.0)
    assert sum(map(len, splits_of(tmp_path / "chips"))) > 400  # of 600; 190 if each scene were divided by itself


def test_windows_in_another_crs_fall_into_the_blocks_of_the_first_scene() -> None:
    degrees, mercator = frame(320, 16_000, DEGREES_60N), frame(320, 16_000, MERCATOR_60N)
    starts = [(row, col) for row in range(0, 320, 32) for col in range(0, 16_000, 32)]
    chips = [chip_plan.PlannedChip(1, Window(row, col, 32, 32), "train", 0, (1, 0)) for row, col in starts]
    assert chip_plan._firsts([mercator, degrees]) == [0, 0]
    places = np.array(chip_plan._places(chips, [mercator, degrees], [0, 0]))
    lon, lat = degrees.transform @ tuple(np.array(starts)[:, ::-1].T + 16.0)
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    cols, rows = ~mercator.transform @ (x, y)
    assert np.abs(places - (np.stack([rows, cols], axis=1) - 16)).max() <= 0.51
