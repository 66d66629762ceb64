"""Training windows a second against a plain DataLoader of two workers over the same files; and what a step waits for.

The plain one maps the same arrays, takes a window whole, and turns it by NumPy (flips), or by albumentations, with the
very steps for roofs, light and colour that the trainer has (standard). Ours takes windows at any place, too.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from multiprocessing import active_children
from os import sysconf
from pathlib import Path

import numpy as np
import torch
from bench_gpu_train import write_chips
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from geounet.block import Array
from geounet.card import Architecture
from geounet.memory import keep_freed_memory
from geounet.nn.augment import Augmentation, rgb_colouring
from geounet.nn.chip_set import ChipSet
from geounet.nn.device import Runtime, chosen_runtime
from geounet.nn.entrance import Entrance
from geounet.nn.group import ALONE
from geounet.nn.loader import Batch, batches
from geounet.nn.repaint import Repaint
from geounet.nn.samples import Samples
from geounet.nn.settings import TrainingSettings
from geounet.nn.training import begun, stepped
from geounet.nn.unet import initialised

SIZE, WINDOWS, BATCH, WORKERS = 256, 1024, 32, 2
SECONDS, ROUNDS = 3.0, 3
WIDTH, STEP_BATCH, STEPS, STEP_ROUNDS = 16, 8, 8, 12
AHEAD = 24  # batches that are there before the clock starts count for nothing


class Plain(Dataset[tuple[Tensor, Tensor]]):
    """Windows as they are on disk, turned at random."""

    def __init__(self, folder: Path, augment: str, repaint: Repaint) -> None:
        self.folder, self.augment, self.repaint = folder, augment, repaint

    def __getstate__(self) -> dict[str, object]:
        return {"folder": self.folder, "augment": self.augment, "repaint": self.repaint}

    @cached_property
    def arrays(self) -> tuple[Array, Array]:
        images, labels = (np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
        return images, labels

    @cached_property
    def geometry(self) -> Callable[..., dict[str, Array]]:
        import albumentations as A  # noqa: N812, PLC0415 - as the trainer has it

        smaller = A.RandomResizedCrop((SIZE, SIZE), scale=(0.69, 1.0), ratio=(1.0, 1.0), p=1)
        composed: Callable[..., dict[str, Array]] = A.Compose([A.D4(p=1), smaller])
        return composed

    @cached_property
    def colouring(self) -> Callable[[Array, int], Array]:
        return rgb_colouring(strong=False)

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        images, labels = self.arrays
        image, label = images[number % WINDOWS], labels[number % WINDOWS]
        which = int(np.random.default_rng(number).integers(8))
        if self.augment == "flips":
            image, label = np.rot90(image, which % 4, axes=(1, 2)), np.rot90(label, which % 4)
            image, label = (image[:, :, ::-1], label[:, ::-1]) if which >= 4 else (image, label)
        else:
            varied = self.geometry(image=np.ascontiguousarray(image.transpose(1, 2, 0)), mask=np.array(label))
            image, label = np.ascontiguousarray(varied["image"].transpose(2, 0, 1)), varied["mask"]
            image = self.repaint(image, label, np.random.default_rng(number))
            image = self.colouring(np.ascontiguousarray(image.transpose(1, 2, 0)), number).transpose(2, 0, 1)
        return torch.from_numpy(np.array(image, order="C")), torch.from_numpy(np.array(label, order="C"))


def main() -> None:
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        write_chips(path, WINDOWS, SIZE)
        data = ChipSet.open([path])
        for augment in ("flips", "standard"):
            tell_rates(data, path, augment)
        for augment in ("flips", "standard"):
            tell_steps(data, augment)


def samples_of(data: ChipSet, augment: str) -> Samples:
    kind = Augmentation(augment, data.card.colours, data.card.dtype, data.mean, data.std, buildings=(1,))
    return Samples(data.folders, kind, seed=0)


def ours(data: ChipSet, augment: str, batch: int, workers: int) -> Iterator[Batch]:
    numbers = [range(n * batch, (n + 1) * batch) for n in range(100_000)]
    return batches(samples_of(data, augment), numbers, workers=workers)


def tell_rates(data: ChipSet, path: Path, augment: str) -> None:
    """Print windows a second of both, and what a window costs the processors, in turns; the best turn counts."""
    mine, plain = [], []
    for _ in range(ROUNDS):
        mine.append(rate(ours(data, augment, BATCH, WORKERS)))
        rival = Plain(path, augment, Repaint((1,), np.array(data.mean, np.float32), np.array(data.std, np.float32)))
        loader = DataLoader(rival, batch_size=BATCH, num_workers=WORKERS, shuffle=True)
        plain.append(rate(iter(loader)))
    (rate_a, cost_a), (rate_b, cost_b) = ((max(r for r, _ in t), min(c for _, c in t)) for t in (mine, plain))
    print(
        f"{augment:<9} {rate_a:6.0f} windows/s   plain DataLoader {rate_b:6.0f}   ratio {rate_a / rate_b:5.2f};   "
        f"a window costs {1e6 * cost_a:.0f} us of the processors, {1e6 * cost_b:.0f}, ratio {cost_b / cost_a:.2f}",
        flush=True,
    )


def rate(made: Iterator[object]) -> tuple[float, float]:
    """Windows a second, and seconds of all processors a window, of a loader that is warm."""
    for _ in islice(made, AHEAD):
        pass
    begin, spent, count = time.perf_counter(), cpu_seconds(), 0
    while time.perf_counter() - begin < SECONDS:
        next(made)
        count += BATCH
    found = count / (time.perf_counter() - begin), (cpu_seconds() - spent) / count
    del made
    return found


def cpu_seconds() -> float:
    """Of this process and its children so far."""
    ticks = 0
    for child in active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # in its own code, and in the system's
    return time.process_time() + ticks / sysconf("SC_CLK_TCK")


def tell_steps(data: ChipSet, augment: str) -> None:
    """Print how much longer a step takes that has its windows prepared, by the shortest and the median turns."""
    runtime = chosen_runtime("cpu")
    step = stepping(data, runtime)
    ready = list(islice(ours(data, augment, STEP_BATCH, 0), 4))
    loading = ours(data, augment, STEP_BATCH, 0)
    timed(step, islice(loading, 3))  # warm
    loaded, resident = [], []
    for _ in range(STEP_ROUNDS):
        resident.append(timed(step, (ready[n % len(ready)] for n in range(STEPS))))
        loaded.append(timed(step, islice(loading, STEPS)))
    (wall_a, cpu_a), (wall_b, cpu_b) = ((min(w for w, _ in t), min(c for _, c in t)) for t in (loaded, resident))
    print(
        f"a step of width {WIDTH}, {STEP_BATCH} windows, {runtime.precision}, {augment}: {wall_a:.3f} s, in memory "
        f"{wall_b:.3f} s, ratio {wall_a / wall_b:.3f}; of the processors {cpu_a:.3f} s, {cpu_b:.3f} s, "
        f"ratio {cpu_a / cpu_b:.3f}; by the median {median(loaded) / median(resident):.3f}",
        flush=True,
    )


def median(turns: Sequence[tuple[float, float]]) -> float:
    """Seconds a step by the clock, in the middle of all turns."""
    return statistics.median(wall for wall, _ in turns)


def stepping(data: ChipSet, runtime: Runtime) -> Callable[[Batch], None]:
    settings = TrainingSettings(steps=1000, batch_size=STEP_BATCH)
    plan = settings.plan(WINDOWS, WIDTH, runtime, contact=False)
    training = begun(initialised(Architecture(width=WIDTH), 0), plan, runtime)
    entrance = Entrance(runtime, data.mean, data.std)

    def step(batch: Batch) -> None:
        stepped(training, plan, [batch], entrance, ALONE).item()

    return step


def timed(step: Callable[[Batch], None], made: Iterator[Batch]) -> tuple[float, float]:
    """Seconds a step, by the clock and of the processors."""
    begin, spent, count = time.perf_counter(), time.process_time(), 0
    for batch in made:
        step(batch)
        count += 1
    return (time.perf_counter() - begin) / count, (time.process_time() - spent) / count


if __name__ == "__main__":
    main()
