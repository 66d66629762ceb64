"""Outlines between pixels against those along pixels, at the same number of vertices, by the exact truth of a town.

`bench_subpixel.py FIGURE.png` draws both as well.
"""

import sys
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import shapely
from affine import Affine
from matplotlib import pyplot as plt
from scipy import ndimage

from geounet.block import Block
from geounet.footprints import Footprints
from geounet.frame import Frame
from geounet.objects import matched
from geounet.polygons.outlines import footprints_of, footprints_of_classes
from geounet.polygons.simplify import Tidying
from sample_tiles.generator import pixel_outline, small_town, true_buildings
from sample_tiles.generator.coverage import coverage

SIDE, SEED, K = 512, 5, 127
TOLERANCES = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)  # pixels
BLURS = (0.7, 1.0, 1.5)  # pixels: standard deviations of what networks make of an edge

Outlined = Callable[[np.ndarray, Tidying], Iterable[Footprints]]


def town() -> tuple[np.ndarray, np.ndarray]:
    """Outlines in pixels that lie in the scene as a whole, and the share of each pixel that buildings cover."""
    outlines = [pixel_outline(building.outline) for building in true_buildings(small_town(SIDE, SEED))]
    inside = shapely.contains(shapely.box(0, 0, SIDE, SIDE), outlines)
    return np.array(outlines, object)[inside], coverage(outlines, SIDE)


def between_pixels(levels: np.ndarray, tidying: Tidying) -> Iterable[Footprints]:
    frame = Frame(SIDE, SIDE, Affine.identity(), None)
    return footprints_of([Block(frame.window, levels[None])], frame, k=K, tidying=tidying)


def along_pixels(levels: np.ndarray, tidying: Tidying) -> Iterable[Footprints]:
    frame = Frame(SIDE, SIDE, Affine.identity(), None)
    ids = (levels >= K).astype("uint8")
    return footprints_of_classes([Block(frame.window, ids[None])], frame, {1: tidying}, graded=0)


def curve(outlined: Outlined, levels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean vertices and mean IoU of the buildings found, for each tolerance, (tolerances, 2)."""
    rows = []
    for tolerance in TOLERANCES:
        found = Footprints.joined(outlined(levels, Tidying(0, 0, tolerance))).geometry
        matching = matched(truth, found)
        vertices = shapely.get_num_coordinates(found[matching.pairs[:, 1]]) - 1
        rows.append((vertices.mean(), matching.iou.mean()))
    return np.array(rows)


def draw(path: str, curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    figure, all_axes = plt.subplots(1, len(BLURS), figsize=(9, 3), sharey=True, layout="constrained")
    for axes, blur, (contour, stairs) in zip(all_axes, BLURS, curves, strict=True):
        axes.semilogx(*contour.T, "o-", color="#0072b2", label="between pixels")
        axes.semilogx(*stairs.T, "s-", color="#d55e00", label="along pixels")
        axes.set(title=f"edges blurred by {blur:g} px", xlabel="vertices of a building")
        axes.grid(alpha=0.3)
    all_axes[0].set_ylabel("mean IoU with the truth")
    all_axes[0].legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    truth, share = town()
    curves = []
    for blur in BLURS:
        levels = np.rint(254 * ndimage.gaussian_filter(share, blur)).astype("uint8")
        contour, stairs = curve(between_pixels, levels, truth), curve(along_pixels, levels, truth)
        curves.append((contour, stairs))
        for (vertices, iou), tolerance in zip(contour, TOLERANCES, strict=True):
            rival = np.interp(vertices, stairs[::-1, 0], stairs[::-1, 1])
            print(
                f"blur {blur:g} px, simplified by {tolerance:<4g} px: {vertices:6.1f} vertices, "
                f"IoU {iou:.3f} between pixels, {rival:.3f} along pixels at as many"
            )
    if len(sys.argv) > 1:
        draw(sys.argv[1], curves)


if __name__ == "__main__":
    main()
