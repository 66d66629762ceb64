"""view: the report of a map or of a training, made where it is not there yet."""

import logging
from collections.abc import Iterable
from pathlib import Path

from geounet.errors import OutputError, SceneError
from geounet.jobs.outputs import ERRORS, METRICS, REPORT, SUMMARY

log = logging.getLogger(__name__)

_MODEL = "model.safetensors"


def view(path: Path) -> Path:
    """The report of the finished map or training in a folder, or the report that `path` is itself.

    One that is missing, or older than what it shows, is made anew.

    Raises:
        SceneError: neither a report, nor a finished map or training.
        OutputError: there is none and it cannot be written.
    """
    if path.is_file() and path.suffix.casefold() == ".html":
        return path
    report = path / REPORT
    if (path / SUMMARY).is_file():
        is_map, shown = True, [SUMMARY, METRICS, ERRORS]
    elif (path / _MODEL).is_file() and (path / METRICS).is_file():
        is_map, shown = False, [METRICS, _MODEL]
    elif report.is_file():
        return report
    else:
        raise SceneError(f"{path} holds no report, nor a finished map or training; give infer's --out or train's")
    if _is_current(report, (path / name for name in shown)):
        return report
    try:
        return _made(path, is_map=is_map)
    except OutputError as error:
        if not report.is_file():
            raise
        log.warning("the report is shown as it is: %s", error)
        return report


def _made(path: Path, *, is_map: bool) -> Path:
    log.info("making the report of %s", path)
    if is_map:
        from geounet.jobs.report import write_report

        return write_report(path)
    from geounet.jobs.report_run import write_run_report

    return write_run_report(path)


def _is_current(report: Path, shown: Iterable[Path]) -> bool:
    """Whether a report is there and no older than what it shows."""
    if not report.is_file():
        return False
    made = report.stat().st_mtime_ns
    return all(made >= one.stat().st_mtime_ns for one in shown if one.is_file())
