"""Repainting: roofs get colours of their own, and nothing else about them changes."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from rasterio.features import rasterize
from shapely import affinity

from geounet.block import Array
from geounet.legend import IGNORE
from geounet.nn import repaint
from geounet.nn.augment import RGB, Augmentation
from geounet.nn.repaint import Repaint

MEAN, STD = (110.0, 115.0, 90.0), (45.0, 40.0, 40.0)
ROOFS = tuple((slice(row, row + 14), slice(col, col + 18)) for row in (6, 40) for col in (5, 34, 63))


def village(dtype: str = "uint8", bands: int = 3, seed: int = 0) -> tuple[Array, Array]:
    """White, finely shaded roofs of class 1 on dark, rough ground, with a tree of class 2: pixels and labels."""
    rng = np.random.default_rng(seed)
    pixels, labels = rng.normal(90, 12, (bands, 64, 96)), np.zeros((64, 96), np.uint8)
    for place in ROOFS:
        labels[place] = 1
        pixels[:, *place] = rng.normal(190, 12, (bands, 14, 18))
    labels[24:34, 70:90] = 2
    return np.clip(pixels, 0, 255).astype(dtype), labels


def painter(classes: tuple[int, ...] = (1,), bands: int = 3) -> Repaint:
    return Repaint(classes, np.resize(MEAN, bands).astype(np.float32), np.resize(STD, bands).astype(np.float32))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every roof is repainted, in a colour of its own, and the ground is not."""
    for name, value in (("SHARE", 1.0), ("OBJECTS", 1.0), ("ALIKE", 0.0), ("GROUND", 0.0)):
        monkeypatch.setattr(repaint, name, value)


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "float32"]),
    bands=st.sampled_from([1, 3, 4, 12]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32),
)
def test_any_sample_keeps_its_form_and_gets_the_same_colours_by_the_same_seed(
    dtype: str, bands: int, shape: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (bands, *shape)).astype(dtype)
    labels = rng.choice(np.array([0, 1, 1, 1, IGNORE], np.uint8), shape)
    before = pixels.copy(), labels.copy()
    once, again = (painter(bands=bands)(pixels, labels, np.random.default_rng(seed)) for _ in range(2))
    assert (once.shape, once.dtype) == (pixels.shape, pixels.dtype)
    assert np.isfinite(once).all()
    assert_array_equal(once, again)
    assert_array_equal(pixels, before[0])  # windows are read from files that stay as they are
    assert_array_equal(labels, before[1])


def test_roofs_come_in_all_colours_and_keep_their_shading(always: None) -> None:
    pixels, labels = village("float32")
    new = painter()(pixels, labels, np.random.default_rng(3))
    means = np.array([new[:, *place].mean(axis=(1, 2)) for place in ROOFS])
    apart = np.abs(means[:, None] - means[None]).max(axis=2)[~np.eye(len(ROOFS), dtype=bool)]
    assert (apart > 5).all()
    for rows, cols in ROOFS:
        inner = (
            slice(rows.start + 1, rows.stop - 1),
            slice(cols.start + 1, cols.stop - 1),
        )
        old_values, new_values = pixels[:, *inner].reshape(3, -1), new[:, *inner].reshape(3, -1)
        for a, b in zip(old_values, new_values, strict=True):
            assert np.corrcoef(a, b)[0, 1] > 0.99


@pytest.mark.parametrize("alike", [False, True])
def test_all_roofs_of_an_estate_are_of_one_colour(alike: bool, always: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repaint, "ALIKE", float(alike))
    labels = village()[1]
    new = painter()(np.full((3, 64, 96), 100, np.float32), labels, np.random.default_rng(2))
    away = (
        np.array([new[:, *place].mean(axis=(1, 2)) for place in ROOFS]) - 100
    )  # more or less of the old shows through
    ways = away / np.linalg.norm(away, axis=1, keepdims=True)
    assert ((ways @ ways.T).min() > 0.99) == alike


