"""What the benchmarks share: best of several runs, scenes to run on, and the path of a map below `infer`."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window

from geounet.card import Architecture, ModelCard
from geounet.grid import WindowGrid
from geounet.io.cog import CogOptions, Layer, probability_layers
from geounet.io.overviews import Kind
from geounet.io.parts import Parts
from geounet.io.scene import open_scene
from geounet.jobs.pipeline import Clock, together
from geounet.jobs.predict import Predicted, predict_parts
from geounet.jobs.vectorize import vectorize
from geounet.legend import Legend
from geounet.memory import give_freed_memory_back
from geounet.nn.device import chosen_runtime
from geounet.nn.segmenter import TorchSegmenter, keep_memory_for
from geounet.nn.unet import UNet, alignment, halo, initialised, trimmed

_TOWN = 2048  # pixels of the side of a town that is repeated over a scene
_BUILDINGS = 900  # of a town


def best_seconds(work: Callable[[], object], *, runs: int = 3) -> float:
    """Wall time of the quickest of several runs: what else the machine does only ever adds to it."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def told(what: str, ours: float, theirs: float, *, rival: str) -> None:
    """Print a ratio of two times of one run: above 1 we are quicker."""
    print(f"{what:<48} {ours:8.3f} s   {rival} {theirs:8.3f} s   ratio {theirs / ours:6.2f}")


def town(*, seed: int = 0) -> np.ndarray:
    """(3, side, side) uint8: bright rotated buildings with soft edges on dark, slightly noisy ground."""
    rng = np.random.default_rng(seed)
    grey = np.full((_TOWN, _TOWN), 60, dtype="uint8")
    for _ in range(_BUILDINGS):
        centre, size = rng.uniform(40, _TOWN - 40, 2), rng.uniform(12, 50, 2)
        corners = cv2.boxPoints((centre.tolist(), size.tolist(), rng.uniform(0, 90)))
        cv2.fillPoly(grey, [np.rint(corners).astype("int32")], int(rng.integers(170, 220)))
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5)
    return soft + rng.integers(0, 16, (3, _TOWN, _TOWN), dtype="uint8")


def write_scene(path: Path, height: int, width: int) -> Path:
    """An RGB scene of pixels of 0.3 m, deflate-compressed in tiles of 512: towns side by side."""
    across = np.tile(town(), (1, 1, -(-width // _TOWN)))[:, :, :width]
    with (
        rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=3,
            height=height,
            width=width,
            dtype="uint8",
            crs="EPSG:32632",
            transform=Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000),
            tiled=True,
            blockxsize=512,
            blockysize=512,
            compress="deflate",
            photometric="rgb",
        ) as dataset,
    ):
        for row in range(0, height, _TOWN):
            rows = min(_TOWN, height - row)
            dataset.write(across[:, :rows], window=Window(0, row, width, rows))
    return path


def card_of(architecture: Architecture) -> ModelCard:
    return ModelCard(
        architecture, ("red", "green", "blue"), "uint8", (127.0,) * 3, (50.0,) * 3, 0.3, halo(architecture),
        alignment(architecture), Legend.of_names("building"),
    )  # fmt: skip


class Bright(torch.nn.Conv2d):
    """A network of one 1x1 convolution: bright is building."""

    def __init__(self) -> None:
        super().__init__(3, 1, 1)
        torch.nn.init.constant_(self.weight, 2.5)
        assert self.bias is not None
        torch.nn.init.zeros_(self.bias)


class Laborious(UNet):
    """The work of a U-Net, and the answer of `Bright`: weights nobody trained would draw a map like no other."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(architecture)
        self.bright = Bright()
        self.load_state_dict(initialised(architecture, 0).state_dict(), strict=False)

    def forward(self, x_BCHW: torch.Tensor, trim: int = 0) -> torch.Tensor:
        return trimmed(self.bright(x_BCHW), trim) + 0 * super().forward(x_BCHW, trim)


def segmenter_of(network: torch.nn.Module, architecture: Architecture) -> TorchSegmenter:
    """With a U-Net's halo, in the best precision, as `load_segmenter` sets it up."""
    runtime = chosen_runtime()
    keep_memory_for(architecture, runtime, 1536)
    return TorchSegmenter(network, card_of(architecture), runtime)


@dataclass(frozen=True)
class Mapped:
    """Seconds of each stage, the windows' grid, and what went through the network."""

    seconds: dict[str, float]
    grid: WindowGrid
    predicted: Predicted


def map_scene(scene: Path, segmenter: TorchSegmenter, out: Path, *, vectors: bool = False) -> Mapped:
    """What `infer` does below its checks: parts, both rasters, and footprints if they are wanted."""
    shutil.rmtree(out, ignore_errors=True)
    clock, card, before = Clock(), segmenter.card, segmenter.network_seconds
    layers = probability_layers(card.legend, contact=False)
    probability = out / "probability.tif"
    with open_scene(scene, resolution=card.ground_resolution) as opened:
        frame = opened.frame
        grid = WindowGrid(*frame.shape, 1536, card.halo, card.alignment, *frame.phase(card.alignment))
        parts = Parts(out / "parts", frame, 1 + len(layers))
        predicted = predict_parts(opened, segmenter, grid, parts, clock=clock)
        give_freed_memory_back()
        whole = parts.checked()

        def assemble(name: str, layers: list[Layer], kind: Kind) -> None:
            with clock.stage("assemble"):
                whole.assemble(out / name, layers, tags={}, options=CogOptions(kind))

        # while the scene is open, as in `infer`: GDAL's settings belong to whoever opened something first
        together(
            lambda: assemble(probability.name, layers, "average"),
            lambda: assemble("classes.tif", [Layer(1, "class")], "mode"),
        )
        if vectors:
            with clock.stage("vectorize"):
                vectorize(probability, out=out / "footprints.gpkg", overwrite=True)
    seconds = clock.seconds("read", "write", "assemble", "vectorize") | {"forward": segmenter.network_seconds - before}
    return Mapped(seconds, grid, predicted)
