"""Scene: one raster, or many sheets, open for reading on a working grid."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.block import Array, Block
from geounet.edges import Extents, mirrored, taken
from geounet.errors import LabelError
from geounet.frame import Frame
from geounet.grid import Window, hull
from geounet.io.bands import Bands
from geounet.io.gdal import Handles, gdal
from geounet.io.labels import PixelPolygons, read_areas
from geounet.io.mosaic import Mosaic
from geounet.io.npy import source_of
from geounet.io.own_grid import OwnGrid
from geounet.io.resample import resampled, support
from geounet.io.source import Decoded, Reading, Source, pieces
from geounet.io.spool import spooling
from geounet.working import WorkingGrid, working_grid

_CHUNK = 4 << 20  # pixels of one read while resampling


class Scene:
    """An open scene.

    Attributes:
        frame: what is seen of the working grid: all of it, or the surroundings of an area of interest.
        native: the files' own grid.
    """

    def __init__(self, source: Source, grid: WorkingGrid, view: Window, area: PixelPolygons | None = None):
        self._source = source
        self._grid = grid
        self._view = view
        self._area = area
        self._extents = Extents([grid.covering(extent) for extent in source.extents])

    @property
    def frame(self) -> Frame:
        return self._grid.frame.crop(self._view)

    @property
    def native(self) -> Frame:
        return self._source.frame

    @property
    def reference(self) -> Frame:
        """The frame whose pixels tell the scene's own ground resolution."""
        return self._source.reference

    @property
    def bands(self) -> Bands:
        return self._source.bands

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self._source.dtype

    @property
    def paths(self) -> Sequence[str]:
        return self._source.paths

    @property
    def path(self) -> str:
        """What errors call the scene."""
        first, *others = self.paths
        return f"{first} (and {len(others)} more)" if others else first

    @property
    def identity(self) -> list[dict[str, object]]:
        """What tells each sheet from another one."""
        return self._source.identity

    @property
    def is_resampled(self) -> bool:
        return self._grid.rows is not None

    @property
    def own_grid(self) -> OwnGrid:
        """The way back from what is seen of a working grid to the pixels of the files; only of a resampled scene."""
        return OwnGrid(self._source, self._grid, self._view)

    @property
    def decoded(self) -> int:
        """Pixels of the files read so far, in whole blocks as far as they lie in their file."""
        return self._source.decoded

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of the working grid that one block of the file covers, rounded up."""
        height, width = self._source.block_shape
        rows, cols = self._grid.rows, self._grid.cols
        return height if rows is None else -(-height // rows.ratio), width if cols is None else -(-width // cols.ratio)

    def read(self, window: Window) -> tuple[Block, Block]:
        """Pixels (bands, height, width) and where they are valid (1, height, width), from one decoding.

        Beyond the scene's edge nothing is valid. Invalid pixels hold anything; beyond the edge of a scene of one file
        its mirror image, for tools that know of no valid ones.

        Raises:
            SceneError: a part of a file that cannot be read.
        """
        placed = window.placed_at(self._view)
        pixels, valid = self._whole(placed) if len(self._extents) == 1 else self._patched(placed)
        return Block(window, pixels), Block(window, valid[None])

    def covered(self, window: Window) -> Block:
        """Where a window in the frame is the scene's own, (1, height, width) bool.

        Elsewhere there is no sheet, or no area of interest; what is read there is context at most.
        """
        placed = window.placed_at(self._view)
        there = np.zeros(window.shape, dtype=bool)
        for extent in self._extents.near(placed):
            inside = extent.within(placed).seen_from(placed)
            there[inside.rows, inside.cols] = True
        if self._area is not None and there.any():
            there &= self._area.burnt(placed) != 0
        return Block(window, there[None])

    def thumbnail(self, largest: int) -> Decoded:
        """A small picture (bands, h, w) of what is seen, and where it is valid; sides of at most `largest` pixels."""
        native = self._grid.made_of(self._view).within(self._source.frame.window)
        factor = max(1.0, max(native.shape) / largest)
        height, width = (max(1, round(side / factor)) for side in native.shape)
        return self._source.decode(native, (height, width))

    def spread_over(self, window: Window, shape: tuple[int, int]) -> Decoded:
        """Pixels (bands, h, w) spread evenly over a window of the files' own grid, and where they are valid.

        Overviews of the files may be used; what cannot be read is not valid.
        """
        return self._source.decode(window, shape)

    def _whole(self, window: Window) -> Decoded:
        """A window of the working grid, mirrored at the edge of the only sheet."""
        whole = self._grid.frame
        rows = mirrored(window.row, window.height, whole.height)
        cols = mirrored(window.col, window.width, whole.width)
        inside = _span(rows, cols)
        pixels, valid = self._inside(inside)
        if inside != window:
            rows, cols = rows - inside.row, cols - inside.col
            own = whole.window.within(window)
            here, there = own.seen_from(window), own.seen_from(inside)
            pixels, known = taken(pixels, rows, cols), valid
            valid = np.zeros(window.shape, dtype=bool)
            valid[here.rows, here.cols] = known[there.rows, there.cols]
        return pixels, valid

    def _patched(self, window: Window) -> Decoded:
        """A window of the working grid; where no sheet lies nothing is valid."""
        needed = [extent.within(window) for extent in self._extents.near(window)]
        pixels: Array = np.zeros((len(self.bands.numbers), *window.shape), dtype=self.dtype)
        valid = np.zeros(window.shape, dtype=bool)
        if not needed:
            return pixels, valid
        origin = hull(needed)
        read, known = self._inside(origin)
        inside = origin.within(window)
        seen, into = inside.seen_from(origin), inside.seen_from(window)
        pixels[:, into.rows, into.cols] = read[:, seen.rows, seen.cols]
        valid[into.rows, into.cols] = known[seen.rows, seen.cols]
        return pixels, valid

    def _inside(self, window: Window) -> Decoded:
        """A window that lies in the working grid."""
        self._source.forget(self._grid.made_of(window).row)  # scenes are read from top to bottom
        rows, cols = self._grid.rows, self._grid.cols
        if rows is None or cols is None:
            return self._source.decode(window)
        length, across_length = self._source.frame.shape
        down = support(rows, window.row, window.height, length)
        across = support(cols, window.col, window.width, across_length)
        chunks = self._chunks(Window(down.first, across.first, down.count, across.count))
        return resampled(chunks, down, across, self.dtype)

    def _chunks(self, window: Window) -> Iterator[tuple[int, int, Array, NDArray[np.bool_]]]:
        """The files' pixels of a window, in pieces whose edges lie on whole blocks of the (first) file."""
        for chunk in pieces(window, self._source.block_shape, _CHUNK):
            yield chunk.row, chunk.col, *self._source.decode(chunk)


