"""Figures of pooled counts, against counting pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geounet.legend import NODATA
from geounet.metrics import Confusion, PixelCounts

pairs = st.lists(st.tuples(st.sampled_from((0, 1, 2, NODATA)), st.sampled_from((0, 1, 2, NODATA))), max_size=60)


@given(pairs, st.integers(0, 60))
def test_figures_are_those_of_counting_pixel_by_pixel(pixels: list[tuple[int, int]], cut: int) -> None:
    confusion = Confusion.empty(3)
    for some in (pixels[:cut], pixels[cut:]):
        labels, predicted = (np.array([pair[i] for pair in some], dtype="uint8") for i in (0, 1))
        confusion += Confusion.of(labels, predicted, 3)
    scored = [pair for pair in pixels if NODATA not in pair]
    for id_ in range(3):
        true_positive = sum(a == b == id_ for a, b in scored)
        either = sum(id_ in (a, b) for a, b in scored)
        found, there = sum(b == id_ for _, b in scored), sum(a == id_ for a, _ in scored)
        counts = confusion.of_class(id_)
        assert counts.total == len(scored)
        assert counts.iou == (true_positive / either if either else None)
        assert counts.precision == (true_positive / found if found else None)
        assert counts.recall == (true_positive / there if there else None)
        assert counts.f1 == (2 * true_positive / (found + there) if found + there else None)
        agree = sum((a == id_) == (b == id_) for a, b in scored)
        assert counts.accuracy == (agree / len(scored) if scored else None)


def test_two_channel_iou_flatters_an_answer_without_any_building() -> None:
    nothing = PixelCounts(true_positive=0, false_positive=0, false_negative=15, true_negative=85)
    assert nothing.iou == 0
    assert nothing.iou_two_channel == pytest.approx(85 / 115)  # of both channels: 85 + 0 of 100 + 15


def test_an_empty_scene_is_no_success() -> None:
    empty = PixelCounts(0, 0, 0, 100)
    assert (empty.iou, empty.f1, empty.precision, empty.recall) == (None, None, None, None)
    assert empty.accuracy == 1
