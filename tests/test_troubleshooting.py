"""docs/troubleshooting.md has every message of an error that the source raises, and no other."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from geounet.errors import GeoUNetError
from geounet.grid import WindowGrid
from geounet.io.polygon_files import vector_info
from geounet.io.scene import open_scene
from geounet.nn.model_file import read_card
from tests.messages import PAGE, entries, raised


def test_every_message_has_an_entry() -> None:
    known = set(entries())
    lacking = {message: place for message, place in raised().items() if message not in known}
    assert not lacking, "python -m tests.messages lists them"


def test_no_entry_is_of_a_message_that_is_no_more() -> None:
    assert len(entries()) > 150
    assert not set(entries()) - raised().keys()


def test_no_message_is_told_twice_under_one_heading() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for section in sections:
        messages = re.findall(r"^\| (`+)(.+?)\1 \|", section, flags=re.MULTILINE)
        assert len(messages) == len(set(messages)), section.splitlines()[0]


def test_every_section_is_linked_at_the_head() -> None:
    text = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    anchors = ["".join(c for c in h.casefold().replace(" ", "-") if c.isalnum() or c == "-") for h in headings]
    linked = re.findall(r"\]\(#([\w-]+)\)", text)
    assert [anchor for anchor in anchors if anchor not in linked and anchor != "it-works-but"] == []
    assert set(linked) <= set(anchors)


def opened(path: Path) -> None:
    with open_scene(path):
        pass


@pytest.mark.parametrize(
    "provoked",
    [
        pytest.param(opened, id="a scene that is not there"),
        pytest.param(read_card, id="a model that is not there"),
        pytest.param(vector_info, id="labels that are not there"),
        pytest.param(lambda _: WindowGrid(64, 64, 100, 7, 16), id="a halo off the grid"),
    ],
)
def test_what_is_really_said_is_found_on_the_page(tmp_path: Path, provoked: Callable[[Path], object]) -> None:
    """The templates are read from the source; these errors are made, and looked for as a user would."""
    with pytest.raises(GeoUNetError) as told:
        provoked(tmp_path / "none.tif")
    patterns = [re.escape(entry).replace("…", ".+") for entry in entries()]
    assert any(re.fullmatch(pattern, str(told.value)) for pattern in patterns)
