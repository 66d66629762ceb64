"""On a GPU: training from windows on disk against the same steps on batches that lie in its memory, in one run.

Takes torch, NumPy, OpenCV, albumentations and safetensors alone: on a machine that has no more, put the project's
folder on PYTHONPATH. --device cpu tries the script where there is no GPU.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from geounet.card import Architecture
from geounet.chips import ChipsCard, ChipWindow
from geounet.legend import Legend
from geounet.nn.augment import Augmentation
from geounet.nn.chip_set import ChipSet
from geounet.nn.device import Runtime, chosen_runtime
from geounet.nn.entrance import Entrance
from geounet.nn.exam import Exam
from geounet.nn.group import ALONE
from geounet.nn.loader import Batch, batches, usual_workers
from geounet.nn.loop import fit
from geounet.nn.plan import Plan
from geounet.nn.preparers import DEEP
from geounet.nn.samples import Samples
from geounet.nn.settings import TrainingSettings
from geounet.nn.training import begun, stepped
from geounet.nn.unet import initialised

WARM = 3  # beats of the loop that are not timed: cuDNN tries its algorithms, workers import
RESIDENT = 8  # batches that lie on the device
HOUSES = 12  # a window


@dataclass(frozen=True, eq=False)
class Asked:
    """What is measured on which device, from which windows."""

    runtime: Runtime
    data: ChipSet
    batch: int
    workers: int
    seconds: float

    @property
    def entrance(self) -> Entrance:
        return Entrance(self.runtime, self.data.mean, self.data.std)

    def plan(self, steps: int, width: int) -> Plan:
        """A plan as `geounet train` makes it, without validations."""
        settings = TrainingSettings(steps=steps + 1, batch_size=self.batch)
        plan = settings.plan(len(self.data.windows("train")), width, self.runtime, contact=False, looks=1)
        assert plan.validate_every > steps
        return plan

    def samples(self, augment: str) -> Samples:
        card = self.data.card
        kind = Augmentation(augment, card.colours, card.dtype, self.data.mean, self.data.std, buildings=(1,))
        return Samples(self.data.folders, kind, seed=0)

    def loaded(self, augment: str, steps: int) -> Iterator[Batch]:
        """Batches from disk, as a training gets them."""
        numbers = [range(n * self.batch, (n + 1) * self.batch) for n in range(steps)]
        return batches(self.samples(augment), numbers, workers=self.workers, device=self.runtime.device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 16])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--windows", type=int, default=1024, help="on disk")
    parser.add_argument("--augments", nargs="+", default=["standard", "flips"])
    parser.add_argument("--workers", type=int, default=-1, help="-1 is what the trainer takes")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement, about")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--peak-tflops", type=float, help="of the chip; else a product of matrices in this run")
    parser.add_argument("--peak-side", type=int, default=8192, help="of those matrices")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--profile", action="store_true", help="also print what takes the time of a step")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        print("no GPU here: nothing to measure")
        return
    runtime = chosen_runtime(asked.device, asked.precision)
    workers = usual_workers(runtime) if asked.workers < 0 else asked.workers
    name = torch.cuda.get_device_name() if runtime.on_gpu else "processor"
    print(f"{name}, torch {torch.__version__}, {runtime.precision}, {workers} workers", flush=True)
    peak = asked.peak_tflops or matrix_tflops(runtime, asked.peak_side)
    print(f"peak {peak:.0f} TFLOP/s ({'given' if asked.peak_tflops else f'bf16, {asked.peak_side} cubed, measured'})")
    augments = [name for name in asked.augments if name == "flips" or find_spec("albumentations")]
    if left_out := set(asked.augments) - set(augments):
        print(f"without albumentations: {', '.join(sorted(left_out))} left out")
    with tempfile.TemporaryDirectory() as folder:
        write_chips(Path(folder), asked.windows, asked.size)
        data = ChipSet.open([Path(folder)])
        job = Asked(runtime, data, asked.batch, workers, asked.seconds)
        for augment in augments:
            print(f"loader alone, {augment}: {loader_rate(job, augment):.0f} windows/s", flush=True)
        for width in asked.widths:
            tell(job, width, augments, peak)
            if asked.profile:
                print(profile(job, width))


def tell(job: Asked, width: int, augments: Sequence[str], peak: float) -> None:
    """Print windows/s from disk and from the device's memory, their ratio, and the share of the chip's peak."""
    flops = step_flops(job, width) / job.batch
    first = rate(job, width, resident(job, augments[0], 12 * beats(job)))
    steps = max(8 * beats(job), round(job.seconds * first / job.batch))
    for augment in augments:
        before = rate(job, width, resident(job, augment, steps))
        from_disk = rate(job, width, job.loaded(augment, steps))
        after = rate(job, width, resident(job, augment, steps))
        there = (before + after) / 2
        print(
            f"width {width}, batch {job.batch}, {augment}, {steps} steps: from disk {from_disk:.0f} windows/s, "
            f"resident {there:.0f} ({before:.0f}, {after:.0f}), ratio {from_disk / there:.3f}; "
            f"{flops / 1e9:.0f} GFLOP a window, {from_disk * flops / 1e12:.1f} TFLOP/s, "
            f"{100 * from_disk * flops / 1e12 / peak:.1f} % of the peak",
            flush=True,
        )


def beats(job: Asked) -> int:
    """Steps between two looks of the loop at the loss."""
    return 10 if job.runtime.on_gpu else 1


def rate(job: Asked, width: int, made: Iterable[Batch]) -> float:
    """Windows a second of the training loop, once it is warm."""
    plan = job.plan(1_000_000, width)
    training = begun(initialised(Architecture(width=width), 0), plan, job.runtime)
    nothing = Exam(lambda: (), 2, count=0)
    marks, counts = [], []
    with closing(fit(training, plan, made, nothing, job.entrance, group=ALONE)) as records:
        for record in records:  # each after the host has waited for the loss
            marks.append(time.perf_counter())
            counts.append(getattr(record, "count", 0))
    warm = min(WARM, len(marks) - 2)
    return sum(counts[warm + 1 :]) * job.batch / (marks[-1] - marks[warm])


def resident(job: Asked, augment: str, steps: int) -> Iterator[Batch]:
    """Batches that are on the device before the first step."""
    there = _ready(job, augment)
    return (there[n % RESIDENT] for n in range(steps))


@cache
def _ready(job: Asked, augment: str) -> list[Batch]:
    numbers = [range(n * job.batch, (n + 1) * job.batch) for n in range(RESIDENT)]
    return list(batches(job.samples(augment), numbers, workers=0, device=job.runtime.device))


def loader_rate(job: Asked, augment: str) -> float:
    """Windows a second that arrive on the device when nothing is done with them."""
    marks, ahead = [], DEEP * max(1, job.workers)  # what the workers have made by then counts for nothing
    for _ in job.loaded(augment, 20_000):
        marks.append(time.perf_counter())
        if len(marks) > ahead + 1 and marks[-1] - marks[ahead] > job.seconds / 2:
            break
    return (len(marks) - 1 - ahead) * job.batch / (marks[-1] - marks[ahead])


def step_flops(job: Asked, width: int) -> int:
    """Floating-point operations of a step, forward and backward, as PyTorch counts those of convolutions."""
    plan = job.plan(1, width)
    training = begun(initialised(Architecture(width=width), 0), plan, job.runtime)
    (batch,) = resident(job, "flips", 1)
    with FlopCounterMode(display=False) as counter:
        stepped(training, plan, [batch], job.entrance, ALONE)
    return int(counter.get_total_flops())


def matrix_tflops(runtime: Runtime, side: int) -> float:
    """Of a product of square matrices of random bfloat16 numbers."""
    a, b = (torch.randn(side, side, device=runtime.device).bfloat16() for _ in range(2))
    times = []
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        if runtime.on_gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / float(np.median(times[2:])) / 1e12


def profile(job: Asked, width: int) -> str:
    """A table of what takes a step's time on the device, of steps on resident batches."""
    plan = job.plan(1_000_000, width)
    training = begun(initialised(Architecture(width=width), 0), plan, job.runtime)
    ready = list(resident(job, "flips", 8))
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if job.runtime.on_gpu else []
    for batch in ready[:5]:
        stepped(training, plan, [batch], job.entrance, ALONE)
    with torch.profiler.profile(activities=kinds) as found:
        for batch in ready[5:]:
            stepped(training, plan, [batch], job.entrance, ALONE)
        if job.runtime.on_gpu:
            torch.cuda.synchronize()
    by = "self_device_time_total" if job.runtime.on_gpu else "self_cpu_time_total"
    table: str = found.key_averages().table(sort_by=by, row_limit=30, max_name_column_width=70)
    return table


def write_chips(folder: Path, count: int, size: int) -> None:
    """Training windows of one scene: bright boxes, which are the buildings, on noise."""
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, 3, size, size))
    labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, (count, size, size))
    across = max(1, int(np.sqrt(count)))
    windows = []
    for n in range(count):
        image, label = rng.integers(40, 90, (3, size, size), dtype=np.uint8), np.zeros((size, size), np.uint8)
        for row, col, height, width in rng.integers((0, 0, 10, 10), (size, size, 50, 50), (HOUSES, 4)).tolist():
            image[:, row : row + height, col : col + width] += rng.integers(60, 150, dtype=np.uint8)
            label[row : row + height, col : col + width] = 1
        images[n], labels[n] = image, label
        share = float(label.mean())
        windows.append(ChipWindow(0, n // across * size, n % across * size, "train", 1.0, (1 - share, share)))
    images.flush()
    labels.flush()
    card = ChipsCard(
        size=size, stride=size, dtype="uint8", colours=("red", "green", "blue"), mean=(80.0,) * 3, std=(45.0,) * 3,
        fill=(80.0,) * 3, ground_resolution=0.3, legend=Legend.of_names("building"), windows=tuple(windows),
    )  # fmt: skip
    (folder / "chips.json").write_text(card.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
