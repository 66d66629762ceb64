"""inform: what a file or folder is, in a few facts; of a job that is not finished, how to go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from geounet.chips import SPLITS, ChipsCard
from geounet.errors import SceneError
from geounet.io.scene import open_scene
from geounet.io.vector_facts import ENDINGS, vector_facts
from geounet.jobs.datasets import is_layout
from geounet.jobs.guard import remembered
from geounet.jobs.inform_raster import raster_facts
from geounet.jobs.outputs import PARTS, SUMMARY
from geounet.jobs.train_run import METRICS
from geounet.jobs.windows import NAME as WINDOWS
from geounet.jobs.windows import WindowSet
from geounet.nn.checkpoint import NAME as CHECKPOINT
from geounet.nn.model_file import NAME as MODEL
from geounet.nn.model_file import load_model
from geounet.track import Track, untracked

Facts = Mapping[str, object]


def inform(path: Path, track: Track = untracked) -> Facts:  # noqa: PLR0911 (one for each kind)
    """Facts about a scene, a model or training run, training windows, a map, its rasters, padded windows, or polygons.

    `kind` says which; of a job that is not finished `state` says how to go on.

    Raises:
        GeoUNetError: a file that is none of these.
    """
    if (path / "chips.json").exists():
        return _chips(path)
    if (path / MODEL).exists() or path.suffix == ".safetensors":
        return _model(path)
    if (path / SUMMARY).exists():
        return _map(path)
    if (path / WINDOWS).exists():
        return _windows(path)
    if remembered(path):
        return _unfinished_map(path)
    if (path / CHECKPOINT).exists():
        return {"kind": "training run", "state": "unfinished, without a model as yet; go on with train --resume"}
    if is_layout(path):
        return _data_set(path)
    if path.is_dir() and path.suffix != ".gdb":
        raise SceneError(
            f"{path} is a folder without training windows, model or map; give one, or a scene, a model file or polygons"
        )
    if path.suffix.casefold() in ENDINGS:
        return {"kind": "polygons", **vector_facts(path)}
    return raster_facts(path, track) or _scene(path)


def _chips(path: Path) -> dict[str, object]:
    card = ChipsCard.read(path)
    return {
        "kind": "training windows",
        "windows": {split: len(card.of_split(split)) for split in SPLITS},
        "size": card.size,
        "bands": list(card.colours),
        "dtype": card.dtype,
        "ground_resolution": card.ground_resolution,
        "classes": list(card.legend.names),
        "contact_width": card.contact_width,
        "shares": {split: shares_of(card, split) for split in SPLITS},
        "origin": dict(card.origin),
    }


def shares_of(card: ChipsCard, split: str) -> dict[str, float]:
    """Share of each class in the windows of a split, each window counted by its valid pixels; none without windows."""
    windows = [card.windows[i] for i in card.of_split(split) if card.windows[i].shares]
    total = sum(window.valid for window in windows)
    return {
        c.name: round(sum(window.valid * window.shares[c.id] for window in windows) / total, 4)
        for c in card.legend.classes
        if windows
    }


def _model(path: Path) -> dict[str, object]:
    network, card = load_model(path)
    is_unfinished = path.is_dir() and (path / CHECKPOINT).exists() and not (path / METRICS).exists()
    return {
        "kind": "model",
        **({"state": "its training is unfinished; go on with train --resume"} if is_unfinished else {}),
        "architecture": asdict(card.architecture),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "bands": list(card.colours),
        "dtype": card.dtype,
        "ground_resolution": card.ground_resolution,
        "classes": list(card.legend.names),
        "contact_width": card.contact_width,
        "halo": card.halo,
        "alignment": card.alignment,
        "training": dict(card.training),
    }


def _map(path: Path) -> dict[str, object]:
    try:
        summary: dict[str, object] = dict(json.loads((path / SUMMARY).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SceneError(f"{path / SUMMARY} cannot be read ({error}); run infer again") from error
    return {"kind": "map", **summary}


def _unfinished_map(path: Path) -> dict[str, object]:
    """How far a map is, and what its job was begun with."""
    job = remembered(path)
    scenes = job.get("scenes")
    sheets = scenes if isinstance(scenes, list) else []
    names = [str(scene.get("name")) for scene in sheets if isinstance(scene, dict)]
    told = ("model_sha256", "device", "precision", "window", "stitch", "tta", "threshold", "threads", "geounet")
    return {
        "kind": "map",
        "state": f"unfinished, as its {SUMMARY} is missing; the same infer command again goes on where it was",
        "scenes": names,
        "parts_written": sum(1 for _ in (path / PARTS).glob("*.tif")),
        **{key: job[key] for key in told if key in job},
    }


def _windows(path: Path) -> dict[str, object]:
    """Padded windows that `tile --inference` cut for another tool."""
    cut = WindowSet.read(path)
    predicted = sum(1 for name in cut.names if any(path.glob(f"{name}.*")))
    return {
        "kind": "padded windows",
        "windows": len(cut.names),
        "of_a_grid_of": len(cut.grid),
        "files_there": predicted,
        "window": list(cut.grid.window_shape),
        "halo": cut.grid.halo,
        "size": list(cut.frame.shape),
        "crs": cut.frame.crs_name,
        "ground_resolution": cut.frame.ground_resolution,
        "next": "predict them under the same names, then run geounet stitch",
    }


def _data_set(path: Path) -> dict[str, object]:
    """A folder of images and labels as data sets come."""
    folders = [name for split in SPLITS for name in (split, f"{split}_labels") if (path / name).is_dir()]
    return {
        "kind": "images and labels",
        "files": {name: sum(file.is_file() for file in (path / name).iterdir()) for name in folders},
        "next": f"geounet tile {path}",
    }


def _scene(path: Path) -> dict[str, object]:
    with open_scene(path) as scene:
        frame = scene.native
        return {
            "kind": "scene",
            "size": list(frame.shape),
            "bands": list(scene.bands.colours),
            "alpha": scene.bands.alpha is not None,
            "dtype": scene.dtype.name,
            "crs": frame.crs_name,
            "ground_resolution": frame.ground_resolution,
            "bounds": list(frame.bounds),
        }
