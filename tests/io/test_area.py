"""Where an area of interest cut footprints, they are flagged as at an edge; elsewhere at nodata."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from geounet.errors import LabelError
from geounet.footprints import Flag, Footprints
from geounet.io.area import at_edge_of
from tests.scenes import UTM, box, frame, write_polygons


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """Columns 20 to 80 of the frame, in another CRS."""
    return write_polygons(tmp_path / "area.gpkg", [box(UTM, 10, 20, 80, 60)])


@pytest.mark.parametrize(
    ("col", "flags", "expected"),
    [
        pytest.param(20.4, Flag.NODATA, Flag.EDGE, id="cut by the area"),
        pytest.param(40.0, Flag.NODATA, Flag.NODATA, id="at nodata inside"),
        pytest.param(20.4, Flag.NODATA | Flag.DOUBTFUL, Flag.EDGE | Flag.DOUBTFUL, id="other flags stay"),
        pytest.param(20.4, Flag(0), Flag(0), id="near the area's edge, and whole"),
        pytest.param(0.0, Flag.EDGE, Flag.EDGE, id="at the scene's edge"),
    ],
)
def test_a_footprint_cut_by_the_area_is_at_an_edge(area: Path, col: float, flags: Flag, expected: Flag) -> None:
    place = frame(100, 100)
    square = shapely.Polygon([place.transform @ corner for corner in ((col, 40), (col + 9, 40), (col + 9, 50))])
    some = Footprints(np.array([square]), np.ones(1, np.uint8), np.ones(1, np.float32), np.array([flags], np.uint8))
    assert at_edge_of(area, place)(some).flags.tolist() == [expected]


def test_no_footprints_stay_none(area: Path) -> None:
    assert len(at_edge_of(area, frame(100, 100))(Footprints.none())) == 0


def test_an_area_elsewhere_is_refused(tmp_path: Path) -> None:
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 9000, 9000, 20, 20)])
    with pytest.raises(LabelError, match=r"the polygons of --aoi in .*far\.gpkg .* miss the scene"):
        at_edge_of(far, frame(100, 100))
