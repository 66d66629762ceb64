"""Weighted overlap, from an open scene to the parts on disk: the weights count, nothing is lost, nothing done twice."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from geounet.assemble import window_weights
from geounet.block import Array, Block, Piece, Segmenter
from geounet.grid import WindowGrid
from geounet.io.cog import CogOptions, Layer
from geounet.io.parts import Parts
from geounet.io.scene import Scene, open_scene
from geounet.jobs import blend
from geounet.jobs.blend import predict_blended
from geounet.jobs.predict import predict_parts
from geounet.legend import NODATA
from tests.models import BrightIsBuilding, PowerCutError, segmenter_of, tiny_model
from tests.scenes import noise, write_scene

LAYERS = [Layer(1, "class"), Layer(2, "building")]
HIDDEN = np.zeros((130, 150), dtype=bool)
HIDDEN[:70, 90:] = True  # whole windows
HIDDEN[100:110, 20:50] = True


@pytest.fixture(autouse=True)
def parts_of_one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blend, "PART_BYTES", 40_000)


@contextmanager
def scene_and_grid(folder: Path, pixels: Array | None = None, halo: int = 16) -> Iterator[tuple[Scene, WindowGrid]]:
    """A scene with holes, and the grid of windows of 72 px over it."""
    folder.mkdir(exist_ok=True)
    seen = noise(*HIDDEN.shape) if pixels is None else pixels
    with open_scene(write_scene(folder / "a.tif", seen, mask=~HIDDEN)) as scene:
        yield scene, WindowGrid(*HIDDEN.shape, largest=72, halo=halo, alignment=4)


def parts_in(folder: Path, scene: Scene) -> Parts:
    return Parts(folder / "parts", scene.frame, bands=2)


def contents(parts: Parts) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in parts.folder.glob("*.tif")}


def whole(parts: Parts) -> Array:
    """Class and level (2, height, width)."""
    import rasterio

    parts.checked().assemble(parts.folder / "whole.vrt.tif", LAYERS, tags={}, options=CogOptions("mode"))
    with rasterio.open(parts.folder / "whole.vrt.tif") as dataset:
        values: Array = dataset.read()
    return values


class MoodOfAWindow(BrightIsBuilding):
    """A fake whose answer is another one in each window, so that the weights show."""

    def scores(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        for block in super().scores(pieces):
            mood = np.random.default_rng([block.window.row + 100, block.window.col + 100]).random()
            chance = (block.values[1] * mood).astype("float32")
            yield Block(block.window, np.stack([1 - chance, chance]))


@pytest.mark.parametrize("halo", [0, 8, 16, 28], ids="halo {}".format)
def test_a_map_is_the_weighted_mean_of_all_windows_that_cover_a_pixel(tmp_path: Path, halo: int) -> None:
    with scene_and_grid(tmp_path, halo=halo) as (scene, grid):
        predicted = predict_blended(scene, MoodOfAWindow(), grid, parts_in(tmp_path, scene))
        total, weight = np.zeros(HIDDEN.shape), np.zeros(HIDDEN.shape)
        for plan in grid:
            pixels, valid = scene.read(plan.window)
            if valid.cut(plan.core).values.any():
                (scores,) = MoodOfAWindow().scores([Piece(pixels, valid, plan.core)])
                inside = plan.window.within(grid.scene)
                weights = Block(plan.window, window_weights(grid)[None]).cut(inside).values[0]
                total[inside.rows, inside.cols] += weights * scores.cut(inside).values[1]
                weight[inside.rows, inside.cols] += weights
        found = whole(parts_in(tmp_path, scene))
    assert predicted.windows + predicted.windows_skipped == len(grid)
    assert predicted.windows_skipped > 0
    assert (found[:, HIDDEN] == NODATA).all()
    expected = 254 * total[~HIDDEN] / weight[~HIDDEN]
    assert np.abs(found[1][~HIDDEN] - expected).max() <= 0.501
    assert_array_equal(found[0][~HIDDEN], found[1][~HIDDEN] >= 127)


def test_a_network_without_context_gives_the_map_of_disjoint_cores(tmp_path: Path) -> None:
    with scene_and_grid(tmp_path) as (scene, grid):
        predict_blended(scene, BrightIsBuilding(), grid, parts_in(tmp_path, scene))
        predict_parts(scene, BrightIsBuilding(), grid, parts_in(tmp_path / "exact", scene))
        assert_array_equal(whole(parts_in(tmp_path, scene)), whole(parts_in(tmp_path / "exact", scene)))


def test_values_under_the_mask_change_no_byte(tmp_path: Path) -> None:
    network = segmenter_of(tiny_model(tmp_path / "model.safetensors", depth=2))
    maps = []
    for value in (0, 255):
        pixels = noise(*HIDDEN.shape)
        pixels[:, HIDDEN] = value
        with scene_and_grid(tmp_path / str(value), pixels) as (scene, grid):
            predict_blended(scene, network, grid, parts_in(tmp_path / str(value), scene))
            maps.append(whole(parts_in(tmp_path / str(value), scene)))
    assert_array_equal(maps[0], maps[1])
    assert 0.05 < (maps[0][0] == 1).mean() < 0.95


@dataclass
class DownAtAStrip(BrightIsBuilding):
    """A machine that goes down while the sums are put together."""

    strips_left: int = 0

    def strip(self, scores: Block) -> Block:
        if self.strips_left == 0:
            raise PowerCutError
        self.strips_left -= 1
        return super().strip(scores)


@pytest.mark.parametrize(
    "failing",
    [
        *(pytest.param(BrightIsBuilding(pieces_left=n), id=f"at window {n}") for n in (0, 1, 5, 9)),
        *(pytest.param(DownAtAStrip(strips_left=n), id=f"at strip {n}") for n in (0, 1, 4)),
    ],
)
def test_an_interrupted_job_ends_with_the_same_bytes_and_computes_no_window_again_whose_sum_was_written(
    tmp_path: Path, failing: Segmenter
) -> None:
    with scene_and_grid(tmp_path) as (scene, grid):
        straight = predict_blended(scene, BrightIsBuilding(), grid, parts_in(tmp_path / "straight", scene))
        parts = parts_in(tmp_path, scene)
        with pytest.raises(PowerCutError):
            predict_blended(scene, failing, grid, parts)
        journal = parts.folder / "sums/journal.jsonl"
        written = journal.read_text().count('"sha256": "') if journal.exists() else 0
        resumed = predict_blended(scene, BrightIsBuilding(), grid, parts)
        assert contents(parts) == contents(parts_in(tmp_path / "straight", scene))
    assert resumed.windows == straight.windows - written


def test_a_finished_job_computes_nothing_and_leaves_no_sums(tmp_path: Path) -> None:
    with scene_and_grid(tmp_path) as (scene, grid):
        parts = parts_in(tmp_path, scene)
        first = predict_blended(scene, BrightIsBuilding(), grid, parts)
        again = predict_blended(scene, BrightIsBuilding(pieces_left=0), grid, parts)
    assert (again.windows, again.parts_resumed) == (0, first.parts)
    assert [path for path in parts.folder.iterdir() if path.is_dir()] == []


def test_only_the_sums_of_a_few_rows_lie_on_the_disk(tmp_path: Path) -> None:
    counts = []

    class Watching(BrightIsBuilding):
        def strip(self, scores: Block) -> Block:
            counts.append(len(list((tmp_path / "parts/sums").glob("*.tif"))))
            return super().strip(scores)

    tall = noise(900, 40)
    with open_scene(write_scene(tmp_path / "a.tif", tall)) as scene:
        grid = WindowGrid(900, 40, largest=72, halo=16, alignment=4)
        predict_blended(scene, Watching(), grid, parts_in(tmp_path, scene))
    assert len(counts) == len(grid.row_starts) > 20
    assert max(counts) == 3
