"""Outlines of masks, and what lies near a mask: for scores that forgive a pixel or a metre.

Boundary F1 after Csurka et al. (2013), "What is a good evaluation measure for semantic segmentation?"; relaxed
precision and recall after Mnih (2013), "Machine Learning for Aerial Image Labeling".
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_ROUNDING = 1e-9  # of a radius, by which a pixel at exactly that distance may be missed


def outline(mask: Mask, known: Mask) -> Mask:
    """Pixels of a mask that have a pixel beside them, above or below, which is known and not in it.

    The edge of what is known is no outline: nobody says that a building ends there.

    >>> mask = np.zeros((1, 5), bool)
    >>> mask[0, :3] = True
    >>> outline(mask, np.ones((1, 5), bool)).tolist()
    [[False, False, True, False, False]]
    """
    beyond = known & ~mask
    beside = np.zeros_like(mask)
    beside[1:] |= beyond[:-1]
    beside[:-1] |= beyond[1:]
    beside[:, 1:] |= beyond[:, :-1]
    beside[:, :-1] |= beyond[:, 1:]
    return beside & mask


def disk(radius: float, across: float = 1.0, down: float = 1.0) -> NDArray[np.uint8]:
    """The pixels whose centres lie within a radius of the middle one's, as a kernel of 0 and 1.

    Args:
        across, down: width and height of a pixel, in the unit of the radius.

    >>> disk(1.5).tolist()
    [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
    >>> disk(1.0, down=2.0).tolist()
    [[1, 1, 1]]
    """
    cols, rows = (int(radius * (1 + _ROUNDING) / side) for side in (across, down))
    y, x = np.mgrid[-rows : rows + 1, -cols : cols + 1]
    within: NDArray[np.uint8] = (np.hypot(x * across, y * down) <= radius * (1 + _ROUNDING)).astype("uint8")
    return within


def near(mask: Mask, kernel: NDArray[np.uint8]) -> Mask:
    """Pixels within the reach of a `disk` from one of a mask."""
    return cv2.dilate(mask.view(np.uint8), kernel).view(np.bool_)
