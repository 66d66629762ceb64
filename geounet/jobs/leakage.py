"""Leakage: whether windows of different splits share pixels, and how near they come; from what was written."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.chips import SPLITS, ChipWindow
from geounet.frame import Frame, ground_distance
from geounet.grid import Window
from geounet.io.chips import outlines

_PIXEL = 0.5  # of it is left out around each window, so that windows side by side do not meet


@dataclass(frozen=True, slots=True)
class Leakage:
    """What two splits have in common.

    Args:
        shared: windows of the second that share a pixel with one of the first.
        nearest: distance of their nearest windows; None where no two of them lie on one map.
        unit: of the distance: m, or px where scenes have no CRS.
    """

    first: str
    second: str
    shared: int
    nearest: float | None
    unit: str

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def leakage(windows: Sequence[ChipWindow], size: int, frames: Sequence[Frame]) -> list[Leakage]:
    """What each two splits have in common; only pixels that the scenes have count.

    Scenes that have a CRS lie on one map. Without one, only windows of one scene can be near each other.
    """
    placed = [(w.scene, Window(w.row, w.col, size, size).within(frames[w.scene].window)) for w in windows]
    inner = outlines(frames, placed, inset=_PIXEL).to_numpy()
    outer = outlines(frames, placed, inset=0.0)
    on_map = all(frame.crs for frame in frames)
    maps = np.zeros(len(windows), dtype=int) if on_map else np.array([w.scene for w in windows])
    splits = np.array([w.split for w in windows])
    crs = outer.crs.to_wkt() if on_map else None
    found = []
    for first, second in combinations([split for split in SPLITS if (splits == split).any()], 2):
        pairs = [((maps == m) & (splits == first), (maps == m) & (splits == second)) for m in np.unique(maps)]
        shared = sum(_shared(inner[ours], inner[theirs]) for ours, theirs in pairs)
        distances = [d for ours, theirs in pairs for d in _nearest(outer.to_numpy(), ours, theirs, crs)]
        found.append(Leakage(first, second, shared, min(distances, default=None), "m" if on_map else "px"))
    return found


def _shared(ours: NDArray[np.object_], theirs: NDArray[np.object_]) -> int:
    met, _ = shapely.STRtree(ours).query(theirs, predicate="intersects")
    return len(np.unique(met))


def _nearest(
    shapes: NDArray[np.object_], ours: NDArray[np.bool_], theirs: NDArray[np.bool_], crs: str | None
) -> Iterator[float]:
    """The distance of the nearest two; nothing where one side is empty."""
    if not (ours.any() and theirs.any()):
        return
    (mine, other), distances = shapely.STRtree(shapes[ours]).query_nearest(
        shapes[theirs], return_distance=True, all_matches=False
    )
    best = int(distances.argmin())
    if crs is None or distances[best] == 0:
        yield float(distances[best])
        return
    line = shapely.shortest_line(shapes[theirs][mine[best]], shapes[ours][other[best]])
    start, end = shapely.get_coordinates(line)
    yield ground_distance(crs, (float(start[0]), float(start[1])), (float(end[0]), float(end[1])))
