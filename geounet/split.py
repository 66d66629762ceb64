"""Train, validation and test by spatial blocks: neighbouring windows stay together, so that none is seen twice."""

import random
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import TypeVar

from geounet.errors import SettingsError

Key = TypeVar("Key", bound=tuple[int, ...])


def block_splits(
    foreground: Mapping[Key, float], area: Mapping[Key, float], *, val: float, test: float, seed: int
) -> dict[Key, str]:
    """'train', 'val' or 'test' for each block.

    Blocks are drawn at random from strata of like foreground share, so that validation and test see dense and empty
    places as training does, and in proportion to their labelled area, so that they are no slivers of a scene's edge.
    At least one block stays for training; where there are two or more, a share above 0 gets at least one.

    Args:
        foreground: share of foreground pixels of each block, 0..1.
        area: of each block that has a label, above 0, in any unit.
        val, test: shares of the blocks.

    Raises:
        SettingsError: shares that are negative or leave nothing for training.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise SettingsError(
            f"shares for validation {val} and test {test} must be 0 or more and leave some for training"
        )
    blocks = sorted(foreground, key=lambda key: (foreground[key], key))
    wanted = [max(1, round(share * len(blocks))) if share else 0 for share in (val, test)]
    while sum(wanted) > max(0, len(blocks) - 1):
        wanted[wanted.index(max(wanted))] -= 1
    names = ["val"] * wanted[0] + ["test"] * wanted[1]
    draw = random.Random(seed)  # noqa: S311 (a split is no secret)
    draw.shuffle(names)
    ends = list(accumulate(area[key] for key in blocks))
    splits: dict[Key, str] = {}
    for stratum, name in enumerate(names):
        drawn = bisect_right(ends, ends[-1] * (stratum + draw.random()) / len(names))
        # a block may reach into the next stratum, and be drawn there again: the one after it is as good
        free = (blocks[(drawn + step) % len(blocks)] for step in range(len(blocks)))
        splits[next(key for key in free if key not in splits)] = name
    return {key: splits.get(key, "train") for key in blocks}
