"""stitch: predictions of padded windows, made by any tool, to one raster."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geounet.block import Array, Block
from geounet.errors import SceneError
from geounet.files import StrPath, as_path, refuse_existing
from geounet.grid import PlannedWindow
from geounet.io.rasters import Prediction, growing_raster, has_mask, read_prediction
from geounet.jobs.windows import NAME, WindowSet, window_name
from geounet.track import Track, untracked


@dataclass(frozen=True, slots=True)
class StitchResult:
    """The raster written, and how many windows it is made of."""

    out: Path
    windows: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """What all predictions of a folder have in common."""

    bands: int
    dtype: np.dtype[np.generic]
    nodata: float | None

    @classmethod
    def of(cls, prediction: Prediction) -> "_Kind":
        return cls(len(prediction.values), prediction.values.dtype, prediction.nodata)

    @property
    def missing(self) -> float:
        """What a pixel without a prediction holds."""
        if self.nodata is not None:
            return self.nodata
        return float("nan") if self.dtype.kind in "fc" else 0

    def __str__(self) -> str:
        nodata = "no nodata value" if self.nodata is None else f"nodata {self.nodata:g}"
        return f"{self.bands} bands of {self.dtype} with {nodata}"


def stitch(
    folder: StrPath,
    *,
    out: StrPath,
    windows: StrPath | None = None,
    overwrite: bool = False,
    track: Track = untracked,
) -> StitchResult:
    """Merge predictions of the windows that `cut_windows` wrote; each pixel comes from the window whose core it is in.

    Pixels that no window has are nodata where the predictions declare a nodata value; else a mask tells them.

    Args:
        folder: rasters named as their windows, with any ending, of the windows' rows and columns, any bands.
        out: a GeoTIFF.
        windows: the folder with windows.json; `folder` itself where it is None.

    Raises:
        SceneError: windows.json or a prediction that is missing, or a prediction that does not fit its window.
        OutputError: `out` exists or cannot be written.
    """
    folder, out, windows = as_path(folder), as_path(out), as_path(windows)
    refuse_existing(out, overwrite=overwrite)
    plan = WindowSet.read(windows or folder)
    files = _predictions(folder, plan.names)
    kind = _Kind.of(read_prediction(files[plan.names[0]], *plan.grid.window_shape))
    masked = kind.nodata is None and _has_gaps(plan, files)
    with growing_raster(out, plan.frame, kind.bands, kind.dtype, kind.nodata) as raster:
        cores = track(_cores(plan, files, kind), "stitching", total=len(plan.grid), unit="windows")
        for core, valid in cores:
            raster.write(core, valid if masked else None)
    return StitchResult(out, len(plan.names))


def _predictions(folder: Path, names: Sequence[str]) -> Mapping[str, Path]:
    """The file of each window."""
    sidecars = {".xml", ".json", ".tfw", ".wld", ".aux"}
    if not names:
        raise SceneError(f"{NAME} of {folder} names no windows: their scene has no data, and there is nothing to merge")
    if not folder.is_dir():
        raise SceneError(f"{folder} is not there; give the folder with the predictions of the windows")
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix not in sidecars}
    missing = [name for name in names if name not in found]
    if missing:
        raise SceneError(
            f"{folder} lacks {len(missing)} of {len(names)} predictions ({', '.join(missing[:3])}, ...); "
            "predict these windows too"
        )
    return found


def _has_gaps(plan: WindowSet, files: Mapping[str, Path]) -> bool:
    """Whether there are pixels without a prediction: windows that were not cut, or what predictions mask out."""
    return len(plan.names) < len(plan.grid) or any(has_mask(files[name]) for name in plan.names)


def _cores(plan: WindowSet, files: Mapping[str, Path], kind: _Kind) -> Iterator[tuple[Block, Block]]:
    """The core of each window (bands, h, w) and where it is predicted (1, h, w), row by row."""
    names = set(plan.names)
    for planned in plan.grid:
        name = window_name(planned.window)
        if name in names:
            yield _core(files[name], planned, kind)
        else:
            shape = planned.core.shape
            values: Array = np.full((kind.bands, *shape), kind.missing, dtype=kind.dtype)
            yield Block(planned.core, values), Block(planned.core, np.zeros((1, *shape), dtype=bool))


def _core(path: Path, planned: PlannedWindow, kind: _Kind) -> tuple[Block, Block]:
    prediction = read_prediction(path, *planned.window.shape)
    found = _Kind.of(prediction)
    if str(found) != str(kind):  # NaN is not equal to itself
        raise SceneError(
            f"{path} has {found}, the first prediction {kind}; predict all windows alike ({NAME} names them)"
        )
    values, valid = Block(planned.window, prediction.values), Block(planned.window, prediction.valid[None])
    return values.cut(planned.core), valid.cut(planned.core)
