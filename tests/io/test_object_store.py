"""A store by tiles: every pair that overlaps is met in one tile, whatever the tiles."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geounet.footprints import Geometries
from geounet.grid import Window
from geounet.io.object_store import KINDS, Tiles, object_store
from geounet.objects import overlaps

boxes = st.lists(
    st.tuples(st.floats(0, 90), st.floats(0, 60), st.floats(0.5, 70), st.floats(0.5, 50)), min_size=1, max_size=12
)
tilings = st.tuples(st.integers(15, 130), st.integers(15, 130))
Bounds = list[tuple[float, float, float, float]]


def polygons(bounds: Bounds) -> np.ndarray:
    return np.array([shapely.box(x, y, x + width, y + height) for x, y, width, height in bounds], object)


@settings(deadline=None, max_examples=50)
@given(boxes, boxes, tilings)
def test_pairs_that_meet_in_the_tiles_are_those_of_all_at_once(
    tmp_path_factory: pytest.TempPathFactory, one: Bounds, other: Bounds, shape: tuple[int, int]
) -> None:
    both = {"truth": polygons(one), "found": polygons(other)}
    tiles, met = Tiles(110, 160, *shape), []
    with object_store(tmp_path_factory.mktemp("store"), tiles) as store:
        for kind in KINDS:
            store.add(kind, both[kind][:3], np.ones(len(both[kind][:3]), np.uint8))
            store.add(kind, both[kind][3:], np.ones(len(both[kind][3:]), np.uint8))
        for tile in tiles:
            truth, found = (store.touching(kind, tile) for kind in KINDS)
            for kind, some in zip(KINDS, (truth, found), strict=True):
                inside = shapely.box(tile.col, tile.row, tile.cols.stop, tile.rows.stop)
                there = np.flatnonzero(shapely.area(shapely.intersection(both[kind], inside)) > 0)
                assert set(there) <= set(some.ids.tolist())
                assert shapely.intersects(some.geometry, inside).all()
            number = tiles.number(tile)

            def here(a: Geometries, b: Geometries, number: int = number) -> NDArray[np.bool_]:
                met_here: NDArray[np.bool_] = tiles.meeting(a, b) == number
                return met_here

            pairs = overlaps(truth.geometry, found.geometry, here)
            met += list(zip(truth.ids[pairs.truth].tolist(), found.ids[pairs.found].tolist(), strict=True))
    whole = overlaps(both["truth"], both["found"])
    assert sorted(met) == sorted(zip(whole.truth.tolist(), whole.found.tolist(), strict=True))


def test_what_is_kept_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    some = polygons([(0.1, 1 / 3, 2, 2), (50, 50, 5, 5), (7, 7, 1, 1)])
    with object_store(tmp_path, Tiles(100, 100, 40, 40)) as store:
        store.add("truth", some, np.array([1, 2, 0], np.uint8))
        assert [one.ids.tolist() for one in store.all("truth")] == [[0, 1, 2]]
        few = store.some("truth", np.array([1, 0]))
        assert few.class_ids.tolist() == [2, 1]
        assert shapely.equals_exact(few.geometry, some[[1, 0]]).all()
        assert len(store.touching("found", Window(0, 0, 10, 10)).ids) == 0
        assert len(list(store.all("found"))) == 0
