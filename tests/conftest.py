"""Fixtures that several tests share."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenes import UTM, noise, three_buildings, write_polygons, write_scene


@pytest.fixture(autouse=True, scope="session")
def _heed_interrupts() -> None:
    """A shell has what it runs in the background ignore Ctrl-C, and the commands that tests start would inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """A test that has PyTorch compute in many threads does not leave them to the next."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test opens anything on anybody's screen."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for uint8 RGB at 0.3 m; do not write to it."""
    from tests.models import tiny_model

    return tiny_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of 150 x 170 px at 0.3 m in UTM."""
    return write_scene(tmp_path / "scene.tif", noise(150, 170))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Three buildings on the scene, in another CRS."""
    return write_polygons(tmp_path / "labels.gpkg", three_buildings(UTM))
