"""What guards an output folder: the job that made it, so that another one neither continues nor overwrites it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geounet.errors import OutputError
from geounet.files import translated, whole_file

NAME = "job.json"
State = Literal["new", "unfinished", "finished"]


@dataclass(frozen=True, slots=True)
class Guard:
    """A folder, the settings of the job that wants to write it, and the file that shows it to be finished."""

    folder: Path
    settings: Mapping[str, object]
    last: str

    def state(self, *, overwrite: bool) -> State:
        """Whether this job is to start here, to go on, or was finished before.

        Raises:
            OutputError: the folder holds something else and may not be overwritten.
        """
        with translated(self.folder, "looked at"):
            if not self.folder.exists():
                return "new"
            if not self.folder.is_dir():
                raise OutputError(f"{self.folder} is a file; choose another --out")
            is_empty, is_done = not any(self.folder.iterdir()), (self.folder / self.last).exists()
        there = self._there()
        if there == self._wanted():
            return "finished" if is_done and not overwrite else "unfinished"
        if overwrite or is_empty:
            return "new"
        if there is None:
            raise OutputError(f"{self.folder} exists already; choose another --out, or give --overwrite")
        wanted = self._wanted()
        differing = sorted(key for key in there.keys() | wanted.keys() if there.get(key) != wanted.get(key))
        raise OutputError(
            f"{self.folder} holds the output of another job (it differs in {', '.join(differing)}); "
            "choose another --out, or give --overwrite"
        )

    def claim(self) -> None:
        """Mark the folder as this job's."""
        with translated(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.folder / NAME) as unfinished:
            unfinished.write_text(json.dumps(self._wanted(), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Take the mark away again, and the folder too where nothing else is in it."""
        with translated(self.folder):
            (self.folder / NAME).unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()

    def _wanted(self) -> dict[str, object]:
        wanted: dict[str, object] = json.loads(json.dumps(dict(self.settings)))
        return wanted

    def _there(self) -> dict[str, object] | None:
        try:
            there = json.loads((self.folder / NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return there if isinstance(there, dict) else None
