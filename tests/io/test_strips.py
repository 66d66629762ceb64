"""A finished raster is read by strips, in little memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from geounet.io.strips import open_strips
from geounet.legend import NODATA
from tests.scenes import write_scene


@pytest.mark.parametrize("block", [16, None], ids=["tiles", "rows"])
def test_strips_are_the_levels_of_the_raster_however_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int | None
) -> None:
    monkeypatch.setattr("geounet.io.strips._PIECE", 500)
    monkeypatch.setattr("geounet.io.strips._STRIP_BYTES", 5000)
    draw = np.random.default_rng(0)
    p = draw.random((1, 70, 90)).astype("float32")
    p[draw.random(p.shape) < 0.1] = np.nan
    with open_strips(write_scene(tmp_path / "p.tif", p, block=block)) as strips:
        blocks = list(strips.read())
        assert len(blocks) > 1
    expected = np.where(np.isnan(p), NODATA, np.rint(254 * np.nan_to_num(p)))
    assert_array_equal(np.concatenate([b.values for b in blocks], axis=1), expected)


def test_a_wide_raster_of_floats_takes_little_more_memory_than_the_levels_of_a_strip(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "p.tif", np.full((1, 512, 40_000), 0.5, dtype="float32"), block=512)
    tracemalloc.start()
    with open_strips(path) as strips:
        levels = next(strips.read()).values
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert levels.shape == (1, 256, 40_000)  # half a row of blocks
    assert most < levels.size + (40 << 20)
