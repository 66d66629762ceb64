"""Blocks of a scene that could not be read, kept on disk so that a job that goes on still knows them."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from geounet.files import translated
from geounet.grid import Window


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A list of blocks in a folder of parts."""

    folder: Path
    _known: set[tuple[str, Window]] = field(default_factory=set)

    @property
    def _file(self) -> Path:
        return self.folder / "unreadable.jsonl"

    def add(self, path: str, block: Window) -> None:
        """Write a block down, once; it is on the list before what was made of it is."""
        if (path, block) in self._known:
            return
        self._known.add((path, block))
        entry = {"scene": path, "window": [block.row, block.col, block.height, block.width]}
        with translated(self._file):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps(entry))  # a killed job may have left half a line

    def listed(self) -> list[dict[str, object]]:
        """The blocks: `scene` and its pixels [row, column, height, width], each once, in order."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found = set()
        for line in lines:
            try:
                entry = json.loads(line)
                found.add((str(entry["scene"]), Window(*entry["window"])))
            except (ValueError, KeyError, TypeError):
                continue
        return [{"scene": path, "window": [b.row, b.col, b.height, b.width]} for path, b in sorted(found)]
