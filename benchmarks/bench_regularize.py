"""Regularized footprints of the sample town against their exact truth, and against buildingregulariser if it is there.

Run `geounet demo` first, or name another map of town_test: python benchmarks/bench_regularize.py MAP/probability.tif
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from geounet.footprints import Flag, Footprints, Geometries
from geounet.frame import Frame
from geounet.io.strips import open_strips
from geounet.objects import matched
from geounet.polygons.disjoint import Disjoint
from geounet.polygons.field import Level
from geounet.polygons.separate import separator
from geounet.polygons.simplify import Tidying, tidied
from geounet.polygons.trace import trace
from sample_tiles.generator import CRS, TEST, true_buildings

RIVAL = "buildingregulariser"
ACROSS = 4  # towns abreast
Outlining = Callable[[], Geometries]


def truth() -> tuple[Geometries, NDArray[np.float64]]:
    """Every building of town_test in map coordinates, and the directions that its plan gives them, in radians."""
    buildings = true_buildings(TEST)
    plan = np.array([building.outline for building in buildings], object)
    outlines = shapely.transform(plan, lambda xy: xy * [1, -1] + [TEST.west, TEST.north])
    return shapely.orient_polygons(outlines), -np.array([building.angle for building in buildings])


def traced(probability: Path, *, apart: bool = False) -> tuple[Footprints, Frame]:
    """The outlines of a map in pixel coordinates, those of at least 4 m², and what touches taken apart if wanted."""
    with open_strips(probability) as strips:
        frame = strips.frame
        several = list(trace(strips.read(1), Level(127), height=frame.height))
        polygons = np.concatenate([some.polygons for some in several])
        flags = np.concatenate([Flag.NODATA * some.parts.nodata + Flag.EDGE * some.parts.edge for some in several])
        assert frame.ground_resolution is not None
        least = 4 / frame.ground_resolution**2
        count = len(polygons)
        found = Footprints(polygons, np.ones(count, np.uint8), np.ones(count, np.float32), flags.astype(np.uint8))
        found = found[shapely.area(polygons) >= least]
        if apart:
            found = separator(strips.window, frame.window, k=127, least=least)(found)
    return found, frame


def has_contact(probability: Path) -> bool:
    with open_strips(probability) as strips:
        return len(strips.names) == 2


def dominant(polygons: Geometries) -> NDArray[np.float64]:
    """The direction of each polygon modulo a quarter turn: the circular mean of its sides', weighted by length."""
    points, owner = shapely.get_coordinates(shapely.get_exterior_ring(polygons), return_index=True)
    side = owner[1:] == owner[:-1]
    ways = np.ascontiguousarray(np.diff(points, axis=0)[side]).view(complex)[:, 0]
    fourfold = ways**4 / np.maximum(np.abs(ways), 1e-12) ** 3
    sums = [np.bincount(owner[1:][side], part) for part in (fourfold.real, fourfold.imag)]
    return np.arctan2(sums[1], sums[0]) / 4


def vertices(polygons: Geometries) -> int:
    return int((shapely.get_num_coordinates(polygons) - shapely.get_num_interior_rings(polygons) - 1).sum())


def overlapping(polygons: Geometries) -> int:
    """Pairs of polygons that have an area in common."""
    one, other = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    one, other = one[one < other], other[one < other]
    return int((shapely.area(shapely.intersection(polygons[one], polygons[other])) > 1e-6).sum())


def processor_seconds(outline: Outlining, runs: int) -> float:
    """The least time of a processor that outlines take."""
    seconds = []
    for _ in range(runs):
        start = time.process_time()
        outline()
        seconds.append(time.process_time() - start)
    return min(seconds)


def judged(name: str, outline: Outlining) -> None:
    """Print how near some outlines are to the truth, and how many of them are made in a second of a processor."""
    found, seconds = outline(), processor_seconds(outline, 3)
    true, direction = truth()
    sound = shapely.make_valid(found)
    match = matched(true, sound)
    here, there = match.pairs.T
    turn = np.degrees(dominant(found[there]) - direction[here])
    turn = np.abs((turn + 45) % 90 - 45)
    ratio = vertices(found[there]) / vertices(true[here])
    print(
        f"{name:<20} matched {len(here):4d}  IoU {match.matched_iou:.4f}  rotation {turn.mean():5.2f} (median "
        f"{np.median(turn):5.2f}) degrees  vertices {ratio:6.2f} x  invalid {int((~shapely.is_valid(found)).sum())}  "
        f"overlaps {overlapping(sound)}  {len(found) / seconds:7.0f} polygons/s"
    )


def outlined(found: Footprints, frame: Frame, tidying: Tidying) -> Geometries:
    return Disjoint(frame, 0).apart(tidied(found, frame, tidying)).geometry


def rival(outlines: Geometries, pixel: float) -> Geometries:
    """What buildingregulariser makes of outlines in one process, its lengths in proportion to the pixel."""
    frame = geopandas.GeoDataFrame(geometry=outlines, crs=CRS)
    with warnings.catch_warnings(action="ignore"):
        made = import_module(RIVAL).regularize_geodataframe(
            frame, parallel_threshold=2 * pixel, simplify_tolerance=pixel, num_cores=1
        )
    polygons: Geometries = made.geometry.to_numpy()
    return polygons


def main() -> None:
    probability = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/map/probability.tif")
    if not probability.exists():
        sys.exit(f"{probability} is not there; run `geounet demo`, or name the probability.tif of a map of town_test")
    for apart in (False, True)[: 1 + has_contact(probability)]:
        compared(probability, apart=apart)


def compared(probability: Path, *, apart: bool) -> None:
    found, frame = traced(probability, apart=apart)
    pixel = frame.ground_resolution
    assert pixel is not None
    raw = tidied(found, frame, Tidying(0, simplify=0)).geometry
    print(f"{len(raw)} footprints of town_test at {pixel:.2f} m" + ", what touches taken apart" * apart)
    for name, tidying in {
        "as traced": Tidying(0, simplify=0),
        "simplified": Tidying(0),
        "regularized": Tidying(0, regularize=True),
    }.items():
        judged(name, partial(outlined, found, frame, tidying))
    if find_spec(RIVAL) is None:
        print("buildingregulariser  not installed: pip install buildingregulariser to measure it in the same run")
    else:
        judged("buildingregulariser", lambda: rival(raw, pixel))
        raced(found, frame, pixel)


def raced(found: Footprints, frame: Frame, pixel: float) -> None:
    """Print the speeds for sixteen such towns at once: some thousand outlines, as `vectorize` takes them of a city."""
    shifts = [(x * frame.width, y * frame.height) for x in range(ACROSS) for y in range(ACROSS)]
    city = found[np.tile(np.arange(len(found)), len(shifts))]
    towns = np.repeat(shifts, shapely.get_num_coordinates(found.geometry).sum(), axis=0)
    city = city.with_geometry(shapely.transform(city.geometry, lambda points: points + towns))
    wide = replace(frame, height=ACROSS * frame.height, width=ACROSS * frame.width)
    raw = tidied(city, wide, Tidying(0, simplify=0)).geometry
    ours = processor_seconds(lambda: outlined(city, wide, Tidying(0, regularize=True)), 3)
    theirs = processor_seconds(lambda: rival(raw, pixel), 2)
    print(f"{len(city)} at once: regularized {len(city) / ours:.0f} polygons/s, {theirs / ours:.1f} times {RIVAL}")


if __name__ == "__main__":
    main()
