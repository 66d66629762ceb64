"""At what ground resolution scenes are cut."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from geounet.errors import SceneError, SettingsError
from geounet.files import is_remote
from geounet.io.polygon_files import is_polygon_file
from geounet.io.scene import open_scene
from geounet.io.source import Reading
from geounet.rule import SAME

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
    wanted = _ENOUGH if gsd == "auto" and coarsest < _FINE else coarsest
    if min(own) < wanted * (1 - SAME):
        sizes = f"{min(own):.3g} m" if len(own) == 1 else f"{min(own):.3g} to {coarsest:.3g} m"
        kept = "--gsd native keeps them" if wanted != coarsest else "that of the coarsest; --gsd takes another"
        log.info("pixels of %s are averaged to %.3g m (%s)", sizes, wanted, kept)
    return wanted


def _native_resolution(path: Path | str, bands: Sequence[int] | Literal["auto"]) -> float | None:
    try:
        with open_scene(path, Reading(bands=bands)) as scene:
            return scene.native.ground_resolution
    except SceneError as error:
        if not is_remote(path) and Path(path).is_file() and is_polygon_file(Path(path)):
            raise SettingsError(
                f"{path} holds polygons and is no scene; write --labels before every label file"
            ) from error
        raise
