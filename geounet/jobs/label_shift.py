"""How far the labels of a scene lie from its imagery, and what is done about it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geounet.errors import SettingsError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.scene import Scene
from geounet.jobs.label_set import Labels
from geounet.legend import IGNORE
from geounet.offset import Offset, agreement, best_offset, edges, gradient_strength

log = logging.getLogger(__name__)

LabelShift = tuple[float, float] | Literal["auto", "none"]

_SIDE = 512  # pixels of the windows that are looked at
_MOST = 400  # windows: of a large scene, as many of those with labels, spread over it
_REACH = 5.0  # metres to each side that are searched
_SMOOTH = 0.3  # metres
_NEAR = 1.0  # metres within which two displacements count as one
_LEAST = 0.5  # pixels: labels that lie nearer are left where they are
_FEWEST = 3  # pixels to each side, of coarse imagery


@dataclass(frozen=True, slots=True)
class Shift:
    """How labels were moved on the ground: metres to the east and north (pixels right and up where there is no CRS).

    Args:
        note: what was found where it was looked for.
    """

    east: float
    north: float
    cols: float
    rows: float
    note: str | None = None

    def applied(self, labels: Labels) -> Labels:
        """The labels where they belong."""
        return labels.moved(self.cols, self.rows) if self.cols or self.rows else labels

    def to_json(self) -> dict[str, object]:
        return {"east": round(self.east, 3), "north": round(self.north, 3), "note": self.note}


def shift_of(wanted: LabelShift, scene: Scene, labels: Labels) -> Shift:
    """How the labels of a scene are to be moved.

    Args:
        wanted: metres to the east and north; or auto: as the imagery says, if that is sure, and half a pixel or more.

    Raises:
        SettingsError: metres that are no numbers.
    """
    if wanted == "auto":
        return _found(scene, labels)
    if wanted == "none":
        return Shift(0.0, 0.0, 0.0, 0.0)
    if not np.isfinite(wanted).all():
        raise SettingsError(f"--label-shift {wanted[0]:g},{wanted[1]:g} must be metres to the east and north")
    cols, rows = np.linalg.solve(_steps(scene.frame), np.array(wanted))
    return Shift(*wanted, float(cols), float(rows))


def _found(scene: Scene, labels: Labels) -> Shift:
    """The shift that the imagery asks for, or none where that is not sure."""
    found = found_offset(scene, labels) if scene.frame.crs is not None else None
    if found is None:
        return _left("shows no edge of them" if scene.frame.crs else "has no CRS, so that metres are unknown", scene)
    east, north = (float(v) for v in _steps(scene.frame) @ np.array([found.cols, found.rows]))
    told = f"{east:+.2f} m east, {north:+.2f} m north"
    if found.doubt is not None:
        return _left(f"suggests {told}, but {found.doubt}", scene)
    if np.hypot(found.cols, found.rows) < _LEAST:
        return _left(f"agrees with them ({told})", scene)
    log.info("labels of %s are moved by %s, where the imagery has their edges", scene.path, told)
    return Shift(east, north, found.cols, found.rows, "moved: as the edges in the imagery say")


def _left(why: str, scene: Scene) -> Shift:
    log.info("labels of %s stay where they are: the imagery %s", scene.path, why)
    return Shift(0.0, 0.0, 0.0, 0.0, f"not moved: the imagery {why}")


def found_offset(scene: Scene, labels: Labels) -> Offset | None:
    """The offset that the imagery of a scene asks for; None where it shows no edge of a label."""
    resolution = scene.frame.ground_resolution or 1.0
    reach = max(_FEWEST, round(_REACH / resolution))
    sigma = max(0.7, _SMOOTH / resolution)
    height, width = scene.frame.shape
    sums = np.zeros((4, 2 * reach + 1, 2 * reach + 1))
    weights = np.zeros(4)
    for window in _labelled(scene.frame, labels):
        lines = edges(_buildings(labels, window), sigma)
        pixels, valid = scene.read(window.grown(reach))
        strength = gradient_strength(pixels.values, valid.values[0], sigma)
        middle = window.row + window.height // 2, window.col + window.width // 2
        quarter = 2 * (middle[0] * 2 >= height) + (middle[1] * 2 >= width)
        sums[quarter] += agreement(lines, strength, reach)
        weights[quarter] += lines.sum()
    return best_offset(list(sums), list(weights), max(_NEAR / resolution, 1.5)) if weights.any() else None


def _labelled(frame: Frame, labels: Labels) -> Sequence[Window]:
    """Windows of a scene that hold labels, from its top to its bottom."""
    tops, lefts = range(0, frame.height, _SIDE), range(0, frame.width, _SIDE)
    windows = [Window(row, col, _SIDE, _SIDE).within(frame.window) for row in tops for col in lefts]
    held = [window for window in windows if _buildings(labels, window).any()]
    return held[:: -(-len(held) // _MOST)] if held else []


def _buildings(labels: Labels, window: Window) -> NDArray[np.bool_]:
    classes = labels.burnt(window)
    found: NDArray[np.bool_] = (classes != 0) & (classes != IGNORE)
    return found


def _steps(frame: Frame) -> NDArray[np.float64]:
    """Metres east and north (rows) that one column and one row (columns) are; of pixels, right and up."""
    steps = frame.ground_steps
    return np.array([[1.0, 0.0], [0.0, -1.0]]) if steps is None else steps
