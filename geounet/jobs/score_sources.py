"""From files to what is compared: the grid, the pixels of map and labels, and their polygons."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geounet.block import Block
from geounet.errors import LegendError, SceneError
from geounet.footprints import Geometries
from geounet.frame import Frame
from geounet.io.object_store import ObjectStore, Tiles
from geounet.io.polygon_stream import SomePolygons, stream_polygons
from geounet.io.rasters import growing_raster
from geounet.io.scene import open_scene
from geounet.io.source import piece_shape
from geounet.io.strips import Strips
from geounet.jobs.classes import ClassIds, class_ids
from geounet.jobs.label_set import LabelSet
from geounet.jobs.score_classed import Classed, OfLabels, OfRaster, OfStore, Sampled
from geounet.jobs.score_inputs import Areas, Prediction, Shared, class_of_polygons, grid_of_polygons
from geounet.jobs.score_objects import Objects
from geounet.jobs.vectorize import vectorize
from geounet.legend import NODATA
from geounet.track import Track

WINDOW = 4 << 20  # pixels that are looked at at once
_SIDE = 2048  # pixels of such a window of polygons


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Where and what is scored.

    Args:
        frame: of the scored pixels; `native`: of the raster that they come from.
        tiles: in which they are looked at, made of whole blocks of the file.
        ids: of the map's raster; None of polygons.
        grid: the raster on whose pixels the map's are sampled; None for its own.
    """

    frame: Frame
    native: Frame
    tiles: Tiles
    shared: Shared
    ids: ClassIds | None
    grid: Path | None = None

    @classmethod
    def of_raster(cls, strips: Strips, known: LabelSet, grid: Path | None, track: Track) -> "Ground":
        """Of a class raster.

        Raises:
            LegendError: other ids than a building map's, without names; no class that the labels have.
            SceneError: a raster of another kind.
        """
        if strips.is_probability:
            raise SceneError(f"{strips.path} holds probabilities; give infer's folder, or a raster of class ids")

        def tracked(blocks: Iterable[Block], stage: str) -> Iterator[Block]:
            total = strips.frame.window.area / 1e6
            return track(blocks, stage, total=total, unit="Mpx", amount=lambda block: block.window.area / 1e6)

        ids = class_ids(strips, tracked)
        odd = [c.id for c in ids.classes if c.id != 1]
        if strips.legend is None and known.legend.is_binary and odd:
            raise LegendError(f"{strips.path} holds the values {odd[:5]}; a building map has 0, 1 and 255 (nodata)")
        shared = Shared.of(ids.classes, known.legend)
        if grid is None:
            return cls(strips.frame, strips.frame, _tiles(strips.frame, strips.block_shape), shared, ids)
        with open_scene(grid) as other:
            return cls(other.frame, other.native, _tiles(other.frame, other.block_shape), shared, ids, grid)

    @classmethod
    def of_polygons(
        cls, predicted: Prediction, labels: Path, known: LabelSet, areas: Areas, gsd: float | Literal["auto"]
    ) -> "Ground":
        """Of a file of polygons, over the area that was labelled or mapped, else over their bounds."""
        assert predicted.polygons is not None
        shared = Shared.of([class_of_polygons(predicted, known.legend)], known.legend)
        over = areas.label_area or areas.aoi
        frame = grid_of_polygons(predicted.polygons, over, gsd, predicted.layer(shared.layer))
        if frame.crs is None and known.rasters:  # pixel coordinates are those of the raster
            frame = known.rasters[labels].source.frame
        return cls(frame, frame, _tiles(frame, (_SIDE, _SIDE)), shared, None)

    def pixels_of_map(self, strips: Strips | None, store: ObjectStore) -> Classed:
        """The classes of the map's pixels."""
        if strips is None or self.ids is None:
            return OfStore(store, "found")
        raster = OfRaster(strips, self.shared.of_map, self.ids.is_mask)
        return raster if self.grid is None else Sampled.on(raster, self.frame, self.grid)


def _tiles(frame: Frame, block: tuple[int, int]) -> Tiles:
    return Tiles(*frame.shape, *piece_shape((min(block[0], frame.height), min(block[1], frame.width)), WINDOW))


def read_truth(
    labels: Path, known: LabelSet, ground: Ground, store: ObjectStore, *, spare: Path, within: Geometries | None
) -> tuple[Classed, Objects]:
    """Pixels and polygons of labels; those of a raster are traced.

    Args:
        spare: a folder for what is traced; `within`: polygons outside of which nothing was mapped.

    Raises:
        LabelError: labels that cannot be read, or miss the grid.
    """
    shared = ground.shared
    if known.rasters:
        pixels = OfLabels(known.on(labels, ground.frame, ground.native), shared.of_labels)
        traced = _traced(pixels, ground, spare)
        polygons = stream_polygons(traced, ground.frame, "labels", within=within, may_miss=True)
        return pixels, Objects.stored(store, "truth", ((some, _all(some, shared.main)) for some in polygons))
    numbers = {name: shared.of_labels[id_] for id_, name in enumerate(known.legend.names)}

    def classed(some: SomePolygons) -> NDArray[np.uint8]:
        if some.classes is None:
            return _all(some, shared.main)
        return np.array([numbers[name] for name in some.classes], np.uint8)

    polygons = stream_polygons(labels, ground.frame, "labels", field=known.field, within=within)
    objects = Objects.stored(store, "truth", ((some, classed(some)) for some in polygons))
    return OfStore(store, "truth"), objects


def _traced(pixels: Classed, ground: Ground, spare: Path) -> Path:
    """Polygons of the main class of label pixels, in a file; each is a connected part, as much as a raster tells."""
    raster = spare / "labels.tif"
    with growing_raster(raster, ground.frame, 1, np.dtype(np.uint8), NODATA) as writer:
        for tile in ground.tiles:
            ids = pixels.classes(tile)
            mask = np.where(ids == NODATA, np.uint8(NODATA), (ids == ground.shared.main).astype("uint8"))
            writer.write(Block(tile, mask[None]))
    with _unsaid():
        return vectorize(raster, out=spare / "labels.gpkg", min_area=0, fill_holes=0, regularize=False).out


@contextmanager
def _unsaid() -> Iterator[None]:
    """`vectorize` keeps to itself what it says of rasters to their users: this one is not theirs."""
    log = logging.getLogger(vectorize.__module__)
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def read_found(
    predicted: Prediction,
    ground: Ground,
    store: ObjectStore,
    *,
    spare: Path,
    within: Geometries | None,
    track: Track,
) -> tuple[Objects, int]:
    """Polygons of a map, and how many were invalid; those of a raster without are traced as `vectorize` does."""
    polygons, layer = predicted.polygons, predicted.layer(ground.shared.layer)
    if polygons is None:
        assert predicted.classes is not None
        polygons = spare / "found.gpkg"
        vectorize(predicted.classes, probability=predicted.probability, out=polygons, track=track)
        layer = Prediction(predicted.path, polygons=polygons).layer(ground.shared.layer)
    invalid = 0

    def classed() -> Iterator[tuple[SomePolygons, NDArray[np.uint8]]]:
        nonlocal invalid
        for some in stream_polygons(polygons, ground.frame, "polygons", layer=layer, within=within, may_miss=True):
            invalid += some.invalid
            yield some, _all(some, ground.shared.main)

    return Objects.stored(store, "found", classed()), invalid


def _all(some: SomePolygons, class_id: int) -> NDArray[np.uint8]:
    return np.full(len(some.geometry), class_id, np.uint8)
