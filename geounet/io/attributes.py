"""What a file of footprints says of each of them, in every format alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geounet.errors import OutputError
from geounet.footprints import Footprints, ground_size, vertex_counts
from geounet.legend import LegendClass

FIELDS = ("class", "confidence", "area_m2", "perimeter_m", "vertices", "flags")
LAYER = "footprints"  # the layer's name in formats that have but one
_BATCH = 20_000  # footprints written together: a quarter as many take 22 MB less, and a fifth more time to write


@dataclass(frozen=True, slots=True)
class About:
    """What all footprints of a file share.

    Args:
        classes: in the order of their layers.
        crs: WKT of the coordinates; None for the undefined cartesian one.
        provenance: what the file was made from. No times, no paths, where the same bytes are wanted.
        on_earth: whether the format knows no coordinates but those of the Earth.
    """

    classes: Sequence[LegendClass]
    crs: str | None
    provenance: Mapping[str, str]
    on_earth: bool = False

    def columns(self, footprints: Footprints) -> list[NDArray[Any]]:
        """A column for each of `FIELDS`: texts are objects, vertices int32, all else float64 (NaN: unknown).

        Raises:
            OutputError: footprints that reach beyond the Earth, in a format that knows nothing there.
        """
        names = np.empty(256, object)
        for cls in self.classes:
            names[cls.id] = cls.name
        area, perimeter = ground_size(footprints.geometry, self.crs)
        if self.on_earth and np.isnan(area).any():
            raise OutputError(
                "some footprints reach beyond the Earth as its CRS shows it, where there is "
                "no longitude to write; choose an --out that ends in .gpkg"
            )
        return [
            names[footprints.class_id],
            np.round(footprints.confidence.astype(np.float64), 4),
            np.round(area, 2),
            np.round(perimeter, 2),
            vertex_counts(footprints.geometry),
            footprints.doubted().flag_texts,
        ]

    def counts(self, footprints: Footprints) -> dict[str, int]:
        """How many footprints there are of each class, by its name."""
        ids = np.bincount(footprints.class_id, minlength=256)
        return {cls.name: int(ids[cls.id]) for cls in self.classes}


def batches(footprints: Iterable[Footprints]) -> Iterator[Footprints]:
    """The footprints, gathered into batches worth a write; one empty batch where there are none."""
    waiting: list[Footprints] = []
    is_first = True
    for some in footprints:
        waiting.append(some)
        if sum(len(one) for one in waiting) >= _BATCH:
            yield Footprints.joined(waiting)
            waiting, is_first = [], False
    if is_first or waiting:
        yield Footprints.joined(waiting)
