"""Matching of polygons: on boxes whose overlaps are known."""

import numpy as np
import pytest
import shapely

from geounet.footprints import Geometries
from geounet.objects import matched


def boxes(*bounds: tuple[float, float, float, float]) -> Geometries:
    return np.array([shapely.box(*four) for four in bounds], object)


ROW = boxes((0, 0, 4, 4), (4, 0, 8, 4), (8, 0, 12, 4))


def test_the_same_polygons_in_another_order_match_with_iou_1() -> None:
    result = matched(ROW, ROW[::-1])
    assert sorted(result.pairs.tolist()) == [[0, 2], [1, 1], [2, 0]]
    assert (result.f1, result.matched_iou, result.merged, result.split) == (1, 1, 0, 0)


def test_one_polygon_over_three_houses_is_merged_and_matches_none() -> None:
    result = matched(ROW, boxes((0, 0, 12, 4)))
    assert (result.f1, result.merged, result.split) == (0, 1, 0)


def test_a_house_in_two_halves_and_a_bit_is_split() -> None:
    result = matched(boxes((0, 0, 4, 4)), boxes((0, 0, 2.4, 4), (2.4, 0, 4, 4)))
    assert (len(result.pairs), result.split, result.merged) == (1, 1, 0)
    assert result.iou == pytest.approx([0.6])
    assert (result.precision, result.recall) == (0.5, 1)


def test_the_better_of_two_overlapping_candidates_is_taken_and_each_once() -> None:
    result = matched(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 6), (0, 0, 10, 9)))
    assert result.pairs.tolist() == [[0, 1]]
    assert result.iou == pytest.approx([0.9])


@pytest.mark.parametrize("several", ["truth", "found"])
def test_nothing_on_one_side_gives_no_pair_and_no_score_for_it(several: str) -> None:
    none = boxes()
    result = matched(ROW, none) if several == "truth" else matched(none, ROW)
    assert (len(result.pairs), result.f1, result.matched_iou) == (0, 0, None)
    assert (result.precision if several == "truth" else result.recall) is None
