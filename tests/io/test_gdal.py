"""How GDAL is talked to leaves no trace in the process around it."""

import subprocess
import sys
import warnings
from pathlib import Path

from geounet.io.gdal import gdal
from tests.scenes import NOWHERE, noise, write_scene

OPEN = """
import sys
from geounet.io.scene import open_scene
with open_scene(sys.argv[1]) as scene:
    scene.read(scene.frame.window)
"""


def test_the_filters_of_warnings_are_left_alone_since_threads_share_them() -> None:
    before = list(warnings.filters)
    with gdal():
        assert warnings.filters == before


def test_a_scene_without_georeference_is_read_without_a_warning(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(20, 20), NOWHERE)
    done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
