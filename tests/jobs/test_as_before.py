"""What `auto` was resolved to is journaled, and taken again when the same command is given again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from geounet.errors import OutputError, SettingsError
from geounet.jobs import predict
from geounet.jobs.guard import NAME, remembered
from geounet.jobs.infer import InferResult, infer
from tests.jobs.stopped import PART_BYTES, Map, Stop
from tests.scenes import noise, write_scene


@pytest.fixture
def unfinished(tmp_path: Path, model: Path) -> Map:
    """A map that one thread began, in windows that `auto` would not take; it was killed when its parts were there."""
    asked = Map(write_scene(tmp_path / "a.tif", noise(150, 170)), model, tmp_path / "map")
    asked.made(Stop("tempfile.mkstemp .classes-*.tif"))
    return asked


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What OMP_NUM_THREADS=2 does."""
    monkeypatch.setattr(predict, "PART_BYTES", PART_BYTES)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def again(asked: Map, **options: object) -> InferResult:
    """The map asked for with `auto` wherever it can be said, but for the options."""
    options = {"window": "auto", "min_area": 0.4, "fill_holes": 0} | options
    return infer(asked.scene, model=asked.model, out=asked.out, **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("two_threads")
def test_auto_goes_on_as_the_job_was_begun_whatever_it_would_be_now(unfinished: Map) -> None:
    begun, noted = remembered(unfinished.out), unfinished.noted_parts()
    result = again(unfinished)
    assert (result.was_finished, result.summary["parts_resumed"]) == (False, len(noted))
    assert remembered(unfinished.out) == begun
    torch.set_num_threads(2)
    assert again(unfinished).was_finished


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("options", "name"),
    [
        pytest.param({"workers": 2}, "threads", id="threads"),
        pytest.param({"window": 80}, "window", id="window"),
        pytest.param({"batch_size": 3}, "batch_size", id="batch"),
    ],
)
def test_what_is_said_otherwise_is_refused_by_its_name(unfinished: Map, options: dict[str, object], name: str) -> None:
    with pytest.raises(OutputError, match=rf"another job \(it differs in {name}\)"):
        again(unfinished, **options)


@pytest.mark.usefixtures("two_threads")
def test_a_device_that_is_not_there_any_more_is_told_with_the_folder(unfinished: Map) -> None:
    job = json.loads((unfinished.out / NAME).read_text())
    (unfinished.out / NAME).write_text(json.dumps(job | {"device": "cuda:77"}))
    with pytest.raises(
        SettingsError, match=r"map was begun on cuda:77 in fp32; go on where it is, or begin again with"
    ):
        again(unfinished)
    assert not again(unfinished, overwrite=True).was_finished
