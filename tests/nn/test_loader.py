"""Batches prepared ahead: the samples themselves, whoever makes them, and processes that fail say so and leave."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import pytest
import torch
from numpy.testing import assert_array_equal

from geounet.errors import ChipsError, TrainingError
from geounet.nn import loader
from geounet.nn.augment import Augmentation
from geounet.nn.chip_set import ChipSet
from geounet.nn.loader import batches
from geounet.nn.preparers import DEEP, fill
from geounet.nn.samples import Samples
from tests.nn.chips_folder import town, write_chips

ROOT = Path(__file__).parents[2]
FOREIGN = ("rasterio", "geopandas", "pyogrio", "pyproj", "affine", "shapely", "matplotlib", "click", "rich", "scipy")


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    write_chips(tmp_path, town(96, 192, seed=1))
    data = ChipSet.open([tmp_path])
    return Samples(data.folders, Augmentation("flips", data.card.colours, data.card.dtype, data.mean, data.std), 0)


def numbers(count: int, size: int = 3) -> list[range]:
    return [range(5 + n * size, 5 + (n + 1) * size) for n in range(count)]


@pytest.mark.parametrize("workers", [0, 1, 2], ids=["thread", "process", "processes"])
def test_batches_are_the_samples_in_order_whoever_prepares_them(samples: Samples, workers: int) -> None:
    wanted = numbers(4 * DEEP)  # so that memory is used again, and what was given stays as it was
    made = list(batches(samples, wanted, workers=workers))
    assert len(made) == len(wanted)
    for batch, share in zip(made, wanted, strict=True):
        for place, number in enumerate(share):
            pixels, labels = samples[number]
            assert_array_equal(batch.pixels_BCHW[place].numpy(), pixels)
            assert_array_equal(batch.labels_BHW[place].numpy(), labels)


@pytest.mark.parametrize(("cores", "threads"), [(2, 1), (2, 2), (1, 2)], ids=["a core left", "none left", "fewer"])
def test_a_thread_prepares_samples_where_training_leaves_a_core_to_it(
    samples: Samples, cores: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    torch.set_num_threads(threads)
    makers = []

    def noting(*given: object) -> None:
        makers.append(threading.current_thread() is threading.main_thread())
        fill(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(loader, "fill", noting)
    made = list(batches(samples, numbers(3), workers=0))
    assert makers == [cores <= threads] * 3
    for batch, share in zip(made, numbers(3), strict=True):
        for place, number in enumerate(share):
            assert_array_equal(batch.pixels_BCHW[place].numpy(), samples[number][0])


def test_no_batches_are_made_of_no_numbers(samples: Samples) -> None:
    assert list(batches(samples, [], workers=2)) == []


@pytest.mark.parametrize("workers", [0, 1], ids=["thread", "process"])
def test_what_preparing_a_sample_raises_comes_out_as_it_is(samples: Samples, workers: int) -> None:
    (samples.folders[0].path / "images.npy").write_bytes(b"no array")
    with pytest.raises(ChipsError, match=r"images.npy cannot be read .*tile the scene again"):
        list(batches(samples, numbers(2), workers=workers))


def test_processes_leave_when_the_training_goes_on_without_them(samples: Samples) -> None:
    made = batches(samples, numbers(50), workers=2)
    list(islice(made, 2))
    assert len(multiprocessing.active_children()) == 2
    del made
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do(samples: Samples) -> None:
    made = batches(samples, numbers(50), workers=1)
    next(made)
    (child,) = multiprocessing.active_children()
    os.kill(child.pid or 0, signal.SIGKILL)
    with pytest.raises(TrainingError, match=r"prepares windows is gone \(exit status -9\).*fewer --workers"):
        list(made)


def test_ctrl_c_does_not_reach_the_processes(samples: Samples) -> None:
    made = batches(samples, numbers(3 * DEEP), workers=1)
    next(made)
    (child,) = multiprocessing.active_children()
    os.kill(child.pid or 0, signal.SIGINT)
    time.sleep(0.1)
    assert len(list(made)) == 3 * DEEP - 1


def test_training_needs_nothing_that_reads_maps(tmp_path: Path) -> None:
    """The benchmark for GPUs, on a processor, where whatever reads or draws maps cannot be imported."""
    for name in FOREIGN:
        (tmp_path / f"{name}.py").write_text(f'raise ImportError("{name} is not wanted here")')
    command = [sys.executable, "-W", "error", str(ROOT / "benchmarks" / "bench_gpu_train.py"), "--device", "cpu"]
    small = "--widths 2 --batch 2 --size 32 --windows 9 --seconds 0.1 --workers 1 --peak-side 64 --augments flips"
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [*command, *small.split()], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout
    assert "not wanted" not in done.stderr
