"""Overviews are halved by what they promise, and are GDAL's own where that is defined."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from geounet.io import overviews
from geounet.io.overviews import average_of_fours, mode_of_fours, overview_sizes, write_overviews
from geounet.legend import NODATA
from tests.scenes import UTM

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
levels = st.one_of(st.integers(0, 254), st.just(NODATA), st.integers(0, 2))
rasters = shapes.flatmap(lambda shape: arrays("uint8", shape, elements=levels))


def valid_of_fours(values: overviews.Levels) -> list[list[list[int]]]:
    """Of each 2 x 2 pixels those that have data, in row order."""
    return [
        [[int(v) for v in values[r : r + 2, c : c + 2].ravel() if v != NODATA] for c in range(0, values.shape[1], 2)]
        for r in range(0, values.shape[0], 2)
    ]


@given(rasters)
def test_the_average_is_that_of_the_pixels_with_data_rounded_half_up(values: overviews.Levels) -> None:
    expected = [
        [(2 * sum(four) + len(four)) // (2 * len(four)) if four else NODATA for four in row]
        for row in valid_of_fours(values)
    ]
    assert_array_equal(average_of_fours(values), expected)


@given(rasters)
def test_the_mode_is_the_first_of_the_most_frequent_classes(values: overviews.Levels) -> None:
    expected = [
        [Counter(four).most_common(1)[0][0] if four else NODATA for four in row] for row in valid_of_fours(values)
    ]
    assert_array_equal(mode_of_fours(values), expected)


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """(512, 256) levels in two bands, with holes."""
    values = np.random.default_rng(0).integers(0, 255, (2, 512, 256)).astype("uint8")
    values[:, 100:200, 60:90] = NODATA
    path = tmp_path / "levels.tif"
    profile = {"count": 2, "height": 512, "width": 256, "nodata": NODATA, "crs": UTM.crs, "transform": UTM.transform}
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **profile) as dataset:
        dataset.write(values)
    return path


def read(path: Path, **options: int) -> overviews.Levels:
    with rasterio.open(path, **options) as dataset:
        values: overviews.Levels = dataset.read()
    return values


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_averages_are_gdals_own_whatever_is_halved_together(raster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overviews, "_SIDE", 64)
    paths = write_overviews(raster, "average", 128)
    theirs = raster.with_name("theirs.tif")
    options = {"blocksize": 128, "overview_resampling": "average", "overviews": "ignore_existing"}
    rasterio.shutil.copy(str(raster), str(theirs), driver="COG", **options)
    assert [read(path).shape[1:] for path in paths] == overview_sizes(512, 256, 128) == [(256, 128), (128, 64)]
    for number, path in enumerate(paths):
        assert_array_equal(read(path), read(theirs, overview_level=number))
