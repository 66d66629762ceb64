"""report.html of a finished training: its scores, its curves, windows that it was tested on."""

from pathlib import Path

from geounet.errors import ModelError
from geounet.files import whole_file
from geounet.jobs.outputs import REPORT
from geounet.jobs.report import training_pictures
from geounet.jobs.report_facts import model_rows
from geounet.jobs.report_sources import read_json
from geounet.jobs.train_run import METRICS
from geounet.nn.model_file import model_hash, read_card
from geounet.report.content import Content
from geounet.report.figures import listed, metric_tables, number, short
from geounet.report.page import page

_NAMES = {
    "average": "Weight of the past in the running average",
    "shares": "Parts of a batch",
    "validate_every": "Validated every",
    "warmup": "Learning rate rises for",
}
_UNITS = {"validate_every": " steps", "warmup": " steps", "batch_size": " windows"}
_SCORES = ("pixel", "validation_pixels", "validation_windows", "training_windows")


def write_run_report(run: Path) -> Path:
    """Make report.html of a finished training anew, from what lies in its folder.

    Raises:
        ModelError: the folder holds no finished training.
        OutputError: the report cannot be written.
    """
    metrics = read_json(run / METRICS)
    if metrics is None:
        raise ModelError(f"{run} holds no finished training (no whole {METRICS}); run geounet train with --resume")
    card, digest = read_card(run), model_hash(run)
    iou, seconds = metrics.get("iou"), metrics.get("seconds")
    names = listed([cls.name for cls in card.legend.foreground])
    score = f"IoU {number(float(iou))} on the validation windows" if isinstance(iou, int | float) else "not scored"
    plan = metrics.get("plan")
    plain = (
        {key: value for key, value in plan.items() if type(value) in (int, float, str)}
        if isinstance(plan, dict)
        else {}
    )
    content = Content(
        title=f"Training of {short(run.resolve().name)}",
        lead=f"A model of {names}: {score}.",
        ground=None,
        summary=[
            *model_rows(card, digest),
            *((_name(key), _told(value) + _UNITS.get(key, "")) for key, value in plain.items()),
        ],
        timing=[("In all", f"{seconds:,.1f} s")] if isinstance(seconds, int | float) else [],
        figures=metric_tables({key: metrics[key] for key in _SCORES if key in metrics}),
        pictures=training_pictures(run),
    )
    with whole_file(run / REPORT) as unfinished:
        unfinished.write_text(page(content), encoding="utf-8", newline="\n")
    return run / REPORT


def _name(key: str) -> str:
    return _NAMES.get(key) or short(key).replace("_", " ").capitalize()


def _told(value: int | float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else short(value)
