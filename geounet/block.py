"""Block: the one currency for pixels, masks, scores and strips; Segmenter: all that a job knows of a network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from geounet.card import ModelCard
from geounet.grid import Window

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """An array anchored to a window: `values` is (bands, window.height, window.width)."""

    window: Window
    values: Array

    def __post_init__(self) -> None:
        assert self.values.shape[1:] == self.window.shape, (self.values.shape, self.window)

    def cut(self, window: Window) -> "Block":
        """The part in `window`, which must lie inside; a view, not a copy."""
        inside = window.seen_from(self.window)
        return Block(window, self.values[:, inside.rows, inside.cols])


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What the network is given for one padded window, and the core of it whose answer is kept.

    Args:
        pixels: (bands, height, width) in the scene's dtype; what invalid pixels hold is never looked at.
        valid: (1, height, width) bool.
        core: the part of the window that is the scene's and no other window's.
    """

    pixels: Block
    valid: Block
    core: Window


class Segmenter(Protocol):
    """A network as jobs see it: the torch one lives in `nn`, a fake one drives the whole path in tests."""

    @property
    def card(self) -> ModelCard: ...

    @property
    def begins_early(self) -> bool:
        """Whether it begins with pieces before their first answer is asked for: then hand it the next ones first."""
        ...

    def scores(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        """Probability of each class over each whole window: (classes, height, width) float32, summing to 1.

        Classes come in the order of the legend, contact last where the model has it.
        """
        ...

    def predict(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        """Strip of each core: (1 + foreground classes [+ 1], height, width) uint8.

        Band 0 is the class, the others round(254 p) of each foreground class (of a building, its contact included)
        and of contact where the model has it. Nodata is not looked at here: the job masks.
        """
        ...

    def strip(self, scores: Block) -> Block:
        """Strip of scores that were put together from several windows: what `predict` makes of those of a core."""
        ...
