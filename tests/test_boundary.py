"""Outlines and nearness of masks, against SciPy's exact distances and pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from geounet.boundary import Mask, disk, near, outline

shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
masks = shapes.flatmap(lambda shape: arrays(bool, shape))
pairs = shapes.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


@given(masks, st.sampled_from((0.4, 1.0, 2.0, 3.0, 3.4)), st.sampled_from(((1.0, 1.0), (0.3, 0.3), (0.31, 0.29))))
def test_near_is_what_lies_within_the_distance(mask: Mask, radius: float, pixel: tuple[float, float]) -> None:
    across, down = pixel
    found = near(mask, disk(radius, across, down))
    if not mask.any():
        assert not found.any()
        return
    far = ndimage.distance_transform_edt(~mask, sampling=(down, across))
    np.testing.assert_array_equal(found, far <= radius * (1 + 1e-9))


@given(pairs)
def test_an_outline_is_where_a_mask_meets_what_is_known_to_be_outside(both: tuple[Mask, Mask]) -> None:
    mask, known = both
    wanted = np.zeros_like(mask)
    for row, col in np.argwhere(mask):
        for step_row, step_col in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            r, c = row + step_row, col + step_col
            if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and known[r, c] and not mask[r, c]:
                wanted[row, col] = True
    np.testing.assert_array_equal(outline(mask, known), wanted)


@pytest.mark.parametrize(("radius", "count"), [(1.0, 5), (2.0, 13), (3.0, 29)])
def test_a_disk_has_as_many_pixels_as_gauss_counted(radius: float, count: int) -> None:
    assert disk(radius).sum() == count
