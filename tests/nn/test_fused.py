"""What a GPU does in one pass is what the plain steps do; all but its kernels is tried on the processor, too."""

import pytest
import torch
from torch import Tensor, nn

from geounet.card import Architecture
from geounet.nn import fused, unet
from geounet.nn.replay import Replay
from geounet.nn.unet import UNet, folded, initialised

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def learned(architecture: Architecture) -> UNet:
    """A folded network in float64 whose normalisations had statistics and whose biases are not 0."""
    network = initialised(architecture, seed=3).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        network(torch.randn(2, architecture.bands, 64, 64, generator=generator, dtype=torch.float64))
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return folded(network)


def windows(bands: int) -> Tensor:
    values = torch.randn(2, bands, 64, 96, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return values.contiguous(memory_format=torch.channels_last)


@pytest.fixture
def one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the fused steps taken on the processor, with cuDNN's own kernel alone replaced."""

    def convolved(x_BCHW: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        assert x_BCHW.shape[1] % 8 == 0, "cuDNN would not fuse it"
        return torch.relu(nn.functional.conv2d(x_BCHW, weight, bias, padding=1))

    monkeypatch.setattr(fused, "_convolved", convolved)
    monkeypatch.setattr(unet, "fuses", lambda _: not torch.is_grad_enabled())


@pytest.mark.parametrize("trim", [0, 5, 24])
@pytest.mark.parametrize("skips", [True, False], ids=["skips", "plain"])
@pytest.mark.parametrize(("bands", "width"), [(3, 8), (8, 8), (12, 4), (1, 5)])
def test_fused_steps_give_the_answer_of_the_plain_ones(
    bands: int, width: int, skips: bool, trim: int, request: pytest.FixtureRequest
) -> None:
    network = learned(Architecture(bands=bands, outputs=2, width=width, depth=2, skips=skips))
    with torch.inference_mode():
        plain = network(windows(bands), trim)
    request.getfixturevalue("one_pass")
    with torch.inference_mode():
        torch.testing.assert_close(network(windows(bands), trim), plain, rtol=0, atol=1e-12)


def test_on_a_processor_or_with_gradients_nothing_is_fused() -> None:
    with torch.no_grad():
        assert not fused.fuses(torch.zeros(1, 8, 16, 16, dtype=torch.bfloat16))
    assert not fused.fuses(torch.zeros(1, 8, 16, 16))


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("width", [8, 16])
def test_on_a_gpu_fused_steps_differ_by_no_more_than_their_rounding(dtype: torch.dtype, width: int) -> None:
    network = learned(Architecture(outputs=2, width=width, depth=3)).float().cuda()
    x_BCHW = windows(3).float().cuda()
    with torch.inference_mode():
        exact = network(x_BCHW, 8)
        assert fused.fuses(x_BCHW.to(dtype))
        quick = network.to(dtype)(x_BCHW.to(dtype).contiguous(memory_format=torch.channels_last), 8)
    error = (quick.float() - exact).norm() / exact.norm()
    assert float(error) < 0.03


@needs_gpu
def test_a_replayed_answer_is_the_networks_own_for_any_shape_in_any_order() -> None:
    network = learned(Architecture(outputs=2, width=8, depth=2)).to("cuda", torch.bfloat16)
    replay = Replay(network)
    shapes = [(2, 64, 96), (1, 64, 96), (2, 64, 96), (2, 96, 64), (1, 64, 96)]
    given = [torch.randn(n, 3, h, w, device="cuda", dtype=torch.bfloat16) for n, h, w in shapes]
    given = [x_BCHW.contiguous(memory_format=torch.channels_last) for x_BCHW in given]
    with torch.inference_mode():
        answers = [replay(x_BCHW, trim) for x_BCHW, trim in zip(given, (0, 8, 8, 0, 8), strict=True)]
        for answer, x_BCHW, trim in zip(answers, given, (0, 8, 8, 0, 8), strict=True):
            torch.testing.assert_close(answer, network(x_BCHW, trim), rtol=0, atol=0)
