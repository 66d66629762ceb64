"""On a GPU: how quick the 31 M-parameter U-Net is, step by step, and how much longer a scene takes to its last part.

Mpx/s are those of the windows that go through the network, halos included, answered but for their halos as in a map.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
from common import card_of, write_scene

from geounet.card import Architecture
from geounet.grid import WindowGrid
from geounet.io.parts import Parts
from geounet.io.scene import open_scene
from geounet.jobs.pipeline import Clock
from geounet.jobs.predict import predict_parts
from geounet.nn import unet
from geounet.nn.batch import windows_that_fit
from geounet.nn.model_file import save_model
from geounet.nn.replay import Replay
from geounet.nn.segmenter import TorchSegmenter, load_segmenter, usual_window
from geounet.nn.unet import UNet, initialised

BATCHES = 10
_TENSOR_CORES = 8192  # side of the matrices that tell the chip's best rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=16384, help="of the scene, in pixels")
    parser.add_argument("--steps", action="store_true", help="without the fused steps and in float32, too")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here: nothing to measure")
        return
    with tempfile.TemporaryDirectory() as folder:
        here, architecture = Path(folder), Architecture()
        save_model(here / "model.safetensors", initialised(architecture, 0).state_dict(), card_of(architecture))
        window = usual_window(architecture, "cuda")
        segmenter = load_segmenter(here, "cuda", largest_window=window)
        together = f"{segmenter.batch_size} windows of {window} px together"
        print(f"{torch.cuda.get_device_name()}, {segmenter.runtime.precision}, {together}")
        print(f"matrix product of bfloat16, {_TENSOR_CORES} square: {matrix_rate() / 1e12:.0f} TFLOP/s")
        for side in sorted({1024, 1536, 2048, window}):
            told_forward(segmenter, side, steps=arguments.steps and side == 1536)
        write_scene(here / "scene.tif", arguments.side, arguments.side)
        told_scene(segmenter, here, window, arguments.side)


def told_forward(segmenter: TorchSegmenter, side: int, *, steps: bool) -> None:
    network, halo = segmenter.network, segmenter.card.halo
    assert isinstance(network, UNet)
    free, _ = torch.cuda.mem_get_info()
    count = min(4, windows_that_fit(free, network.architecture, side, 2))
    x_BCHW = torch.randn(count, 3, side, side, dtype=segmenter.runtime.dtype, device=segmenter.runtime.device)
    x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
    replay = Replay(network)
    ways: dict[str, Callable[[], object]] = {
        "fused and replayed": lambda: replay(x_BCHW, halo),
        "fused": lambda: network(x_BCHW, halo),
    }
    rates = {name: x_BCHW[:, 0].numel() / seconds_of(work) for name, work in ways.items()}
    if steps:
        with patch.object(unet, "fuses", lambda _: False):
            rates["kernel by kernel"] = x_BCHW[:, 0].numel() / seconds_of(ways["fused"])
        plain = initialised(network.architecture, 0).eval().cuda()
        x_float = x_BCHW[:1].float()
        with segmenter.runtime.exact():
            rates["float32 eager"] = x_float[:, 0].numel() / seconds_of(lambda: plain(x_float, halo))
    for name, rate in rates.items():
        print(f"{count} x {side} px, {name}: {1e-6 * rate:.1f} Mpx/s of windows")


@torch.inference_mode()
def seconds_of(work: Callable[[], object]) -> float:
    """Mean of some runs; the first ones set up what libraries need."""
    for runs in (3, BATCHES):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(runs):
            work()
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / BATCHES


def matrix_rate() -> float:
    """Operations a second of a large product of random matrices."""
    a, b = (torch.randn(_TENSOR_CORES, _TENSOR_CORES, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * _TENSOR_CORES**3 / seconds_of(lambda: a @ b)


def told_scene(segmenter: TorchSegmenter, folder: Path, window: int, side: int) -> None:
    """Time from an open scene to its last part on disk, beside the time that the network alone took of it."""
    card = segmenter.card
    with open_scene(folder / "scene.tif", resolution=card.ground_resolution) as scene:
        grid = WindowGrid(side, side, window, card.halo, card.alignment, *scene.frame.phase(card.alignment))
        for number in range(2):  # the first one sets up and records
            before, clock = segmenter.network_seconds, Clock()
            parts = Parts(folder / f"parts{number}", scene.frame, bands=2)
            predicted = predict_parts(scene, segmenter, grid, parts, clock=clock)
            stages, forward = clock.seconds("read", "write"), segmenter.network_seconds - before
            rate = predicted.network_pixels / forward
            print(
                f"{side} px square to its last part: {stages['total']:.2f} s, {stages['total'] / forward:.2f} of the "
                f"forward's {forward:.2f} s ({1e-6 * rate:.1f} Mpx/s); reading {stages['read']:.2f} s, "
                f"writing {stages['write']:.2f} s, beside it"
            )


if __name__ == "__main__":
    main()
