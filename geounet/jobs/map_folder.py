"""The folder of a map: made ready for a job, recognised when it is finished, cleared of what a killed job left."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geounet.errors import OutputError
from geounet.files import translated, whole_file
from geounet.io.geopackage import clear_way
from geounet.jobs.guard import NAME as JOB
from geounet.jobs.guard import Guard
from geounet.jobs.outputs import ALL, FOOTPRINTS, PARTS, REPORT, SCORES, SUMMARY


@dataclass(frozen=True, slots=True)
class MapFolder:
    """A folder, and all that the answer of its job depends on.

    Args:
        outputs: files that a finished folder holds.
    """

    folder: Path
    settings: Mapping[str, object]
    outputs: Sequence[str]

    @property
    def guard(self) -> Guard:
        return Guard(self.folder, self.settings, SUMMARY)

    @property
    def is_unfinished(self) -> bool:
        """Whether this job was begun here and is to go on."""
        return self.guard.is_marked and not self.guard.is_finished

    def finished(self) -> dict[str, object] | None:
        """The summary of this job where it was finished before, and nothing of what it wrote is missing."""
        if not self.guard.is_finished or (summary := self._summary()) is None:
            return None
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        return summary

    def claim(self, *, overwrite: bool) -> None:
        """Make the folder ready for this job, which goes on there if it was begun there.

        Raises:
            OutputError: the folder cannot be written, or holds something else, or footprints that are open elsewhere.
        """
        # what writes the GeoPackage takes the rest of such a path for a file in an archive
        if FOOTPRINTS in self.outputs and "!" in str(self.folder):
            raise OutputError(
                f"{self.folder} has a '!' in its path, where no GeoPackage can be written; "
                "choose another --out, or give --no-vectors"
            )
        if self.guard.state(overwrite=overwrite) == "new":
            clear_way(self.folder / FOOTPRINTS)
            self._clear()
        self.sweep()
        self.guard.claim()

    def finish(self, summary: Mapping[str, object]) -> None:
        """Write the summary, which is the proof of the other files, and take the parts away."""
        with whole_file(self.folder / SUMMARY) as unfinished:
            unfinished.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(self.folder / PARTS)

    def leave_unbegun(self) -> None:
        """Leave the folder as it was before where there is nothing to go on from: neither parts nor sums of windows."""
        if not any((self.folder / PARTS).rglob("*.tif")):
            shutil.rmtree(self.folder / PARTS, ignore_errors=True)
            self.guard.release()

    def _summary(self) -> dict[str, object] | None:
        """The summary of a finished job; None where it or another output is missing or damaged: it is done again."""
        if not all((self.folder / name).exists() for name in self.outputs):
            return None
        try:
            summary = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return summary if isinstance(summary, dict) else None

    def sweep(self) -> None:
        """Take away what a killed job was writing."""
        with translated(self.folder):
            for name in (*ALL, REPORT, JOB):
                for unfinished in self.folder.glob(f".{Path(name).stem}-*"):
                    unfinished.unlink()

    def _clear(self) -> None:
        """Take away what an earlier job of this kind left, and scores of its map; what it did not write stays."""
        with translated(self.folder):
            for name in (*ALL, REPORT, *SCORES):
                (self.folder / name).unlink(missing_ok=True)
            shutil.rmtree(self.folder / PARTS, ignore_errors=True)
