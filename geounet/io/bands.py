"""Which bands of a file are read, by number or by colour."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from rasterio.enums import ColorInterp

from geounet.errors import SceneError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bands:
    """The bands a scene is read with: GDAL's numbers (from 1) and colours; and the alpha band, which is never one."""

    numbers: tuple[int, ...]
    colours: tuple[str, ...]
    alpha: int | None


def choose_bands(
    interpretations: Sequence[ColorInterp], path: str, bands: Sequence[int] | str, colours: Sequence[str] | None
) -> Bands:
    """The bands asked for, by number from 1 or by colour; alpha is never one.

    Raises:
        SceneError: bands or colours that the file does not have.
    """
    names = [interpretation.name for interpretation in interpretations]
    alphas = [i for i, colour in enumerate(interpretations, 1) if colour == ColorInterp.alpha]
    usable = [i for i in range(1, len(names) + 1) if i not in alphas]
    if not usable:
        raise SceneError(f"{path} has no band with pixels; give a raster with at least one band")
    numbers = usable if bands == "auto" else [int(band) for band in bands]
    wrong = [number for number in numbers if number not in usable]
    if wrong or not numbers:
        raise SceneError(f"{path} has no band {wrong}; it has {usable} (alpha is never one)")
    if colours is not None:
        numbers = _bands_of_colours(path, names, usable, numbers if bands != "auto" else None, colours)
    return Bands(tuple(numbers), tuple(names[i - 1] for i in numbers), alphas[0] if alphas else None)


def _bands_of_colours(
    path: str, names: Sequence[str], usable: Sequence[int], asked: Sequence[int] | None, colours: Sequence[str]
) -> list[int]:
    """Numbers of the bands that bear `colours`; those asked for by number are believed."""
    if asked is not None:
        if len(asked) != len(colours):
            raise SceneError(f"{path}: {len(asked)} bands asked for, {len(colours)} wanted ({', '.join(colours)})")
        return list(asked)
    found = [names[i - 1] for i in usable]
    if found == list(colours):
        return list(usable)
    if len(set(colours)) == len(colours) and set(colours) <= set(found):
        log.info("%s: bands %s are used, of %s", path, ", ".join(colours), ", ".join(found))
        return [usable[found.index(colour)] for colour in colours]
    plain = {"undefined", "gray"}
    if len(found) == len(colours) and (set(found) <= plain or set(colours) <= plain):
        log.info("%s: bands %s are taken for %s", path, ", ".join(found), ", ".join(colours))
        return list(usable)
    raise SceneError(
        f"{path} has {len(found)} band(s) ({', '.join(found)}), wanted are {len(colours)} ({', '.join(colours)}); "
        "pick them with --bands"
    )
