"""A finished raster read by strips of whole rows, for tracing."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from geounet.block import Block
from geounet.errors import LabelError, LegendError, SceneError
from geounet.frame import Frame
from geounet.grid import Window
from geounet.io.class_table import category_names
from geounet.io.gdal import gdal, opened, reason
from geounet.io.sheet import frame_of
from geounet.io.source import pieces
from geounet.legend import BACKGROUND, NODATA, Legend, LegendClass
from geounet.rule import LEVELS

log = logging.getLogger(__name__)

_OWN = (1 / LEVELS, 0.0)  # scale and offset
_SLACK = 1e-3  # by which rounding takes a probability beyond 0 and 1
_STRIP_BYTES = 16 << 20
_PIECE = 4 << 20  # pixels that are brought to levels at once: strips of wide rasters are large


@dataclass(frozen=True, slots=True)
class Strips:
    """An open raster of classes or of probabilities.

    Attributes:
        names: of the bands, as the file describes them; empty where it does not.
        legend: where category names carry one.
        colours: of class ids, as #rrggbb, where the raster has a colour table.
        is_probability: whether bands hold the probability of a class each; else band 1 holds class ids.
        has_own_levels: whether they are stored as geounet stores them.
        tags: what geounet wrote into the file: the model and settings of a map, and the date of its scene.
        declares_nodata: whether the file itself says which pixels it does not have.
    """

    path: str
    frame: Frame
    names: tuple[str, ...]
    legend: Legend | None
    colours: Mapping[int, str]
    is_probability: bool
    has_own_levels: bool
    tags: Mapping[str, str]
    declares_nodata: bool
    _dataset: rasterio.DatasetReader
    _has_mask: bool

    def read(self, band: int = 1, *, depth: int = 1) -> Iterator[Block]:
        """Strips of one band from top to bottom, (1, height, width) uint8, 255 = nodata.

        Probabilities are levels 0..254 of round(254 p); classes are ids.

        Args:
            depth: how many bands are to be held of a strip, whose height depends on it.

        Raises:
            SceneError: a strip that cannot be read, or that holds no probabilities.
        """
        rows = self._rows(depth)
        for row in range(0, self.frame.height, rows):
            window = Window(row, 0, rows, self.frame.width).within(self.frame.window)
            levels = np.empty((1, *window.shape), dtype=np.uint8)
            for piece in pieces(window, self._dataset.block_shapes[0], _PIECE):
                into = piece.seen_from(window)
                levels[0, into.rows, into.cols] = self._levels(piece, band)
            yield Block(window, levels)

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns that are decoded together."""
        height, width = self._dataset.block_shapes[0]
        return int(height), int(width)

    def band(self, window: Window, band: int = 1) -> NDArray[np.uint8]:
        """One band (height, width) of a window inside the raster, as `read` gives it.

        Raises:
            SceneError: as `read`.
        """
        return self._levels(window, band)

    def window(self, window: Window) -> Block:
        """All bands of a window inside the raster, (bands, height, width) uint8, as `read` gives them.

        Raises:
            SceneError: as `read`.
        """
        return Block(window, np.stack([self._levels(window, band) for band in range(1, len(self.names) + 1)]))

    def _rows(self, depth: int) -> int:
        """Rows of a strip: whole blocks of the file, or an equal share of one where the raster is very wide.

        Rows of a block that are read later come from what GDAL keeps, as long as a row of blocks has room there.
        """
        block, most = int(self._dataset.block_shapes[0][0]), max(1, _STRIP_BYTES // (self.frame.width * depth))
        return most // block * block if most >= block else -(-block // -(-block // most))

    def _levels(self, window: Window, band: int) -> NDArray[np.uint8]:
        asked = RasterioWindow(window.col, window.row, window.width, window.height)
        try:
            values = self._dataset.read(band, window=asked)
            missing = self._dataset.read_masks(band, window=asked) == 0 if self._has_mask else None
        except (RasterioError, OSError, ValueError) as error:
            raise SceneError(
                f"{self.path} cannot be read at rows {_span(window)} ({reason(error)}); the file may be truncated"
            ) from error
        if self.is_probability:
            scale, offset = self._dataset.scales[band - 1], self._dataset.offsets[band - 1]
            if not self.has_own_levels:
                values = _quantised(values, scale, offset, missing, f"{self.path}, rows {_span(window)}")
        elif values.dtype != np.uint8:
            values = _as_ids(values, missing, f"{self.path}, rows {_span(window)}")
        if missing is not None:
            values[missing] = NODATA
        levels: NDArray[np.uint8] = values
        return levels


def _span(window: Window) -> str:
    """The first row and the last."""
    return f"{window.row} to {window.rows.stop - 1}"


@contextmanager
def open_strips(path: str | Path) -> Iterator[Strips]:
    """A raster of class ids (whole numbers) or probabilities (uint8 with a scale, or floats of 0..1) open for reading.

    Not to be shared between threads.

    Raises:
        SceneError: no raster, or one of another kind.
    """
    with gdal(), opened(path, SceneError, "raster", sidecars=True) as dataset:
        dtype, is_scaled = dataset.dtypes[0], (dataset.scales[0], dataset.offsets[0]) != (1.0, 0.0)
        if np.dtype(dtype).kind not in "uif":
            raise SceneError(f"{path} is of type {dtype}; give class ids as whole numbers, or probabilities as float32")
        is_probability = is_scaled or np.dtype(dtype).kind == "f"
        colours = [c for c in dataset.colorinterp if c != ColorInterp.alpha]
        if not is_probability and len(colours) > 1:
            raise SceneError(f"{path} has {len(colours)} bands without a scale; give one band of class ids")
        names = tuple(text or "" for text in dataset.descriptions[: len(colours)])
        own = dtype == "uint8" and {*zip(dataset.scales, dataset.offsets, strict=True)} == {_OWN}
        is_background = not is_probability and dataset.nodata == BACKGROUND  # as many tools declare it of masks
        all_valid = is_background or dataset.mask_flag_enums[0] == [MaskFlags.all_valid]
        table = _colours(dataset)
        yield Strips(
            path=str(path),
            frame=frame_of(dataset),
            names=names,
            legend=_legend(Path(path), table),
            colours=table,
            is_probability=is_probability,
            has_own_levels=own,
            tags={key: text for key, text in sorted(dataset.tags().items()) if key.startswith("GEOUNET_")},
            declares_nodata=not all_valid,
            _dataset=dataset,
            _has_mask=not all_valid and not ((own or not is_probability) and dataset.nodata == NODATA),
        )


def _quantised(
    values: NDArray[np.generic], scale: float, offset: float, missing: NDArray[np.bool_] | None, where: str
) -> NDArray[np.uint8]:
    """round(254 p) of probabilities p, and 255 where there is none.

    Raises:
        SceneError: values that are no probabilities.
    """
    p = values.astype(np.float32) * np.float32(scale) + np.float32(offset)
    unknown = np.isnan(p) if missing is None else np.isnan(p) | missing
    p[unknown] = 0
    if p.size and not (p.min() >= -_SLACK and p.max() <= 1 + _SLACK):
        raise SceneError(
            f"{where}: values {p.min():g} to {p.max():g} are no probabilities; give 0 to 1, or the band its scale"
        )
    levels: NDArray[np.uint8] = np.rint(LEVELS * p.clip(0, 1)).astype(np.uint8)
    levels[unknown] = NODATA
    return levels


def _as_ids(values: NDArray[np.generic], missing: NDArray[np.bool_] | None, where: str) -> NDArray[np.uint8]:
    """Class ids in a byte each, as they are; what they are where they are missing is not looked at.

    Raises:
        SceneError: values that are no class ids.
    """
    ids = values if missing is None else np.where(missing, BACKGROUND, values)
    if ids.size and not (ids.min() >= BACKGROUND and ids.max() <= NODATA):
        raise SceneError(f"{where}: values {ids.min()} to {ids.max()} are no class ids; give 0 to 254")
    return ids.astype(np.uint8)


def _colours(dataset: rasterio.DatasetReader) -> dict[int, str]:
    try:
        return {number: "#{:02x}{:02x}{:02x}".format(*colour[:3]) for number, colour in dataset.colormap(1).items()}
    except ValueError:  # there is no colour table
        return {}


def _legend(path: Path, colours: Mapping[int, str]) -> Legend | None:
    """The legend in the category names beside the raster; None where there are none of classes."""
    try:
        names = category_names(path)
        if max(names, default=0) == 0:
            return None
        plain = Legend.of_names(*(names.get(value, "") for value in range(1, max(names) + 1)))
        first = LegendClass(0, names.get(0, ""), colours.get(0, plain.classes[0].colour))
        return Legend((first, *(replace(c, colour=colours.get(c.id, c.colour)) for c in plain.foreground)))
    except (LabelError, LegendError) as error:
        log.warning("%s: its legend is not used (%s)", path, error)
        return None
