"""Test-time augmentation: a window seen from several sides, whose answers are averaged.

Tensors are suffixed by shape: B batch, C channels, H rows, W columns.
"""

from dataclasses import dataclass
from itertools import product
from typing import Literal

from torch import Tensor

Tta = Literal["none", "flips", "d4"]


@dataclass(frozen=True, slots=True)
class View:
    """A window turned by quarters, then mirrored left to right or not.

    Windows start and end on the pooling grid, so that a view of one does too: its answer, turned back, needs no more
    of a halo than the window's own.
    """

    quarters: int
    mirrored: bool

    def of(self, x_BCHW: Tensor) -> Tensor:
        turned_BCHW = x_BCHW.rot90(self.quarters, (2, 3)) if self.quarters else x_BCHW
        return turned_BCHW.flip(3) if self.mirrored else turned_BCHW

    def undone(self, x_BCHW: Tensor) -> Tensor:
        """What `of` made this of."""
        turned_BCHW = x_BCHW.flip(3) if self.mirrored else x_BCHW
        return turned_BCHW.rot90(-self.quarters, (2, 3)) if self.quarters else turned_BCHW


VIEWS: dict[str, tuple[View, ...]] = {
    "none": (View(0, mirrored=False),),
    "flips": tuple(View(quarters, mirrored) for quarters, mirrored in product((0, 2), (False, True))),
    "d4": tuple(View(quarters, mirrored) for quarters, mirrored in product(range(4), (False, True))),
}
