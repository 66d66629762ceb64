"""A journal outlives the job that writes it."""

from pathlib import Path

import pytest

from geounet.io.journal import Journal


def pair(place: list[int], word: str) -> tuple[tuple[int, ...], str]:
    return tuple(place), word


def test_entries_come_back_in_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "folder" / "a.jsonl")
    assert journal.read(pair) == []
    for number in range(3):
        journal.add(place=[number, 7], word=f"ö{number}\n")
    assert Journal(journal.path).read(pair) == [((number, 7), f"ö{number}\n") for number in range(3)]


@pytest.mark.parametrize(
    "half",
    [b'{"place": [1, 2], "wo', b'{"place": [1, 2]}', b'{"place": 3, "word": "a"}', b"[1]", b"7", b"\xff\xc3", b"{}"],
    ids=repr,
)
def test_half_a_line_costs_no_other_entry(tmp_path: Path, half: bytes) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    journal.add(place=[0], word="before")
    with journal.path.open("ab") as file:
        file.write(b"\n" + half)
    journal.add(place=[1], word="after")
    assert journal.read(pair) == [((0,), "before"), ((1,), "after")]
