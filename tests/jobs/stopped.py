"""Maps made by processes that are stopped: at a moment of their own, or from outside."""

import json
import multiprocessing
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

from geounet_cli.main import main

from geounet.jobs import infer
from geounet.jobs.outputs import ALL, PARTS, PREVIEW, PROJECT, REPORT, SUMMARY
from tests.command import Told

assert infer  # a command imports it late, and a child is to find it there

# children of a process that has the heavy libraries in it start in milliseconds
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])

# wherever a map lies: a summary tells the time, a project the way to the scene
SAME = [name for name in ALL if name not in (PREVIEW, PROJECT, SUMMARY)]
PART_BYTES = 4096  # of input: each window is a part
_EXACT = ("--device", "cpu", "--precision", "fp32", "--workers", "1")
_CHANGES = ("tempfile.mkstemp", "os.chmod", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "sqlite3.connect")

_TIMING = rb'<script type="application/json" id="timing">.*?</script>'  # of a report: how long it took

KILLED = partial(signal.raise_signal, signal.SIGKILL)


@dataclass(frozen=True)
class Stop:
    """What befalls a process just before it changes something in its folder, the `nth` time: by default, its end."""

    moment: str
    nth: int = 1
    fate: Callable[[], object] = KILLED


@dataclass(frozen=True)
class Left:
    """How a process ended, what it said, and what it changed in its folder, in order."""

    status: int
    said: str
    moments: list[str]

    @property
    def error(self) -> str:
        """The one line of an error that it said."""
        return Told(self.status, "", self.said).error


@dataclass(frozen=True)
class Map:
    """A map to be made, each window a part of its own.

    Args:
        options: more words of the command; the last of two alike counts.
        sheets: beside the scene, of a mosaic.
        limits: values that constants of modules are given for it, by their dotted names.
    """

    scene: Path
    model: Path
    out: Path
    options: Sequence[str] = ()
    sheets: Sequence[Path] = ()
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """The command that makes it."""
        paths = (self.scene, *self.sheets, "--model", self.model, "--out", self.out)
        smallest = ("--window", 64, "--min-area", 0.4, "--fill-holes", 0)
        return [str(word) for word in ("infer", *paths, *smallest, *_EXACT, *self.options)]

    def made(self, stop: Stop | None = None, *, killed_after: float | None = None) -> Left:
        """Make it in a process that is stopped at a moment, or killed after so many seconds, or left alone."""
        said, moments = self.scene.with_suffix(".said"), self.scene.with_suffix(".moments")
        child = PROCESSES.Process(target=_make, args=(self, stop, said, moments))
        child.start()
        child.join(killed_after)
        child.kill()
        child.join()
        assert child.exitcode is not None
        return Left(child.exitcode, said.read_text(), moments.read_text().splitlines())

    def contents(self) -> dict[str, bytes]:
        """Of its finished files; those that are the same in all maps of one scene."""
        found = {name: (self.out / name).read_bytes() for name in (*SAME, REPORT) if (self.out / name).exists()}
        return {name: re.sub(_TIMING, b"", content) for name, content in found.items()}

    def summary(self) -> dict[str, object]:
        summary: dict[str, object] = json.loads((self.out / SUMMARY).read_text())
        return summary

    def noted_parts(self) -> dict[str, tuple[int, int] | None]:
        """Of each part in the journal the file's number and time, which change when it is written again."""
        try:
            lines = (self.out / PARTS / "journal.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return {}
        noted = [json.loads(line) for line in lines if line.endswith("}")]
        return {str(entry["window"]): self._file(entry["window"]) for entry in noted}

    def _file(self, window: list[int]) -> tuple[int, int] | None:
        row, col, *_ = window
        path = self.out / PARTS / f"r{row:07d}c{col:07d}.tif"
        return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def _make(asked: Map, stop: Stop | None, said: Path, moments: Path) -> None:
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
    small = {f"geounet.jobs.{stitching}.PART_BYTES": PART_BYTES for stitching in ("predict", "blend")}
    for name, value in (small | dict(asked.limits)).items():
        module, _, constant = name.rpartition(".")
        setattr(import_module(module), constant, value)
    told, passed = moments.open("w"), Counter[str]()

    def before(event: str, arguments: tuple[object, ...]) -> None:
        moment = _moment(asked.out, event, arguments)
        if moment is None:
            return
        passed[moment] += 1
        print(moment, file=told, flush=True)
        if stop is not None and (moment, passed[moment]) == (stop.moment, stop.nth):
            stop.fate()

    sys.addaudithook(before)
    main(asked.words)


def _moment(folder: Path, event: str, arguments: tuple[object, ...]) -> str | None:
    """What is about to be changed in a folder, in words that are the same on every run; None where nothing is."""
    if event not in _CHANGES and not (event == "open" and arguments[1] in ("w", "a", "wb", "ab")):
        return None
    path = str(arguments[0])
    if not path.startswith(f"{folder}/"):
        return None
    name = re.sub(r"-\w{8}", "-*", path.removeprefix(f"{folder}/"))  # first: in a name of luck r4c1 is no part
    return f"{event} " + re.sub(r"r\d+c\d+", "r*c*", name)
