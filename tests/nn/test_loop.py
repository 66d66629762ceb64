"""The loop: reproducible, resumable, and it stops rather than keep what is no number."""

import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from geounet.card import Architecture
from geounet.errors import SettingsError, TrainingError
from geounet.legend import CONTACT, IGNORE
from geounet.nn.areas import AreaWindows, in_firsts, read_ahead
from geounet.nn.augment import Augmentation
from geounet.nn.checkpoint import load_checkpoint, save_checkpoint
from geounet.nn.chip_set import ChipSet
from geounet.nn.chip_store import VOID
from geounet.nn.device import Runtime
from geounet.nn.entrance import Entrance
from geounet.nn.exam import Exam
from geounet.nn.group import ALONE
from geounet.nn.loader import Batch, batches
from geounet.nn.loop import Checked, Step, fit
from geounet.nn.losses import Loss, loss_named
from geounet.nn.pace import Pace, measured
from geounet.nn.plan import Plan
from geounet.nn.samples import Samples
from geounet.nn.score import scored
from geounet.nn.settings import TrainingSettings, usual_rate
from geounet.nn.training import CLIP, Training, begun, stepped
from geounet.nn.unet import UNet, initialised
from tests.nn.chips_folder import town, write_chips
from tests.nn.greed import greedy

