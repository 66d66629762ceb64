"""The scene as a report shows it under a map: all of it made small, and places worth a look as sharp as they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geounet.block import Array
from geounet.errors import SceneError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.picture import Smaller, averaged
from geounet.io.scene import Scene
from geounet.jobs import report_overlays
from geounet.report.content import CloseUp, Overlay
from geounet.report.images import Picture, photograph
from geounet.report.samples import shown_bands

_THUMBNAIL = 900  # pixels of the picture by which a scene's black and white are found
_BLURRED = 1.5  # times smaller, from which on places are shown apart
_AROUND = 120  # pixels of the map to each side of a place
_CLOSE_UP, _CLOSE_UP_ROOM = 480, 24_000  # pixels of a side, and bytes, of a place's picture

Place = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A scene under a map, and how its values become colours: alike in all pictures of it.

    Args:
        to_scene: from pixels of the map to those of the scene.
        window: of the scene, under the map.
        bands, low, high: shown as red, green and blue, and the values that become black and white.
    """

    scene: Scene
    to_scene: Affine
    window: Window
    bands: Sequence[int]
    low: Array
    high: Array

    @classmethod
    def of(cls, scene: Scene, frame: Frame) -> "Look":
        """The look of the part of a scene that lies under a map.

        Raises:
            SceneError: the scene lies elsewhere, or on another grid than the map.
        """
        to_scene = ~scene.native.transform @ frame.transform
        if abs(to_scene.b) + abs(to_scene.d) > 1e-6 * (abs(to_scene.a) + abs(to_scene.e)):
            raise SceneError(f"{scene.path} lies on another grid than the map; map it again")
        window = _under(to_scene, (0, 0, frame.width, frame.height)).within(scene.native.window)
        if not window.area:
            raise SceneError(f"{scene.path} does not lie where the map does; map it again")
        small = Smaller.of(window, _THUMBNAIL)
        return cls(scene, to_scene, window, *shown_bands(*scene.spread_over(window, small.shape), scene.bands.colours))

    def overlay(self, room: int) -> Overlay:
        """All of the scene that lies under the map, in its own pixels as far as there is room for them."""
        smaller = Smaller.of(self.window, report_overlays.LARGEST)
        return Overlay(
            "scene",
            "Scene",
            "The scene from above",
            self._picture(smaller, room),
            self._place(self.window),
            self.window.shape,
            opacity=1.0,
        )

    def close_ups(self, overlay: Overlay, places: Sequence[tuple[float, float]]) -> Iterator[CloseUp]:
        """Surroundings of places of the map (column, row) in the scene's own pixels, where the overlay blurs them."""
        if overlay.whole[0] / overlay.picture.shape[0] < _BLURRED:
            return
        for col, row in places:
            around = (col - _AROUND, row - _AROUND, col + _AROUND, row + _AROUND)
            window = _under(self.to_scene, around).within(self.window)
            if window.area:
                picture = self._picture(Smaller.of(window, _CLOSE_UP), _CLOSE_UP_ROOM)
                yield CloseUp(picture, self._place(window))

    def _place(self, window: Window) -> Place:
        """Where a window of the scene lies in pixels of the map."""
        first = ~self.to_scene @ (window.col, window.row)
        last = ~self.to_scene @ (window.col + window.width, window.row + window.height)
        return (*first, *last)

    def _picture(self, smaller: Smaller, room: int) -> Picture:
        image: NDArray[np.uint8] = np.zeros((*smaller.shape, 3), np.uint8)
        there = np.zeros(smaller.shape, bool)
        for rows, values, valid in averaged(self.scene, smaller):
            share = (np.moveaxis(values[self.bands], 0, -1) - self.low) / np.maximum(self.high - self.low, 1e-6)
            image[rows] = np.where(valid[..., None], 255 * share.clip(0, 1) + 0.5, 0).astype(np.uint8)
            there[rows] = valid
        return photograph(image, there, room)


def _under(to_scene: Affine, place: Place) -> Window:
    """The pixels of a scene that lie under a rectangle of the map."""
    (left, top), (right, bottom) = to_scene @ place[:2], to_scene @ place[2:]
    row, col = int(np.floor(top)), int(np.floor(left))
    return Window(row, col, int(np.ceil(bottom)) - row, int(np.ceil(right)) - col)
