"""Offset: how far labels lie from what the image shows, by the one displacement at which their edges agree best.

Normalised cross-correlation (Lewis 1995, "Fast normalized cross-correlation") of the labels' edges with the strength of
the image's gradient: walls and roofs' eaves are edges whatever their colour, and nothing has to be learned first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geounet.block import Array

Floats = NDArray[np.float64]

_SECOND = 0.7  # of the best displacement's agreement, that no displacement far from it may reach
_AGREEING = 0.7  # share of the labels' edges in quarters that ask for the same displacement as the whole
_AROUND_NODATA = 4  # sigmas of the smoothing, from which the edge of the data is seen


@dataclass(frozen=True, slots=True)
class Offset:
    """How many pixels right and down labels must be moved to lie on the image, and why that is not sure, if so."""

    cols: float
    rows: float
    doubt: str | None


def gradient_strength(pixels: Array, valid: NDArray[np.bool_], sigma: float) -> Floats:
    """Strength of the gradient (height, width) of pixels (bands, height, width), of mean 0 and variance 1; 0 where
    there is no data near.

    Args:
        sigma: of the smoothing before, in pixels.
    """
    known = ndimage.binary_erosion(valid, iterations=max(1, round(_AROUND_NODATA * sigma)), border_value=1)
    if not known.any():
        return np.zeros(valid.shape)
    grey = np.where(valid, pixels, 0).astype("float64").mean(axis=0)
    grey[~valid] = grey[valid].mean()
    strength = ndimage.gaussian_gradient_magnitude(grey, sigma)
    spread = float(strength[known].std()) or 1.0
    return np.where(known, (strength - strength[known].mean()) / spread, 0.0)


def edges(labels: NDArray[np.bool_], sigma: float) -> Floats:
    """Edges (height, width) of labels, smoothed."""
    strength: Floats = ndimage.gaussian_gradient_magnitude(labels.astype("float64"), sigma)
    return strength


def agreement(lines: Floats, strength: Floats, reach: int) -> Floats:
    """Sum of lines times strength, for each displacement of the lines by -reach .. reach rows and columns.

    Args:
        lines: (height, width); `strength`: (height + 2 reach, width + 2 reach), of the same place and around.

    >>> lines, strength = np.zeros((4, 4)), np.zeros((8, 8))
    >>> lines[1, 1], strength[1 + 2 - 1, 1 + 2 + 2] = 1, 5
    >>> np.argwhere(agreement(lines, strength, 2).round() == 5) - 2
    array([[-1,  2]])
    """
    product = np.fft.rfft2(strength) * np.conj(np.fft.rfft2(lines, s=strength.shape))
    side = 2 * reach + 1
    return np.fft.irfft2(product, s=strength.shape)[:side, :side]


def best_offset(quarters: Sequence[Floats], weights: Sequence[float], near: float) -> Offset:
    """The displacement at which labels agree best with the image, and whether it can be believed.

    Args:
        quarters: the agreement for each displacement, by quarter of the scene; `weights`: the sum of the lines of each.
        near: pixels within which two displacements are the same.
    """
    whole = np.sum(quarters, axis=0)
    rows, cols = _peak(whole)
    doubt = _doubt(whole, (rows, cols), near)
    if doubt is None:
        places = [_peak(quarter) for quarter in quarters]
        same = [np.hypot(row - rows, col - cols) <= near for row, col in places]
        share = sum(weight for weight, is_same in zip(weights, same, strict=True) if is_same) / sum(weights)
        if share < _AGREEING:
            doubt = "parts of the scene ask for different ones"
    return Offset(cols, rows, doubt)


def _doubt(whole: Floats, peak: tuple[float, float], near: float) -> str | None:
    reach = len(whole) // 2
    if max(map(abs, peak)) > reach - 1:
        return "it may be larger than what is looked for"
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    far = whole[np.hypot(down - peak[0], across - peak[1]) > max(near, 2.0)]
    usual = float(np.median(whole))
    if not far.size or far.max() - usual > _SECOND * (whole.max() - usual):
        return "another one is about as good"
    return None


def _peak(surface: Floats) -> tuple[float, float]:
    """Row and column of the highest place, counted from the middle; between pixels by a parabola along each axis."""
    row, col = (int(i) for i in np.unravel_index(surface.argmax(), surface.shape))
    reach = len(surface) // 2
    return row - reach + _summit(surface[:, col], row), col - reach + _summit(surface[row], col)


def _summit(line: Floats, place: int) -> float:
    """How far the summit of a parabola through a highest value and its neighbours lies from it, -0.5..0.5."""
    if not 0 < place < len(line) - 1:
        return 0.0
    before, here, behind = line[place - 1 : place + 2]
    bend = before - 2 * here + behind
    return 0.0 if bend == 0 else float((before - behind) / (2 * bend))
