"""Pipeline: an augmentation that a user wrote, as albumentations saves it (`A.save`, JSON or YAML).

Only transforms that albumentations itself has registered are made of it; nothing in the file is run.
"""

import hashlib
import json
import os
import random
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from geounet.block import Array
from geounet.errors import SettingsError
from geounet.nn.chip_store import VOID

PROBES = 12  # looks at a pipeline, with every transform in it taking part
MOST = 10_000  # values in a file; a few lines of YAML that refer to each other are billions
SPAN = 8.0  # deviations of a band that are 0..1 to the transforms, unless it is 8-bit
_KNOWN = (0, 1, VOID)
_REFUSED = {  # what they do is done elsewhere, or would run a stranger's code
    "Normalize": "the network's entrance normalises",
    "ToFloat": "the network's entrance makes floats",
    "FromFloat": "the network's entrance makes floats",
    "ToTensorV2": "the network's entrance makes tensors",
    "ToTensor3D": "the network's entrance makes tensors",
    "Lambda": "its code is not in the file",
}


class _Composed(Protocol):
    def __call__(self, *, image: Array, mask: Array) -> dict[str, Array]: ...

    def set_random_state(self, random_generator: np.random.Generator, py_random: random.Random) -> None: ...


@dataclass(frozen=True)
class Pipeline:
    """How samples are varied, for imagery of such bands: crops at any place, then the pipeline.

    8-bit imagery enters it as it is, any other as float32 with 0..1 for 4 deviations to each side of a band's mean.

    Args:
        name: of the file, and the beginning of its SHA-256.
        content: of the file.
        mean, std: of each band, in the scenes' units.
    """

    name: str
    content: Mapping[str, object]
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    moves = True

    @property
    def sample_dtype(self) -> np.dtype[np.generic]:
        """Of the samples' pixels."""
        return np.dtype("uint8" if self.dtype == "uint8" else "float32")

    @classmethod
    def read(cls, path: Path, *, dtype: str, mean: tuple[float, ...], std: tuple[float, ...], size: int) -> "Pipeline":
        """The pipeline in a file, tried on windows of that size.

        Raises:
            SettingsError: no such file, no pipeline in it, or one that does not fit the windows.
        """
        try:
            data = path.read_bytes()
            content = _parsed(data, path)
            _check(content, path)
            found = cls(f"{path.name} {hashlib.sha256(data).hexdigest()[:12]}", content, dtype, mean, std)
            found._try(path, size)
        except OSError as error:
            raise SettingsError(f"{path} cannot be read ({error.strerror}); give a file that A.save wrote") from error
        except SettingsError:
            raise
        except Exception as error:  # of any kind, by what the file asks albumentations for
            words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise SettingsError(
                f"{path} is no pipeline of albumentations for {len(mean)} bands of {dtype} ({words}); "
                f"write it with A.save"
            ) from error
        return found

    def _try(self, path: Path, size: int) -> None:
        """Have every transform take part."""
        certain = Pipeline(self.name, _certain(self.content), self.dtype, self.mean, self.std)
        for seed in range(PROBES):
            rng = np.random.default_rng(seed)
            shape = len(self.mean), size, size
            mean_C11, std_C11 = (np.asarray(v)[:, None, None] for v in (self.mean, self.std))
            pixels = np.clip(rng.normal(mean_C11, std_C11, shape), *_range(self.dtype)).astype(self.dtype)
            labels = rng.choice(_KNOWN, (size, size)).astype(np.uint8)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                varied, moved = certain.apply(pixels, labels, size, rng)
            if varied.shape != shape or moved.shape != (size, size):
                raise SettingsError(
                    f"{path} makes {varied.shape} of {shape} (bands, rows, columns); windows must keep their size"
                )
            if not np.isin(moved, _KNOWN).all():
                raise SettingsError(f"{path} makes up labels between classes; leave mask_interpolation at 0, nearest")

    def side(self, size: int, rng: np.random.Generator) -> int:
        """Side in pixels of the crop that becomes a sample of `size`."""
        return size

    def apply(self, pixels: Array, labels: Array, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The crop (bands, size, size) with its labels (size, size) varied; VOID where there is no crop any more."""
        # not set_random_seed: it gives each transform the same numbers, so that of equal chance all take part or none
        self._composed.set_random_state(rng, random.Random(int(rng.integers(2**31))))  # noqa: S311
        known = np.stack([labels, np.ones_like(labels)], axis=2)
        varied = self._composed(image=np.ascontiguousarray(self._entered(pixels).transpose(1, 2, 0)), mask=known)
        image, moved = varied["image"], varied["mask"]
        labels = np.where(moved[:, :, 1] == 1, moved[:, :, 0], VOID).astype(np.uint8)
        return self._left(image.reshape(*image.shape[:2], -1).transpose(2, 0, 1)), labels

    def _entered(self, pixels: Array) -> Array:
        if self.dtype == "uint8":
            return pixels
        mean_C11, std_C11 = self._statistics
        entered: Array = (pixels.astype(np.float32) - mean_C11) / (SPAN * std_C11) + np.float32(0.5)
        return entered

    def _left(self, pixels: Array) -> Array:
        if self.dtype == "uint8":
            return np.ascontiguousarray(pixels.astype(np.uint8, casting="same_kind"))
        mean_C11, std_C11 = self._statistics
        return np.ascontiguousarray((pixels - np.float32(0.5)) * (SPAN * std_C11) + mean_C11)

    @property
    def _statistics(self) -> tuple[Array, Array]:
        return np.array(self.mean, np.float32)[:, None, None], np.array(self.std, np.float32)[:, None, None]

    @cached_property
    def _composed(self) -> _Composed:
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else its import asks a server for a newer version
        import albumentations as A  # noqa: N812 - the name its users know; and it takes seconds

        made = A.from_dict(dict(self.content))
        composed: _Composed = made if isinstance(made, A.Compose) else A.Compose([made])
        return composed

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_composed"}


def _parsed(data: bytes, path: Path) -> dict[str, object]:
    if path.suffix.lower() in (".yaml", ".yml"):
        import yaml  # albumentations brings it

        content = yaml.safe_load(data)
    else:
        content = json.loads(data)
    if not isinstance(content, dict) or not isinstance(content.get("transform"), dict):
        raise SettingsError(f"{path} holds no pipeline of albumentations; write it with A.save")
    return content


def _check(content: Mapping[str, object], path: Path) -> None:
    values = list(islice(_values(content), MOST + 1))
    if len(values) > MOST:
        raise SettingsError(f"{path} holds more than {MOST:,} values; give a file that A.save wrote")
    for value in values:
        name = str(value.get("__class_fullname__")).rpartition(".")[2] if isinstance(value, Mapping) else ""
        if name in _REFUSED:
            raise SettingsError(f"{path}: {name} cannot be used ({_REFUSED[name]}); take it out")


def _values(value: object) -> Iterator[object]:
    """A value and all inside it; what YAML refers to more than once comes as often."""
    yield value
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inside:
        yield from _values(each)


def _certain(content: Mapping[str, object]) -> dict[str, object]:
    """The pipeline with every transform certain to take part, but for the choice of one of several."""
    changed: dict[str, object] = json.loads(json.dumps(content), object_hook=lambda d: d | {"p": 1} if "p" in d else d)
    return changed


def _range(dtype: str) -> tuple[float, float]:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return -np.inf, np.inf
    return float(np.iinfo(kind).min), float(np.iinfo(kind).max)
