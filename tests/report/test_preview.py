"""preview.png: any shape of map makes a picture, the same for the same map."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from geounet.report.preview import Crowd, Panels, preview_picture


def panels(height: int, width: int, *, footprints: bool = True, known: bool = True) -> Panels:
    draw = np.random.default_rng(0)
    ring = np.array([(1.0, 1.0), (width / 2, 1.0), (width / 2, height / 2), (1.0, 1.0)])
    return Panels(
        picture=draw.random((height, width, 3)),
        probability=np.full((height, width), np.nan) if not known else draw.random((height, width)),
        footprints=[([ring], 0.7)] if footprints else None,
        shape=(height, width),
        ground_resolution=0.3 if known else None,
        north=30.0 if known else None,
    )


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(panels(90, 120), id="usual"),
        pytest.param(panels(1, 1), id="one pixel"),
        pytest.param(panels(2, 900), id="wide"),
        pytest.param(panels(900, 2), id="high"),
        pytest.param(panels(40, 50, footprints=False, known=False), id="nothing known"),
    ],
)
def test_a_map_of_any_shape_makes_a_picture(shown: Panels) -> None:
    picture = imread(io.BytesIO(preview_picture(shown)))
    height, width = picture.shape[:2]
    assert 100 < height < 4000
    assert 100 < width < 4000
    assert picture.std() > 0.01


def test_the_same_map_gives_the_same_bytes() -> None:
    assert preview_picture(panels(30, 40)) == preview_picture(panels(30, 40))


def test_footprints_too_many_to_be_drawn_one_by_one_are_shaded_by_how_dense_they_are() -> None:
    cells = np.zeros((9, 12), dtype=np.int64)
    cells[2:6, 4:10] = 40_000
    shown = replace(panels(90, 120), footprints=Crowd(cells))
    other = replace(shown, footprints=Crowd(np.roll(cells, 2, axis=0)))  # as many, so with the same key
    here, there = (imread(io.BytesIO(preview_picture(one))) for one in (shown, other))
    assert here.shape == there.shape
    assert 0.02 < (here != there).any(axis=-1).mean() < 0.4


@pytest.mark.parametrize("cells", [np.zeros((1, 1), np.int64), np.full((1, 3), 30_000)], ids=["none", "all alike"])
def test_a_crowd_without_extremes_makes_a_picture(cells: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> None:
    assert imread(io.BytesIO(preview_picture(replace(panels(40, 50, known=False), footprints=Crowd(cells))))).size
