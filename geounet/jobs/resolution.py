"""At what ground resolution scenes are cut."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from geounet.errors import SettingsError
from geounet.io.scene import open_scene
from geounet.io.source import Reading

log = logging.getLogger(__name__)

GroundResolution = float | Literal["auto", "native"]
_FINE, _ENOUGH = 0.25, 0.3  # metres: finer than the one is taken to the other, where a window sees a whole house


def wanted_resolution(
    scenes: Sequence[Path | str], gsd: GroundResolution, bands: Sequence[int] | Literal["auto"]
) -> float | None:
    """Metres a pixel that scenes are to be read at; None for the scenes' own pixels, where there is no CRS.

    Several scenes share one: auto and native take that of the coarsest.
    """
    if isinstance(gsd, float | int) and not 0 < gsd < 1e5:
        raise SettingsError(f"ground resolution {gsd} m must be above 0")
    own = [resolution for path in scenes if (resolution := _native_resolution(path, bands)) is not None]
    if not own:
        log.info("%s has no CRS: windows are cut at its own pixels", scenes[0])
        return None
    if isinstance(gsd, float | int):
        return float(gsd)
    coarsest = max(own)
    if gsd == "auto" and coarsest < _FINE:
        log.info("pixels of %.3g m are averaged to %g m (--gsd native keeps them)", coarsest, _ENOUGH)
        return _ENOUGH
    return coarsest


def _native_resolution(path: Path | str, bands: Sequence[int] | Literal["auto"]) -> float | None:
    with open_scene(path, Reading(bands=bands)) as scene:
        return scene.native.ground_resolution
