"""map.qgz of a finished map, which opens all of it in QGIS at once, and the style of its probabilities."""

from collections.abc import Iterator
from pathlib import Path

from geounet.files import whole_file
from geounet.io.npy import is_array
from geounet.io.project import Group, ProjectLayer, source_of, write_project
from geounet.io.raster_style import Shown, class_pipe, probability_pipe, scene_pipe
from geounet.io.scene import Scene
from geounet.io.source import Decoded
from geounet.io.style import document, footprint_renderer
from geounet.jobs.outputs import CLASSES, FOOTPRINTS, PROBABILITY, PROBABILITY_STYLE, PROJECT
from geounet.legend import Legend
from geounet.report.samples import shown_bands


def write_map_project(
    folder: Path,
    scene: Scene,
    thumbnail: Decoded,
    legend: Legend,
    *,
    has_footprints: bool,
    stretch: tuple[float, float] | None,
) -> None:
    """Write the project and the style into the folder of a map.

    Args:
        thumbnail: of the scene, whose values say which become black and white.
        stretch: the values that do, where they are known: the thumbnail is stretched then.
    """
    crs = scene.frame.crs
    contents: list[Group | ProjectLayer] = []
    if has_footprints:
        footprints = list(_footprints(legend, crs))
        contents += footprints if legend.is_binary else [Group("footprints", footprints)]
    contents += [
        ProjectLayer("probability", "raster", f"./{PROBABILITY}", probability_pipe(), crs, is_shown=False),
        ProjectLayer("classes", "raster", f"./{CLASSES}", class_pipe(legend), crs, is_shown=not has_footprints),
    ]
    sheets = list(_sheets(folder, scene, thumbnail, stretch))
    contents += [Group("scene", sheets)] if len(sheets) > 1 else sheets
    write_project(folder / PROJECT, contents, scene.frame)
    with whole_file(folder / PROBABILITY_STYLE) as unfinished:
        unfinished.write_text(document(probability_pipe()), encoding="utf-8")


def _footprints(legend: Legend, crs: str | None) -> Iterator[ProjectLayer]:
    for cls in legend.foreground:
        renderer = footprint_renderer(cls, graded=True, is_only=legend.is_binary)
        yield ProjectLayer(cls.name, "vector", f"./{FOOTPRINTS}|layername={cls.name}", renderer, crs)


def _sheets(
    folder: Path, scene: Scene, thumbnail: Decoded, stretch: tuple[float, float] | None
) -> Iterator[ProjectLayer]:
    places, low, high = shown_bands(*thumbnail, scene.bands.colours)
    ends = [stretch] * 3 if stretch else list(zip(low.tolist(), high.tolist(), strict=True))
    for path, sheet in zip(scene.paths, scene.identity, strict=True):
        if is_array(path):  # which QGIS does not open
            continue
        numbers = sheet["bands"]
        assert isinstance(numbers, list)
        shown = [Shown(numbers[place], *end) for place, end in zip(places, ends, strict=True)]
        pipe = scene_pipe(shown if len(set(places)) == 3 else shown[:1])
        crs = str(sheet["crs"]) if sheet["crs"] else None
        yield ProjectLayer(Path(path).stem, "raster", source_of(path, folder), pipe, crs)
