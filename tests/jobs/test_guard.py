"""What guards a folder: one job, one process, and what that job was resolved to."""

from pathlib import Path

import pytest

from geounet.errors import OutputError, SettingsError
from geounet.jobs.guard import NAME, Guard, alone, begun_with, remembered
from tests.jobs.test_infer import mapped
from tests.other_process import inside
from tests.scenes import noise, write_scene

SETTINGS = {"device": "cuda:0", "precision": "bf16", "batch_size": 4}


def test_the_settings_of_a_job_are_remembered_from_its_claim_on(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "map", SETTINGS, "last")
    assert remembered(tmp_path / "map") == {}
    guard.claim()
    assert remembered(tmp_path / "map") == SETTINGS
    guard.release()
    assert remembered(tmp_path / "map") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"a"', "\udce9"], ids=repr)
def test_of_a_damaged_mark_nothing_is_remembered(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_bytes(text.encode(errors="surrogateescape"))
    assert remembered(tmp_path) == {}


def test_a_map_remembers_what_auto_was_resolved_to(tmp_path: Path, model: Path) -> None:
    scene = write_scene(tmp_path / "a.tif", noise(40, 50))
    mapped(scene, model=model, out=tmp_path / "map", no_vectors=True)
    before = remembered(tmp_path / "map")
    kinds = {"device": str, "precision": str, "batch_size": int, "threads": int, "window": int}
    assert {name: type(before[name]) for name in kinds} == kinds


def test_settings_that_this_machine_lacks_are_told_with_the_folder_that_remembers_them() -> None:
    with (
        pytest.raises(
            SettingsError, match=r"^map was begun on cuda:0 in bf16; go on where it is, .* \(no cuda:0 here\)$"
        ),
        begun_with(Path("map"), SETTINGS),
    ):
        raise SettingsError("no cuda:0 here")
    with pytest.raises(SettingsError, match=r"^no cuda:0 here$"), begun_with(Path("map"), {}):
        raise SettingsError("no cuda:0 here")


def test_a_job_killed_while_it_marked_its_folder_begins_there_again(tmp_path: Path) -> None:
    (tmp_path / ".job.lock").touch()
    (tmp_path / ".job-12345678.json").write_text("{")
    assert Guard(tmp_path, SETTINGS, "last").state(overwrite=False) == "new"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", [".hidden", "notes.txt"])
def test_a_folder_of_other_things_is_refused_whatever_is_asked_for(
    tmp_path: Path, name: str, *, overwrite: bool
) -> None:
    (tmp_path / name).touch()
    with pytest.raises(OutputError, match=r"holds other things .no whole job\.json.; choose another --out$"):
        Guard(tmp_path, SETTINGS, "last").state(overwrite=overwrite)


def test_a_job_goes_on_until_it_is_finished_and_then_overwriting_begins_anew(tmp_path: Path) -> None:
    guard, other = (Guard(tmp_path / "map", SETTINGS | {"batch_size": size}, "last") for size in (4, 5))
    guard.claim()
    assert [guard.state(overwrite=overwrite) for overwrite in (False, True)] == ["unfinished"] * 2
    (tmp_path / "map" / "last").touch()
    assert guard.is_finished
    assert guard.state(overwrite=True) == other.state(overwrite=True) == "new"
    with pytest.raises(
        OutputError, match=r"differs in --batch-size \(was 4\)\); choose another --out, or give --overwrite"
    ):
        other.state(overwrite=False)


def test_a_mark_is_taken_away_only_where_it_guards_nothing_else(tmp_path: Path) -> None:
    guard = Guard(tmp_path, SETTINGS, "last")
    guard.claim()
    (tmp_path / "notes.txt").touch()
    guard.release()
    assert remembered(tmp_path) == SETTINGS
    (tmp_path / "notes.txt").unlink()
    guard.release()
    assert remembered(tmp_path) == {}


def test_a_folder_is_one_process_s_at_a_time_and_free_when_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "maps" / "map"
    with inside("geounet.jobs.guard", "alone(path)", folder):
        with pytest.raises(OutputError, match="map is being written by another process"), alone(folder):
            pass
        assert folder.exists()
    with alone(folder):
        (folder / "a").touch()
    assert [path.name for path in folder.iterdir()] == ["a"]


def test_a_folder_in_which_nothing_was_made_is_taken_away_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone(tmp_path / "map"):
        raise ZeroDivisionError
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["file", "file/map"])
def test_what_is_in_the_way_of_a_folder_is_left_for_the_guard_to_tell(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    with alone(tmp_path / name), pytest.raises(OutputError, match=r"file.* cannot be written"):
        Guard(tmp_path / name, SETTINGS, "last").claim()
    assert (tmp_path / "file").read_text() == "mine"
