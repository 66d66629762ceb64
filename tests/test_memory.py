import gc

import pytest

from geounet.memory import nothing_old_searched


class Ring:
    """Garbage that only a search finds: it refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def seen() -> set[int]:
    return {id(thing) for thing in gc.get_objects()}


def test_what_was_there_before_is_not_searched_and_is_again_afterwards() -> None:
    old = Ring()
    with nothing_old_searched():
        young = Ring()
        inside = seen()
        assert id(old) not in inside
        assert id(young) in inside
    assert {id(old), id(young)} <= seen()
    assert gc.get_freeze_count() == 0


def test_garbage_made_inside_is_found_inside() -> None:
    gc.collect()
    with nothing_old_searched():
        Ring()
        assert gc.collect() >= 1


def test_an_error_ends_it_too() -> None:
    with pytest.raises(ValueError, match="inside"), nothing_old_searched():
        raise ValueError("inside")
    assert gc.get_freeze_count() == 0


def test_who_froze_first_unfreezes() -> None:
    gc.freeze()
    try:
        with nothing_old_searched(), nothing_old_searched():
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
