"""What says the class of each pixel that is scored: rasters on their own pixels or others, polygons, labels."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geounet.errors import SceneError
from geounet.frame import Frame, same_crs
from geounet.grid import Window
from geounet.io.labels import PixelPolygons
from geounet.io.object_store import Kind, ObjectStore
from geounet.io.strips import Strips
from geounet.jobs.label_set import Labels
from geounet.legend import NODATA

Classes = NDArray[np.uint8]


class Classed(Protocol):
    """What says the class of each pixel of a window: numbers of shared classes, 255 where none is known."""

    def classes(self, window: Window) -> Classes: ...


@dataclass(frozen=True, slots=True, eq=False)
class OfRaster:
    """A map's raster, on its own pixels.

    Args:
        numbers: (256,) of the shared classes; `is_mask`: whether 255 stands for the one class.
    """

    strips: Strips
    numbers: Classes
    is_mask: bool

    def classes(self, window: Window) -> Classes:
        ids = self.strips.band(window)
        return self.numbers[np.minimum(ids, 1) if self.is_mask else ids]


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A raster at the centres of another grid's pixels, nodata outside; both of one CRS, neither rotated."""

    raster: OfRaster
    frame: Frame

    @classmethod
    def on(cls, raster: OfRaster, frame: Frame, path: object) -> "Sampled":
        """On the grid of the raster at a path.

        Raises:
            SceneError: grids that differ in more than origin and pixel size.
        """
        own = raster.strips.frame
        turned = ~own.transform @ frame.transform
        if not same_crs(own.crs, frame.crs) or abs(turned.b) + abs(turned.d) > 1e-9:
            raise SceneError(
                f"{path} and {raster.strips.path} differ in CRS or direction; give the scene that was mapped"
            )
        return cls(raster, frame)

    def classes(self, window: Window) -> Classes:
        own = self.raster.strips.frame
        to_own = ~own.transform @ self.frame.transform
        rows = np.floor((np.arange(window.row, window.rows.stop) + 0.5) * to_own.e + to_own.f).astype(int)
        cols = np.floor((np.arange(window.col, window.cols.stop) + 0.5) * to_own.a + to_own.c).astype(int)
        sampled = np.full(window.shape, NODATA, dtype="uint8")
        down = np.flatnonzero((rows >= 0) & (rows < own.height))
        across = np.flatnonzero((cols >= 0) & (cols < own.width))
        if down.size and across.size:
            (top, bottom), (left, right) = ((int(i.min()), int(i.max()) + 1) for i in (rows[down], cols[across]))
            read = self.raster.classes(Window(top, left, bottom - top, right - left))
            sampled[np.ix_(down, across)] = read[np.ix_(rows[down] - top, cols[across] - left)]
        return sampled


@dataclass(frozen=True, slots=True, eq=False)
class OfStore:
    """Polygons that are burnt; elsewhere is background."""

    store: ObjectStore
    kind: Kind

    def classes(self, window: Window) -> Classes:
        some = self.store.touching(self.kind, window)
        return PixelPolygons.of(some.geometry, some.class_ids).burnt(window)


@dataclass(frozen=True, slots=True, eq=False)
class OfLabels:
    """Label rasters."""

    labels: Labels
    numbers: Classes

    def classes(self, window: Window) -> Classes:
        return self.numbers[self.labels.burnt(window)]
