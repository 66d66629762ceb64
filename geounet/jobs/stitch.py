"""stitch: predictions of padded windows, made by any tool, to one raster."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geounet.assemble import part_core
from geounet.block import Array, Block
from geounet.errors import SceneError
from geounet.files import refuse_existing
from geounet.grid import PlannedWindow
from geounet.io.rasters import growing_raster, read_prediction
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
    nodata: float


def stitch(
    folder: Path, *, out: Path, windows: Path | None = None, overwrite: bool = False, track: Track = untracked
) -> StitchResult:
    """Merge predictions of the windows that `cut_windows` wrote; each pixel comes from the window whose core it is in.

    Args:
        folder: rasters named as their windows, with any ending, of the windows' rows and columns, any bands.
        out: a GeoTIFF.
        windows: the folder with windows.json; `folder` itself where it is None.

    Raises:
        SceneError: windows.json or a prediction that is missing, or a prediction that does not fit its window.
        OutputError: `out` exists or cannot be written.
    """
    refuse_existing(out, overwrite=overwrite)
    plan = WindowSet.read(windows or folder)
    files = _predictions(folder, plan.names)
    kind = _kind(files[plan.names[0]], plan)
    strips = _strips(plan, files, kind)
    with growing_raster(out, plan.frame, kind.bands, kind.dtype, kind.nodata) as raster:
        total = len(plan.grid.row_starts)
        for strip in track(strips, "stitching", total=total, unit="rows of windows"):
            raster.write(strip)
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


def _kind(path: Path, plan: WindowSet) -> _Kind:
    values, nodata = read_prediction(path, *plan.grid.window_shape)
    if nodata is None:
        nodata = float("nan") if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    return _Kind(len(values), values.dtype, nodata)


def _strips(plan: WindowSet, files: Mapping[str, Path], kind: _Kind) -> Iterator[Block]:
    names = set(plan.names)
    for row in plan.grid.rows():
        core = part_core(row)
        strip: Array = np.full((kind.bands, *core.shape), kind.nodata, dtype=kind.dtype)
        for planned in row:
            name = window_name(planned.window)
            if name in names:
                answer = _core(files[name], planned, kind)
                inside = planned.core.seen_from(core)
                strip[:, inside.rows, inside.cols] = answer
        yield Block(core, strip)


def _core(path: Path, planned: PlannedWindow, kind: _Kind) -> Array:
    values, _ = read_prediction(path, *planned.window.shape)
    if (len(values), values.dtype) != (kind.bands, kind.dtype):
        raise SceneError(
            f"{path} has {len(values)} bands of {values.dtype}, the first prediction {kind.bands} of {kind.dtype}; "
            f"predict all windows alike ({NAME} names them)"
        )
    return Block(planned.window, values).cut(planned.core).values
