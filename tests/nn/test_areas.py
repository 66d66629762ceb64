"""Validation windows: what a map of all validation ground at once would say, each pixel scored once."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from geounet.block import Array
from geounet.card import Architecture
from geounet.chips import ChipsCard
from geounet.legend import CONTACT, IGNORE
from geounet.nn.answer import probabilities, strips
from geounet.nn.areas import LARGEST, AreaWindows, read_ahead
from geounet.nn.chip_set import ChipSet
from geounet.nn.chip_store import VOID, ChipFolder
from geounet.nn.device import Runtime
from geounet.nn.entrance import Entrance
from geounet.nn.exam import Exam, Validation, validated
from geounet.nn.group import ALONE, Group
from geounet.nn.loader import Batch
from geounet.nn.plan import Plan
from geounet.nn.score import scored, scored_contact
from geounet.nn.unet import UNet, alignment, halo, initialised
from geounet.rule import cut_level
from tests.nn.chips_folder import town, voided, write_chips

SIZE, SIDE = 32, 192
FLOAT32 = Runtime(torch.device("cpu"), "fp32")
PLAN = Plan(1, 4, 0.01, "bce+dice", validate_every=1, warmup=1, average=0.9)
DEPTHS = {1: Architecture(width=4, depth=1), 2: Architecture(width=4, depth=2)}


def redealt(folder: Path, splits: dict[tuple[int, int], str], default: str = "train") -> ChipFolder:
    """The windows of a folder dealt anew by their row and column; those of split `none` taken away."""
    card = ChipsCard.read(folder)
    dealt = [replace(w, split=splits.get((w.row, w.col), default)) for w in card.windows]
    kept = [number for number, w in enumerate(dealt) if w.split != "none"]
    for name in ("images.npy", "labels.npy"):
        np.save(folder / name, np.load(folder / name)[kept])
    card = replace(card, windows=tuple(dealt[number] for number in kept))
    (folder / "chips.json").write_text(card.to_json(), encoding="utf-8")
    return ChipFolder.open(folder)


def chips(folder: Path, *, stride: int = SIZE, contact: bool = False) -> None:
    scene = voided(town(SIDE, SIDE, seed=3), slice(20, 45), slice(90, 130))
    scene.labels[60:70, 40:75] = IGNORE  # with imagery
    if contact:
        scene.labels[:, ::16] = CONTACT
    write_chips(folder, scene, size=SIZE, stride=stride, contact_width=1.0 if contact else None)


def whole(folder: ChipFolder, split: str, reach: int) -> tuple[Array, Array, Array]:
    """Slowly, pixel by pixel: pixels, imagery there or not, and labels of all the scene, `reach` around it as well."""
    side = SIDE + 2 * reach
    pixels, labels = np.zeros((3, side, side), "uint8"), np.full((side, side), IGNORE, "uint8")
    valid = np.zeros((side, side), bool)
    for number in folder.card.of_split(split):
        chip, (image, label) = folder.card.windows[number], folder.window(number)
        here = slice(chip.row + reach, chip.row + reach + SIZE), slice(chip.col + reach, chip.col + reach + SIZE)
        pixels[:, *here], valid[here], labels[here] = image, label != VOID, label
    return pixels, valid, labels


def entered(pixels: Array, valid: Array, data: ChipSet) -> torch.Tensor:
    mean, std = (np.array(v, "float32")[:, None, None] for v in (data.mean, data.std))
    return torch.from_numpy(np.where(valid, (pixels.astype("float32") - mean) / std, 0).astype("float32"))[None]


def undecided(shape: Architecture, x_BCHW: torch.Tensor) -> UNet:
    """An untrained network that finds buildings in half of all pixels, so that every change of its answer shows."""
    network = initialised(shape, seed=5).train()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        network(x_BCHW)
        logits_KHW = network.eval()(x_BCHW)[0]
        bias = network.head.bias
        assert bias is not None
        bias[-1] -= 3 * (len(bias) > 1)  # contact is rare
        first = logits_KHW[0] if len(bias) == 1 else logits_KHW[1] - logits_KHW[0]
        bias[min(1, len(bias) - 1)] -= first.median()
    return network


def answered(network: UNet, x_BCHW: torch.Tensor) -> Array:
    """Strips of all of it at once, by the network as it was trained."""
    with torch.inference_mode():
        answer: Array = strips(probabilities(network.eval()(x_BCHW)), 2, cut=cut_level(0.5)).numpy()
    return answer


def looked(network: UNet, data: ChipSet, windows: AreaWindows, plan: Plan = PLAN, group: Group = ALONE) -> Validation:
    groups = windows.together(SIZE**2)
    numbers = range(group.rank, len(groups), group.size)
    dealt = [groups[number] for number in numbers]
    exam = Exam(lambda: read_ahead(dealt), 2, count=len(dealt), margin=windows.margin, numbers=numbers)
    return validated(network, plan, exam, Entrance(FLOAT32, data.mean, data.std), ALONE)


DEALT = {
    "one block": [(r, c) for r in (32, 64, 96) for c in (32, 64)],
    "at the edge, of a corner's shape": [(0, 0), (0, 32), (0, 64), (32, 0), (64, 0)],
    "one within the bounds of another": [(0, 0), (0, 32), (0, 64), (32, 0), (64, 0), (64, 64)],
    "alone, and corner to corner": [(0, 0), (32, 32), (160, 160), (96, 0)],
    "everything": [(r, c) for r in range(0, SIDE, 32) for c in range(0, SIDE, 32)],
}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("dealt", DEALT.values(), ids=DEALT)
@pytest.mark.parametrize("pixels", [1, SIDE**2], ids=["small windows", "large windows"])
@pytest.mark.parametrize("contact", [False, True], ids=["", "contact"])
def test_scores_are_those_of_all_validation_ground_predicted_at_once(
    depth: int, dealt: list[tuple[int, int]], pixels: int, contact: bool, tmp_path: Path
) -> None:
    chips(tmp_path, contact=contact)
    folder = redealt(tmp_path, dict.fromkeys(dealt, "val"))
    data = ChipSet.open([tmp_path])
    shape = replace(DEPTHS[depth], outputs=data.outputs)
    image, valid, labels = whole(folder, "val", halo(shape))
    x_BCHW = entered(image, valid, data)
    network = undecided(shape, x_BCHW)
    windows = AreaWindows.of(data.folders, "val", shape, pixels=pixels)
    found = looked(network, data, windows, replace(PLAN, contact=contact))
    strip = answered(network, x_BCHW)
    # a sum in another order may bring a pixel to the other side of a half
    assert_allclose(found.tally.confusion.counts, scored(labels, strip[0, 0], 2).counts, atol=2)
    assert found.tally.confusion.pixels == (scored(labels, strip[0, 0], 2)).pixels
    assert (found.tally.confusion.counts > 20).all()
    if contact:
        assert_allclose(found.tally.confusion_of_contact.counts, scored_contact(labels[None], strip).counts, atol=2)


@pytest.mark.parametrize("stride", [16, 24], ids=lambda stride: f"stride{stride}")
def test_windows_that_overlap_score_their_pixels_once(stride: int, tmp_path: Path) -> None:
    chips(tmp_path, stride=stride)
    starts = range(0, SIDE - SIZE + 1, stride)
    dealt = {(r, c): "val" if r < 3 * stride and c < 4 * stride else "none" for r in starts for c in starts}
    folder = redealt(tmp_path, dealt)
    shape = DEPTHS[1]
    windows = AreaWindows.of([folder], "val", shape, pixels=SIZE**2)
    seen = np.zeros((SIDE + 64, SIDE + 64), int)
    for window in windows.windows:
        _, labels = window.read()
        core, inside = window.core, window.core.seen_from(window.window)
        counts = labels[inside.rows, inside.cols] < CONTACT
        seen[core.row : core.row + core.height, core.col : core.col + core.width] += counts & (
            labels[inside.rows, inside.cols] != VOID
        )
    _, _, labels = whole(folder, "val", 0)
    assert_array_equal(seen[:SIDE, :SIDE], labels < VOID)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dealt=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1), pixels=st.integers(1, 40_000))
def test_cores_are_disjoint_aligned_and_cover_the_windows(
    dealt: set[tuple[int, int]], pixels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("chips")
    chips(path)
    folder = redealt(path, {(32 * r, 32 * c): "val" for r, c in dealt})
    shape = DEPTHS[2]
    windows = AreaWindows.of([folder], "val", shape, pixels=pixels)
    grid = alignment(shape)
    score = np.zeros((SIDE, SIDE), int)
    for window in windows.windows:
        assert window.window == window.window.aligned(grid)
        assert max(window.window.shape) <= max(LARGEST, SIZE + 2 * windows.margin)
        for number in window.numbers:
            part = folder.place(number).within(window.core)
            score[part.rows, part.cols] += 1
    expected = np.zeros((SIDE, SIDE), int)
    for number in folder.card.of_split("val"):
        place = folder.place(number)
        expected[place.rows, place.cols] = len(folder.card.windows[number].shares) > 0
    assert_array_equal(score, expected)
    areas = [window.window.area for window in windows.windows]
    assert all(a >= b for a, b in pairwise(areas))


def test_a_group_scores_together_what_one_process_does(tmp_path: Path) -> None:
    chips(tmp_path)
    redealt(tmp_path, dict.fromkeys(DEALT["alone, and corner to corner"], "val"))
    data = ChipSet.open([tmp_path])
    network = initialised(DEPTHS[1], seed=5)
    windows = AreaWindows.of(data.folders, "val", DEPTHS[1], pixels=SIZE**2)
    alone = looked(network, data, windows)
    parts = [looked(network, data, windows, group=Group(rank, 3)) for rank in range(3)]
    assert_array_equal(sum(part.tally.classes for part in parts), alone.tally.classes)


def test_ground_of_other_splits_is_never_looked_at(tmp_path: Path) -> None:
    chips(tmp_path)
    folder = redealt(tmp_path, dict.fromkeys(DEALT["one block"], "val"))
    images = np.load(tmp_path / "images.npy")
    windows = AreaWindows.of([folder], "val", DEPTHS[2], pixels=SIZE**2)
    before = [window.read() for window in windows.windows]
    images[list(folder.card.of_split("train"))] = 0
    np.save(tmp_path / "images.npy", images)
    again = AreaWindows.of([ChipFolder.open(tmp_path)], "val", DEPTHS[2], pixels=SIZE**2)
    for (pixels, labels), window in zip(before, again.windows, strict=True):
        assert_array_equal(window.read()[0], pixels)
        assert_array_equal(window.read()[1], labels)


def test_a_look_at_a_few_takes_them_from_all_over_and_costs_no_more(tmp_path: Path) -> None:
    chips(tmp_path)
    folder = redealt(tmp_path, {(r, c): "val" for r in range(0, SIDE, 64) for c in range(0, SIDE, 64)})
    windows = AreaWindows.of([folder], "val", DEPTHS[1], pixels=SIZE**2)
    few = windows.thinned(windows.cost / 2.1)
    assert len(windows) == 9
    assert len(few) == 4
    assert few.cost <= windows.cost / 2.1
    assert few.windows[-1].window.row > few.windows[0].window.row + SIDE // 3
    assert len(windows.thinned(1)) == 1


def test_nothing_to_validate_is_no_window(tmp_path: Path) -> None:
    chips(tmp_path)
    nothing = AreaWindows.of([redealt(tmp_path, {})], "val", DEPTHS[1], pixels=1)
    assert (len(nothing), len(nothing.thinned(5)), nothing.together(9)) == (0, 0, [])


def test_the_loss_of_a_validation_is_the_mean_over_its_pixels(tmp_path: Path) -> None:
    chips(tmp_path)
    data, shape = ChipSet.open([tmp_path]), DEPTHS[1]
    network = initialised(shape, seed=5)
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (2, 1, 3, SIZE, SIZE)).astype("uint8"))
    labels = torch.from_numpy(rng.integers(0, 2, (2, 1, SIZE, SIZE)).astype("uint8"))
    labels[1, :, 3:] = IGNORE
    both = [Batch(image, label) for image, label in zip(pixels, labels, strict=True)]

    def loss_of(some: list[Batch]) -> float:
        plan = replace(PLAN, loss="bce")
        found = validated(network, plan, Exam(lambda: some, 2, count=1), Entrance(FLOAT32, data.mean, data.std), ALONE)
        assert found.loss is not None
        return found.loss

    first, second = (loss_of([one]) for one in both)
    assert abs(first - second) > 0.01
    assert loss_of(both) == pytest.approx((SIZE * first + 3 * second) / (SIZE + 3))
