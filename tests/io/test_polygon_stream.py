"""Polygons of a file on a frame's pixels: parts, repairs, what is cut off, and batches of any size."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from geounet.errors import LabelError
from geounet.io.polygon_stream import SomePolygons, stream_polygons
from tests.scenes import NOWHERE, UTM, box, frame, write_polygons

FRAME = frame(60, 80)
BOW_TIE = shapely.Polygon([UTM.transform @ corner for corner in ((10, 10), (20, 20), (20, 10), (10, 20))])


def all_of(path: Path, **options: object) -> SomePolygons:
    several = list(stream_polygons(path, FRAME, "labels", **options))  # type: ignore[arg-type]
    return SomePolygons(
        np.concatenate([some.geometry for some in several]),
        np.concatenate([some.inside for some in several]),
        np.concatenate([some.confidence for some in several]),
        np.concatenate([() if some.classes is None else some.classes for some in several]),
        sum(some.invalid for some in several),
    )


def test_what_lies_beyond_the_edge_is_cut_off_and_its_share_is_known(tmp_path: Path) -> None:
    places = [box(UTM, 10, 10, 10, 10), box(UTM, 50, 70, 20, 20), box(UTM, 100, 0, 10, 10)]
    found = all_of(write_polygons(tmp_path / "a.gpkg", places))
    assert shapely.area(found.geometry) == pytest.approx([100, 100], rel=1e-5)
    assert found.inside == pytest.approx([1, 0.25], rel=1e-5)
    assert np.isnan(found.confidence).all()
    area = np.array([shapely.box(0, 0, 15, 80)], object)
    found = all_of(tmp_path / "a.gpkg", within=area)
    assert found.inside == pytest.approx([0.5], rel=1e-4)


def test_parts_count_one_by_one_and_a_repaired_polygon_is_one(tmp_path: Path) -> None:
    two = shapely.MultiPolygon([box(UTM, 0, 0, 5, 5), box(UTM, 30, 0, 5, 5)])
    places = [two, BOW_TIE, box(UTM, 40, 40, 4, 4)]
    path = write_polygons(tmp_path / "a.gpkg", places, confidence=[0.5, None, 7.0], kind=["x", "y", "z"])
    found = all_of(path, field="kind")
    assert shapely.get_num_geometries(found.geometry).tolist() == [1, 1, 2, 1]
    assert shapely.is_valid(found.geometry).all()
    assert found.invalid == 1
    assert found.classes is not None
    assert found.classes.tolist() == ["x", "x", "y", "z"]
    assert found.confidence[:2].tolist() == [0.5, 0.5]
    assert np.isnan(found.confidence[2:]).all()  # 7 is no probability


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "parquet"])
def test_batches_of_any_size_give_the_same(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [box(UTM, row, col, 3, 3) for row in range(0, 60, 10) for col in range(-5, 90, 10)]
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        import geopandas

        geopandas.GeoDataFrame(geometry=places, crs=UTM.crs).to_parquet(path)
    else:
        write_polygons(path, places, crs=None if ending == "gpkg" else 4326)
    whole = all_of(path)
    monkeypatch.setattr("geounet.io.polygon_files._BATCH", 7)
    pieces = all_of(path)
    assert len(list(stream_polygons(path, FRAME, "labels"))) > 5
    assert shapely.equals_exact(whole.geometry, pieces.geometry).all()
    assert len(whole.geometry) == 6 * 8


def test_files_that_miss_the_frame_or_hold_none_are_errors_but_for_maps(tmp_path: Path) -> None:
    far = write_polygons(tmp_path / "far.gpkg", [box(UTM, 5000, 0, 5, 5)])
    with pytest.raises(LabelError, match=r"labels in .*far\.gpkg .* miss the scene"):
        all_of(far)
    assert all(not len(some.geometry) for some in stream_polygons(far, FRAME, "labels", may_miss=True))
    points = write_polygons(tmp_path / "points.gpkg", [shapely.Point(UTM.transform @ (5, 5))])
    with pytest.raises(LabelError, match="holds no polygon; give polygons, not points or lines"):
        all_of(points)
    nowhere = write_polygons(tmp_path / "nowhere.gpkg", [box(NOWHERE, 1, 1, 5, 5)], NOWHERE, crs=None)
    with pytest.raises(LabelError, match=r"the scene has a CRS and nowhere\.gpkg has none"):
        all_of(nowhere)
    with pytest.raises(LabelError, match="does not exist"):
        list(stream_polygons(tmp_path / "none.gpkg", FRAME, "labels", may_miss=True))


def test_no_sheet_of_an_area_is_lost_where_sides_all_but_coincide(tmp_path: Path) -> None:
    """By GEOS 3.14 the plain union of these three rectangles side by side is the first one alone."""
    turn = np.array([[np.cos(1.1), np.sin(1.1)], [-np.sin(1.1), np.cos(1.1)]])
    sheets = shapely.box([0, 5, 6], 0, [5, 6, 7], [4.4, 5, 5])
    area = shapely.transform(sheets, lambda points: points @ turn)
    found = all_of(write_polygons(tmp_path / "a.gpkg", [box(UTM, 0, 0, 60, 80)]), within=area)
    inside = shapely.intersection(area, shapely.box(0, 0, 80, 60))
    assert shapely.area(found.geometry).sum() == pytest.approx(shapely.area(inside).sum(), rel=1e-6)
