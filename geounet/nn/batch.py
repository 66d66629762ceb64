"""How many windows a GPU computes together."""

from geounet.card import Architecture

MOST = 16  # more keep no GPU busier
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
    fitting = int(_SHARE * free_bytes / (window**2 * forward_bytes(architecture, number_bytes)))
    return 1 << max(0, min(fitting, MOST).bit_length() - 1)