SHAPE = Architecture(bands=3, outputs=1, width=4, depth=1)
PLAN = Plan(
    steps=12, batch_size=4, learning_rate=0.01, loss="bce+dice", validate_every=4, warmup=2, average=0.8, patience=None
)
FLOAT32 = Runtime(torch.device("cpu"), "fp32")
precisions = pytest.mark.parametrize("precision", ["fp32", "bf16"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ChipSet:
    folder = tmp_path_factory.mktemp("chips")
    write_chips(folder, town(64, 256, seed=4), size=32)
    return ChipSet.open([folder])


def records(
    data: ChipSet, training: Training, plan: Plan = PLAN, runtime: Runtime = FLOAT32
) -> Generator[Step | Checked, None, None]:
    augmentation = Augmentation("standard", data.card.colours, data.card.dtype, data.mean, data.std)
    made = batches(Samples(data.folders, augmentation, seed=0), plan.numbers(training.step, ALONE), workers=0)
    return fit(training, plan, made, exam(data), Entrance(runtime, data.mean, data.std))


def flips(data: ChipSet) -> Augmentation:
    return Augmentation("flips", data.card.colours, data.card.dtype, data.mean, data.std)


def exam(data: ChipSet) -> Exam:
    windows = AreaWindows.of(data.folders, "val", SHAPE, pixels=4 * data.card.size**2)
    groups = windows.together(4 * data.card.size**2)
    return Exam(lambda: read_ahead(groups), 2, count=in_firsts(groups), margin=windows.margin)


def begin(runtime: Runtime = FLOAT32, plan: Plan = PLAN) -> Training:
    return begun(initialised(SHAPE, seed=0), plan, runtime)


def anything(settings: str) -> None:
    """No settings are refused."""


def same(a: Training, b: Training) -> bool:
    pairs = zip(a.average.state_dict().values(), b.average.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs) and a.history == b.history


@precisions
def test_the_same_seed_gives_the_same_weights(data: ChipSet, precision: str) -> None:
    runtime = Runtime(torch.device("cpu"), precision)
    first, again = begin(runtime), begin(runtime)
    assert list(records(data, first, runtime=runtime)) == list(records(data, again, runtime=runtime))
    assert same(first, again)


@precisions
def test_a_resumed_training_ends_with_the_same_weights_as_one_left_alone(
    data: ChipSet, precision: str, tmp_path: Path
) -> None:
    runtime = Runtime(torch.device("cpu"), precision)
    alone, broken = begin(runtime), begin(runtime)
    straight = list(records(data, alone, runtime=runtime))
    seen = []
    for record in records(data, broken, runtime=runtime):
        seen.append(record)
        if isinstance(record, Checked):
            save_checkpoint(tmp_path / "last.ckpt", broken, PLAN, "{}")
            if record.number == 8:
                break
    resumed, plan = load_checkpoint(tmp_path / "last.ckpt", runtime, anything)
    assert plan == PLAN
    assert seen + list(records(data, resumed, runtime=runtime)) == straight
    assert same(alone, resumed)


def test_training_on_a_made_up_town_learns_it(data: ChipSet) -> None:
    plan = replace(PLAN, steps=80, validate_every=20)
    checked = [record for record in records(data, begin(plan=plan), plan) if isinstance(record, Checked)]
    assert checked[-1].score is not None
    assert checked[-1].score > 0.7


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_every_optimizer_learns_the_town_at_its_own_rate(data: ChipSet, optimizer: str) -> None:
    settings = TrainingSettings(steps=80, batch_size=4, optimizer=optimizer, loss="boundary")
    plan = settings.plan(12, 4, FLOAT32, contact=False)
    checked = [record for record in records(data, begin(plan=plan), plan) if isinstance(record, Checked)]
    assert checked[-1].loss < 0.9 * checked[0].loss


def test_steps_and_validations_come_when_they_are_due(data: ChipSet) -> None:
    plan = replace(PLAN, steps=10)
    found = list(records(data, begin(plan=plan), plan))
    assert [record.number for record in found if isinstance(record, Step)] == list(range(1, 11))
    assert [record.number for record in found if isinstance(record, Checked)] == [4, 8, 10]


def test_a_loss_that_is_no_number_stops_the_training(data: ChipSet) -> None:
    training = begin()
    for parameter in training.network.parameters():
        parameter.data.fill_(float("inf"))
    with pytest.raises(TrainingError, match="the loss is no longer a number after step 1; the best model so far"):
        list(records(data, training))


def test_batches_all_ignored_leave_the_training_sound(data: ChipSet) -> None:
    batch = Batch(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.full((4, 32, 32), VOID, dtype=torch.uint8))
    training = begin()
    found = list(fit(training, PLAN, [batch] * 4, exam(data), Entrance(FLOAT32, data.mean, data.std)))
    assert all(record.loss == 0 for record in found)
    assert all(torch.isfinite(tensor).all() for tensor in training.average.state_dict().values())


def test_without_validation_windows_the_last_average_is_kept_unscored(data: ChipSet) -> None:
    training = begin()
    augmentation = Augmentation("none", data.card.colours, data.card.dtype, data.mean, data.std)
    made = batches(Samples(data.folders, augmentation, 0), PLAN.numbers(0, ALONE), workers=0)
    nothing = Exam(lambda: (), 2, count=0)
    found = [
        record
        for record in fit(training, PLAN, made, nothing, Entrance(FLOAT32, data.mean, data.std))
        if isinstance(record, Checked)
    ]
    assert [(record.score, record.validation_loss, record.best) for record in found] == [(None, None, True)] * 3
    assert training.best_step == PLAN.steps


def test_validation_windows_without_any_building_are_no_perfect_score(data: ChipSet) -> None:
    empty = Batch(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.zeros(4, 32, 32, dtype=torch.uint8))
    training = begin()
    made = batches(Samples(data.folders, flips(data), 0), PLAN.numbers(0, ALONE), workers=0)
    found = fit(training, PLAN, made, Exam(lambda: [empty], 2, count=1), Entrance(FLOAT32, data.mean, data.std))
    checked = [record for record in found if isinstance(record, Checked)]
    assert [record.score for record in checked] == [None] * 3
    assert [record.iou[1] in (None, 0.0) for record in checked] == [True] * 3


def test_of_weights_that_score_alike_the_last_are_kept_and_clearly_worse_ones_are_not(data: ChipSet) -> None:
    training = begin()
    found = [record for record in records(data, training) if isinstance(record, Checked)]
    assert [record.best for record in found] == [True] * 3  # it learns
    worse = begin(plan=replace(PLAN, average=0.0))
    learned = training.average.state_dict()
    for network in (worse.network, worse.average):
        network.load_state_dict(learned)
    for norm in worse.network.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 0.0  # running statistics stay as they are, too
    worse.leader, worse.best_step = training.leader, training.best_step
    still = replace(PLAN, learning_rate=1e-12)
    again = [record for record in records(data, worse, still) if isinstance(record, Checked)]
    assert worse.best_step == still.steps
    assert all(record.best for record in again)
    for parameter in worse.network.parameters():
        parameter.data.zero_()
    worse.step, best = 0, worse.leader
    lost = [record for record in records(data, worse, replace(still, average=0.0)) if isinstance(record, Checked)]
    assert not any(record.best for record in lost)
    assert worse.leader is best
    assert worse.best_step == still.steps


def test_patience_stops_a_training_that_gets_no_better(data: ChipSet) -> None:
    plan = replace(PLAN, steps=40, learning_rate=1e-12, patience=2)
    found = [record for record in records(data, begin(plan=plan), plan) if isinstance(record, Checked)]
    assert len(found) < 10
    assert not any(record.best for record in found[-2:])


def test_a_training_that_patience_stopped_does_not_go_on_when_resumed(data: ChipSet, tmp_path: Path) -> None:
    plan = replace(PLAN, steps=40, learning_rate=1e-12, patience=2)
    training = begin(plan=plan)
    assert len(list(records(data, training, plan))) > 0
    save_checkpoint(tmp_path / "last.ckpt", training, plan, "{}")
    resumed, plan = load_checkpoint(tmp_path / "last.ckpt", FLOAT32, anything)
    assert list(records(data, resumed, plan)) == []


def test_pixels_without_imagery_enter_as_exactly_zero_and_are_ignored(data: ChipSet) -> None:
    pixels = torch.full((1, 3, 2, 2), 200, dtype=torch.uint8)
    labels = torch.tensor([[[0, 1], [VOID, IGNORE]]], dtype=torch.uint8)
    x_BCHW, labels_BHW = Entrance(FLOAT32, data.mean, data.std)(Batch(pixels, labels))
    assert (x_BCHW[0, :, 1, 0] == 0).all()
    assert (x_BCHW[0, :, 1, 1] != 0).all()
    assert labels_BHW.tolist() == [[[0, 1], [IGNORE, IGNORE]]]


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    plan = replace(PLAN, steps=100, warmup=10)
    rates = [plan.rate(step) for step in range(100)]
    assert max(rates) == rates[9] == pytest.approx(0.01)
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-5


def test_a_checkpoint_of_another_version_is_refused_in_words(data: ChipSet, tmp_path: Path) -> None:
    training = begin()
    list(records(data, training))
    save_checkpoint(tmp_path / "last.ckpt", training, PLAN, "{}")
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    torch.save(content | {"format": 1}, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match=r"is of another version of geounet \(format 1, not 2\); go on with that"):
        load_checkpoint(tmp_path / "last.ckpt", FLOAT32, anything)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken"], ids=["empty", "text", "zip"])
def test_a_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"last.ckpt cannot be read .*train again with --overwrite"):
        load_checkpoint(tmp_path / "last.ckpt", FLOAT32, anything)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"format": 1, "plan": Path("/tmp")}, tmp_path / "last.ckpt")  # noqa: S108 - never opened
    with pytest.raises(TrainingError, match="cannot be read"):
        load_checkpoint(tmp_path / "last.ckpt", FLOAT32, anything)


