"""Training samples: crops at any place of the training area, augmented; each a pure function of seed and number."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from geounet.block import Array
from geounet.errors import ChipsError
from geounet.grid import Window
from geounet.nn.augment import Augmentation
from geounet.nn.chip_store import VOID, ChipFolder, covered
from geounet.nn.pipeline import Pipeline

Variation = Augmentation | Pipeline
RARE = 0.2  # share of windows with a class below which it is rare
MOST = 10.0  # times that a window with contact is wanted more than another; with more, the same few would be learned
TRIES = 8  # places looked at before the drawn window itself is taken


class Samples:
    """Endless training samples, numbered from 0: every pass over the windows is a new seeded order of them.

    Of several foreground classes the rare ones come more often, and so does contact: a pass has as many samples as
    there are windows, but windows with what few have stand in it several times, and others only in some passes.

    Sample n depends on the seed and n alone, so that training can go on at any number, in any process. Each is a
    crop around a window of the training split, moved by up to half a size in each direction.

    Raises:
        ChipsError: no window of the training split has a label.
    """

    def __init__(self, folders: Sequence[ChipFolder], augmentation: Variation, seed: int) -> None:
        self.folders = tuple(folders)
        self.augmentation = augmentation
        self.seed = seed
        self.size = folders[0].card.size
        self._windows = tuple(
            (f, number)
            for f, folder in enumerate(folders)
            for number in folder.card.of_split("train")
            if folder.card.windows[number].shares
        )
        if not self._windows:
            names = ", ".join(str(folder.path) for folder in folders)
            raise ChipsError(f"no training window in {names} has a label; tile with --val below 1, or check the labels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Bands, rows and columns of a sample."""
        return self.folders[0].card.bands, self.size, self.size

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of a sample's pixels."""
        return self.augmentation.sample_dtype

    @property
    def pass_length(self) -> int:
        """Samples in one pass over the training windows."""
        return len(self._windows)

    @cached_property
    def _passes(self) -> dict[int, Array]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_passes"}

    def _order(self, number: int) -> Array:
        """Order of the windows in a pass; the last one asked for is kept."""
        if number not in self._passes:
            self._passes.clear()
            rng = np.random.default_rng((self.seed, number))
            self._passes[number] = rng.permutation(self._drawn(rng))
        return self._passes[number]

    def _drawn(self, rng: np.random.Generator) -> Array:
        """Indices of the windows of a pass in their order; each as often as its weight says, rounded by lot."""
        if self._weights is None:
            return np.arange(self.pass_length)
        shares = np.cumsum(self._weights) / np.sum(self._weights)
        drawn: Array = np.searchsorted(shares, (rng.random() + np.arange(self.pass_length)) / self.pass_length, "right")
        return drawn

    @cached_property
    def _weights(self) -> Array | None:
        """How often each window is wanted; None where all are alike."""
        shares = np.array([self.folders[f].card.windows[number].shares for f, number in self._windows])
        if shares.shape[1] > 2:
            return repeats(shares > 0)
        if self.folders[0].card.contact_width is None:
            return None
        return as_often(np.array([self.folders[f].has_contact(number) for f, number in self._windows]))

    def __getitem__(self, number: int) -> tuple[Array, Array]:
        """Sample `number`: pixels (bands, size, size); labels (size, size) uint8, VOID where there is no imagery."""
        which, index = divmod(number, self.pass_length)
        rng = np.random.default_rng((self.seed, which, index))
        folder, window = self._windows[self._order(which)[index]]
        side = self.augmentation.side(self.size, rng)
        pixels, labels = self._crop(self.folders[folder], window, side, rng)
        return self.augmentation.apply(pixels, labels, self.size, rng)

    def _crop(self, folder: ChipFolder, number: int, side: int, rng: np.random.Generator) -> tuple[Array, Array]:
        chip = folder.card.windows[number]
        centred = (self.size - side) // 2
        half = self.size // 2 if self.augmentation.moves else 0
        for _ in range(TRIES if half else 0):
            row, col = rng.integers(-half, half + 1, size=2).tolist()
            crop = Window(chip.row + centred + row, chip.col + centred + col, side, side)
            parts = folder.met(chip.scene, crop)
            if covered(parts) < crop.area // 2:
                continue
            pixels, labels = folder.put_together(crop, parts)
            if np.count_nonzero(labels < VOID) >= crop.area // 16:
                return pixels, labels
        return folder.crop(chip.scene, Window(chip.row + centred, chip.col + centred, side, side))


def repeats(there: Array) -> Array:
    """How often each window is wanted, by its rarest class: (windows, classes) bool -> (windows,), from 1 on.

    Source: repeat factor sampling of Gupta et al. (2019), "LVIS", with what is rare in windows instead of photographs.

    >>> repeats(np.array([[1, 1, 0]] * 19 + [[1, 0, 1]], dtype=bool))[-2:].tolist()
    [1.0, 2.0]
    """
    share = np.maximum(there.mean(axis=0), 1 / len(there))
    factors = np.maximum(1.0, np.sqrt(RARE / share))
    wanted: Array = np.where(there, factors, 1.0).max(axis=1)
    return wanted


def as_often(there: Array) -> Array:
    """How often each window is wanted, so that half of them have what few have: (windows,) bool -> (windows,), from 1.

    >>> as_often(np.array([True, False, False, False])).tolist()
    [3.0, 1.0, 1.0, 1.0]
    """
    having = int(np.count_nonzero(there))
    factor = float(np.clip((len(there) - having) / max(1, having), 1.0, MOST))
    wanted: Array = np.where(there, factor, 1.0)
    return wanted
