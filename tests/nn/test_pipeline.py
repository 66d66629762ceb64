"""Pipelines of albumentations from a file: any bands, labels that stay labels, and nothing that would run."""

import json
import pickle
from pathlib import Path

import albumentations as A  # noqa: N812
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from geounet.errors import SettingsError
from geounet.nn.chip_store import VOID
from geounet.nn.pipeline import Pipeline

GEOMETRY = A.Compose([A.D4(), A.Affine(rotate=(-40, 40), scale=(0.8, 1.2), p=0.9), A.OneOf([A.Blur(), A.NoOp()])])


def read(path: Path, *, bands: int = 3, dtype: str = "uint8", size: int = 32) -> Pipeline:
    mean = (90.0,) * bands if dtype == "uint8" else (900.0,) * bands
    return Pipeline.read(path, dtype=dtype, mean=mean, std=tuple(m / 4 for m in mean), size=size)


def saved(path: Path, pipeline: A.BaseCompose, form: str = "json") -> Path:
    A.save(pipeline, path, data_format=form)
    return path


@pytest.mark.parametrize(("bands", "dtype"), [(1, "uint8"), (3, "uint8"), (4, "uint16"), (12, "float32"), (6, "int16")])
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_pipeline_varies_imagery_of_any_bands_and_keeps_shape_and_range(
    bands: int, dtype: str, form: str, tmp_path: Path
) -> None:
    colour = A.RandomBrightnessContrast(p=1)
    pipeline = read(saved(tmp_path / f"mine.{form}", A.Compose([GEOMETRY, colour]), form), bands=bands, dtype=dtype)
    rng = np.random.default_rng(0)
    pixels = rng.normal(pipeline.mean[0], pipeline.std[0], (bands, 32, 32)).astype(dtype)
    labels = rng.integers(0, 3, (32, 32)).astype("uint8")
    varied, moved = pipeline.apply(pixels, labels, 32, np.random.default_rng(1))
    assert varied.shape == pixels.shape
    assert varied.dtype == pipeline.sample_dtype == ("uint8" if dtype == "uint8" else "float32")
    assert abs(varied[:, moved < VOID].mean() - pipeline.mean[0]) < 2 * pipeline.std[0]
    assert set(np.unique(moved)) <= {0, 1, 2, VOID}


def test_ground_that_a_turn_brings_in_from_nowhere_is_void(tmp_path: Path) -> None:
    pipeline = read(saved(tmp_path / "turn.json", A.Compose([A.Rotate(limit=(45, 45), p=1)])))
    pixels, labels = np.full((3, 32, 32), 200, "uint8"), np.ones((32, 32), "uint8")
    varied, moved = pipeline.apply(pixels, labels, 32, np.random.default_rng(0))
    assert moved[0, 0] == VOID
    assert moved[16, 16] == 1
    assert (varied[:, moved == VOID] < 200).any()


@pytest.mark.parametrize("nested", [False, True])
def test_each_transform_is_drawn_for_itself(tmp_path: Path, nested: bool) -> None:
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    pipeline = read(saved(tmp_path / "flips.json", A.Compose([A.Sequential(flips, p=1)] if nested else flips)))
    pixels = np.arange(3 * 32 * 32).reshape(3, 32, 32).astype(np.uint8)
    labels = np.zeros((32, 32), np.uint8)
    labels[0, 0] = 1
    corners = [pipeline.apply(pixels, labels, 32, np.random.default_rng(seed))[1].argmax() for seed in range(64)]
    counts = np.unique(corners, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() >= 6  # of 16


def test_numbers_of_every_kind_differ_from_sample_to_sample(tmp_path: Path) -> None:
    noise = A.Compose([A.MultiplicativeNoise(multiplier=(0.5, 1.5), per_channel=True, p=1)])  # by NumPy's numbers
    pipeline = read(saved(tmp_path / "noise.json", noise))
    pixels, labels = np.full((3, 32, 32), 100, np.uint8), np.zeros((32, 32), np.uint8)
    casts = {tuple(pipeline.apply(pixels, labels, 32, np.random.default_rng(seed))[0][:, 0, 0]) for seed in range(8)}
    assert len(casts) == 8


def test_a_sample_depends_on_its_seed_alone_and_a_pipeline_travels_to_workers(tmp_path: Path) -> None:
    pipeline = read(saved(tmp_path / "mine.json", GEOMETRY))
    other = pickle.loads(pickle.dumps(pipeline))  # noqa: S301 - our own bytes
    pixels = np.random.default_rng(3).integers(0, 255, (3, 32, 32)).astype("uint8")
    for seed in (0, 7, 0):
        one, two = (each.apply(pixels, pixels[0] // 200, 32, np.random.default_rng(seed)) for each in (pipeline, other))
        assert_array_equal(one[0], two[0])
        assert_array_equal(one[1], two[1])


def content(*transforms: dict[str, object]) -> str:
    return json.dumps({"transform": {"__class_fullname__": "Compose", "p": 1.0, "transforms": list(transforms)}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(None, "cannot be read", id="missing"),
        pytest.param("{", "no pipeline of albumentations for 3 bands of uint8 .*write it with A.save", id="cut off"),
        pytest.param("[1]", "holds no pipeline of albumentations", id="other JSON"),
        pytest.param(content({"__class_fullname__": "os.system", "p": 1}), "KeyError: 'os.system'", id="code"),
        pytest.param(
            content({"__class_fullname__": "Lambda", "__name__": "x", "p": 1}),
            "Lambda cannot be used .its code is not in the file",
            id="lambda",
        ),
        pytest.param(content({"__class_fullname__": "Normalize", "p": 0.5}), "Normalize cannot be used", id="normal"),
        pytest.param(
            content({"__class_fullname__": "RandomCrop", "height": 16, "width": 16, "p": 0.01}),
            r"makes \(3, 16, 16\) of \(3, 32, 32\) .*; windows must keep their size",
            id="size",
        ),
        pytest.param(
            content({"__class_fullname__": "Affine", "rotate": 30, "mask_interpolation": 1, "p": 1}),
            "makes up labels between classes; leave mask_interpolation at 0",
            id="labels",
        ),
        pytest.param(content({"__class_fullname__": "Blur", "strength": 3, "p": 1}), "strength", id="argument"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=words) as refused:
        read(path)
    assert "mine.json" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_small_file_that_unfolds_to_billions_of_values_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    folds = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    transform = "transform: {__class_fullname__: Compose, p: 1, transforms: *a9}"
    path.write_text("\n".join(["a0: &a0 [x]", *folds, transform]))
    with pytest.raises(SettingsError, match=r"mine.yaml holds more than 10,000 values"):
        read(path)


def test_a_transform_of_colours_is_refused_where_there_are_none(tmp_path: Path) -> None:
    path = saved(tmp_path / "hue.json", A.Compose([A.HueSaturationValue(p=0.1)]))
    with pytest.raises(SettingsError, match=r"no pipeline of albumentations for 12 bands of uint8"):
        read(path, bands=12)
    assert read(path).name.startswith("hue.json ")