def test_scores_are_pooled_so_that_empty_windows_are_worth_nothing() -> None:
    empty = scored(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), 2)
    assert empty.score is None
    assert empty.iou == (1.0, None)
    truth, answer = np.array([[1, 1, 0, 0]], np.uint8), np.array([[1, 0, 1, 0]], np.uint8)
    both = empty + scored(truth, answer, 2)
    assert both.score == pytest.approx(1 / 3)


def test_ignored_and_void_pixels_are_not_scored_and_contact_is_building() -> None:
    truth = np.array([[IGNORE, VOID, CONTACT, 1]], np.uint8)
    assert scored(truth, np.ones((1, 4), np.uint8), 2).counts.tolist() == [[0, 0], [0, 2]]
    assert scored(truth, np.ones((1, 4), np.uint8), 3).pixels == 1


def pace_of(data: ChipSet, network: UNet, *, within: float) -> Pace:
    samples = Samples(data.folders, flips(data), 0)
    return measured(
        network,
        PLAN,
        batches=lambda tried: batches(samples, tried.numbers(0, ALONE), workers=0),
        exam=exam(data),
        entrance=Entrance(FLOAT32, data.mean, data.std),
        within=within,
    )


@pytest.mark.parametrize("within", [0, 60], ids=["a few", "all"])
def test_measuring_the_pace_leaves_the_network_alone(data: ChipSet, within: float) -> None:
    network = initialised(SHAPE, seed=0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pace = pace_of(data, network, within=within)
    assert all(seconds > 0 for seconds in (pace.start, pace.step, pace.batch))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_validations_take_a_quarter_of_short_trainings_and_are_twenty_in_long_ones() -> None:
    pace = Pace(start=1, step=0.1, batch=0.5, batches=10)
    assert pace.fitting(7) == (10, 1)
    assert pace.fitting(41) == (300, 2)
    assert pace.fitting(3601) == (35_000, 20)
    for seconds in (7, 41, 100, 3601):
        steps, looks = pace.fitting(seconds)
        assert pace.start + steps * pace.step + looks * pace.validation == pytest.approx(seconds, abs=0.11)


def test_a_training_out_of_time_validates_and_stops(data: ChipSet) -> None:
    training = begin()
    made = batches(Samples(data.folders, flips(data), 0), PLAN.numbers(0, ALONE), workers=0)
    found = list(
        fit(training, PLAN, made, exam(data), Entrance(FLOAT32, data.mean, data.std), until=time.perf_counter())
    )
    assert [type(record) for record in found] == [Step, Checked]
    assert training.history[-1]["step"] == 1


def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the processor be looked at as seldom as a GPU is."""
    monkeypatch.setattr(Runtime, "on_gpu", True)


def test_the_pace_is_measured_on_a_gpu_too(data: ChipSet, monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu(monkeypatch)
    pace = pace_of(data, initialised(SHAPE, seed=0), within=0)
    assert pace.step > 0


def test_on_a_gpu_the_loss_is_looked_at_every_ten_steps_and_before_a_validation(
    data: ChipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu(monkeypatch)
    plan = replace(PLAN, steps=14, validate_every=12)
    found = [record for record in records(data, begin(plan=plan), plan) if isinstance(record, Step)]
    assert [(record.number, record.count) for record in found] == [(10, 10), (12, 2), (14, 2)]


@pytest.mark.parametrize("where", ["step", "validation"])
def test_a_step_without_the_memory_for_it_says_what_to_do(
    where: str, data: ChipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = begin()
    network = training.network if where == "step" else training.average
    monkeypatch.setattr(network, "forward", greedy)
    with pytest.raises(TrainingError, match="not enough memory; use a smaller --batch-size or --width"):
        list(records(data, training))


RGB = ("red", "green", "blue")


def test_automatic_settings_follow_the_device_and_the_data() -> None:
    settings = TrainingSettings()
    few, many, most = (settings.plan(windows, 16, FLOAT32, contact=False).steps for windows in (10, 1000, 1_000_000))
    assert (few, many, most) == (2000, 5000, 20_000)
    assert settings.chosen_width(FLOAT32) == 16
    assert settings.chosen_batch(FLOAT32) == 8
    assert usual_rate(64, 8) == pytest.approx(5e-4)
    epochs = TrainingSettings(epochs=3, batch_size=10).plan(95, 16, FLOAT32, contact=False)
    assert (epochs.steps, epochs.validate_every) == (30, 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps 0 must be above 0"),
        ({"lr": float("nan")}, "lr nan must be above 0"),
        ({"lr": 1e38}, r"lr 1e\+38 must be at most 1e\+30"),
        ({"steps": 5, "epochs": 2}, "steps and epochs both say how long to train"),
        ({"width": "wide"}, "width 'wide' must be a number or auto"),
        ({"seed": -1}, "seed -1 must be from 0 to 9223372036854775807"),
        ({"seed": 2**63}, "seed 9223372036854775808 must be from 0 to 9223372036854775807"),
        ({"loss": "hinge"}, "loss 'hinge' is unknown"),
        ({"optimizer": "lion"}, "optimizer 'lion' is unknown; use one of adamw, adam, sgd"),
        ({"class_weights": "some"}, "class_weights 'some' is unknown; use one of auto, none"),
    ],
    ids=["steps", "lr", "high lr", "both", "width", "seed", "high seed", "loss", "optimizer", "weights"],
)
def test_settings_out_of_their_range_are_refused(settings: dict[str, int | float | str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        TrainingSettings(**settings)  # type: ignore[arg-type]


def weights(training: Training) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in training.network.parameters()])


def test_a_huge_gradient_moves_the_weights_no_farther_than_a_clipped_one(
    data: ChipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(PLAN, steps=1, optimizer="sgd", learning_rate=0.1, warmup=1, weight_decay=0.0)

    def moved(times: float) -> float:
        def louder(name: str, *, contact: bool = False) -> Loss:
            loss = loss_named(name, contact=contact)
            return lambda *tensors: times * loss(*tensors)

        monkeypatch.setattr("geounet.nn.training.loss_named", louder)
        training = begin(plan=plan)
        before = weights(training)
        list(records(data, training, plan))
        return float((weights(training) - before).norm())

    farthest = 0.1 * CLIP * (1 + 0.9)  # the rate, and Nesterov's momentum
    assert moved(1e6) == pytest.approx(farthest, rel=1e-3)
    assert 0 < moved(1e-3) < 0.01 * farthest


def test_class_weights_are_asked_for_and_then_change_what_is_learned(data: ChipSet) -> None:
    plain, weighted = (
        TrainingSettings(steps=4, batch_size=4, class_weights=word).plan(
            12, 4, FLOAT32, contact=False, class_weights=(0.5, 3.0)
        )
        for word in ("none", "auto")
    )
    assert (plain.class_weights, weighted.class_weights) == ((), (0.5, 3.0))
    first, second = (
        [r.loss for r in records(data, begin(plan=p), p) if isinstance(r, Step)] for p in (plain, weighted)
    )
    assert first[0] != second[0]


def test_the_average_follows_the_network_closely_at_first_and_then_as_planned(data: ChipSet) -> None:
    plan = replace(PLAN, average=0.15)
    training, entrance = begin(plan=plan), Entrance(FLOAT32, data.mean, data.std)
    expected = {name: tensor.clone() for name, tensor in training.average.state_dict().items()}
    made = batches(Samples(data.folders, flips(data), 0), plan.numbers(0, ALONE), workers=0)
    for batch, kept in zip(made, (1 / 10, 0.15, 0.15), strict=False):  # 2 / 11 would be more than planned
        stepped(training, plan, [batch], entrance, ALONE)
        training.step += 1
        for name, tensor in training.network.state_dict().items():
            if tensor.is_floating_point():
                expected[name] = kept * expected[name] + (1 - kept) * tensor
    averaged = training.average.state_dict()
    for name, tensor in training.network.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(averaged[name], expected[name], rtol=1e-4, atol=1e-6)
        else:
            assert torch.equal(averaged[name], tensor)


def test_a_batch_in_shares_moves_the_weights_as_their_mean_does(data: ChipSet, monkeypatch: pytest.MonkeyPatch) -> None:
    def quieter(name: str, *, contact: bool = False) -> Loss:  # so that no gradient is clipped
        loss = loss_named(name, contact=contact)
        return lambda *tensors: 1e-3 * loss(*tensors)

    monkeypatch.setattr("geounet.nn.training.loss_named", quieter)
    plan = replace(PLAN, optimizer="sgd", learning_rate=100.0, warmup=1, weight_decay=0.0)
    made = batches(Samples(data.folders, flips(data), 0), plan.numbers(0, ALONE), workers=0)
    batch, entrance = next(iter(made)), Entrance(FLOAT32, data.mean, data.std)
    once, twice = begin(plan=plan), begin(plan=replace(plan, shares=2))
    before = weights(once)
    stepped(once, plan, [batch], entrance, ALONE)
    stepped(twice, replace(plan, shares=2), [batch, batch], entrance, ALONE)
    assert float((weights(once) - before).norm()) > 0.01
    assert torch.allclose(weights(twice), weights(once), rtol=1e-4, atol=1e-6)


def test_weights_decay_and_what_has_no_scale_does_not(data: ChipSet) -> None:
    batch = Batch(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.full((4, 32, 32), VOID, dtype=torch.uint8))
    plan = replace(PLAN, weight_decay=0.1, learning_rate=0.5, warmup=1)
    training = begin(plan=plan)
    before = {name: tensor.clone() for name, tensor in training.network.named_parameters()}
    stepped(training, plan, [batch], Entrance(FLOAT32, data.mean, data.std), ALONE)  # nothing to learn
    for name, tensor in training.network.named_parameters():
        kept = 1 - 0.1 * plan.rate(0) if tensor.ndim > 1 else 1.0
        assert torch.allclose(tensor, kept * before[name], rtol=1e-5)


def test_a_checkpoint_brings_back_the_best_validation_and_the_scale_of_the_loss(data: ChipSet, tmp_path: Path) -> None:
    runtime = Runtime(torch.device("cpu"), "fp16")
    training = begin(runtime)
    list(records(data, training, runtime=runtime))
    training.scaler.update(2.0**7)
    save_checkpoint(tmp_path / "last.ckpt", training, PLAN, "{}")
    resumed, _ = load_checkpoint(tmp_path / "last.ckpt", runtime, anything)
    assert resumed.scaler.get_scale() == 2.0**7
    assert training.leader is not None
    assert resumed.leader is not None
    assert resumed.leader.merit == training.leader.merit
    np.testing.assert_array_equal(resumed.leader.classes, training.leader.classes)
    np.testing.assert_array_equal(resumed.leader.contact, training.leader.contact)


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {}, {"format": 2, "settings": "", "plan": 5}], ids=str)
def test_a_file_of_something_else_than_a_training_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match=r"last.ckpt cannot be read .*train again with --overwrite"):
        load_checkpoint(tmp_path / "last.ckpt", FLOAT32, anything)


def test_a_leader_that_is_no_count_is_refused(data: ChipSet, tmp_path: Path) -> None:
    training = begin()
    list(records(data, training))
    save_checkpoint(tmp_path / "last.ckpt", training, PLAN, "{}")
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    torch.save(content | {"leader": [1, 2]}, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match="cannot be read"):
        load_checkpoint(tmp_path / "last.ckpt", FLOAT32, anything)


def test_half_precision_skips_steps_that_overflow_until_its_scale_fits(data: ChipSet) -> None:
    runtime = Runtime(torch.device("cpu"), "fp16")
    training = begin(runtime)
    training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    before = weights(training)
    losses = records(data, training, runtime=runtime)
    next(losses)
    assert torch.equal(weights(training), before)
    assert training.scaler.get_scale() == 2.0**39
    training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    step = next(losses)
    assert isinstance(step, Step)
    assert np.isfinite(step.loss)
    assert not torch.equal(weights(training), before)
    assert torch.isfinite(weights(training)).all()
