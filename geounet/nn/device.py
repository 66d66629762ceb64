"""Where a network runs, and how precisely."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from geounet.errors import GeoUNetError, SettingsError

N = TypeVar("N", bound=nn.Module)
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# torch's allocators, CUDA's and cuDNN's own words: only some of them raise torch.OutOfMemoryError
_OUT_OF_MEMORY = ("out of memory", "DefaultCPUAllocator", "STATUS_ALLOC_FAILED")
ROOM = "use a smaller --batch-size or --width, or a larger --accumulate"
_AMPERE = 8  # compute capability from which a GPU multiplies bfloat16 at full speed


@dataclass(frozen=True, slots=True)
class Runtime:
    """Device and number type in which a network computes."""

    device: torch.device
    precision: str

    @property
    def dtype(self) -> torch.dtype:
        return _DTYPES[self.precision]

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    def mixed(self) -> AbstractContextManager[object]:
        """Context in which convolutions run in the number type, and what needs more digits in float32."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.precision != "fp32")

    def quickest(self) -> AbstractContextManager[object]:
        """Context in which cuDNN tries its algorithms on each new shape; for steps, whose shapes stay the same."""
        return torch.backends.cudnn.flags(enabled=True, benchmark=True) if self.on_gpu else nullcontext()

    def exact(self) -> AbstractContextManager[object]:
        """Context in which float32 keeps its digits on a GPU: cuDNN would silently round convolutions to TF32."""
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)


def cpu_multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; without them it is slower than float32."""
    # older versions of torch tell nothing: float32 then
    has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16") or has.get("bf16"))


def chosen_runtime(device: str = "auto", precision: str = "auto") -> Runtime:
    """The device and precision meant: `auto` is a GPU where there is one, and bfloat16 where it is fast.

    Args:
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16.

    Raises:
        SettingsError: a device that is not there, or a precision it cannot compute in.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise SettingsError(f"device {device!r} is unknown; use auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(number or 0) >= count:
        raise SettingsError(f"device {device!r} is not there ({count} CUDA devices found); use --device cpu")
    if precision not in ("auto", *_DTYPES):
        raise SettingsError(f"precision {precision!r} is unknown; use auto, {', '.join(_DTYPES)}")
    if precision == "fp16" and kind == "cpu":
        raise SettingsError("precision fp16 needs a GPU; use bf16 or fp32 on a processor")
    chosen = torch.device(device)
    return Runtime(chosen, _fast_precision(chosen) if precision == "auto" else precision)


def _fast_precision(device: torch.device) -> str:
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= _AMPERE else "fp16"
    return "bf16" if cpu_multiplies_bfloat16() else "fp32"


def use_threads(count: int) -> None:
    """Have PyTorch compute in that many threads of the processor, in whichever thread asks it to.

    Raises:
        SettingsError: none at all.
    """
    if count < 1:
        raise SettingsError(f"threads {count} must be at least 1")
    torch.set_num_threads(count)


def placed(network: N, runtime: Runtime, dtype: torch.dtype = torch.float32) -> N:
    """The network on its device, with weights laid out channels last, which is the faster way round everywhere."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network.to(runtime.device, dtype)


@contextmanager
def enough_memory(refused: type[GeoUNetError], advice: str) -> Iterator[None]:
    """Turns the error of a device, or of this machine, that has no memory left into one of ours that says what to do.

    Raises:
        GeoUNetError: of the class `refused`.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        words = " ".join(str(error).split())
        if not isinstance(error, MemoryError) and not any(word in words for word in _OUT_OF_MEMORY):
            raise
        where = "the GPU" if "CUDA" in words or "CUBLAS" in words or "CUDNN" in words else "this machine"
        raise refused(f"{where} has not enough memory; {advice}") from error


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Context in which small operations do not pay for waking other threads up; they are wanted elsewhere, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
