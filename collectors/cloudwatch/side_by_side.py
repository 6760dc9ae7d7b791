"""Several generators at once, on a few daemon threads, their items as they come."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from enum import Enum, auto
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
Job = Callable[[], Iterable[T]]

HELD = 8
"""Items that wait at most; a job that is faster than its consumer stands still."""
LOOK = 0.2
"""Seconds after which a waiting job looks whether anyone still listens."""


class Tick(Enum):
    """What `ticking` yields between items."""

    PAUSE = auto()
    END = auto()


PAUSE, END = Tick.PAUSE, Tick.END


def side_by_side(jobs: Iterable[Job[T]], threads: int) -> Iterator[T]:
    """The items of `ticking` alone."""
    with closing(ticking(jobs, threads, None)) as items:
        yield from (item for item in items if not isinstance(item, Tick))


def ticking(jobs: Iterable[Job[T]], threads: int, seconds: float | None) -> Generator[T | Tick, None, None]:
    """Items of all jobs, in the order they come. What a job raises is raised here, once the others have ended.

    Closing the generator ends the jobs at their next item. PAUSE comes when nothing else did for so many seconds, END
    when all jobs have ended, before anything is raised.
    """
    pool: _Pool[T] = _Pool(jobs)
    running = pool.start(threads)
    try:
        while running:
            try:
                item = pool.items.get(timeout=seconds)
            except queue.Empty:
                yield PAUSE
                continue
            if item is None:
                running -= 1
            else:
                yield item.value
    finally:
        pool.closed.set()
    yield END
    if pool.errors:
        raise pool.errors[0]


class _Item(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value


class _Pool(Generic[T]):
    """A context manager around each job: what is raised in it is kept for the consumer."""

    def __init__(self, jobs: Iterable[Job[T]]) -> None:
        self.items: queue.Queue[_Item[T] | None] = queue.Queue(HELD)
        """None: one thread less."""
        self.errors: list[BaseException] = []
        self.closed = threading.Event()
        self._jobs = deque(jobs)

    def start(self, threads: int) -> int:
        count = min(threads, len(self._jobs))
        for number in range(count):
            # Daemons: a call that hangs must not keep the program from ending.
            threading.Thread(target=self._run, name=f"cloudwatch-{number}", daemon=True).start()
        return count

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is not None:
            self.errors.append(error)
        return True

    def _run(self) -> None:
        while not self.closed.is_set() and (job := self._next()) is not None:
            with self:
                for value in job():
                    if not self._put(_Item(value)):
                        break
        self._put(None)

    def _next(self) -> Job[T] | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None

    def _put(self, item: _Item[T] | None) -> bool:
        while not self.closed.is_set():
            try:
                self.items.put(item, timeout=LOOK)
            except queue.Full:
                continue
            return True
        return False
