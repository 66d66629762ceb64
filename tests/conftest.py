"""Fixtures that several tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.models import tiny_model
from tests.scenes import UTM, Place, box, noise, write_polygons, write_scene

Labels = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tiny networks are slower with more threads, and answer with other last digits."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for uint8 RGB at 0.3 m; do not write to it."""
    return tiny_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of 150 x 170 px at 0.3 m in UTM."""
    return write_scene(tmp_path / "scene.tif", noise(150, 170))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Three buildings on the scene, in another CRS."""
    return write_polygons(tmp_path / "labels.gpkg", three_buildings(UTM))


def three_buildings(place: Place) -> list[object]:
    return [box(place, 10, 12, 20, 30), box(place, 70, 80, 40, 25), box(place, 120, 20, 20, 20)]
