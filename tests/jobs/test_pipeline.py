"""Stages in threads of their own hand on everything, errors included, and end when they are not wanted."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count

import pytest

from geounet.jobs.pipeline import Clock, ahead, peak_memory_mb, spread, together


def test_items_come_in_order_and_all_of_them() -> None:
    assert list(ahead(range(100))) == list(range(100))


def test_one_item_is_made_while_another_is_used_and_no_more() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            yield number

    for number in ahead(items()):
        assert len(made) <= number + 2


def test_an_error_in_the_making_is_raised_to_the_user_after_what_was_made_before() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError("no luck")

    stage = ahead(items())
    assert next(stage) == 1
    with pytest.raises(ZeroDivisionError, match="no luck"):
        next(stage)


def test_leaving_off_early_ends_the_threads_of_all_stages_and_closes_the_items() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield from count()
        finally:
            closed.set()

    before = threading.active_count()
    stages = ahead(ahead(endless()))
    assert [next(stages) for _ in range(3)] == [0, 1, 2]
    stages.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_what_is_spread_over_threads_comes_in_the_order_of_the_items() -> None:
    def slower_the_sooner(number: int) -> int:
        time.sleep((20 - number) / 2000)
        return number * number

    assert list(spread(slower_the_sooner, range(20), workers=3)) == [number * number for number in range(20)]


def test_two_items_are_worked_on_at_once_and_no_more_than_these_are_ahead() -> None:
    meeting = threading.Barrier(2, timeout=10)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            taken.append(number)
            yield number

    def met(number: int) -> int:
        meeting.wait()
        return number

    for number in spread(met, items()):
        assert len(taken) <= number + 3


def test_an_error_of_one_item_comes_after_the_results_before_it_and_ends_the_threads() -> None:
    before = threading.active_count()
    results = spread(lambda number: 6 // number, [3, 2, 0, 1, 1, 1])
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_leaving_off_a_spread_early_ends_its_threads() -> None:
    before = threading.active_count()
    results = spread(str, count())
    assert next(results) == "0"
    results.close()
    assert threading.active_count() == before


def test_two_calls_run_at_the_same_time_and_both_are_waited_for() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def met(name: str) -> str:
        meeting.wait()
        return name

    before = threading.active_count()
    assert together(lambda: met("a"), lambda: met("b")) == ("a", "b")
    assert threading.active_count() == before


def test_an_error_of_either_call_is_raised_when_both_have_ended() -> None:
    ended = threading.Event()
    with pytest.raises(ZeroDivisionError):
        together(lambda: 1 // 0, ended.set)
    assert ended.is_set()
    with pytest.raises(ZeroDivisionError):
        together(ended.clear, lambda: 1 // 0)
    assert not ended.is_set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts each process for itself")
def test_peak_memory_is_that_of_this_process_and_not_of_the_one_that_started_it() -> None:
    held = b"x" * (200 << 20)
    told = "from geounet.jobs.pipeline import peak_memory_mb; print(peak_memory_mb())"
    child = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert int(child.stdout) < len(held) >> 20
    assert (peak_memory_mb() or 0) > len(held) >> 20


def test_a_clock_counts_the_making_of_items_and_not_their_use(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    clock = Clock()

    def slow() -> Iterator[int]:
        nonlocal now
        for number in range(3):
            now += 2
            yield number

    for _ in clock.timed("read", slow()):
        now += 5
    with clock.stage("write"):
        now += 1
    assert clock.seconds("read", "write", "idle") == {"total": 22.0, "read": 6.0, "write": 1.0, "idle": 0.0}


def test_a_clock_counts_a_stage_that_two_threads_are_in_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Clock()
    first, second = clock.stage("assemble"), clock.stage("assemble")
    for change, moment in ((first.__enter__, 1), (second.__enter__, 3)):
        now[0] = moment
        change()
    for leaving, moment in ((first, 4), (second, 9)):
        now[0] = moment
        leaving.__exit__(None, None, None)
    with clock.stage("assemble"):
        now[0] = 11
    assert clock.seconds("assemble") == {"total": 11, "assemble": 8 + 2}
