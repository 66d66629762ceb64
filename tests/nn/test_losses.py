"""Losses: what they give on answers known by hand, and that ignored pixels have no part in them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from geounet.errors import SettingsError
from geounet.legend import CONTACT, IGNORE
from geounet.nn.losses import CONTACT_WEIGHT, EDGE_WEIGHT, LOSSES, edge_weights, learned, loss_named

names = pytest.mark.parametrize("name", list(LOSSES))
heads = pytest.mark.parametrize("outputs", [1, 3], ids=["binary", "three"])


def logits_of(seed: int, outputs: int) -> Tensor:
    return torch.randn(2, outputs, 8, 8, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def labels_of(seed: int, outputs: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    labels_BHW = torch.randint(0, max(2, outputs), (2, 8, 8), generator=generator).to(torch.uint8)
    labels_BHW[torch.rand(2, 8, 8, generator=generator) < 0.3] = IGNORE
    return labels_BHW


@names
@heads
def test_no_gradient_comes_from_ignored_pixels(name: str, outputs: int) -> None:
    logits_BKHW, labels_BHW = logits_of(1, outputs), labels_of(2, outputs)
    loss_named(name)(logits_BKHW, *learned(labels_BHW, outputs, contact=False)).backward()  # type: ignore[no-untyped-call]
    assert logits_BKHW.grad is not None
    moved_BHW = logits_BKHW.grad.abs().sum(1) > 0
    assert not moved_BHW[labels_BHW == IGNORE].any()
    assert moved_BHW[labels_BHW != IGNORE].all()


@names
@heads
def test_a_batch_all_ignored_costs_nothing_and_moves_nothing(name: str, outputs: int) -> None:
    logits_BKHW = logits_of(1, outputs)
    labels_BHW = torch.full((2, 8, 8), IGNORE, dtype=torch.uint8)
    value = loss_named(name)(logits_BKHW, *learned(labels_BHW, outputs, contact=False))
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0
    assert logits_BKHW.grad is not None
    assert (logits_BKHW.grad == 0).all()


@names
@heads
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_ignored_pixels_answer_never_changes_the_loss(name: str, outputs: int, seed: int) -> None:
    logits_BKHW, labels_BHW = logits_of(seed, outputs).detach(), labels_of(seed + 1, outputs)
    other_BKHW = torch.where((labels_BHW == IGNORE)[:, None], 50 * torch.randn_like(logits_BKHW), logits_BKHW)
    targets = learned(labels_BHW, outputs, contact=False)
    assert float(loss_named(name)(other_BKHW, *targets)) == float(loss_named(name)(logits_BKHW, *targets))


@names
@heads
def test_the_right_answer_costs_next_to_nothing_and_a_wrong_one_more(name: str, outputs: int) -> None:
    labels_BHW = labels_of(3, outputs)
    targets_BHW, weights_BHW = learned(labels_BHW, outputs, contact=False)
    if outputs == 1:
        right_BKHW = 40.0 * (2 * targets_BHW[:, None] - 1)
    else:
        right_BKHW = 40.0 * torch.nn.functional.one_hot(targets_BHW, outputs).movedim(3, 1)
    loss = loss_named(name)
    assert float(loss(right_BKHW, targets_BHW, weights_BHW)) < 1e-6
    assert float(loss(-right_BKHW, targets_BHW, weights_BHW)) > 0.5


def test_cross_entropy_of_no_opinion_is_log_2_and_focal_loss_a_quarter_of_it() -> None:
    targets = learned(labels_of(3, 1), 1, contact=False)
    assert float(loss_named("bce")(torch.zeros(2, 1, 8, 8), *targets)) == pytest.approx(math.log(2))
    assert float(loss_named("focal")(torch.zeros(2, 1, 8, 8), *targets)) == pytest.approx(math.log(2) / 4)


def test_dice_of_half_the_pixels_right_is_known_by_hand() -> None:
    labels_BHW = torch.tensor([[[1, 1, 0, 0]]], dtype=torch.uint8)
    logits_BKHW = torch.tensor([[[[60.0, -60.0, 60.0, -60.0]]]])
    value = loss_named("dice")(logits_BKHW, *learned(labels_BHW, 1, contact=False))
    assert float(value) == pytest.approx(1 - (2 * 1 + 1) / (2 + 2 + 1))


def touching(classes: int) -> torch.Tensor:
    """Labels of two houses with a line of contact between, and a corner that is ignored."""
    labels_BHW = torch.zeros(1, 24, 24, dtype=torch.uint8)
    labels_BHW[:, 4:12, 3:19] = 1
    labels_BHW[:, 4:12, 10:12] = CONTACT
    labels_BHW[:, 16:20, 3:9] = classes - 1
    labels_BHW[:, 20:, 20:] = IGNORE
    return labels_BHW


@pytest.mark.parametrize("classes", [2, 4])
def test_dice_beside_contact_wants_every_pixel_right(classes: int) -> None:
    loss, labels_BHW = loss_named("dice", contact=True), touching(classes)
    targets_BHW, weights_BHW = learned(labels_BHW, classes + 1, contact=True)
    right_BKHW = 40.0 * torch.nn.functional.one_hot(targets_BHW, classes + 1).movedim(3, 1)
    cost = float(loss(right_BKHW, targets_BHW, weights_BHW))
    assert cost < 1e-6
    wrong_BKHW = right_BKHW.clone()
    wrong_BKHW[0, :, 20:, 20:] = -wrong_BKHW[0, :, 20:, 20:]
    assert float(loss(wrong_BKHW, targets_BHW, weights_BHW)) == cost  # nobody knows what is there
    for row, col in ((6, 10), (6, 5), (0, 0)):  # contact, building, background
        wrong_BKHW = right_BKHW.clone()
        wrong_BKHW[0, :, row, col] = wrong_BKHW[0, :, row, col].roll(1)
        assert float(loss(wrong_BKHW, targets_BHW, weights_BHW)) > cost + 1e-3


def test_contact_is_the_last_output_where_the_model_has_it_and_ignored_elsewhere() -> None:
    labels_BHW = torch.tensor([[[0, 1, CONTACT, IGNORE]]], dtype=torch.uint8)
    targets_BHW, weights_BHW = learned(labels_BHW, 3, contact=True)
    assert targets_BHW.tolist() == [[[0, 1, 2, 0]]]
    assert weights_BHW.tolist() == [[[1, 1, CONTACT_WEIGHT, 0]]]
    targets_BHW, weights_BHW = learned(labels_BHW, 1, contact=False)
    assert targets_BHW.tolist() == [[[0, 1, 0, 0]]]
    assert weights_BHW.tolist() == [[[1, 1, 0, 0]]]


def test_pixels_weigh_more_by_their_distance_from_the_edge_of_their_class() -> None:
    labels_BHW = torch.zeros(1, 64, 64, dtype=torch.uint8)
    labels_BHW[:, :, 40:] = 1
    targets_BHW, weights_BHW = learned(labels_BHW, 1, contact=False)
    row_W = edge_weights(targets_BHW, weights_BHW > 0)[0, 30]
    expected = [EDGE_WEIGHT * math.exp(-(max(0, 39 - col) ** 2) / 50) for col in range(40)]
    assert row_W[25:40].tolist() == pytest.approx(expected[25:], rel=1e-5)
    assert row_W[40:].tolist() == pytest.approx(row_W[16:40].flip(0).tolist())
    assert row_W[:20].tolist() == [0] * 20


def test_the_edge_of_what_is_ignored_is_no_edge() -> None:
    labels_BHW = torch.ones(1, 32, 32, dtype=torch.uint8)
    labels_BHW[:, :, 16:] = IGNORE
    targets_BHW, weights_BHW = learned(labels_BHW, 1, contact=False)
    assert (edge_weights(targets_BHW, weights_BHW > 0) == 0).all()


def test_a_class_that_weighs_more_costs_more_where_it_is_missed() -> None:
    labels_BHW = torch.tensor([[[0, 1, 2, IGNORE]]], dtype=torch.uint8)
    _, weights_BHW = learned(labels_BHW, 3, contact=False, class_weights=(0.5, 1.0, 4.0))
    assert weights_BHW.tolist() == [[[0.5, 1, 4, 0]]]
    labels_BHW[labels_BHW == 2] = CONTACT
    assert learned(labels_BHW, 3, contact=True, class_weights=(0.5, 1.0))[1].tolist() == [[[0.5, 1, CONTACT_WEIGHT, 0]]]


def test_each_pixel_counts_as_it_weighs() -> None:
    logits_BKHW = torch.tensor([[[[0.7, -0.4, 2.0, 5.0]]]])
    targets = learned(torch.tensor([[[0, 1, 1, IGNORE]]], dtype=torch.uint8), 1, contact=False, class_weights=(1, 3))
    surprise = [math.log1p(math.exp(x)) for x in (0.7, 0.4, -2.0)]
    expected = (surprise[0] + 3 * surprise[1] + 3 * surprise[2]) / 7
    assert float(loss_named("bce")(logits_BKHW, *targets)) == pytest.approx(expected)


def test_a_mistake_at_an_edge_costs_more_than_one_away_from_it() -> None:
    labels_BHW = torch.zeros(1, 8, 32, dtype=torch.uint8)
    labels_BHW[:, :, 16:] = 1
    targets_BHW, weights_BHW = learned(labels_BHW, 1, contact=False, class_weights=(1, 3))
    logits_BKHW = torch.linspace(-2, 2, 32).expand(1, 1, 8, 32)
    surprise_W = torch.nn.functional.softplus(torch.where(labels_BHW[0, 0] > 0, -1, 1) * logits_BKHW[0, 0, 0])
    away_W = torch.minimum((15 - torch.arange(32)).abs(), (16 - torch.arange(32)).abs())
    weights_W = torch.where(labels_BHW[0, 0] > 0, 3, 1) + EDGE_WEIGHT * torch.exp(-(away_W**2) / 50)
    expected = float((weights_W * surprise_W).sum() / weights_W.sum())
    assert float(loss_named("boundary")(logits_BKHW, targets_BHW, weights_BHW)) == pytest.approx(expected, rel=1e-4)


def test_dice_is_of_the_classes_that_the_batch_has() -> None:
    labels_BHW = torch.tensor([[[1, 1, 0, 0]]], dtype=torch.uint8)
    answers_BHW = torch.tensor([[[1, 0, 1, 2]]])  # class 2 is made up, and there is none to be found
    logits_BKHW = 60.0 * torch.nn.functional.one_hot(answers_BHW, 3).movedim(3, 1)
    value = loss_named("dice")(logits_BKHW, *learned(labels_BHW, 3, contact=False))
    assert float(value) == pytest.approx(1 - (2 * 1 + 1) / (2 + 2 + 1))


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"loss 'hinge' is unknown; use one of bce\+dice"):
        loss_named("hinge")
