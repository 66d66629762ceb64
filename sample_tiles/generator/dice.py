"""Draws from the town's generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Option = TypeVar("Option")


def one_of(options: Sequence[Option], rng: np.random.Generator, shares: Sequence[float] | None = None) -> Option:
    """One of the options, all alike or by their shares, which need not add up to 1."""
    if shares is None:
        return options[int(rng.integers(len(options)))]
    weights = np.asarray(shares, dtype=np.float64)
    return options[int(rng.choice(len(options), p=weights / weights.sum()))]


def weighted(options: Sequence[tuple[str, float]], rng: np.random.Generator) -> str:
    """A name drawn by its weight."""
    return one_of([name for name, _ in options], rng, [weight for _, weight in options])


def either_side(rng: np.random.Generator) -> int:
    """-1 or 1."""
    return one_of((-1, 1), rng)


def near_one(rng: np.random.Generator, spread: float = 0.1) -> float:
    """A factor between 1 - spread and 1 + spread."""
    return float(rng.uniform(1 - spread, 1 + spread))
