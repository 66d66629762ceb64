"""A training entered in MLflow: the real library, its files in the run's folder."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from geounet.errors import SettingsError
from geounet.jobs.ledger import ledger_named
from geounet.jobs.train import train
from geounet.jobs.train_run import TrainResult
from geounet.track import Track, untracked
from tests.command import geounet
from tests.jobs.test_train import KilledError, killing
from tests.nn.chips_folder import town, write_chips

if TYPE_CHECKING:  # the ledger sets what its import takes before
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def unconnected(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Addresses that anything tries to reach; none is reached."""
    tried: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError(address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


def quick(tmp_path: Path, *, resume: bool = False, uri: str | None = None, track: Track = untracked) -> TrainResult:
    if not (tmp_path / "chips").exists():
        write_chips(tmp_path / "chips", town(64, 256, seed=2), size=32)
    return train(
        tmp_path / "chips",
        out=tmp_path / "run",
        steps=6,
        batch_size=4,
        width=2,
        depth=1,
        device="cpu",
        precision="fp32",
        resume=resume,
        tracker="mlflow",
        tracker_uri=uri,
        track=track,
    )


def pages(uri: str) -> tuple["MlflowClient", list["MlflowRun"]]:
    """What MLflow says of the trainings in a store, after one of them was entered there."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("geounet")
    assert experiment is not None
    return client, client.search_runs([experiment.experiment_id])


def test_parameters_curves_pictures_and_model_are_entered_and_nobody_is_called(
    tmp_path: Path, unconnected: list[object]
) -> None:
    result = quick(tmp_path)
    client, (page,) = pages((result.run / "mlruns").as_uri())
    assert page.info.status == "FINISHED"
    assert page.info.run_name == "run"
    assert (page.data.params["width"], page.data.params["batch_size"]) == ("2", "4")
    assert [metric.step for metric in client.get_metric_history(page.info.run_id, "iou")] == [1, 2, 3, 4, 5, 6]
    curves = {"iou", "loss", "validation_loss", "learning_rate"}
    scores = {f"building_{name}" for name in ("iou", "f1", "precision", "recall", "accuracy", "iou_two_channel")}
    assert set(page.data.metrics) == curves | scores
    kept = {file.path for file in client.list_artifacts(page.info.run_id)}
    assert kept >= {"model.safetensors", "MODEL.md", "metrics.json", "curves.png", "samples.png", "history.csv"}
    assert unconnected == []


def test_a_resumed_training_goes_on_on_its_page(tmp_path: Path) -> None:
    with pytest.raises(KilledError, match="here"):
        quick(tmp_path, track=killing(7))
    uri = (tmp_path / "run" / "mlruns").as_uri()
    _, (page,) = pages(uri)
    assert page.info.status == "FAILED"
    quick(tmp_path, resume=True)
    client, (same,) = pages(uri)
    assert (same.info.run_id, same.info.status) == (page.info.run_id, "FINISHED")
    assert {metric.step for metric in client.get_metric_history(page.info.run_id, "iou")} == {1, 2, 3, 4, 5, 6}


def test_a_training_resumed_with_another_store_has_a_page_there(tmp_path: Path) -> None:
    with pytest.raises(KilledError, match="here"):
        quick(tmp_path, track=killing(7))
    uri = (tmp_path / "store").as_uri()
    quick(tmp_path, resume=True, uri=uri)
    _, (page,) = pages(uri)
    assert (page.info.status, page.data.params["width"]) == ("FINISHED", "2")


def test_figures_of_classes_in_any_alphabet_have_names_of_their_own(tmp_path: Path) -> None:
    uri = (tmp_path / "store").as_uri()
    tmp_path.joinpath("run").mkdir()
    ledger = ledger_named("mlflow", uri, tmp_path / "run")
    with ledger.page({}):
        ledger.note(1, {"建物_iou": 0.5, "道路_iou": 0.25, "roof (flat)_iou": 0.75})
    _, (page,) = pages(uri)
    assert page.data.metrics == {"建物_iou": 0.5, "道路_iou": 0.25, "roof _flat__iou": 0.75}


def test_a_store_elsewhere_is_used_and_one_that_is_none_refused(tmp_path: Path) -> None:
    quick(tmp_path, uri=(tmp_path / "store").as_uri())
    assert not (tmp_path / "run" / "mlruns").exists()
    assert len(pages((tmp_path / "store").as_uri())[1]) == 1
    with pytest.raises(SettingsError, match=r"MLflow at odd://x cannot be used \(.*\); check --track-uri"):
        quick(tmp_path, uri="odd://x")


def test_a_server_that_does_not_answer_is_refused_before_the_training(
    tmp_path: Path, unconnected: list[object]
) -> None:
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    with pytest.raises(SettingsError, match=r"MLflow at http://localhost:1 cannot be used"):
        quick(tmp_path, uri="http://localhost:1")
    assert unconnected
    assert not (tmp_path / "run").exists()


def test_the_store_in_the_environment_is_the_command_lines_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_chips(tmp_path / "chips", town(64, 256, seed=2), size=32)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    small = ["--steps", "1", "--width", "2", "--depth", "1", "--batch-size", "1", "--device", "cpu"]
    assert geounet(capsys, "train", tmp_path / "chips", "--track", "mlflow", *small).status == 0
    assert len(pages((tmp_path / "store").as_uri())[1]) == 1


def test_without_mlflow_the_extra_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "geounet.jobs.ledger_mlflow", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SettingsError, match=r"--track mlflow needs MLflow \(.*\); install geounet\[tracking\]"):
        quick(tmp_path)
