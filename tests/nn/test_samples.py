"""Training samples: crops at any place, never from another split, the same for the same seed and number."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.errors import ChipsError, SettingsError
from geounet.grid import Window
from geounet.legend import CONTACT, IGNORE
from geounet.nn.augment import AUGMENTS, Augmentation, light, resized_labels, rgb_colouring, turned
from geounet.nn.chip_set import ChipSet
from geounet.nn.chip_store import VOID, ChipFolder
from geounet.nn.samples import Samples, as_often
from tests.nn.chips_folder import RGB, Town, town, voided, write_chips


def samples_in(folder: Path, name: str = "standard", seed: int = 0) -> Samples:
    data = ChipSet.open([folder])
    return Samples(data.folders, Augmentation(name, data.card.colours, data.card.dtype, data.mean, data.std), seed)


@pytest.fixture(scope="module")
def scene() -> Town:
    return voided(town(96, 192, seed=1), slice(20, 45), slice(30, 50))


@pytest.fixture(scope="module")
def folder(scene: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chips")
    write_chips(path, scene, size=32, stride=16)
    return path


def training_area(path: Path, shape: tuple[int, int]) -> Array:
    card = ChipFolder.open(path).card
    area = np.zeros(shape, dtype=bool)
    for number in card.of_split("train"):
        window = card.windows[number]
        area[window.row : window.row + card.size, window.col : window.col + card.size] = True
    return area


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(-40, 100), col=st.integers(-40, 200), side=st.integers(8, 70))
def test_a_crop_is_the_scene_where_training_windows_lie_and_void_elsewhere(
    folder: Path, scene: Town, row: int, col: int, side: int
) -> None:
    pixels, labels = ChipFolder.open(folder).crop(0, Window(row, col, side, side))
    padded = np.pad(scene.labels, 120, constant_values=VOID)
    area = np.pad(training_area(folder, scene.labels.shape), 120)
    place = (slice(row + 120, row + 120 + side), slice(col + 120, col + 120 + side))
    expected = np.where(area[place], padded[place], VOID)
    assert_array_equal(np.where(expected == IGNORE, VOID, expected), labels)
    known = np.pad(scene.pixels, ((0, 0), (120, 120), (120, 120)))[:, *place]
    there = expected < VOID
    assert_array_equal(pixels[:, there], known[:, there])


def test_changing_the_other_splits_changes_no_sample(scene: Town, tmp_path: Path) -> None:
    write_chips(tmp_path / "a", scene, size=32)
    card = write_chips(tmp_path / "b", scene, size=32)
    images = np.load(tmp_path / "b" / "images.npy")
    images[list(card.of_split("val"))] = 0
    np.save(tmp_path / "b" / "images.npy", images)
    for number in range(20):
        assert_array_equal(samples_in(tmp_path / "a")[number][0], samples_in(tmp_path / "b")[number][0])


def test_a_sample_depends_on_seed_and_number_alone(folder: Path) -> None:
    first, again, other = samples_in(folder, "strong"), samples_in(folder, "strong"), samples_in(folder, "strong", 1)
    forward = [first[number] for number in range(40)]
    backward = [again[number] for number in reversed(range(40))][::-1]
    for (pixels, labels), (same_pixels, same_labels) in zip(forward, backward, strict=True):
        assert_array_equal(pixels, same_pixels)
        assert_array_equal(labels, same_labels)
    assert any(not np.array_equal(forward[number][0], other[number][0]) for number in range(5))


def test_every_pass_draws_every_labelled_training_window_once_in_another_order(folder: Path) -> None:
    samples = samples_in(folder, "none")
    passes = [[samples[n * samples.pass_length + i][0].tobytes() for i in range(samples.pass_length)] for n in (0, 1)]
    assert sorted(passes[0]) == sorted(passes[1])
    assert passes[0] != passes[1]


def test_windows_with_a_rare_class_are_drawn_more_often_and_the_same_by_seed(tmp_path: Path) -> None:
    scene = town(64, 640, classes=2, seed=1)
    scene.labels[scene.labels == 2] = 1
    scene.labels[:8, :8] = 2
    write_chips(tmp_path, scene, size=32, splits=("train",))
    samples, again = samples_in(tmp_path, "none"), samples_in(tmp_path, "none")
    length = samples.pass_length
    assert length == 40
    rare = [bool((samples[number][1] == 2).any()) for number in range(20 * length)]
    assert sum(rare) / 20 == pytest.approx(2.7, abs=0.2)
    assert rare == [bool((again[number][1] == 2).any()) for number in range(20 * length)]


def test_half_of_the_samples_are_of_windows_where_buildings_touch(tmp_path: Path) -> None:
    scene = town(64, 640, seed=1)
    scene.labels[4:60, 70:75] = scene.labels[4:60, 300:304] = CONTACT
    write_chips(tmp_path, scene, size=32, splits=("train",), contact_width=0.9)
    samples = samples_in(tmp_path, "none")
    touching = [bool((samples[number][1] == CONTACT).any()) for number in range(20 * samples.pass_length)]
    assert sum(touching) / len(touching) == pytest.approx(0.5, abs=0.05)


def test_crops_hold_labels_even_where_windows_are_few(tmp_path: Path) -> None:
    scene = voided(town(64, 64, seed=3), slice(0, 64), slice(0, 20))
    write_chips(tmp_path, scene, size=32, splits=("train",))
    samples = samples_in(tmp_path, "flips")
    assert all(np.count_nonzero(samples[number][1] < VOID) >= 64 for number in range(100))


@pytest.mark.parametrize("name", AUGMENTS)
@pytest.mark.parametrize(
    ("bands", "dtype"), [(3, "uint8"), (4, "uint16"), (1, "float32"), (6, "int16")], ids=["rgb", "u16", "f32", "i16"]
)
def test_samples_of_any_imagery_have_one_shape_and_finite_pixels(
    name: str, bands: int, dtype: str, tmp_path: Path
) -> None:
    colours = RGB if bands == 3 else ("undefined",) * bands
    scene = voided(town(64, 128, bands=bands, dtype=dtype), slice(0, 9), slice(0, 9))
    write_chips(tmp_path, scene, size=32, colours=colours)
    samples = samples_in(tmp_path, name)
    for number in range(24):
        pixels, labels = samples[number]
        assert pixels.shape == samples.shape == (bands, 32, 32)
        assert pixels.dtype == samples.dtype
        assert labels.shape == (32, 32)
        assert np.isfinite(pixels).all()
        assert set(np.unique(labels)) <= {0, 1, VOID}
        torch.from_numpy(pixels)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "uint32", "float32", "float64"])
def test_the_eight_turns_are_those_of_numpy_and_move_pixels_with_their_labels(dtype: str) -> None:
    labels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    pixels = np.stack([labels, labels + 100]).astype(dtype)
    if dtype.startswith("float"):
        pixels[0, 1, 2] = np.nan
    for which in range(8):
        step = -1 if which >= 4 else 1
        moved, moved_labels = turned(pixels, labels, which)
        assert moved.dtype == pixels.dtype
        assert_array_equal(moved, np.rot90(pixels, which % 4, axes=(1, 2))[:, :, ::step])
        assert_array_equal(moved_labels, np.rot90(labels, which % 4)[:, ::step])


def test_labels_are_resampled_without_making_up_classes_or_moving_them() -> None:
    labels = np.kron(np.array([[0, 7], [253, 3]], dtype=np.uint8), np.ones((20, 20), dtype=np.uint8))
    small = resized_labels(labels, 34)
    assert set(np.unique(small)) == {0, 3, 7, 253}
    assert_array_equal(small, np.kron(np.array([[0, 7], [253, 3]], dtype=np.uint8), np.ones((17, 17), dtype=np.uint8)))


@pytest.mark.parametrize("side", [160, 199, 255, 257, 300, 333, 409])
def test_each_label_is_that_of_the_pixel_whose_area_holds_the_new_centre(side: int) -> None:
    labels = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
    nearest = ((2 * np.arange(256) + 1) * side) // 512
    assert_array_equal(resized_labels(labels, 256), labels[np.ix_(nearest, nearest)])


def test_samples_are_made_larger_as_often_as_smaller() -> None:
    rng = np.random.default_rng(0)
    varied = Augmentation("standard", RGB, "uint8", (0.0,) * 3, (1.0,) * 3)
    sides = np.array([varied.side(256, rng) for _ in range(2000)]) / 256
    assert sides.min() == pytest.approx(1 / 1.6, abs=0.01)
    assert sides.max() == pytest.approx(1.6, abs=0.01)
    assert np.median(sides) == pytest.approx(1, abs=0.04)


def test_windows_with_contact_come_ten_times_as_often_at_most() -> None:
    assert as_often(np.arange(100) == 7)[7] == 10


def test_each_step_of_light_and_colour_is_drawn_for_itself() -> None:
    colouring = rgb_colouring(strong=False)
    flat = np.repeat(np.array([[[128, 128, 128], [150, 110, 80]]], np.uint8), 8, axis=0).repeat(4, axis=1)
    made = np.array([colouring(flat, seed)[0, ::4] for seed in range(800)], float)
    untouched = (made == flat[0, ::4]).all(axis=(1, 2))
    assert 0.2 < untouched.mean() < 0.36  # 1/4, and 0.3 * 0.6 * 0.4 * 0.6 * 0.92 of the rest
    # a cast is as likely to come alone as 0.3 * 0.6 * 0.4; by the same numbers it would never
    cast = made[:, 0] / 128
    alone = (np.abs(made[:, 1] - flat[0, 4] * cast) < 1.5).all(axis=1) & (np.ptp(cast, axis=1) > 0.03)
    assert 5 < np.count_nonzero(alone) < 40  # of 800 * 3/4 * 0.4 * 0.92 * 0.072 = 16
    assert_array_equal(colouring(flat, 7), colouring(flat, 7))


def test_light_keeps_the_order_of_brightness_in_each_band() -> None:
    ramp = np.repeat(np.linspace(-400, 3000, 500, dtype=np.float32)[None, None], 2, axis=0)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        varied = light(ramp, np.array([900.0, 800.0]), np.array([700.0, 650.0]), rng)
        assert (np.diff(varied, axis=2) > 0).all()


def test_samples_travel_to_a_worker_without_their_pixels(folder: Path) -> None:
    samples = samples_in(folder)
    samples[0]
    assert len(pickle.dumps(samples)) < 20_000
    assert_array_equal(pickle.loads(pickle.dumps(samples))[3][0], samples[3][0])  # noqa: S301 - our own bytes


def test_windows_without_any_training_label_are_refused(tmp_path: Path, scene: Town) -> None:
    write_chips(tmp_path, replace(scene, labels=np.full_like(scene.labels, IGNORE)), size=32)
    with pytest.raises(ChipsError, match=r"no training window in .* has a label"):
        samples_in(tmp_path)


def test_an_unknown_augmentation_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="augmentation 'wild' is unknown; use one of standard"):
        samples_in(folder, "wild")
