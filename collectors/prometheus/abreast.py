"""Questions put side by side: waiting for one answer after the other is most of the time that collecting takes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from gather_diagnostics.http.errors import Trouble

THREADS = 5
"""Few enough to be no burden to a server that is in trouble itself."""

J = TypeVar("J")
R = TypeVar("R")


class _Outcome(Generic[R]):
    """What came of one job. As a context manager it takes an error along to the thread that waits."""

    def __init__(self) -> None:
        self.value: R | None = None
        self.error: BaseException | None = None

    def __enter__(self) -> _Outcome[R]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True

    def result(self) -> R | Trouble:
        """Raises what is no trouble of the server: a bug of ours must not pass for one."""
        if isinstance(self.error, Trouble):
            return self.error
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class Abreast(Generic[J, R]):
    """Does jobs in a few daemon threads, in order; iterating gives (job's number, result or trouble) as they end.

    Iteration ends with the last job, at `until` (time.monotonic()) at the latest, or, after `stop`, with the last of
    the jobs under way. Results wait in a queue of bounded length: a slow reader slows the asking down.
    """

    def __init__(self, work: Callable[[J], R], jobs: Sequence[J], until: float, threads: int = THREADS) -> None:
        self._work = work
        self._left = iter(list(enumerate(jobs)))
        self._until = until
        self._threads = min(threads, len(jobs))
        self._lock = threading.Lock()
        self._stopped = False
        # Once reading has ended and the queue is emptied, each thread can put what it still has and its end.
        self._done: queue.Queue[tuple[int, _Outcome[R]] | None] = queue.Queue(2 * max(1, self._threads))

    def stop(self) -> None:
        """Begin no further job."""
        self._stopped = True

    def __iter__(self) -> Iterator[tuple[int, R | Trouble]]:
        for _ in range(self._threads):
            threading.Thread(target=self._run, name="ask-prometheus", daemon=True).start()
        running = self._threads
        try:
            while running:
                ended = self._next()
                if ended is None:
                    running -= 1
                else:
                    yield ended[0], ended[1].result()
        except queue.Empty:
            return
        finally:
            self.stop()
            self._empty()

    def _next(self) -> tuple[int, _Outcome[R]] | None:
        return self._done.get(timeout=max(0.0, self._until - time.monotonic()))

    def _empty(self) -> None:
        while not self._done.empty():
            self._done.get_nowait()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            number, job = taken
            with _Outcome[R]() as outcome:
                outcome.value = self._work(job)
            self._done.put((number, outcome))
        self._done.put(None)

    def _take(self) -> tuple[int, J] | None:
        with self._lock:
            return None if self._stopped else next(self._left, None)
