"""A real QGIS that opens files as its users do."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PYTHON = "/usr/bin/python3"  # the system's, which has QGIS


def opened_in_qgis(folder: Path, *sources: object) -> dict[str, Any]:
    """What QGIS made of some layers, or of a project; it draws them into seen.png in a folder.

    The test is skipped where there is no QGIS.
    """
    if subprocess.run([PYTHON, "-c", "import qgis"], capture_output=True, check=False).returncode:
        pytest.skip("the system's Python has no QGIS")
    script = Path(__file__).with_name("qgis_open.py")
    done = subprocess.run(
        [PYTHON, script, folder / "seen.png", *map(str, sources)],
        capture_output=True,
        check=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(folder)},
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told
