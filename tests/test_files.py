"""Folders are whole or not there, whoever is killed and whoever else is writing; errors of writing give advice."""

import errno
import os
from pathlib import Path

import pytest

from geounet.errors import OutputError
from geounet.files import held, translated, whole_folder
from tests.command import files_below
from tests.other_process import inside

MAKING = 'whole_folder(path, overwrite=True, marker="mark")'


def make(path: Path) -> None:
    with whole_folder(path, overwrite=True, marker="mark") as unfinished:
        (unfinished / "mark").write_text("new")


def test_what_a_killed_process_left_beside_a_folder_goes_when_it_is_made_again(tmp_path: Path) -> None:
    with inside("geounet.files", MAKING, tmp_path / "chips"):
        pass
    assert sum(path.is_dir() for path in tmp_path.glob(".chips-*")) == 1
    make(tmp_path / "chips")
    assert files_below(tmp_path) == {"chips": None, "chips/mark": b"new"}


def test_what_another_process_is_writing_is_left_alone_and_the_same_folder_refused(tmp_path: Path) -> None:
    with inside("geounet.files", MAKING, tmp_path / "chips-b"), inside("geounet.files", MAKING, tmp_path / "chips"):
        before = files_below(tmp_path)
        with pytest.raises(OutputError, match="chips is being written by another process; wait for it"):
            make(tmp_path / "chips")
        assert files_below(tmp_path) == before
        make(tmp_path / "chip")
        assert files_below(tmp_path).keys() == before.keys() | {"chip", "chip/mark"}


def test_hidden_folders_of_others_are_not_swept(tmp_path: Path) -> None:
    (tmp_path / ".chips-drawings").mkdir()
    (tmp_path / ".chips-b-12345678.unfinished").mkdir()
    make(tmp_path / "chips")
    assert len(list(tmp_path.glob(".chips*"))) == 2


def test_a_lock_is_free_again_when_it_is_left_and_leaves_no_file(tmp_path: Path) -> None:
    for _ in range(2):
        with held(tmp_path / "lock", tmp_path):
            assert (tmp_path / "lock").exists()
        assert not any(tmp_path.iterdir())


def test_a_lock_cannot_be_held_twice(tmp_path: Path) -> None:
    with held(tmp_path / "lock", tmp_path / "map"):
        with (
            pytest.raises(OutputError, match="map is being written by another process; wait for it, or choose another"),
            held(tmp_path / "lock", tmp_path / "map"),
        ):
            pass
        assert (tmp_path / "lock").exists()


def test_where_no_lock_can_be_had_work_goes_on_without(tmp_path: Path) -> None:
    with held(tmp_path / "no folder" / "lock", tmp_path):
        pass
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(errno.ENOSPC, "make room and run the same command again", id="full"),
        pytest.param(errno.EDQUOT, "make room and run the same command again", id="over quota"),
        pytest.param(errno.EACCES, "choose another --out", id="not allowed"),
        pytest.param(errno.EROFS, "choose another --out", id="read-only"),
        pytest.param(errno.ENOTDIR, "choose another --out", id="below a file"),
        pytest.param(errno.EIO, "make room and run the same command again, or choose another --out", id="another"),
    ],
)
def test_an_error_of_writing_says_what_helps_against_it(number: int, words: str) -> None:
    with pytest.raises(OutputError) as raised, translated(Path("a.tif")):
        raise OSError(number, os.strerror(number))
    assert str(raised.value) == f"a.tif cannot be written ({os.strerror(number)}); {words}"
