"""MODEL.md: what it tells, and that names are text and nothing else."""

from dataclasses import replace

import pytest

from geounet.card import Architecture, ModelCard
from geounet.metrics import PixelCounts
from geounet.report.model_page import Facts, escaped, model_page
from tests.nn.cards import card_of


def facts(**changes: object) -> Facts:
    known: dict[str, object] = {
        "scenes": ["town_a.tif"],
        "labels": ["town.gpkg"],
        "windows": {"train": 1200, "val": 30},
        "size": 256,
        "classes": {"building": PixelCounts(60, 20, 20, 900)},
        "steps": (2000, 1500),
    }
    return Facts(**(known | changes))  # type: ignore[arg-type]


def card() -> ModelCard:
    return card_of(Architecture(bands=3, outputs=1, width=16))


def test_the_page_tells_data_split_figures_resolution_use_and_limits() -> None:
    page = model_page(card(), facts())
    for words in (
        "## Data", "town\\_a.tif", "0.3 m a pixel", "1,200 for train, 30 for val", "after step 1,500 of 2,000",
        "| building | 0.600 | 0.750 | 0.750 | 0.750 | 0.960 | 0.923 |", "## Intended use", "## Limits",
    ):  # fmt: skip
        assert words in page


def test_a_model_of_scenes_without_crs_maps_others_at_their_own_pixels() -> None:
    page = model_page(replace(card(), ground_resolution=None), facts())
    assert "maps a scene at its own pixels, whatever they measure" in page
    assert "resamples" not in page
    assert "resamples a scene to the ground resolution" in model_page(card(), facts())


def test_the_score_of_contact_stands_where_contact_is_told_of() -> None:
    learned = card_of(Architecture(bands=3, outputs=3, width=16), contact_width=0.9)
    page = model_page(learned, facts(contact_iou=0.25))
    assert "0.9 m apart or less is a class of its own, with an IoU of 0.250" in page
    assert "is a class of its own\n" in model_page(learned, facts())


def test_a_model_that_was_not_scored_has_no_figures() -> None:
    page = model_page(card(), facts(classes={}, is_chosen=False))
    assert "None: there were no validation windows" in page
    assert "after step 1,500 of 2,000, the last ones." in page
    assert "chosen on the validation windows" not in page
    assert "|" not in page
    assert "chosen on the windows" not in page


@pytest.mark.parametrize("name", ["<script>x</script>", "a | b", "[x](http://y)", "# head\n# two", "`rm`", "**b**"])
def test_a_name_from_the_labels_is_text_on_the_page_and_nothing_else(name: str) -> None:
    page = model_page(card(), facts(scenes=[name]))
    assert page.count("\n") == model_page(card(), facts()).count("\n")
    assert name not in page
    assert escaped(name) in page
