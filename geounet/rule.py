"""The one rule that decides between background and building, for rasters, outlines and scores alike."""

import math

from geounet.errors import SettingsError

LEVELS = 254  # a probability p is stored as round(254 p); 255 is nodata


def cut_level(threshold: float) -> int:
    """k = ceil(254 threshold): a pixel is building where its stored level q >= k; outlines follow k - 1/2.

    >>> cut_level(0.5)
    127

    Raises:
        SettingsError: a threshold that is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise SettingsError(f"threshold {threshold} must be above 0 and at most 1")
    return math.ceil(round(LEVELS * threshold, 9))