@contextmanager
def open_scene(
    path: Path | str | Sequence[Path | str],
    reading: Reading = Reading(),  # noqa: B008 (frozen)
    *,
    resolution: float | None = None,
    aoi: Path | None = None,
    handles: Handles | None = None,
) -> Iterator[Scene]:
    """A scene open for reading, on the working grid of `resolution` metres a pixel (None: its own).

    Args:
        path: of a file, or of the sheets of a mosaic, whose grid is that of the first one.
        reading: how files are read.
        aoi: polygons outside of which there is nothing to be seen, in any CRS.
        handles: files that many scenes have open between them; None: the scene's own.

    Raises:
        SceneError: no raster, a dtype or band that cannot be used, sheets that cannot be laid side by side, pixels far
            coarser than wanted.
        LabelError: an area of interest that cannot be read or misses the scene.
    """
    paths = [path] if isinstance(path, Path | str) else list(path)
    # files beside them are looked for: of a virtual raster when its sources are first read
    with (
        gdal(sidecars=True),
        nullcontext(handles) if handles else closing(Handles()) as opened,
        spooling(reading.spool) as spooled,
    ):
        sheets = [spooled(source_of(str(path), opened, reading)) for path in paths]
        source: Source = sheets[0] if len(sheets) == 1 else Mosaic(sheets)
        grid = working_grid(source.frame, resolution, source.reference)
        area = read_areas(aoi, grid.frame, "--aoi") if aoi is not None else None
        yield Scene(source, grid, _view(grid.frame, area, aoi), area)


def _view(frame: Frame, area: PixelPolygons | None, aoi: Path | None) -> Window:
    """The pixels of a frame around an area of interest.

    Raises:
        LabelError: they do not meet.
    """
    if area is None:
        return frame.window
    view = Window(0, 0, 0, 0)
    if area.geometry.size:
        left, top, right, bottom = (float(v) for v in shapely.total_bounds(area.geometry))
        row, col = math.floor(top), math.floor(left)
        view = Window(row, col, math.ceil(bottom) - row, math.ceil(right) - col).within(frame.window)
    if not view.area:
        raise LabelError(f"the polygons of --aoi {aoi} miss the scene; check that both are of one place")
    return view


def _span(rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Window:
    """The smallest window that holds all of some rows and columns."""
    row, col = int(rows.min()), int(cols.min())
    return Window(row, col, int(rows.max()) + 1 - row, int(cols.max()) + 1 - col)
