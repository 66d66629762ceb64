"""inform: what a scene, a model, training windows or a map are, in a few facts."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from geounet.chips import SPLITS, ChipsCard
from geounet.errors import SceneError
from geounet.io.scene import open_scene
from geounet.jobs.outputs import SUMMARY
from geounet.nn.model_file import NAME as MODEL
from geounet.nn.model_file import load_model


def inform(path: Path) -> Mapping[str, object]:
    """Facts about a scene, a model (or a training run), a folder of training windows, or a map; `kind` says which.

    Raises:
        GeoUNetError: a file that is none of these.
    """
    if (path / "chips.json").exists():
        return _chips(path)
    if (path / MODEL).exists() or path.suffix == ".safetensors":
        return _model(path)
    if (path / SUMMARY).exists():
        return _map(path)
    if path.is_dir():
        raise SceneError(f"{path} is a folder without training windows, model or map; give one, or a scene")
    return _scene(path)


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
        "shares": {split: _shares(card, split) for split in SPLITS},
        "origin": dict(card.origin),
    }


def _shares(card: ChipsCard, split: str) -> dict[str, float]:
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
    return {
        "kind": "model",
        "architecture": asdict(card.architecture),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "bands": list(card.colours),
        "dtype": card.dtype,
        "ground_resolution": card.ground_resolution,
        "classes": list(card.legend.names),
        "halo": card.halo,
        "alignment": card.alignment,
        "training": dict(card.training),
    }


def _map(path: Path) -> dict[str, object]:
    try:
        summary: dict[str, object] = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
    except ValueError as error:
        raise SceneError(f"{path / SUMMARY} cannot be read ({error}); run infer again") from error
    return {"kind": "map", **summary}


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
