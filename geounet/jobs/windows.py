"""Padded windows for other tools: cut from a scene as GeoTIFFs, and merged back from predictions of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from affine import Affine

from geounet.assemble import cut, part_input
from geounet.errors import SceneError
from geounet.files import translated, whole_folder
from geounet.frame import Frame
from geounet.grid import PlannedWindow, Window, WindowGrid
from geounet.io.rasters import write_window
from geounet.io.scene import Scene, open_scene
from geounet.io.source import Nodata, Reading
from geounet.jobs.predict import PART_BYTES
from geounet.jobs.resolution import GroundResolution, wanted_resolution
from geounet.track import Track, untracked

NAME = "windows.json"
FORMAT = 1
_ALIGNMENT = 16  # what a network of depth 4 needs; a finer one is served as well


@dataclass(frozen=True, slots=True)
class WindowSet:
    """What windows.json says: the frame that the windows were cut from, their grid, and those that have data."""

    frame: Frame
    grid: WindowGrid
    names: tuple[str, ...]

    def write(self, folder: Path) -> None:
        frame = {"crs": self.frame.crs, "transform": list(self.frame.transform)[:6]}
        content = {"format": FORMAT, "frame": frame, "grid": asdict(self.grid), "windows": list(self.names)}
        with translated(folder):
            (folder / NAME).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "WindowSet":
        """The set of a folder.

        Raises:
            SceneError: no windows.json there, or one that cannot be read.
        """
        path = folder / NAME
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise SceneError(f"{path} has another format than {FORMAT}; update geounet")
            transform = Affine(*content["frame"]["transform"])
            grid = WindowGrid(**content["grid"])
            frame = Frame(grid.height, grid.width, transform, content["frame"]["crs"])
            return cls(frame, grid, tuple(str(name) for name in content["windows"]))
        except OSError as error:
            raise SceneError(
                f"{folder} holds no {NAME}, which says where windows belong; copy it from where "
                "`geounet tile --inference` wrote them"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise SceneError(f"{path} cannot be read ({error}); cut the windows again") from error


def window_name(window: Window) -> str:
    """File name of a window without its ending: first row and column, negative ones where it hangs over the edge.

    >>> window_name(Window(-96, 1248, 1536, 1536))
    'r-000096c+001248'
    """
    return f"r{window.row:+07d}c{window.col:+07d}"


def cut_windows(
    path: Path | str,
    *,
    out: Path,
    window: int = 1536,
    halo: int = 96,
    bands: Sequence[int] | Literal["auto"] = "auto",
    nodata: Nodata = "auto",
    gsd: GroundResolution = "native",
    overwrite: bool = False,
    track: Track = untracked,
) -> int:
    """Write the padded windows of a scene as GeoTIFFs, and windows.json; returns how many there are.

    Windows without data in their core are left out. Beyond the scene's edge its pixels are mirrored.

    Args:
        window: side of the largest window allowed.
        halo: context on each side of a window's core, which `stitch` crops; a multiple of 16.
        gsd: metres a pixel on the ground; native cuts the scene's pixels as they are; auto takes scenes finer than
            0.25 m to 0.3 m, as `tile` does.

    Raises:
        SceneError, GridError, OutputError: a scene that cannot be read, windows without a core, a folder in the way.
    """
    resolution = None if gsd == "native" else wanted_resolution([path], gsd, bands)
    with open_scene(path, Reading(bands=bands, nodata=nodata), resolution=resolution) as scene:
        row, col = scene.frame.phase(_ALIGNMENT)
        grid = WindowGrid(scene.frame.height, scene.frame.width, window, halo, _ALIGNMENT, row, col)
        with whole_folder(out, overwrite=overwrite, marker=NAME) as unfinished:
            written = _written(scene, grid, unfinished)
            names = tuple(track(written, "cutting", total=len(grid), unit="windows"))
            WindowSet(scene.frame, grid, names).write(unfinished)
    return len(names)


def _written(scene: Scene, grid: WindowGrid, folder: Path) -> Iterator[str]:
    size = len(scene.bands.numbers) * scene.dtype.itemsize
    for plans in grid.parts(PART_BYTES, size):
        yield from _part(scene, plans, folder)


def _part(scene: Scene, plans: Sequence[PlannedWindow], folder: Path) -> Iterator[str]:
    for piece in cut(*scene.read(part_input(plans)), plans):
        name = window_name(piece.pixels.window)
        with translated(folder):
            write_window(folder / f"{name}.tif", piece.pixels, piece.valid, scene.frame)
        yield name
