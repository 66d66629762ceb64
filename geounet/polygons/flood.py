"""Which building each pixel of an area belongs to, where contact runs through it: a seeded watershed.

As Iglovikov et al. (2018), "TernausNetV2", do: what is left of an area without its contact are seeds, which grow back.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from geounet.legend import NODATA
from geounet.polygons.runs import Levels
from geounet.rule import in_contact

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]

_CLOSED = 2  # pixels by which contact is thickened; so a wall may have holes of four
_DISC = (np.hypot(*np.mgrid[-_CLOSED : _CLOSED + 1, -_CLOSED : _CLOSED + 1]) <= _CLOSED).astype(np.uint8)


def inside(level: Levels, k: int) -> Mask:
    """Pixels of buildings, contact between them included."""
    found: Mask = (level >= k) & (level != NODATA)
    return found


def flooded(level: Levels, contact: Levels, area: Mask, least: float) -> tuple[Labels, int]:
    """The number 1, 2, ... of the building that each pixel of a 4-connected area belongs to, and how many there are.

    Seeds are the 4-connected parts of the area away from contact with at least `least` pixels. Every other pixel
    goes to the seed with the cheapest way to it inside the area, where contact is dear: so the seeds meet on its
    ridge, and each building is 4-connected. An area with fewer than two seeds is one building.

    Args:
        level, contact: (height, width) of the building and of contact, 0..254.
        area: (height, width) bool.
    """
    touching = (area & in_contact(level, contact)).astype(np.uint8)
    parts, count = label(area & (cv2.dilate(touching, _DISC) == 0))
    large = np.bincount(parts.ravel(), minlength=count + 1) >= least
    large[0] = False
    found = int(large.sum())
    if found < 2:
        return area.astype(np.int32), 1
    number = np.where(large, np.cumsum(large), 0).astype(np.int32)
    return _grown(number[parts], area, contact), found


def _grown(seeds: Labels, area: Mask, contact: Levels) -> Labels:
    """The seeds, grown over the rest of the area."""
    seeds, area, contact = np.pad(seeds, 1), np.pad(area, 1), np.pad(contact, 1)
    free = np.flatnonzero(area & (seeds == 0))
    beside = free[:, None] + (1, -1, area.shape[1], -area.shape[1])
    walked = area.flat[beside]
    start, end = beside[walked], np.repeat(free, walked.sum(axis=1))
    pixels = np.union1d(start, free)
    number = np.zeros(area.size, np.int64)
    number[pixels] = np.arange(len(pixels))
    # a step of one pixel costs 1 in the open and up to 509 in contact
    cost = 1.0 + contact.flat[start] + contact.flat[end]
    steps = csr_matrix((cost, (number[start], number[end])), shape=(len(pixels), len(pixels)))
    shores = np.flatnonzero(seeds.flat[pixels])
    nearest = dijkstra(steps, indices=shores, min_only=True, return_predecessors=True)[2]
    seeds.flat[pixels] = seeds.flat[pixels[nearest]]
    return seeds[1:-1, 1:-1]