@given(st.floats(0, 90), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_as_much_is_painted_as_the_labels_say(angle: float, seed: int) -> None:
    """Were more painted than that, roofs would be learned to end inside of what looks like one."""
    shape = affinity.translate(affinity.rotate(shapely.box(-22, -15, 22, 15), angle, origin=(0, 0)), 48.3, 47.6)
    labels = rasterize([shape], (96, 96)).astype(np.uint8)
    flat = np.full((3, 96, 96), 100, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("SHARE", 1.0), ("OBJECTS", 1.0), ("GROUND", 0.0)):
            patch.setattr(repaint, name, value)
        changed = np.abs(painter()(flat, labels, np.random.default_rng(seed)) - flat)[0]
    if changed.max() > 5:  # else it is painted in nearly its own colour
        assert changed.sum() / changed.max() == pytest.approx(labels.sum(), rel=0.01)


def test_what_is_no_building_keeps_its_colour(always: None) -> None:
    pixels, labels = village()
    new = painter()(pixels, labels, np.random.default_rng(1))
    beside = np.ones(labels.shape, bool)
    for rows, cols in ROOFS:
        beside[rows.start - 2 : rows.stop + 2, cols.start - 2 : cols.stop + 2] = False
    assert_array_equal(new[:, beside], pixels[:, beside])
    assert (new != pixels).any()
    assert_array_equal(painter((3,))(pixels, labels, np.random.default_rng(1)), pixels)


def test_a_courtyard_keeps_its_colour_and_a_neighbour_in_the_same_box_has_its_own(always: None) -> None:
    labels = np.zeros((48, 48), np.uint8)
    labels[4:40, 4:40] = 1
    labels[14:30, 14:30] = 0  # a courtyard
    labels[18:26, 36:46] = 0
    labels[19:25, 37:47] = 1  # stands in a bay of the first one, within the box around it
    pixels = np.full((3, 48, 48), 100, np.float32)
    new = painter()(pixels, labels, np.random.default_rng(4))
    assert_array_equal(new[:, 16:28, 16:28], pixels[:, 16:28, 16:28])
    house, neighbour = new[:, 8, 8], new[:, 22, 41]
    assert np.abs(house - 100).max() > 5
    assert np.abs(neighbour - house).max() > 5
    assert_array_equal(new[:, 30:38, 8], house[:, None].repeat(8, axis=1))


def test_what_stands_in_a_courtyard_has_a_colour_of_its_own(always: None) -> None:
    labels = np.zeros((60, 60), np.uint8)
    labels[4:52, 4:52] = 1
    labels[12:44, 12:44] = 0
    labels[20:36, 20:36] = 1
    new = painter()(np.full((3, 60, 60), 100, np.float32), labels, np.random.default_rng(4))
    ring, island = new[:, 8, 30], new[:, 28, 28]
    for colour in (ring, island):
        assert np.abs(colour - 100).max() > 5
    assert np.abs(ring - island).max() > 5
    assert_array_equal(new[:, 15:17, 15:40], 100)


@pytest.mark.parametrize(("dtype", "level"), [("uint8", 110), ("uint16", 20), ("uint16", 65_500), ("int16", -32_740)])
def test_colours_that_the_imagery_cannot_hold_are_its_darkest_and_brightest(
    dtype: str, level: float, always: None
) -> None:
    pixels, labels = village("float32")
    pixels = np.rint(np.clip(pixels - 110 + level, np.iinfo(dtype).min, np.iinfo(dtype).max))
    paint = Repaint((1,), np.full(3, level, np.float32), np.full(3, 150, np.float32))
    whole, exact = (paint(pixels.astype(kind), labels, np.random.default_rng(5)) for kind in (dtype, "float32"))
    limits = np.iinfo(dtype)
    assert exact.min() < limits.min or exact.max() > limits.max
    assert_array_equal(whole, np.rint(np.clip(exact, limits.min, limits.max)).astype(dtype))


def test_the_brightness_of_a_roof_says_no_longer_that_it_is_one(always: None) -> None:
    pixels, labels = village("float32")
    brighter = []
    for seed in range(200):
        new = painter()(pixels, labels, np.random.default_rng(seed))
        brighter += [new[:, *place].mean() > new[:, labels == 0].mean() for place in ROOFS]
    assert 0.6 < np.mean(brighter) < 0.9  # all of them were


def test_paint_on_the_ground_has_no_shape_of_a_building_and_leaves_buildings_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("SHARE", 1.0), ("OBJECTS", 0.0), ("GROUND", 1.0)):
        monkeypatch.setattr(repaint, name, value)
    pixels, labels = village("float32")
    changed = []
    for seed in range(50):
        new = painter()(pixels, labels, np.random.default_rng(seed))
        assert_array_equal(new[:, labels == 1], pixels[:, labels == 1])
        changed.append((np.abs(new - pixels) > 1).any(axis=0)[labels != 1].mean())
    assert np.median(changed) > 0.1
    assert min(changed) < 0.5


@pytest.mark.parametrize(("name", "varies"), [("standard", True), ("strong", True), ("flips", False), ("none", False)])
def test_roofs_are_repainted_where_light_and_colour_vary(name: str, varies: bool, always: None) -> None:
    pixels, labels = village()
    pixels, labels = pixels[:, :, :64], labels[:, :64]
    plain = Augmentation(name, RGB, "uint8", MEAN, STD)
    painted = Augmentation(name, RGB, "uint8", MEAN, STD, buildings=(1,))
    one, other = (kind.apply(pixels, labels, 64, np.random.default_rng(5)) for kind in (plain, painted))
    assert (one[0] != other[0]).any() == varies
    assert_array_equal(one[1], other[1])


def test_a_colour_is_more_often_dull_than_vivid() -> None:
    paint = painter()
    rng = np.random.default_rng(0)
    drawn = (paint._colours(500, rng) - MEAN) / STD
    bright, vivid = drawn.mean(axis=1), np.ptp(drawn, axis=1)
    assert -1.6 <= bright.min() < -1.3  # a tint makes nothing brighter
    assert 1.9 < bright.max() <= 2.2
    assert np.median(vivid) < 1.2
    assert vivid.max() > 2.5
    hull = shapely.convex_hull(shapely.multipoints(drawn[:, :2]))
    assert hull.area > 6  # of 3.7 squared: any colour may come


def test_as_many_objects_as_there_can_be_are_repainted(always: None) -> None:
    labels = (np.indices((512, 512)).sum(axis=0) % 2).astype(np.uint8)  # 131,072 of them
    pixels = np.full((3, 512, 512), 90, np.uint8)
    assert painter()(pixels, labels, np.random.default_rng(0)).shape == pixels.shape
