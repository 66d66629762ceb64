"""curves.png and samples.png: pictures of the right size, the same bytes each time, whatever the input."""

import io
import struct

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.testing import assert_array_equal

from geounet.block import Array
from geounet.legend import Legend
from geounet.report.curves import Row, curves_picture
from geounet.report.samples import Sample, samples_picture, stretched

BUILDINGS = Legend.of_names("building")
RGB = ("red", "green", "blue")


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def history(*, scored: bool = True, rows: int = 20) -> list[Row]:
    steps = [100 * (row + 1) for row in range(rows)]
    return [
        {
            "step": step,
            "loss": 1 / step**0.2,
            "validation_loss": 1.1 / step**0.2 if scored else None,
            "iou": 1 - 1 / step**0.2 if scored else None,
            "learning_rate": 1e-3 * (1 - step / 2000),
        }
        for step in steps
    ]


def sample(seed: int, bands: int = 3) -> Sample:
    rng = np.random.default_rng(seed)
    labels: Array = (rng.random((4, 4)) < 0.3).astype("uint8").repeat(8, 0).repeat(8, 1)
    answer = np.roll(labels, 2, axis=1)
    valid = np.ones((32, 32), dtype=bool)
    valid[:5] = False
    contact = labels != np.roll(labels, 1, axis=0)
    truth = np.where(valid, labels, 255).astype("uint8")
    return Sample(
        "best: IoU 0.81", rng.integers(0, 4000, (bands, 32, 32)), valid, truth, answer, rng.random((32, 32)), contact
    )


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("rows", [1, 20])
def test_curves_are_the_same_picture_each_time(scored: bool, rows: int) -> None:
    first, again = (curves_picture(history(scored=scored, rows=rows), best_step=100) for _ in range(2))
    assert first == again
    assert b"Software" not in first
    assert size_of(first) == (1320, 418)


def test_contact_has_a_curve_of_its_own_where_it_is_learned() -> None:
    rows = history()
    learned: list[Row] = [{**row, "contact_iou": 0.1 + 0.02 * number} for number, row in enumerate(rows)]
    unknown: list[Row] = [{**row, "contact_iou": None} for row in rows]
    plain, without, drawn = (curves_picture(one, best_step=100) for one in (rows, unknown, learned))
    assert without == plain != drawn
    assert size_of(drawn) == size_of(plain)


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_samples_are_the_same_picture_each_time(bands: int) -> None:
    colours = RGB if bands == 3 else ("undefined",) * bands
    samples = [sample(seed, bands) for seed in range(2)]
    assert samples_picture(samples, BUILDINGS, colours) == samples_picture(samples, BUILDINGS, colours)


def test_each_sample_has_a_row() -> None:
    one, three = (size_of(samples_picture([sample(seed) for seed in range(count)], BUILDINGS, RGB)) for count in (1, 3))
    assert one[0] == three[0]
    assert three[1] - one[1] == 2 * 325


def test_a_key_of_many_classes_has_room_below_the_pictures() -> None:
    many = Legend.of_names(*(f"building of kind {number}" for number in range(11)))
    few, full = (imread(io.BytesIO(samples_picture([sample(1)], legend, RGB))) for legend in (BUILDINGS, many))
    assert full.shape[0] - few.shape[0] == 3 * 22  # lines
    pictures = few.shape[0] - 55
    assert_array_equal(full[:pictures], few[:pictures])  # no name lies over them


def test_an_image_is_stretched_over_its_valid_pixels_and_grey_elsewhere() -> None:
    pixels = np.stack([np.full((4, 100), 9999.0)] * 3)
    pixels[:, 1:] = np.arange(100)
    valid = np.ones((4, 100), dtype=bool)
    valid[0] = False
    image = stretched(pixels, valid, ("blue", "green", "red"))
    assert image.min() == 0
    assert image.max() == 1
    assert (image[0] == np.float32(0.7)).all()
    assert (np.diff(image[1, :, 0]) >= 0).all()


def test_bands_are_shown_in_their_colours_whatever_their_order() -> None:
    pixels = np.random.default_rng(0).random((4, 8, 8))
    valid = np.ones((8, 8), dtype=bool)
    image = stretched(pixels, valid, ("nir", "blue", "green", "red"))
    other = stretched(pixels[::-1], valid, ("red", "green", "blue", "nir"))
    assert (image == other).all()
