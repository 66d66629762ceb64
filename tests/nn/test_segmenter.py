"""The torch segmenter: tiled it is the whole, invalid pixels are nothing to it, one rule decides."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from geounet.block import Array, Block, Piece
from geounet.card import Architecture
from geounet.errors import SettingsError
from geounet.grid import PlannedWindow, Window, WindowGrid
from geounet.nn.device import Runtime, chosen_runtime, cpu_multiplies_bfloat16, enough_memory
from geounet.nn.model_file import save_model
from geounet.nn.segmenter import TorchSegmenter, load_segmenter
from geounet.nn.unet import UNet, initialised
from geounet.nn.views import VIEWS, Tta
from tests.nn.cards import card_of
from tests.nn.greed import greedy

DEPTH_2 = Architecture(bands=3, outputs=1, width=4, depth=2)


def seasoned(architecture: Architecture, seed: int = 0) -> UNet:
    """A network with statistics in its normalisations and answers on both sides of the threshold."""
    network = initialised(architecture, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(5):
            network(torch.randn(4, architecture.bands, 32, 32, generator=generator))
    return network.eval()


def segmenter_of(
    architecture: Architecture = DEPTH_2, *names: str, precision: str = "fp32", batch_size: int = 1,
    threshold: float = 0.5, contact_width: float | None = None, tta: Tta = "none", threads: int | None = None,
) -> TorchSegmenter:  # fmt: skip
    return TorchSegmenter(
        seasoned(architecture),
        card_of(architecture, *names, contact_width=contact_width),
        chosen_runtime("cpu", precision),
        batch_size=batch_size,
        threshold=threshold,
        tta=tta,
        threads=threads,
    )


def picture(height: int, width: int, bands: int = 3) -> Array:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (bands, height // 8 + 1, width // 8 + 1), dtype=np.uint8)
    return np.kron(coarse, np.ones((1, 8, 8), dtype=np.uint8))[:, :height, :width]


PLOTS = np.clip(picture(256, 256) + np.random.default_rng(1).normal(0, 20, (3, 256, 256)), 0, 255).astype(np.uint8)


def pieces(pixels: Array, plans: list[PlannedWindow], valid: Array | None = None) -> Iterator[Piece]:
    """Padded windows of a scene mirrored outward."""
    margin = 64
    valid = np.ones(pixels.shape[1:], dtype=bool) if valid is None else valid
    around = ((0, 0), (margin, margin), (margin, margin))
    height, width = pixels.shape[1:]
    place = Window(-margin, -margin, height + 2 * margin, width + 2 * margin)
    mirrored = Block(place, np.pad(pixels, around, mode="reflect"))
    known = Block(place, np.pad(valid[None], around, mode="reflect"))
    for plan in plans:
        yield Piece(mirrored.cut(plan.window), known.cut(plan.window), plan.core)


def whole_plan(grid: WindowGrid) -> list[PlannedWindow]:
    """One window over the whole scene, with its halo."""
    rows, cols = (-(-side // grid.alignment) * grid.alignment for side in (grid.height, grid.width))
    return [PlannedWindow(Window(0, 0, rows, cols).grown(grid.halo), grid.scene)]


def assembled(blocks: Iterator[Block], grid: WindowGrid, *, cores: bool) -> Array:
    parts = list(blocks)
    out = np.zeros((len(parts[0].values), grid.height, grid.width), dtype=parts[0].values.dtype)
    for plan, block in zip(grid, parts, strict=True):
        values = block.values if cores else block.cut(plan.core).values
        out[:, plan.core.rows, plan.core.cols] = values
    return out


@pytest.mark.parametrize("tta", VIEWS)
@pytest.mark.parametrize("largest", [64, 80, 112])
def test_scores_of_tiles_are_those_of_the_whole_scene(largest: int, tta: Tta) -> None:
    segmenter, pixels = segmenter_of(tta=tta), picture(90, 110)
    grid = WindowGrid(90, 110, largest=largest, halo=segmenter.card.halo, alignment=segmenter.card.alignment)
    tiled = assembled(segmenter.scores(pieces(pixels, list(grid))), grid, cores=False)
    (whole,) = segmenter.scores(pieces(pixels, whole_plan(grid)))
    assert_allclose(tiled, whole.cut(grid.scene).values, rtol=0, atol=1e-5)
    assert_allclose(tiled.sum(axis=0), 1, rtol=0, atol=1e-6)
    assert tiled.dtype == np.float32


@pytest.mark.parametrize("tta", VIEWS)
def test_strips_of_tiles_are_those_of_the_whole_scene_but_for_a_level(tta: Tta) -> None:
    segmenter, pixels = segmenter_of(tta=tta), picture(90, 110)
    grid = WindowGrid(90, 110, largest=72, halo=segmenter.card.halo, alignment=segmenter.card.alignment)
    tiled = assembled(segmenter.predict(pieces(pixels, list(grid))), grid, cores=True)
    (whole,) = segmenter.predict(pieces(pixels, whole_plan(grid)))
    assert np.abs(tiled[1].astype(int) - whole.values[1]).max() <= 1
    assert (tiled[0] != whole.values[0]).mean() < 1e-3
    assert tiled.dtype == np.uint8


TURNED: dict[Tta, list[Callable[[Array], Array]]] = {
    "flips": [lambda a: a, lambda a: a[:, ::-1], lambda a: a[:, :, ::-1], lambda a: a[:, ::-1, ::-1]],
    "d4": [
        lambda a, mirrored=mirrored, k=k: np.rot90(a[:, :, ::-1] if mirrored else a, k, (1, 2))  # type: ignore[misc]
        for mirrored in (False, True)
        for k in range(4)
    ],
}


@pytest.mark.parametrize("tta", TURNED)
def test_probabilities_are_the_mean_of_those_of_all_views(tta: Tta) -> None:
    pixels, place = picture(48, 48), Window(0, 0, 48, 48)
    valid = np.random.default_rng(1).random((1, 48, 48)) < 0.9
    plain, told = segmenter_of(), []
    # a mark of each pixel's own, to turn an answer back by
    marks = np.arange(48 * 48).reshape(1, 48, 48)
    for turn in TURNED[tta]:
        piece = Piece(Block(place, turn(pixels).copy()), Block(place, turn(valid).copy()), place)
        (scores,) = plain.scores([piece])
        told.append(scores.values.reshape(2, -1)[:, np.argsort(turn(marks).ravel())].reshape(2, 48, 48))
    (found,) = segmenter_of(tta=tta).scores([Piece(Block(place, pixels), Block(place, valid), place)])
    assert len({other.tobytes() for other in told}) == len(told)
    assert_allclose(found.values, np.mean(told, axis=0), rtol=0, atol=1e-6)


def test_the_batch_size_does_not_change_the_answer() -> None:
    pixels = picture(90, 110)
    grid = WindowGrid(90, 110, largest=72, halo=24, alignment=4)
    one, many = (
        assembled(segmenter_of(batch_size=size).scores(pieces(pixels, list(grid))), grid, cores=False)
        for size in (1, 4)
    )
    assert_allclose(one, many, rtol=0, atol=1e-5)


def test_windows_of_several_shapes_come_back_in_order() -> None:
    segmenter, pixels = segmenter_of(batch_size=3), picture(64, 64)
    sides = [16, 16, 32, 32, 32, 32, 16]
    plans = [PlannedWindow(Window(0, 0, side, side), Window(0, 0, side, side)) for side in sides]
    found = list(segmenter.predict(pieces(pixels, plans)))
    assert [block.window.height for block in found] == sides


def test_what_invalid_pixels_hold_changes_no_byte() -> None:
    segmenter = segmenter_of()
    clean = picture(64, 64).astype(np.float32)
    valid = np.ones((64, 64), dtype=bool)
    valid[10:40, 20:50] = False
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    answers = []
    for value in (0.0, 255.0, 1e30, np.nan):
        pixels = np.where(valid, clean, np.float32(value))
        answers.append(next(segmenter.scores(pieces(pixels, plans, valid))).values)
    for other in answers[1:]:
        assert_array_equal(answers[0], other)


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.8])
def test_a_pixel_is_building_where_its_level_reaches_the_cut(threshold: float) -> None:
    segmenter, pixels = segmenter_of(threshold=threshold), picture(64, 64)
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(8, 4, 40, 52))]
    (strip,) = segmenter.predict(pieces(pixels, plans))
    (scores,) = segmenter.scores(pieces(pixels, plans))
    expected = np.rint(254 * scores.cut(strip.window).values[1]).astype(np.uint8)
    assert strip.window == plans[0].core
    assert_array_equal(strip.values[1], expected)
    assert_array_equal(strip.values[0], expected >= np.ceil(254 * threshold))
    assert 0 < strip.values[0].mean() < 1


def test_contact_counts_as_building_and_has_a_band_of_its_own() -> None:
    segmenter = segmenter_of(Architecture(3, 3, 4, 2), contact_width=1.0)
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    (strip,) = segmenter.predict(pieces(picture(64, 64), plans))
    (scores,) = segmenter.scores(pieces(picture(64, 64), plans))
    building = 1 - scores.values[0]
    assert strip.values.shape == (3, 64, 64)
    assert np.abs(strip.values[1] - 254 * building).max() <= 0.51
    assert_array_equal(strip.values[2], np.rint(254 * scores.values[2]))
    assert_array_equal(strip.values[0], strip.values[1] >= 127)


def test_among_more_classes_the_likeliest_wins_and_each_has_a_band() -> None:
    segmenter = segmenter_of(Architecture(3, 4, 4, 2), "building", "road", "water")
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    (strip,) = segmenter.predict(pieces(picture(64, 64), plans))
    (scores,) = segmenter.scores(pieces(picture(64, 64), plans))
    assert_array_equal(strip.values[0], scores.values.argmax(axis=0))
    assert_array_equal(strip.values[1:], np.rint(254 * scores.values[1:]))


@pytest.mark.parametrize("tta", VIEWS)
@pytest.mark.parametrize(
    ("outputs", "names", "contact_width"),
    [
        pytest.param(1, ("building",), None, id="building"),
        pytest.param(3, ("building",), 1.0, id="building and contact"),
        pytest.param(4, ("building", "road"), 1.0, id="two classes and contact"),
    ],
)
def test_the_strip_of_scores_is_what_predict_makes(
    outputs: int, names: tuple[str, ...], contact_width: float | None, tta: Tta
) -> None:
    segmenter = segmenter_of(Architecture(3, outputs, 4, 2), *names, contact_width=contact_width, tta=tta)
    plans = [PlannedWindow(Window(0, 0, 160, 48), Window(8, 4, 150, 32))]
    (scores,) = segmenter.scores(pieces(picture(160, 64), plans))
    (strip,) = segmenter.predict(pieces(picture(160, 64), plans))
    again = segmenter.strip(scores.cut(plans[0].core))
    assert again.window == strip.window
    assert_array_equal(again.values, strip.values)


def test_bfloat16_stays_close_to_float32() -> None:
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    exact, rounded = (
        next(segmenter_of(precision=precision).scores(pieces(picture(64, 64), plans))).values
        for precision in ("fp32", "bf16")
    )
    assert np.abs(exact - rounded).mean() < 0.01
    assert np.abs(exact - rounded).max() < 0.1


def trained(seed: int = 0) -> UNet:
    """A network that has learned to find what is bright in red, noise and all."""
    network = initialised(DEPTH_2, seed)
    card, generator = card_of(DEPTH_2), torch.Generator().manual_seed(seed)
    mean_C11, std_C11 = (torch.tensor(values)[:, None, None] for values in (card.mean, card.std))
    steps = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(80):
        coarse = torch.rand((4, 3, 4, 4), generator=generator).repeat_interleave(8, 2).repeat_interleave(8, 3)
        x_BCHW = 255 * coarse + 20 * torch.randn((4, 3, 32, 32), generator=generator)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network((x_BCHW - mean_C11) / std_C11), (coarse[:, :1] > 0.5).float()
        )
        steps.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        steps.step()
    return network.eval()


@pytest.mark.skipif(not cpu_multiplies_bfloat16(), reason="this processor has no bfloat16: it is never chosen here")
def test_bfloat16_finds_the_buildings_that_float32_finds_but_for_pixels_near_the_threshold() -> None:
    network, plans = trained(), [PlannedWindow(Window(0, 0, 256, 256), Window(0, 0, 256, 256))]
    segmenters = (
        TorchSegmenter(deepcopy(network), card_of(DEPTH_2), chosen_runtime("cpu", kind)) for kind in ("fp32", "bf16")
    )
    exact, fast = (next(segmenter.scores(pieces(PLOTS, plans))) for segmenter in segmenters)
    a, b = exact.values[1] >= 0.5, fast.values[1] >= 0.5
    assert 0.2 < a.mean() < 0.8
    assert (a & b).sum() / (a | b).sum() >= 0.99
    assert np.abs(exact.values[1] - 0.5)[a != b].max(initial=0) < 0.05


def test_sixteen_bit_imagery_is_taken_as_it_is() -> None:
    segmenter = segmenter_of()
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    narrow, broad = (
        next(segmenter.scores(pieces(picture(64, 64).astype(dtype), plans))).values for dtype in ("uint8", "uint16")
    )
    assert_array_equal(narrow, broad)


def test_a_segmenter_is_loaded_from_a_run(tmp_path: Path) -> None:
    card = card_of(DEPTH_2)
    save_model(tmp_path / "model.safetensors", dict(seasoned(DEPTH_2).state_dict()), card)
    segmenter = load_segmenter(tmp_path, device="cpu", precision="fp32")
    assert segmenter.card == card
    assert segmenter.runtime == Runtime(torch.device("cpu"), "fp32")
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    (loaded,) = segmenter.scores(pieces(picture(64, 64), plans))
    (made,) = segmenter_of().scores(pieces(picture(64, 64), plans))
    assert_array_equal(loaded.values, made.values)


@pytest.mark.parametrize(
    ("device", "precision", "words"),
    [
        ("tpu", "auto", "device 'tpu' is unknown; use auto, cpu, cuda or cuda:N"),
        ("cuda:99", "auto", "device 'cuda:99' is not there"),
        ("cpu:1", "auto", "device 'cpu:1' is unknown"),
        ("cpu", "fp8", "precision 'fp8' is unknown"),
        ("cpu", "fp16", "precision fp16 needs a GPU"),
    ],
)
def test_devices_and_precisions_that_are_not_there_are_refused(device: str, precision: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        chosen_runtime(device, precision)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="batch size 0 must be at least 1"):
        segmenter_of(batch_size=0)


def test_an_unknown_augmentation_is_refused() -> None:
    with pytest.raises(SettingsError, match="tta 'all' is unknown; use none, flips, d4"):
        segmenter_of(tta="all")  # type: ignore[arg-type]


def test_the_threads_asked_for_are_used_and_told() -> None:
    before = torch.get_num_threads()
    try:
        assert segmenter_of(threads=2).threads == torch.get_num_threads() == 2
        assert segmenter_of().threads == 2
    finally:
        torch.set_num_threads(before)


def test_no_threads_at_all_are_refused() -> None:
    with pytest.raises(SettingsError, match="threads 0 must be at least 1"):
        segmenter_of(threads=0)


@pytest.mark.parametrize("answer", ["scores", "predict"])
def test_windows_too_large_for_the_memory_are_refused_with_what_to_do(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = segmenter_of()
    monkeypatch.setattr(UNet, "forward", staticmethod(greedy))
    plans = [PlannedWindow(Window(0, 0, 64, 64), Window(0, 0, 64, 64))]
    with pytest.raises(SettingsError, match="this machine has not enough memory; use a smaller --window or --batch"):
        list(getattr(segmenter, answer)(pieces(picture(64, 64), plans)))


@pytest.mark.parametrize(
    ("error", "where"),
    [
        pytest.param(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), "the GPU", id="torch"),
        pytest.param(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "the GPU", id="cudnn"),
        pytest.param(MemoryError("Unable to allocate 2 GiB for an array"), "this machine", id="numpy"),
    ],
)
def test_every_way_of_running_out_of_memory_is_one_error(error: Exception, where: str) -> None:
    words = f"^{where} has not enough memory; ask for less$"
    with pytest.raises(SettingsError, match=words), enough_memory(SettingsError, "ask for less"):
        raise error


def test_other_errors_of_a_device_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory(SettingsError, "ask for less"):
        raise RuntimeError("shapes do not match")
