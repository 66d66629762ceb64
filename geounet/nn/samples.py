"""Training samples: crops at any place of the training area, augmented; each a pure function of seed and number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geounet.block import Array
from geounet.errors import ChipsError
from geounet.grid import Window
from geounet.nn.augment import Augmentation
from geounet.nn.chip_set import ChipSet
from geounet.nn.chip_store import VOID, ChipFolder, covered
from geounet.nn.pipeline import Pipeline

Variation = Augmentation | Pipeline
REVISION = 1  # counted up whenever the same windows and seed give other samples
RARE = 0.2  # share of windows with a class below which it is rare
MOST = 10.0  # times that a window with contact is wanted more than another; with more, the same few would be learned
BESIDE = 1 / 3  # windows of synthetic towns to one of the training's own
TRIES = 8  # places looked at before the window's own is taken


class Samples:
    """Endless training samples, numbered from 0: every pass over the windows is a new seeded order of them.

    Of several foreground classes the rare ones come more often, and so does contact: a pass has as many samples as
    there are windows, but windows with what few have stand in it several times, and others only in some passes.
    Where there are windows of synthetic towns, a pass has one of them to three others, as long as there are so many.

    Sample n depends on the seed and n alone, so that training can go on at any number, in any process. Each is a
    crop around a window of the training split, moved by up to half a size in each direction.

    Raises:
        ChipsError: no window of the training split has a label.
    """

    def __init__(
        self, folders: Sequence[ChipFolder], augmentation: Variation, seed: int, *, synthetic: ChipFolder | None = None
    ) -> None:
        self.folders = tuple(folders)
        self.augmentation = augmentation
        self.seed = seed
        self.size = folders[0].card.size
        both = self.folders, (synthetic,) if synthetic else ()
        self._pools = tuple(Pool(ChipSet(some).windows("train").places) for some in both)
        own, towns = (len(pool.windows) for pool in self._pools)
        self._counts = own, min(math.ceil(BESIDE * own), towns)  # of a pass
        if not own:
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
        return sum(self._counts)

    @property
    def of_towns(self) -> tuple[int, int]:
        """How many samples of a pass are of synthetic towns, and how many there are in all."""
        return self._counts[1], self.pass_length

    @cached_property
    def _passes(self) -> dict[int, list[tuple[int, int]]]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_passes"}

    def _order(self, number: int) -> list[tuple[int, int]]:
        """Pool and place in it of each sample of a pass; the last one asked for is kept."""
        if number not in self._passes:
            self._passes.clear()
            rng = np.random.default_rng((self.seed, number))
            samples = [
                (which, index)
                for which, (pool, count) in enumerate(zip(self._pools, self._counts, strict=True))
                for index in pool.lot(rng, count)
            ]
            self._passes[number] = [samples[n] for n in rng.permutation(len(samples)).tolist()]
        return self._passes[number]

    def __getitem__(self, number: int) -> tuple[Array, Array]:
        """Sample `number`: pixels (bands, size, size); labels (size, size) uint8, VOID where there is no imagery."""
        which, index = divmod(number, self.pass_length)
        rng = np.random.default_rng((self.seed, which, index))
        pool, place = self._order(which)[index]
        folder, window = self._pools[pool].windows[place]
        side = self.augmentation.side(self.size, rng)
        pixels, labels = self._crop(folder, window, side, rng)
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


@dataclass(frozen=True)
class Pool:
    """Training windows, (folder, number), that have labels and come in turn, each as often as its weight says."""

    windows: tuple[tuple[ChipFolder, int], ...]

    def lot(self, rng: np.random.Generator, count: int) -> list[int]:
        """Indices of `count` windows in their order, what their weights leave open decided by lot."""
        if not count or (self._weights is None and count == len(self.windows)):
            return list(range(count))
        weights = np.ones(len(self.windows)) if self._weights is None else self._weights
        shares = np.cumsum(weights) / np.sum(weights)
        chosen: list[int] = np.searchsorted(shares, (rng.random() + np.arange(count)) / count, "right").tolist()
        return chosen

    @cached_property
    def _weights(self) -> Array | None:
        """How often each window is wanted; None where all are alike."""
        shares = np.array([folder.card.windows[number].shares for folder, number in self.windows])
        if shares.shape[1] > 2:
            return repeats(shares > 0)
        if self.windows[0][0].card.contact_width is None:
            return None
        return as_often(np.array([folder.has_contact(number) for folder, number in self.windows]))


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
