"""What a report is made from: a finished map's folder, and the scene and the training that it tells of."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard, TypeVar

from geounet.card import ModelCard
from geounet.errors import ModelError, SceneError
from geounet.files import is_remote
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Nodata, Reading
from geounet.jobs.guard import remembered
from geounet.jobs.outputs import SUMMARY

Json = Mapping[str, object]
T = TypeVar("T")

FOUND_AT = "found_at"


def found_at(folder: Path, scenes: Sequence[Path | str], model: Path) -> dict[str, object]:
    """Where a map's scenes and model lie, by paths from its folder: they stay right where all are moved together."""
    return {FOUND_AT: {"scenes": [_from(folder, scene) for scene in scenes], "model": _from(folder, model)}}


def _from(folder: Path, path: Path | str) -> str:
    if is_remote(path):
        return str(path)
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return Path(path).absolute().as_posix()


@dataclass(frozen=True, slots=True)
class MapSources:
    """A finished map's folder, what it says of its making, and the job that it was."""

    folder: Path
    summary: Json
    job: Json

    @classmethod
    def of(cls, folder: Path) -> "MapSources":
        """Those of a finished map.

        Raises:
            SceneError: the folder holds no finished map.
        """
        summary = read_json(folder / SUMMARY)
        if summary is None:
            raise SceneError(f"{folder} holds no finished map (no whole {SUMMARY}); run geounet infer --out {folder}")
        return cls(folder, summary, remembered(folder))

    @property
    def scene_names(self) -> list[str]:
        """Of the scenes, without their folders."""
        names = self.summary.get("scenes")
        return [Path(str(name)).name for name in names] if isinstance(names, list) else []

    @property
    def model_sha256(self) -> str:
        return str(self.summary.get("model_sha256", ""))

    @contextmanager
    def scene(self, *, may_fetch: bool) -> Iterator[Scene]:
        """The scene that was mapped, on its own pixels, read as it was then.

        Args:
            may_fetch: whether a scene that is no file on this machine may be asked for.

        Raises:
            SceneError: it is not there any more, is another one now, or would have to be fetched.
        """
        paths, identities, bands = self._scene_paths(), self.job.get("scenes"), self.job.get("bands")
        if not paths or not _all(identities, dict) or not _all(bands, int):
            raise SceneError(f"{self.folder} does not tell which scene was mapped; map it again")
        if not may_fetch and (remote := [path for path in paths if is_remote(path)]):
            raise SceneError(f"{remote[0]} would have to be fetched; copy it to a file and map that")
        reading = Reading(bands, nodata=_nodata(self.job.get("nodata")), unreadable=_left_out)
        with open_scene(paths, reading) as scene:
            there = json.loads(json.dumps(scene.identity))
            if list(map(_lasting, there)) != list(map(_lasting, identities)):
                raise SceneError(f"{scene.path} is another file than the one that was mapped; put that one there")
            yield scene

    def training(self) -> Path | None:
        """The folder of the training that the map's model came from; None where it is not there any more."""
        path = self._found("model")
        if path is None:
            return None
        place = _there(self.folder, path)
        model = place / "model.safetensors" if place.is_dir() else place
        try:
            with model.open("rb") as file:
                is_same = hashlib.file_digest(file, "sha256").hexdigest() == self.model_sha256
        except OSError:
            return None
        return model.parent if is_same else None

    def card(self) -> ModelCard | None:
        """The model's card; None where the model is not there any more."""
        from geounet.nn.model_file import read_card

        path = self._found("model")
        if path is None or self.training() is None:
            return None
        try:
            return read_card(_there(self.folder, path))
        except ModelError:
            return None

    def _found(self, key: str) -> str | None:
        found = self.summary.get(FOUND_AT)
        value = found.get(key) if isinstance(found, Mapping) else None
        return value if isinstance(value, str) else None

    def _scene_paths(self) -> list[str]:
        found = self.summary.get(FOUND_AT)
        paths = found.get("scenes") if isinstance(found, Mapping) else None
        if not isinstance(paths, list):  # a map of before paths were kept
            return [str(path) for path in self._listed("scenes")]
        return [str(path) if is_remote(str(path)) else str(_there(self.folder, str(path))) for path in paths]

    def _listed(self, key: str) -> list[object]:
        value = self.summary.get(key)
        return value if isinstance(value, list) else []


def _there(folder: Path, path: str) -> Path:
    """The inverse of `_from`: like it, by the names alone, whatever links they are."""
    return Path(os.path.normpath(folder.absolute() / path))


def read_json(path: Path) -> Json | None:
    """What a file of JSON holds; None where it is missing, damaged, or no mapping."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _left_out(path: str, window: object) -> None:
    """A block that cannot be read is left out of a picture."""


def _all(values: object, kind: type[T]) -> TypeGuard[list[T]]:
    """Whether JSON has a list there, of one kind alone."""
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _lasting(identity: Mapping[str, object]) -> Json:
    """What tells a scene from another after it was copied."""
    return {key: value for key, value in identity.items() if key not in ("files", "modified_ns")}


def _nodata(text: object) -> Nodata:
    """How nodata was asked for, as `job.json` tells it."""
    if text in ("auto", "none"):
        return "auto" if text == "auto" else "none"
    try:
        return float(str(text))
    except ValueError:
        return "auto"
