"""What `auto` was resolved to is journaled, and taken again when the same command is given again."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from geounet.errors import OutputError, SettingsError
from geounet.jobs import predict
from geounet.jobs.guard import NAME, remembered
from geounet.jobs.infer import InferResult, infer
from geounet.nn.segmenter import TorchSegmenter
from tests.jobs.stopped import PART_BYTES, Map, Stop
from tests.scenes import noise, write_scene


@pytest.fixture
def unfinished(tmp_path: Path, model: Path) -> Map:
    """A map of one thread, in windows and batches that `auto` would not take, killed when its parts were there."""
    asked = Map(write_scene(tmp_path / "a.tif", noise(150, 170)), model, tmp_path / "map", ("--batch-size", "2"))
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
        pytest.param({"workers": 2}, "--workers (was 1)", id="threads"),
        pytest.param({"window": 80}, "--window (was 64)", id="window"),
        pytest.param({"batch_size": 3}, "--batch-size (was 2)", id="batch"),
    ],
)
def test_what_is_said_otherwise_is_refused_by_its_name(unfinished: Map, options: dict[str, object], name: str) -> None:
    with pytest.raises(OutputError, match=re.escape(f"another job (it differs in {name})")):
        again(unfinished, **options)


@pytest.mark.usefixtures("two_threads")
def test_a_device_that_is_not_there_any_more_is_told_with_the_folder(unfinished: Map) -> None:
    job = json.loads((unfinished.out / NAME).read_text())
    (unfinished.out / NAME).write_text(json.dumps(job | {"device": "cuda:77"}))
    words = r"map was begun on cuda:77 in fp32; go on where it is, or begin again with --overwrite and another --device"
    for overwrite in (False, True):
        with pytest.raises(SettingsError, match=words):
            again(unfinished, overwrite=overwrite)
    result = again(unfinished, overwrite=True, device="cpu")
    assert (result.was_finished, result.summary["parts_resumed"]) == (False, 0)


@pytest.mark.usefixtures("two_threads")
def test_an_unfinished_map_goes_on_with_overwrite_too(unfinished: Map) -> None:
    begun, noted = remembered(unfinished.out), unfinished.noted_parts()
    assert again(unfinished, overwrite=True).summary["parts_resumed"] == len(noted) > 0
    assert remembered(unfinished.out) == begun
    assert again(unfinished, overwrite=True).summary["parts_resumed"] == 0


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("options", [{"window": 80}, {"threshold": 0.4}, {"bands": (3, 2, 1)}], ids=str)
def test_another_map_that_overwrites_an_unfinished_one_begins_anew_with_what_auto_is_now(
    unfinished: Map, options: dict[str, object]
) -> None:
    assert remembered(unfinished.out)["threads"] == 1
    assert again(unfinished, overwrite=True, **options).summary["parts_resumed"] == 0
    now = remembered(unfinished.out)
    assert (now["threads"], now["window"]) == (2, options.get("window", 1536))


@pytest.mark.usefixtures("two_threads")
def test_as_many_workers_as_are_asked_for_compute(
    scene: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, threads = TorchSegmenter._inner_answer, set()

    def watched(self: TorchSegmenter, x_BCHW: torch.Tensor, trim: int) -> object:  # noqa: N803
        threads.add(torch.get_num_threads())
        return answered(self, x_BCHW, trim)

    monkeypatch.setattr(TorchSegmenter, "_inner_answer", watched)
    out = infer(scene, model=model, out=tmp_path / "map", workers=3, no_vectors=True).out
    assert (remembered(out)["threads"], threads) == (3, {3})


def test_a_finished_map_is_recognised_on_a_machine_that_lacks_its_device(scene: Path, model: Path) -> None:
    folder = infer(scene, model=model, no_vectors=True).out
    job = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps(job | {"device": "cuda:77", "precision": "fp16", "threads": 99}))
    assert infer(scene, model=model, no_vectors=True).was_finished
    with pytest.raises(OutputError, match=r"differs in --device \(was cuda:77\), --precision \(was fp16\)\)"):
        infer(scene, model=model, no_vectors=True, device="cpu", precision="fp32")
