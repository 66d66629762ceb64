"""Towns as unlike each other as the dice allow: colours of roofs and ground, sun, density, greenness and haze.

For a network that is to know a house from whatever colour it has, in whatever place (domain randomisation, Tobin et al.
2017). Nothing in them is taken from any real town.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .covers import COVERS
from .style import RGB, TRAIN, Sun, TownStyle
from .surfaces import SURFACES

SIDE = 1024
COUNT = 12
APART = 400.0  # metres between the left edges of two towns, which are 307 m wide
_USES = {"detached": 0.4, "rows": 0.1, "courtyard": 0.07, "estate": 0.06, "works": 0.07, "park": 0.1, "field": 0.2}


def varied_town(number: int) -> TownStyle:
    """The style of the town of that number, which lies beside the others."""
    rng = np.random.default_rng((1000, number))
    return replace(
        TRAIN,
        name=f"town_{number:02}",
        seed=1000 + number,
        side=SIDE,
        west=TRAIN.west + APART * number,
        sun=Sun(azimuth=float(rng.uniform(60, 300)), elevation=float(rng.uniform(28, 68))),
        pitched=_weights([name for name, _ in TRAIN.pitched], rng),
        flat=_weights([name for name, _ in TRAIN.flat], rng),
        uses=tuple((name, share * float(rng.lognormal(0, 0.7))) for name, share in _USES.items()),
        parcel_width=float(rng.uniform(11, 24)),
        greenness=float(rng.uniform(0, 1)),
        trees=float(rng.uniform(0.003, 0.025)),
        haze=float(rng.uniform(0, 0.1)),
        tilt=0.0,
        ground_tints=tuple(_ground(rng)),
        roof_tints=tuple(_roofs(rng)),
        wear=float(rng.uniform(1, 3)),
    )


def _weights(names: Sequence[str], rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    """A few of them often, the others hardly ever."""
    shares = rng.dirichlet(np.full(len(names), 0.8)).tolist()
    return tuple(zip(names, shares, strict=True))


def _ground(rng: np.random.Generator) -> list[tuple[str, RGB]]:
    """One tint for the whole town, from red soil to a lush green, and a little more for each surface."""
    town = rng.normal(1, 0.1, 3) * rng.uniform(0.8, 1.2)
    return [(name, _rgb(town * rng.normal(1, 0.08, 3))) for name in SURFACES]


def _roofs(rng: np.random.Generator) -> list[tuple[str, RGB]]:
    """Any colour, from dark to bright and mostly dull, for about half of the covers."""
    tints = []
    for name, cover in COVERS.items():
        hue = rng.normal(0, 1, 3)
        colour = rng.uniform(40, 235) * (1 + 0.25 * rng.random() * (hue - hue.mean()))
        if rng.random() < 0.5:
            tints.append((name, _rgb(np.clip(colour, 15, 245) / np.asarray(cover.light))))
    return tints


def _rgb(values: NDArray[np.float64]) -> RGB:
    red, green, blue = np.maximum(values, 0.05).tolist()
    return red, green, blue
