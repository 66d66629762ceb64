"""Footprints counted by where they are."""

from pathlib import Path

import numpy as np
import shapely
from numpy.testing import assert_array_equal

from geounet.footprints import Footprints
from geounet.io.crowd import crowd
from geounet.io.vectors import write_footprints
from geounet.legend import Legend
from tests.scenes import frame


def test_each_footprint_of_any_layer_is_counted_in_the_cell_of_its_centre(tmp_path: Path) -> None:
    view, count = frame(150, 200), 500
    rng = np.random.default_rng(1)
    # the index holds float32: half a metre at such coordinates
    cols, rows = (50 * rng.integers(0, cells, count) + rng.uniform(4, 46, count) for cells in (4, 3))
    t = view.transform
    xs, ys = t.c + t.a * cols, t.f + t.e * rows
    boxes = shapely.box(xs - 0.2, ys - 0.1, xs + 0.2, ys + 0.1)
    ids = np.where(np.arange(count) % 3, 1, 2).astype(np.uint8)
    some = Footprints(boxes, ids, np.full(count, 0.9, np.float32), np.zeros(count, np.uint8))
    legend = Legend.of_names("building", "shed (open)")
    path = tmp_path / "f.gpkg"
    write_footprints(path, legend.foreground, [some], crs=view.crs, provenance={}, overwrite=False)
    wanted = np.histogram2d(rows, cols, bins=(3, 4), range=((0, 150), (0, 200)))[0]
    assert wanted.min() > 10
    assert_array_equal(crowd(path, view, (3, 4)), wanted)
