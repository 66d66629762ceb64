"""The folder of a training: whose it is, whether it is finished, and what in it may be replaced."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from geounet.errors import OutputError, SettingsError
from geounet.files import translated
from geounet.jobs.outputs import REPORT
from geounet.nn.checkpoint import NAME as CHECKPOINT
from geounet.nn.model_file import NAME as MODEL

log = logging.getLogger(__name__)

METRICS = "metrics.json"  # written last: a run that has it is finished
HISTORY = "history.csv"
CURVES = "curves.png"
SAMPLES = "samples.png"
PAGE = "MODEL.md"
LEDGER = "mlflow.txt"  # the page of this training in a ledger; the ledger itself stays
ALL = (METRICS, CHECKPOINT, MODEL, HISTORY, CURVES, SAMPLES, PAGE, LEDGER, REPORT)  # the proof of the others first


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A finished training.

    Args:
        run: folder of all it wrote; `model`: the file that `infer` takes.
        steps: done in all; `best_step`: after which the kept weights were.
        iou: mean IoU of the foreground classes over all validation pixels; None without validation windows.
        class_iou: IoU of each class by name; None where neither truth nor answer has it.
        repeated: whether the identical job was finished before, and nothing was done.
    """

    run: Path
    model: Path
    steps: int
    best_step: int
    iou: float | None
    class_iou: dict[str, float | None]
    seconds: float
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A folder, and all that the weights trained in it depend on, as JSON gives it back."""

    folder: Path
    identity: Mapping[str, object]

    @property
    def checkpoint(self) -> Path:
        return self.folder / CHECKPOINT

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    def finished(self, *, overwrite: bool) -> TrainResult | None:
        """The result of the same training if it was finished before; None where the folder holds no finished one.

        Raises:
            OutputError: another finished training, and it may not be overwritten.
        """
        path = self.folder / METRICS
        if overwrite or not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            other = difference(content["job"], self.identity)
            result = TrainResult(
                run=self.folder,
                model=self.model,
                steps=content["steps"],
                best_step=content["best_step"],
                iou=content["iou"],
                class_iou=content["class_iou"],
                seconds=content["seconds"],
                repeated=True,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise OutputError(f"{path} cannot be read ({error}); choose another --out, or --overwrite") from error
        if other:
            raise OutputError(
                f"{self.folder} holds another finished training ({other}); choose another --out, or --overwrite"
            )
        if not self.model.is_file():
            raise OutputError(f"{self.folder} has lost its {MODEL}; train again with --overwrite")
        log.info("%s holds this training, finished; nothing to do", self.folder)
        return result

    def clear(self, *, resume: bool, overwrite: bool) -> None:
        """Make room: what an earlier training left goes if that was asked for, or if there is nothing to go on from.

        Raises:
            OutputError: an unfinished training, and neither is asked for.
        """
        if resume and self.checkpoint.exists() and not (self.folder / METRICS).exists():
            return
        if resume and not self.checkpoint.exists():
            log.warning("%s has nothing to go on from: the training begins at its first step", self.folder)
        left = [self.folder / name for name in ALL if (self.folder / name).exists()]
        if left and not (resume or overwrite):
            raise OutputError(
                f"{self.folder} holds an unfinished training; go on with --resume, or begin again with --overwrite"
            )
        with translated(self.folder):
            for path in left:
                path.unlink(missing_ok=True)

    def check_same(self, before: str) -> None:
        """Compare with the identity that a checkpoint was written with.

        Raises:
            SettingsError: naming all that differs.
        """
        other = difference(json.loads(before), self.identity)
        if other:
            raise SettingsError(
                f"{self.folder} began otherwise ({other}); resume it as it began, or begin again with --overwrite"
            )


def difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """What one training has otherwise than another, in words; empty where they are the same.

    >>> difference({"lr": 0.1, "chips": "3f"}, {"lr": 0.2, "chips": "a0"})
    'the training windows were others, lr was 0.1 and is 0.2 now'
    """
    named = {
        "chips": "the training windows were others",
        "samples": "this version of geounet varies its samples otherwise",
        "synthetic": "synthetic towns were others, or none: --synthetic",
        "init": "--init was another model, or none",
    }
    return ", ".join(
        named.get(name, f"{name} was {before.get(name)} and is {now.get(name)} now")
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )
