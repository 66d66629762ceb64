"""Pictures of a map that a report shows: its classes and its probability."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geounet.errors import LabelError
from geounet.frame import Frame
from geounet.io.class_table import category_names
from geounet.io.picture import Smaller, averaged, nearest
from geounet.io.scene import open_scene
from geounet.io.source import Reading
from geounet.io.strips import open_strips
from geounet.jobs.outputs import CLASSES, PROBABILITY
from geounet.legend import BACKGROUND, NODATA, colour_of
from geounet.report.content import Overlay, colour_or
from geounet.report.figures import short
from geounet.report.images import flat, ramp
from geounet.rule import LEVELS

LARGEST = 4096  # pixels of a picture's side
_STEPS = 15  # of probability that are told apart: with what is transparent, four bits a pixel
_ROOM = 2_000_000  # bytes for each raster of the map

# Cividis (Nuñez, Anderton & Renslow 2018), which is read alike with any kind of colour vision; transparent at 0
_RAMP = (
    (0.0, (0, 34, 78, 0)),
    (0.1, (0, 34, 78, 110)),
    (0.25, (53, 69, 108, 190)),
    (0.5, (125, 124, 120, 230)),
    (0.75, (188, 174, 108, 255)),
    (1.0, (254, 232, 56, 255)),
)


@dataclass(frozen=True, slots=True, eq=False)
class MapRaster:
    """What a map's raster of classes says of itself.

    Args:
        names: of the classes by their ids, as the file has them; nothing is known of what they are.
    """

    frame: Frame
    names: Mapping[int, str]
    colours: Mapping[int, str]
    date: str

    @classmethod
    def of(cls, folder: Path) -> "MapRaster":
        """That of a map's folder.

        Raises:
            SceneError: there is none, or it cannot be read.
        """
        path = folder / CLASSES
        with open_strips(path) as strips:
            frame, table, date = strips.frame, strips.colours, strips.tags.get("GEOUNET_SCENE_DATE", "unknown")
        try:
            names = {number: name for number, name in category_names(path).items() if BACKGROUND < number < NODATA}
        except LabelError:  # a damaged sidecar: the classes are there without it
            names = {}
        names = names or {1: "building"}
        return cls(
            frame, names, {number: colour_or(table.get(number, ""), colour_of(number)) for number in names}, date
        )


@dataclass(frozen=True, slots=True)
class Shares:
    """Of a map's pixels the share that has data, and of these the shares of its classes by their ids."""

    known: float
    classes: Mapping[int, float]

    @property
    def covered(self) -> float:
        return sum(self.classes.values())


def class_overlay(folder: Path, raster: MapRaster) -> tuple[Overlay, Shares]:
    """The classes in their colours, and how large a share each has.

    Raises:
        SceneError: the raster cannot be read.
    """
    with open_scene(folder / CLASSES, Reading(nodata=NODATA)) as scene:
        smaller = Smaller.of(scene.native.window, LARGEST)
        ids: NDArray[np.uint8] = np.zeros(smaller.shape, np.uint8)
        counts, known = np.zeros(256, np.int64), 0
        for rows, values, valid in nearest(scene, smaller):
            ids[rows] = np.where(valid, values[0], BACKGROUND)
            counts += np.bincount(ids[rows][valid], minlength=256)
            known += int(valid.sum())
    palette = [(0, 0, 0, 0)] * (1 + max(int(ids.max()), *raster.names))
    for number, colour in raster.colours.items():
        palette[number] = (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16), 255)
    overlay = Overlay(
        "classes",
        "Classes",
        "The classes of the map in their colours",
        flat(ids, palette, _ROOM),
        _whole(raster.frame),
        raster.frame.shape,
        opacity=0.7,
        keys=[(raster.colours[number], short(name)) for number, name in sorted(raster.names.items())],
    )
    return overlay, Shares(known / ids.size, {id_: float(counts[id_] / max(known, 1)) for id_ in raster.names})


def probability_overlay(folder: Path, raster: MapRaster) -> Overlay:
    """The probability of the likeliest class other than background.

    Raises:
        SceneError: the raster cannot be read.
    """
    with open_scene(folder / PROBABILITY, Reading(nodata=NODATA)) as scene:
        smaller = Smaller.of(scene.native.window, LARGEST)
        steps: NDArray[np.uint8] = np.zeros(smaller.shape, np.uint8)
        for rows, values, valid in averaged(scene, smaller):
            share = values.max(axis=0) / LEVELS
            steps[rows] = np.where(valid, 1 + np.minimum(share * _STEPS, _STEPS - 1).astype(np.uint8), 0)
    colours = ramp(_RAMP, _STEPS)
    ends = {0: "0", _STEPS - 1: "1"}
    return Overlay(
        "probability",
        "Probability",
        "The probability of the likeliest class, from dark blue to yellow",
        flat(steps, [(0, 0, 0, 0), *colours], _ROOM),
        _whole(raster.frame),
        raster.frame.shape,
        opacity=0.85,
        keys=[("#{:02x}{:02x}{:02x}".format(*rgba[:3]), ends.get(step, "")) for step, rgba in enumerate(colours)],
        is_scale=True,
    )


def _whole(frame: Frame) -> tuple[float, float, float, float]:
    return 0.0, 0.0, float(frame.width), float(frame.height)
