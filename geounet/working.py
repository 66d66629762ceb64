"""The working grid, on which a network sees scenes of any resolution."""

import math
from dataclasses import dataclass
from fractions import Fraction

from affine import Affine

from geounet.errors import SceneError
from geounet.frame import STEPS, Frame
from geounet.grid import Window
from geounet.rule import SAME

COARSEST = 4.0  # times the wanted ground resolution: beyond it, pixels would be invented


@dataclass(frozen=True, slots=True)
class Resampling:
    """How one axis of the working grid lies on the scene's pixels.

    Working pixel i covers [start + i * ratio, start + (i + 1) * ratio) of the scene's axis.
    """

    start: Fraction
    ratio: Fraction
    count: int

    @property
    def steps(self) -> int:
        """Parts of a scene pixel in which start and ratio are whole numbers."""
        return math.lcm(self.start.denominator, self.ratio.denominator)

    def cropped(self, first: int, count: int) -> "Resampling":
        """The axis of some working pixels alone, the first of them its pixel 0."""
        return Resampling(self.start + first * self.ratio, self.ratio, count)

    def inverted(self, first: int, count: int) -> "Resampling":
        """How `count` scene pixels from `first` on lie on the working pixels: the two change places.

        >>> Resampling(Fraction(-1, 2), Fraction(5, 2), 4).inverted(2, 6)
        Resampling(start=Fraction(1, 1), ratio=Fraction(2, 5), count=6)
        """
        return Resampling((first - self.start) / self.ratio, 1 / self.ratio, count)

    def covering(self, first: int, count: int) -> tuple[int, int]:
        """First working pixel that shares ground with a run of scene pixels, and the one behind the last."""
        return math.floor((first - self.start) / self.ratio), math.ceil((first + count - self.start) / self.ratio)

    def made_of(self, first: int, count: int) -> tuple[int, int]:
        """First scene pixel that shares ground with a run of working pixels, and the one behind the last."""
        start = self.start + first * self.ratio
        return math.floor(start), math.ceil(start + count * self.ratio)


@dataclass(frozen=True, slots=True)
class WorkingGrid:
    """The grid a network sees: its frame and how its rows and columns are made from the scene's.

    `rows` and `cols` are None where nothing is resampled.
    """

    frame: Frame
    rows: Resampling | None = None
    cols: Resampling | None = None

    def covering(self, window: Window) -> Window:
        """The working pixels that share ground with a window of the scene's own pixels."""
        if self.rows is None or self.cols is None:
            return window
        row, bottom = self.rows.covering(window.row, window.height)
        col, right = self.cols.covering(window.col, window.width)
        return Window(row, col, bottom - row, right - col)

    def made_of(self, window: Window) -> Window:
        """The scene's own pixels that share ground with a window of working pixels; they may lie beyond its edge."""
        if self.rows is None or self.cols is None:
            return window
        row, bottom = self.rows.made_of(window.row, window.height)
        col, right = self.cols.made_of(window.col, window.width)
        return Window(row, col, bottom - row, right - col)


def working_grid(scene: Frame, resolution: float | None, reference: Frame | None = None) -> WorkingGrid:
    """The grid of constant pixel size on which `scene` is read at `resolution` metres a pixel on the ground.

    It has the CRS and the axes of the scene. Its pixel edges lie on multiples of its pixel size counted from the
    origin of the CRS, so that crops of one scene have crops of one working grid. Within 10 % of the resolution, and
    for scenes without CRS, it is the scene's own grid.

    Args:
        reference: the frame whose pixels are measured on the ground, where it is not the scene's own.

    Raises:
        SceneError: pixels more than 4 times coarser than `resolution`. Finer ones are averaged, at any factor.
    """
    metres = (reference or scene).pixel_metres
    if resolution is None or metres is None:
        return WorkingGrid(scene)
    wanted = resolution / metres[0], resolution / metres[1]
    if min(wanted) < 1 / COARSEST:
        raise SceneError(
            f"the scene's pixels of {max(metres):.3g} m are more than {COARSEST:g} times coarser than the "
            f"{resolution:.3g} m wanted; use finer imagery, or a model trained at its resolution"
        )
    if all(1 / (1 + SAME) <= ratio <= 1 + SAME for ratio in wanted):
        return WorkingGrid(scene)
    row, col = scene.absolute_origin
    rows, cols = _axis(row, scene.height, wanted[1]), _axis(col, scene.width, wanted[0])
    placed = scene.transform @ Affine.translation(float(cols.start), float(rows.start))
    transform = placed @ Affine.scale(float(cols.ratio), float(rows.ratio))
    return WorkingGrid(Frame(rows.count, cols.count, transform, scene.crs), rows, cols)


def _axis(origin: float, length: int, wanted: float) -> Resampling:
    ratio = Fraction(max(1, round(wanted * STEPS)), STEPS)
    first = Fraction(round(origin * STEPS), STEPS)
    index = math.floor(first / ratio)
    count = math.ceil((first + length) / ratio) - index
    return Resampling(index * ratio - first, ratio, count)
