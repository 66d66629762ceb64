"""Footprints: arrays of polygons with what is known of them."""

import numpy as np
import pytest
import shapely
from numpy.testing import assert_array_equal
from pyproj import CRS, Geod, Transformer

from geounet.footprints import Flag, Footprints, ground_size, ragged

UTM = CRS(32633).to_wkt()


def footprints(*polygons: shapely.Polygon) -> Footprints:
    count = len(polygons)
    return Footprints(
        np.array(polygons, object),
        np.arange(1, count + 1).astype(np.uint8),
        np.linspace(0.5, 1, count, dtype=np.float32),
        (np.arange(count) % 4).astype(np.uint8),
    )


def test_choosing_and_joining_keep_rows_together() -> None:
    all_three = footprints(*(shapely.box(i, 0, i + 1, 1) for i in range(3)))
    again = Footprints.joined([all_three[:1], all_three[np.array([False, True, True])]])
    assert_array_equal(again.geometry, all_three.geometry)
    assert_array_equal(again.class_id, all_three.class_id)
    assert len(Footprints.joined([])) == 0


def test_flags_are_told_in_words() -> None:
    squares = footprints(*(shapely.box(i, 0, i + 1, 1) for i in range(4)))
    assert squares.flag_texts.tolist() == ["", "nodata", "edge", "nodata,edge"]
    assert Flag(3) == Flag.NODATA | Flag.EDGE
    assert (Flag.EDGE | Flag.REFUSED).text == "edge,refused"


@pytest.mark.parametrize("code", [4326, 3857, 32633, 3035, 2154], ids=lambda code: f"EPSG:{code}")
@pytest.mark.parametrize("latitude", [0.0, 60.0, -45.0], ids=lambda latitude: f"{latitude} N")
def test_ground_size_is_geodesic_in_any_crs(code: int, latitude: float) -> None:
    shape = shapely.Polygon(shapely.box(-40, -30, 40, 30).exterior, [shapely.box(-10, -10, 5, 10).exterior])
    local = CRS(f"+proj=aeqd +lat_0={latitude} +lon_0=15 +ellps=WGS84")
    there = Transformer.from_crs(local, code, always_xy=True)
    moved = shapely.transform(np.array([shape], object), lambda p: np.stack(there.transform(*p.T), axis=1))
    area, perimeter = ground_size(moved, CRS(code).to_wkt())
    to_degrees = Transformer.from_crs(local, 4326, always_xy=True)
    degrees = shapely.transform(shape, lambda p: np.stack(to_degrees.transform(*p.T), axis=1))
    geod = Geod(ellps="WGS84")
    expected = abs(geod.geometry_area_perimeter(shapely.geometry.polygon.orient(degrees))[0])
    assert area[0] == pytest.approx(expected, abs=0.005)
    lengths = [geod.geometry_length(ring) for ring in (degrees.exterior, *degrees.interiors)]
    assert perimeter[0] == pytest.approx(sum(lengths), abs=0.005)


@pytest.mark.parametrize("code", [27572, 4807], ids=["NTF (Paris) / Lambert zone II", "NTF (Paris)"])
def test_ground_size_is_the_same_where_the_geodetic_crs_counts_in_grads(code: int) -> None:
    paris, lambert = CRS(code), CRS(27572)
    box = shapely.transform(
        np.array([shapely.box(600_000, 2_428_000, 600_100, 2_428_050)], object),
        lambda p: np.stack(Transformer.from_crs(lambert, paris, always_xy=True).transform(*p.T), axis=1),
    )
    area, perimeter = ground_size(box, paris.to_wkt())
    # the map's scale here is within 1 in 1000 of the ground's
    assert area[0] == pytest.approx(5000, rel=2e-3)
    assert perimeter[0] == pytest.approx(300, rel=1e-3)


def test_ground_size_does_not_mind_the_antimeridian() -> None:
    east = shapely.transform(shapely.box(179.999, 10, 180.001, 10.002), lambda p: p)
    wrapped = shapely.transform(east, lambda p: np.stack([(p[:, 0] + 180) % 360 - 180, p[:, 1]], axis=1))
    area, perimeter = ground_size(np.array([east, wrapped], object), CRS(4326).to_wkt())
    assert area[0] == pytest.approx(area[1])
    assert perimeter[0] == pytest.approx(perimeter[1])


def test_ground_size_without_a_crs_is_plain() -> None:
    area, perimeter = ground_size(np.array([shapely.box(0, 0, 3, 2)], object), None)
    assert (area[0], perimeter[0]) == (6, 10)


def test_ground_size_of_nothing_is_nothing() -> None:
    area, perimeter = ground_size(np.empty(0, object), UTM)
    assert (len(area), len(perimeter)) == (0, 0)


def test_rings_and_polygons_start_where_shapely_says() -> None:
    yard = shapely.box(0, 0, 9, 9).difference(shapely.MultiPolygon([shapely.box(1, 1, 2, 2), shapely.box(4, 4, 6, 8)]))
    several = np.array([shapely.box(0, 0, 1, 2), yard, shapely.Point(5, 5).buffer(1), yard, shapely.box(3, 0, 4, 1)])
    for geometry in (several, several[:1], several[1:2], several[:0]):
        _, points, (rings, polygons) = shapely.to_ragged_array(geometry) if len(geometry) else (0, [], ([0], [0]))
        found = ragged(geometry)
        assert found[0].tolist() == np.reshape(points, (-1, 2)).tolist()
        assert (found[1].tolist(), found[2].tolist()) == (list(rings), list(polygons))
