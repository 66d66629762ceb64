"""A training step as `geounet train` takes it here (bfloat16, channels last) against plain float32 PyTorch.

Each in processes of its own, in turns: what the trainer sets for its process is no part of the plain one.
"""

# ruff: noqa: E402 - what `geounet train` sets before torch is loaded
import os
import sys

PLAIN = "--plain" in sys.argv
if not PLAIN:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import subprocess
import time
from collections.abc import Callable

import torch

from geounet.card import Architecture
from geounet.memory import keep_freed_memory
from geounet.nn.device import chosen_runtime
from geounet.nn.entrance import Entrance
from geounet.nn.group import ALONE
from geounet.nn.loader import Batch
from geounet.nn.losses import learned, loss_named
from geounet.nn.settings import TrainingSettings
from geounet.nn.training import begun, stepped
from geounet.nn.unet import initialised

SIZE = 256
BATCH = 8  # windows a step, as `geounet train` takes on a processor
MEAN, STD = (110.0,) * 3, (55.0,) * 3
STEPS = 3  # timed in a turn, after one that is not


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--ours", type=int, help="time our step of this width alone")
    parser.add_argument("--plain", type=int, help="time the plain step of this width alone")
    asked = parser.parse_args()
    if asked.ours or asked.plain:
        child(asked.ours, asked.plain, asked.threads)
        return
    for width in asked.widths:
        found: dict[str, list[tuple[float, float]]] = {"--ours": [], "--plain": []}
        for _ in range(asked.turns):
            for which, times in found.items():
                times.append(times_of(which, width, asked.threads))
        (wall_a, cpu_a), (wall_b, cpu_b) = (tuple(map(min, zip(*t, strict=True))) for t in found.values())
        print(
            f"width {width}: {chosen_runtime('cpu').precision} {BATCH / wall_a:.2f} windows/s, float32 "
            f"{BATCH / wall_b:.2f}, ratio {wall_b / wall_a:.2f}; of the processors' time {cpu_b / cpu_a:.2f}",
            flush=True,
        )


def times_of(which: str, width: int, threads: int) -> tuple[float, float]:
    """Seconds a step takes by the clock, and of the processors."""
    command = [sys.executable, __file__, which, str(width), "--threads", str(threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, cpu = done.stdout.split()[-2:]
    return float(wall), float(cpu)


def child(width_of_ours: int | None, width_of_plain: int | None, threads: int) -> None:
    torch.set_num_threads(threads)
    width = width_of_ours or width_of_plain or 16
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (BATCH, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 2, (BATCH, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    step = ours(width, Batch(pixels, labels)) if width_of_ours else plain(width, pixels, labels)
    step()
    times = [timed(step) for _ in range(STEPS)]
    print(min(wall for wall, _ in times), min(cpu for _, cpu in times))


def ours(width: int, batch: Batch) -> Callable[[], None]:
    """The trainer's own step."""
    keep_freed_memory()
    runtime = chosen_runtime("cpu")
    plan = TrainingSettings(steps=100, batch_size=len(batch.labels_BHW)).plan(100, width, runtime, contact=False)
    training = begun(initialised(Architecture(width=width), 0), plan, runtime)
    entrance = Entrance(runtime, MEAN, STD)

    def step() -> None:
        stepped(training, plan, [batch], entrance, ALONE).item()

    return step


def plain(width: int, pixels: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    """The same network, loss and optimizer in float32, contiguous, and nothing else."""
    network = initialised(Architecture(width=width), 0).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)
    loss = loss_named("bce+dice")

    def step() -> None:
        x_BCHW = (pixels.float() - MEAN[0]) / STD[0]
        optimizer.zero_grad(set_to_none=True)
        value = loss(network(x_BCHW), *learned(labels, 1, contact=False))
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def timed(step: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock and of the processors."""
    begin, spent = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - begin, time.process_time() - spent


if __name__ == "__main__":
    main()
