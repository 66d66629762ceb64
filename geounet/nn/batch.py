"""How large windows a GPU is given, and how many of them together."""

from geounet.card import Architecture

MOST = 16  # more keep no GPU busier
USUAL = 1536  # pixels a side: half as many again go through the network as are mapped, and a laptop has the memory
_SIDES = (
    3072,
    2048,
    USUAL,
    1024,
    768,
    512,
)  # of larger windows the halo is a smaller share; beyond, there is little to gain
_SHARE = 0.6  # of the free memory; the rest is for cuDNN's workspaces


def forward_bytes(architecture: Architecture, number_bytes: int) -> int:
    """Memory that a forward pass takes at its peak, in bytes a pixel of the window.

    The peak is the last convolution. As large as its answer are then its input, the level that came from below and,
    with skips, the one beside it and the two of them concatenated.

    >>> forward_bytes(Architecture(), 2)
    774
    """
    levels = 6 if architecture.skips else 4
    return (levels * architecture.width + architecture.bands) * number_bytes


def windows_that_fit(free_bytes: int, architecture: Architecture, window: int, number_bytes: int) -> int:
    """Windows of `window` pixels a side to compute together: a power of 2 for which the free memory is enough, or 1.

    >>> windows_that_fit(16 << 30, Architecture(), 1536, 2)
    4
    """
    fitting = _fitting(free_bytes, architecture, window, number_bytes)
    return 1 << max(0, min(fitting, MOST).bit_length() - 1)


def window_that_fits(free_bytes: int, architecture: Architecture, number_bytes: int) -> int:
    """Side in pixels of the largest window of which the free memory holds two, one computed and one on its way.

    >>> [window_that_fits(gigabytes << 30, Architecture(), 2) for gigabytes in (2, 8, 12, 24)]
    [768, 1536, 2048, 3072]
    """
    return next((side for side in _SIDES if _fitting(free_bytes, architecture, side, number_bytes) >= 2), _SIDES[-1])


def _fitting(free_bytes: int, architecture: Architecture, window: int, number_bytes: int) -> int:
    return int(_SHARE * free_bytes / (window**2 * forward_bytes(architecture, number_bytes)))
