"""last.ckpt: everything that going on with a training needs; read without unpickling code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch

from geounet.card import Architecture
from geounet.errors import TrainingError
from geounet.files import whole_file
from geounet.nn.device import ROOM, Runtime, enough_memory
from geounet.nn.plan import Plan
from geounet.nn.tally import Tally
from geounet.nn.training import Training, begun
from geounet.nn.unet import UNet

FORMAT = 2
NAME = "last.ckpt"
UNREADABLE = OSError, UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError


def save_checkpoint(path: Path, training: Training, plan: Plan, settings: str) -> None:
    """Write the training so that it goes on with the same bytes; `settings` is whatever must not change between."""
    content = {
        "format": FORMAT,
        "settings": settings,
        "plan": asdict(plan),
        "architecture": asdict(training.network.architecture),
        "network": training.network.state_dict(),
        "average": training.average.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "scaler": training.scaler.state_dict(),
        "step": training.step,
        "best_step": training.best_step,
        "leader": None if training.leader is None else _tensors(training.leader),
        "stale": training.stale,
        "history": training.history,
    }
    with whole_file(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path, runtime: Runtime, check: Callable[[str], None]) -> tuple[Training, Plan]:
    """The training as it was saved, and its plan.

    Args:
        check: refuses the settings that it was saved with, if they are others; before anything is made of it.

    Raises:
        TrainingError: no checkpoint at `path`, or one that is damaged or of another format.
    """
    with _readable(path):
        content = torch.load(path, map_location=runtime.device, weights_only=True)
        if not isinstance(content, dict):
            raise TypeError("it holds no training")
        if content["format"] != FORMAT:
            raise TrainingError(
                f"{path} is of another version of geounet (format {content['format']}, not {FORMAT}); go on with that "
                f"version, or train again with --overwrite"
            )
        settings = str(content["settings"])
    check(settings)
    with _readable(path):
        plan = Plan(**content["plan"])
        training = begun(UNet(Architecture(**content["architecture"])), plan, runtime)
        training.network.load_state_dict(content["network"])
        training.average.load_state_dict(content["average"])
        training.optimizer.load_state_dict(content["optimizer"])
        training.scaler.load_state_dict(content["scaler"])
        for key in ("step", "best_step", "stale", "history"):
            setattr(training, key, content[key])
        if content["leader"] is not None:
            training.leader = Tally(*(counts.cpu().numpy() for counts in content["leader"]))
    return training, plan


def _tensors(tally: Tally) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(tally.classes), torch.from_numpy(tally.contact)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns the errors of reading a checkpoint into a TrainingError."""
    try:
        with enough_memory(TrainingError, ROOM):
            yield
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is not there; start the training without --resume") from error
    except UNREADABLE as error:
        raise TrainingError(f"{path} cannot be read ({_short(error)}); train again with --overwrite") from error


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
