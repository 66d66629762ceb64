"""Journal: what a job notes on its way, so that it can go on after it was killed."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from geounet.files import translated

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Journal:
    """A file of entries, each with the same named values, one a line."""

    path: Path

    def add(self, **entry: object) -> None:
        """Bring an entry to the disk.

        Raises:
            OutputError: the disk is full or the folder cannot be written.
        """
        with translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # a killed job may have left half a line: this one begins its own
                file.write("\n" + json.dumps(entry))
                file.flush()
                os.fsync(file.fileno())

    def read(self, made_of: Callable[..., T]) -> list[T]:
        """What is made of the values of each entry, in order; half a line, or what nothing is made of, is skipped."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                found.append(made_of(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found
