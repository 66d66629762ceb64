"""On a GPU: how quick the 31 M-parameter U-Net is, and how much longer a scene takes to its last part."""

import tempfile
import time
from pathlib import Path

import torch
from common import card_of, write_scene

from geounet.card import Architecture
from geounet.grid import WindowGrid
from geounet.io.parts import Parts
from geounet.io.scene import open_scene
from geounet.jobs.predict import predict_parts
from geounet.nn.model_file import save_model
from geounet.nn.segmenter import TorchSegmenter, load_segmenter, usual_window
from geounet.nn.unet import initialised

SIDE, BATCHES = 16384, 20


def main() -> None:
    if not torch.cuda.is_available():
        print("no GPU here: nothing to measure")
        return
    with tempfile.TemporaryDirectory() as folder:
        here, architecture = Path(folder), Architecture()
        save_model(here / "model.safetensors", initialised(architecture, 0).state_dict(), card_of(architecture))
        window = usual_window(architecture, "cuda")
        segmenter = load_segmenter(here, "cuda", largest_window=window)
        seconds = forward_seconds(segmenter, window)
        device, together = torch.cuda.get_device_name(), f"{segmenter.batch_size} windows of {window} px together"
        print(f"{device}, {segmenter.runtime.precision}, {together}")
        print(f"forward alone: {1e-6 / seconds:.1f} Mpx/s of windows")
        write_scene(here / "scene.tif", SIDE, SIDE)
        total, pixels = scene_seconds(segmenter, here, window)
        print(f"{SIDE} px square to its last part: {total:.2f} s, {total / (pixels * seconds):.2f} of the forward")


def forward_seconds(segmenter: TorchSegmenter, window: int) -> float:
    """Of one pixel of a window, in a batch, with nothing to wait for."""
    shape = segmenter.batch_size, 3, window, window
    x_BCHW = torch.zeros(shape, dtype=segmenter.runtime.dtype, device=segmenter.runtime.device)
    x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), segmenter.runtime.exact():
        for batches in (3, BATCHES):  # the first ones find out which algorithms to use
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(batches):
                segmenter.network(x_BCHW)
            torch.cuda.synchronize()
    return (time.perf_counter() - start) / BATCHES / segmenter.batch_size / window**2


def scene_seconds(segmenter: TorchSegmenter, folder: Path, window: int) -> tuple[float, int]:
    """Time from an open scene to its last part on disk, and the pixels that went through the network."""
    card = segmenter.card
    with open_scene(folder / "scene.tif", resolution=card.ground_resolution) as scene:
        grid = WindowGrid(SIDE, SIDE, window, card.halo, card.alignment, *scene.frame.phase(card.alignment))
        start = time.perf_counter()
        predicted = predict_parts(scene, segmenter, grid, Parts(folder / "parts", scene.frame, bands=2))
        return time.perf_counter() - start, predicted.network_pixels


if __name__ == "__main__":
    main()
