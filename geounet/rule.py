"""The rules that decide alike everywhere: building or background, contact or not, one ground resolution or two."""

import math

import numpy as np
from numpy.typing import NDArray

from geounet.errors import SettingsError

LEVELS = 254  # a probability p is stored as round(254 p); 255 is nodata
SAME = 0.10  # a scene within 10 % of the wanted ground resolution is used as it is
_SHARE = 4


def cut_level(threshold: float) -> int:
    """k = ceil(254 threshold): a pixel is building where its stored level q >= k; outlines follow k - 1/2.

    >>> cut_level(0.5)
    127

    Raises:
        SettingsError: a threshold that is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise SettingsError(f"--threshold {threshold:g} must be above 0 and at most 1")
    return math.ceil(round(LEVELS * threshold, 9))


def in_contact(level: NDArray[np.uint8], contact: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of which contact has a quarter or more of the building's probability, which includes it.

    A line that is not sure of itself still divides: it has to lead right through a building.

    Args:
        level, contact: 0..254, of the building and of contact.
    """
    touching: NDArray[np.bool_] = _SHARE * contact.astype(np.int16) >= level
    return touching
