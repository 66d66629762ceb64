"""What guards an output folder: the job that made it, so that another one neither continues nor overwrites it."""

import json
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from geounet.errors import OutputError, SettingsError
from geounet.files import held, translated, whole_file

NAME = "job.json"
State = Literal["new", "unfinished"]
T = TypeVar("T")
_LONGEST = 30  # letters of a value that an error names: a hash tells nobody anything
_SAID = {  # what settings are called where people give them, unless it is by their own name
    "scenes": "the scenes",
    "model_sha256": "--model",
    "threads": "--workers",
    "vectors": "--no-vectors",
    "geounet": "the version of geounet",
    "backend_version": "the version of PyTorch",
}
_HIDDEN = ".job"  # with which the lock's name begins, and that of a mark which a killed job was writing


@dataclass(frozen=True, slots=True)
class Guard:
    """A folder, the settings of the job that wants to write it, and the file that shows it to be finished."""

    folder: Path
    settings: Mapping[str, object]
    last: str

    @property
    def is_marked(self) -> bool:
        """Whether the folder is this job's."""
        return remembered(self.folder) == self._wanted()

    @property
    def is_finished(self) -> bool:
        """Whether this job was finished here before."""
        return self.is_marked and (self.folder / self.last).exists()

    def state(self, *, overwrite: bool) -> State:
        """Whether this job is to start here, or to go on: an unfinished one goes on, overwritten or not.

        Raises:
            OutputError: the folder holds another job's output and may not be overwritten, or other things, and never
                may.
        """
        with translated(self.folder, "looked at"):
            if not self.folder.exists():
                return "new"
            if not self.folder.is_dir():
                raise OutputError(f"{self.folder} is a file; choose another --out")
            is_empty = self._holds_only(())
        if self.is_marked and not (overwrite and self.is_finished):
            return "unfinished"
        if is_empty:
            return "new"
        there, wanted = remembered(self.folder), self._wanted()
        if not there:
            raise OutputError(f"{self.folder} holds other things (no whole {NAME}); choose another --out")
        if overwrite:
            return "new"
        raise OutputError(
            f"{self.folder} holds the output of another job (it differs in {', '.join(differing(there, wanted))}); "
            "choose another --out, or give --overwrite"
        )

    def claim(self) -> None:
        """Mark the folder as this job's."""
        with translated(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.folder / NAME) as unfinished:
            unfinished.write_text(json.dumps(self._wanted(), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Take the mark away again; beside other things it stays, because without it they are nobody's to overwrite."""
        with translated(self.folder):
            if self._holds_only((NAME,)):
                (self.folder / NAME).unlink(missing_ok=True)

    def _holds_only(self, names: Container[str]) -> bool:
        return all(path.name in names or path.name.startswith(_HIDDEN) for path in self.folder.iterdir())

    def _wanted(self) -> dict[str, object]:
        wanted: dict[str, object] = json.loads(json.dumps(dict(self.settings)))
        return wanted


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Makes a folder and keeps other processes off it; at the end one with nothing in it is taken away again.

    Raises:
        OutputError: another process is writing it.
    """
    with suppress(OSError):  # `Guard` says what is in the way
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with held(folder / f"{_HIDDEN}.lock", folder):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def remembered(folder: Path) -> Mapping[str, object]:
    """Settings of the job that a folder is marked with, as they were resolved; none where there is no such job."""
    try:
        settings = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def differing(there: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """Options in which a job differs from the one that was there before, with what they were.

    >>> differing({"vectors": {"min_area": 4}, "threads": 1}, {"vectors": {"min_area": 9}, "threads": 2})
    ['--min-area (was 4)', '--workers (was 1)']
    """
    before, now = _flat(there), _flat(wanted)
    named = {_SAID.get(key, f"--{key.replace('_', '-')}"): before.get(key) for key in _unequal(before, now)}
    return [f"{name} (was {was})" if (was := _in_words(value)) else name for name, value in sorted(named.items())]


def _flat(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings with those of the footprints among them; whether there are any is one of its own."""
    flat = {key: value for key, value in settings.items() if key != "vectors"}
    vectors = settings.get("vectors")
    return flat | (vectors if isinstance(vectors, dict) else {}) | {"vectors": vectors is None}


def _unequal(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    """What differs; of footprints that only one of both makes, not how they are made."""
    keys = before.keys() & now.keys() if before["vectors"] != now["vectors"] else before.keys() | now.keys()
    yield from (key for key in keys if before.get(key) != now.get(key))


def _in_words(value: object) -> str:
    """A value as it is given on the command line; empty for what is not told in a word, such as a file's identity."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    words = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= _LONGEST and not isinstance(value, dict) else ""


def as_before(asked: T | Literal["auto"], before: object, kind: type[T]) -> T | Literal["auto"]:
    """A setting as it was asked for; where that is `auto`, what it was resolved to before, if that is known.

    >>> as_before("auto", 4, int), as_before(2, 4, int), as_before("auto", None, int)
    (4, 2, 'auto')
    """
    return before if asked == "auto" and isinstance(before, kind) else asked


@contextmanager
def begun_with(folder: Path, before: Mapping[str, object]) -> Iterator[None]:
    """Adds to an error of device or precision that the folder's job was begun with the ones it remembers.

    Raises:
        SettingsError: naming the folder.
    """
    try:
        yield
    except SettingsError as error:
        if "device" not in before:
            raise
        raise SettingsError(
            f"{folder} was begun on {before.get('device')} in {before.get('precision')}; go on where it is, or begin "
            f"again with --overwrite and another --device ({error})"
        ) from error
