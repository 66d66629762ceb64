"""Stages of a job in threads of their own, each one item ahead of the next."""

import sys
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


class _Finished:
    pass


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The items, each made in another thread while the one before it is used; two are held at most.

    An error in making them is raised here. Closing this ends the thread, and closes the items there.
    """
    queue: SimpleQueue[T | _Failed | _Finished] = SimpleQueue()
    unwanted = threading.Event()
    taken = threading.Semaphore(0)

    def work() -> None:
        try:
            for item in items:
                queue.put(item)
                del item  # what is used up must not stay here
                taken.acquire()
                if unwanted.is_set():
                    return
            queue.put(_Finished())
        except BaseException as error:
            queue.put(_Failed(error))
        finally:
            if isinstance(items, Generator):
                items.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _Finished):
            if isinstance(item, _Failed):
                raise item.error
            taken.release()
            yield item
            del item
    finally:
        unwanted.set()
        taken.release()
        thread.join()


def spread(make: Callable[[S], T], items: Iterable[S], *, workers: int = 2) -> Generator[T, None, None]:
    """What a call makes of each item, in the items' order, as `map`; several are made at once, in other threads.

    Items are taken in the thread that asks for the results. No more than `workers` are ahead of the one that is used.
    An error in making one is raised in its place. Closing this waits for those that are being made.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers) as executor:
        try:
            for item in items:
                waiting.append(executor.submit(make, item))
                del item  # what is used up must not stay here
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for unwanted in waiting:
                unwanted.cancel()


def together(first: Callable[[], S], second: Callable[[], T]) -> tuple[S, T]:
    """What two calls return that run at the same time, the second in another thread; waits for both.

    An error of the first goes before one of the second.
    """
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(second)
        result = first()
        return result, waiting.result()


def peak_memory_mb() -> int | None:
    """Most memory that this process has held so far; None where the system does not tell."""
    try:
        # what the system counts for a process on Linux begins with the peak of the one that started it
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))  # macOS counts bytes, Linux kB


class Clock:
    """Seconds spent in each stage of a job; where several threads are in a stage at once, they count once."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self._entered: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        with self._lock:
            if not self._inside[name]:
                self._entered[name] = time.perf_counter()
            self._inside[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[name] -= 1
                if not self._inside[name]:
                    self._seconds[name] += time.perf_counter() - self._entered[name]

    def timed(self, name: str, items: Iterable[T]) -> Generator[T, None, None]:
        """The items; the time it takes to make them counts for a stage, the time to use them does not."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def seconds(self, *names: str) -> dict[str, float]:
        """Of the named stages, and `total` since the clock was made."""
        spent = {"total": time.perf_counter() - self._start} | {name: self._seconds[name] for name in names}
        return {name: round(value, 3) for name, value in spent.items()}
