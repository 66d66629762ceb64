"""Coherent noise: sums of smoothly enlarged random grids (fractional Brownian motion)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def octave(shape: tuple[int, int], wavelength: float, rng: np.random.Generator) -> Field:
    """One octave of noise: `shape` float32, about zero, with features `wavelength` pixels wide."""
    height, width = (max(int(np.ceil(side / wavelength)) + 3, 4) for side in shape)
    grid = rng.standard_normal((height, width), dtype=np.float32)
    matrix = np.array([[1 / wavelength, 0, 1], [0, 1 / wavelength, 1]], dtype=np.float64)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    enlarged = cv2.warpAffine(grid, matrix, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(enlarged, dtype=np.float32)


def fbm(
    shape: tuple[int, int], longest: float, octaves: int, rng: np.random.Generator, *, persistence: float = 0.6
) -> Field:
    """Noise of several octaves, `shape` float32, mean near 0 and standard deviation 1.

    Each octave has half the wavelength of the one before and `persistence` times its strength.
    """
    total = np.zeros(shape, dtype=np.float32)
    for level in range(octaves):
        total += octave(shape, max(longest / 2**level, 1.0), rng) * np.float32(persistence**level)
    total -= total.mean()
    total /= total.std() + np.float32(1e-6)
    return total


def smoothstep(values: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, and a smooth ramp between.

    >>> smoothstep(np.array([0.0, 1.0, 2.0], dtype=np.float32), 0.0, 2.0).tolist()
    [0.0, 0.5, 1.0]
    """
    ramp = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)


def blurred(values: Field, sigma: float) -> Field:
    """Values smoothed by a Gaussian of `sigma` cells."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float32)
