"""--label-shift: labels that lie off are brought to the imagery, by metres on the ground, and what was done is told."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine

from geounet.errors import LabelError, SettingsError
from geounet.jobs.tile import tile
from tests.scenes import MERCATOR_60N, NOWHERE, ROTATED, SOUTH_UP, UTM, Place, box, write_polygons, write_scene

SIDE = 400
DATA = Path(__file__).parents[3] / "shared" / "data"


def houses(place: Place) -> list[shapely.Polygon]:
    draw = np.random.default_rng(3)
    corners, sizes = draw.integers(30, SIDE - 60, (60, 2)), draw.integers(10, 26, (60, 2))
    return [box(place, *corner, *size) for corner, size in zip(corners.tolist(), sizes.tolist(), strict=True)]


def photo(path: Path, place: Place, *, contrast: float = 60) -> Path:
    """The houses as a camera sees them."""
    mask = np.zeros((SIDE, SIDE))
    for house in houses(NOWHERE):
        left, top, right, bottom = map(int, house.bounds)
        mask[top:bottom, left:right] = 1
    noise = np.random.default_rng(0).normal(120, 10, (3, SIDE, SIDE))
    return write_scene(path, (noise + contrast * mask).clip(1, 250).astype("uint8"), place)


def drifted(place: Place, east: float, north: float) -> list[shapely.Polygon]:
    """The houses, some metres of a map without distortion to the east and north of where they are."""
    return [shapely.transform(house, lambda xy: xy + np.array([east, north])) for house in houses(place)]


def shift(scene: Path, labels: Path, out: Path, wanted: object) -> dict[str, object]:
    tile([scene], labels=[labels], out=out, size=64, stride=64, gsd="native", label_shift=wanted)  # type: ignore[arg-type]
    (told,) = json.loads((out / "chips.json").read_text())["origin"]["label_shift"]
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    ("place", "scale"),
    [
        pytest.param(UTM, 1.0, id="north up"),
        pytest.param(SOUTH_UP, 1.0, id="south up"),
        pytest.param(ROTATED, 1.0, id="rotated"),
        pytest.param(MERCATOR_60N, 2.0, id="web mercator, whose metres are half as long"),
    ],
)
def test_an_offset_is_found_in_the_imagery_in_metres_on_the_ground(tmp_path: Path, place: Place, scale: float) -> None:
    scene = photo(tmp_path / "a.tif", place)
    labels = write_polygons(tmp_path / "l.gpkg", drifted(place, 2.1 * scale, -1.2 * scale), place)
    told = shift(scene, labels, tmp_path / "chips", "auto")
    assert (told["east"], told["north"]) == pytest.approx((-2.1, 1.2), abs=0.12)
    assert told["note"] == "moved: as the edges in the imagery say"


@pytest.mark.parametrize("place", [UTM, SOUTH_UP, ROTATED], ids=["north up", "south up", "rotated"])
def test_labels_are_moved_by_the_metres_that_were_given(tmp_path: Path, place: Place) -> None:
    scene = photo(tmp_path / "a.tif", place)
    right = write_polygons(tmp_path / "right.gpkg", houses(place), place)
    wrong = write_polygons(tmp_path / "wrong.gpkg", drifted(place, 3.0, -2.4), place)
    shift(scene, right, tmp_path / "right", "none")
    told = shift(scene, wrong, tmp_path / "wrong", (-3.0, 2.4))
    assert (told["east"], told["north"]) == (-3.0, 2.4)
    meant, got = (np.load(tmp_path / name / "labels.npy") for name in ("right", "wrong"))
    assert (meant != got).mean() < 0.004
    assert (meant == 1).mean() > 0.05


def test_labels_that_lie_right_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = write_polygons(tmp_path / "l.gpkg", houses(UTM))
    with caplog.at_level(logging.INFO):
        told = shift(photo(tmp_path / "a.tif", UTM), labels, tmp_path / "chips", "auto")
    assert (told["east"], told["north"]) == (0, 0)
    assert "a.tif stay where they are: the imagery agrees with them" in caplog.text
    assert str(told["note"]).startswith("not moved: the imagery agrees with them")


def test_rasters_are_moved_as_polygons_are(tmp_path: Path) -> None:
    mask = np.zeros((1, SIDE, SIDE), "uint8")
    for house in houses(NOWHERE):
        left, top, right, bottom = map(int, house.bounds)
        mask[0, top:bottom, left:right] = 1
    labels = write_scene(tmp_path / "l.tif", mask, Place(UTM.transform @ Affine.translation(6, -5), UTM.crs))
    told = shift(photo(tmp_path / "a.tif", UTM), labels, tmp_path / "chips", "auto")
    assert (told["east"], told["north"]) == pytest.approx((-1.8, -1.5), abs=0.1)


@pytest.mark.parametrize(
    ("place", "contrast", "words"),
    [
        pytest.param(UTM, 0, "suggests", id="nothing to be seen"),
        pytest.param(NOWHERE, 60, "has no CRS, so that metres are unknown", id="no CRS"),
    ],
)
def test_where_the_imagery_is_not_sure_labels_stay(tmp_path: Path, place: Place, contrast: float, words: str) -> None:
    scene = photo(tmp_path / "a.tif", place, contrast=contrast)
    drawn = houses(place) if place.crs else houses(Place(Affine.scale(1, -1), None))
    told = shift(scene, write_polygons(tmp_path / "l.gpkg", drawn, place), tmp_path / "chips", "auto")
    assert (told["east"], told["north"]) == (0, 0)
    assert words in str(told["note"])


def test_a_shift_that_leaves_no_label_on_the_scene_is_refused(tmp_path: Path, scene: Path, labels: Path) -> None:
    with pytest.raises(LabelError, match=r"--label-shift moves all labels off .*; it is in metres"):
        shift(scene, labels, tmp_path / "chips", (5000.0, 0.0))
    assert not (tmp_path / "chips").exists()


def test_a_shift_that_is_no_number_is_refused(tmp_path: Path, scene: Path, labels: Path) -> None:
    with pytest.raises(SettingsError, match="--label-shift nan,1 must be metres to the east and north"):
        shift(scene, labels, tmp_path / "chips", (float("nan"), 1.0))


@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real scenes are not at {DATA}")
@pytest.mark.parametrize("name", ["zanzibar_a", "kampala_a", "nepal_a"])
def test_a_real_scene_s_labels_are_left_alone_and_brought_back_when_drifted(tmp_path: Path, name: str) -> None:
    import geopandas

    scene, labels = DATA / name / f"{name}_z21.tif", DATA / name / f"{name}_labels.geojson"
    moved = tmp_path / "moved.gpkg"
    here = geopandas.read_file(labels)
    local = here.estimate_utm_crs()
    here.to_crs(local).translate(3.0, -2.0).to_file(moved, VERSION="1.2")
    for path, expected in ((labels, (0, 0)), (moved, (-3.0, 2.0))):
        tile([scene], labels=[path], out=tmp_path / path.stem, label_shift="auto")
        (told,) = json.loads((tmp_path / path.stem / "chips.json").read_text())["origin"]["label_shift"]
        assert (told["east"], told["north"]) == pytest.approx(expected, abs=0.5)
