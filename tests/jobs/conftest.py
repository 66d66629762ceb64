from pathlib import Path

import pytest

from tests.jobs.towns import write_town


@pytest.fixture
def two_files(tmp_path: Path) -> tuple[Path, Path]:
    """Polygons of a map, and those of its labels."""
    return write_town(tmp_path)
