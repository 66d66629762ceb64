"""The network's shape, and how far it sees."""

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from geounet.card import Architecture
from geounet.nn.unet import UNet, alignment, folded, halo, initialised, reach

SMALL = Architecture(bands=2, outputs=1, width=2, depth=2)


def wide_awake(architecture: Architecture) -> UNet:
    """A network in float64 with all weights above 0, so that nothing it sees cancels or is rectified away."""
    network = initialised(architecture, seed=1).double().eval()
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.05)
    return network


def lively(architecture: Architecture) -> UNet:
    """A network in float64 whose normalisations have statistics, as after training."""
    network = initialised(architecture, seed=2).double()
    with torch.no_grad():
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            network(torch.randn(2, architecture.bands, 64, 64, generator=generator, dtype=torch.float64))
    return network.eval()


@pytest.mark.parametrize(("outputs", "count"), [(1, 31_037_633), (2, 31_037_698)])
def test_the_full_network_has_exactly_the_parameters_of_the_field(outputs: int, count: int) -> None:
    with torch.device("meta"):
        network = UNet(Architecture(bands=3, outputs=outputs, width=64, depth=4))
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("skips", [True, False], ids=["skips", "plain"])
def test_any_shape_of_network_answers_with_a_logit_for_each_output_and_pixel(skips: bool) -> None:
    network = initialised(Architecture(bands=5, outputs=3, width=3, depth=3, skips=skips), seed=0).eval()
    assert network(torch.zeros(2, 5, 16, 24)).shape == (2, 3, 16, 24)


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    first, again, other = (initialised(SMALL, seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("skips", [True, False], ids=["skips", "plain"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_pixel_on_the_pooling_grid_sees_exactly_as_far_as_is_said(depth: int, skips: bool) -> None:
    architecture = Architecture(bands=1, width=1, depth=depth, skips=skips)
    grid, far = alignment(architecture), reach(architecture)
    side = 4 * halo(architecture)
    pixel = side // 2 // grid * grid
    x_BCHW = torch.zeros(1, 1, side, side, dtype=torch.float64)
    x_BCHW.requires_grad_()
    # a softer pooling sees all four pixels, so that the gradient reaches whatever could have mattered
    network = wide_awake(architecture)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "max_pool2d", torch.nn.functional.avg_pool2d)
        network(x_BCHW)[0, 0, pixel, pixel].backward()
    assert x_BCHW.grad is not None
    rows = x_BCHW.grad[0, 0].abs().amax(dim=1).nonzero()[:, 0]
    assert pixel - int(rows[0]) == far


def test_depth_four_needs_a_halo_of_96_on_a_grid_of_16() -> None:
    assert (reach(Architecture()), alignment(Architecture()), halo(Architecture())) == (94, 16, 96)


def core_difference(network: UNet, x_BCHW: Tensor, *, first: int, side: int, margin: int) -> float:
    """Largest difference between a core computed with a margin and the same pixels of the whole."""
    with torch.no_grad():
        whole = network(x_BCHW)
        begin, end = first - margin, first + side + margin
        window = network(x_BCHW[:, :, begin:end, begin:end])
    core = window[:, :, margin : margin + side, margin : margin + side]
    return float((core - whole[:, :, first : first + side, first : first + side]).abs().max())


@pytest.mark.parametrize("skips", [True, False], ids=["skips", "plain"])
def test_a_core_with_its_halo_is_exactly_the_whole_and_with_less_it_is_not(skips: bool) -> None:
    architecture = Architecture(bands=2, width=2, depth=2, skips=skips)
    network = lively(architecture)
    margin, grid = halo(architecture), alignment(architecture)
    x_BCHW = torch.randn(1, 2, 128, 128, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert core_difference(network, x_BCHW, first=48, side=16, margin=margin) < 1e-12
    assert core_difference(network, x_BCHW, first=48, side=16, margin=margin - 2 * grid) > 1e-9
    assert core_difference(network, x_BCHW, first=50, side=16, margin=margin) > 1e-9


def test_folding_the_normalisations_leaves_the_answer() -> None:
    network = lively(SMALL)
    x_BCHW = torch.randn(1, 2, 32, 32, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    with torch.no_grad():
        before = network(x_BCHW)
        after = folded(network)(x_BCHW)
    assert float((before - after).abs().max()) < 1e-12
    assert not any("norms" in name for name in network.state_dict())


@pytest.mark.parametrize("skips", [True, False], ids=["skips", "plain"])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("trim", [0, 1, 2, 3, 7, 16, 30, 47])
def test_leaving_out_the_margin_of_an_answer_changes_nothing_of_the_rest(depth: int, skips: bool, trim: int) -> None:
    network = lively(Architecture(bands=2, width=2, depth=depth, skips=skips))
    generator = torch.Generator().manual_seed(4)
    x_BCHW = torch.randn(1, 2, 96, 112, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        whole_BKHW, inner_BKHW = network(x_BCHW), network(x_BCHW, trim)
    assert inner_BKHW.shape[2:] == (96 - 2 * trim, 112 - 2 * trim)
    torch.testing.assert_close(inner_BKHW, whole_BKHW[:, :, trim : 96 - trim, trim : 112 - trim], rtol=0, atol=1e-12)


def test_leaving_out_the_halo_spares_an_eighth_of_the_work_on_the_usual_window() -> None:
    work = []
    for trim in (0, halo(Architecture())):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            UNet(Architecture()).eval()(torch.zeros(1, 3, 1536, 1536), trim)
        work.append(counter.get_total_flops())
    assert work[1] < 0.875 * work[0]
