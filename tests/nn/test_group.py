"""Which device each of several processes gets; what several do together is tested by real ones (test_train_group)."""

import pytest
import torch

from geounet.errors import SettingsError
from geounet.nn.group import ALONE, Group


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
def test_each_process_on_a_machine_has_a_gpu_of_its_own() -> None:
    assert [Group(rank, 4, rank % 2).device("auto") for rank in range(4)] == ["cuda:0", "cuda:1"] * 2
    assert Group(1, 4, 1).device("cpu") == "cpu"
    assert ALONE.device("cuda:1") == "cuda:1"


@pytest.mark.usefixtures("two_gpus")
def test_more_processes_than_gpus_and_one_gpu_for_all_are_refused() -> None:
    with pytest.raises(SettingsError, match="2 GPUs are too few for the processes started here"):
        Group(2, 3, 2).device("auto")
    with pytest.raises(SettingsError, match="device 'cuda:1' cannot be shared by 2 processes"):
        Group(0, 2, 0).device("cuda:1")


def test_without_gpus_processes_share_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Group(1, 2, 1).device("auto") == "auto"


def test_one_process_alone_is_its_own_first() -> None:
    assert ALONE.from_first(lambda: 3) == 3
    assert ALONE.add(torch.ones(2)).tolist() == [1, 1]
