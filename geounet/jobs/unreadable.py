"""Blocks of a scene that could not be read, kept on disk so that a job that goes on still knows them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geounet.grid import Window
from geounet.io.journal import Journal


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A list of blocks in a folder of parts."""

    folder: Path
    _known: set[tuple[str, Window]] = field(default_factory=set)

    @property
    def _journal(self) -> Journal:
        return Journal(self.folder / "unreadable.jsonl")

    def add(self, path: str, block: Window) -> None:
        """Write a block down, once; it is on the list before what was made of it is."""
        if (path, block) not in self._known:
            self._known.add((path, block))
            self._journal.add(scene=path, window=[block.row, block.col, block.height, block.width])

    def listed(self) -> list[dict[str, object]]:
        """The blocks: `scene` and its pixels [row, column, height, width], each once, in order."""
        found = set(self._journal.read(_entry))
        return [{"scene": path, "window": [b.row, b.col, b.height, b.width]} for path, b in sorted(found)]


def _entry(scene: str, window: Sequence[int]) -> tuple[str, Window]:
    return scene, Window(*window)
