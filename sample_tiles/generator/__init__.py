"""A seeded generator of drawn towns: aerial scenes whose building outlines are known exactly."""

from .scenes import Scene, draw_scene, write_scene, write_scenes
from .style import CRS, PIXEL, TEST, TRAIN, TownStyle, small_town
from .town import pixel_outline, plan_town, true_buildings
from .varied import COUNT, varied_town

__all__ = [
    "COUNT",
    "CRS",
    "PIXEL",
    "TEST",
    "TRAIN",
    "Scene",
    "TownStyle",
    "draw_scene",
    "pixel_outline",
    "plan_town",
    "small_town",
    "true_buildings",
    "varied_town",
    "write_scene",
    "write_scenes",
]
