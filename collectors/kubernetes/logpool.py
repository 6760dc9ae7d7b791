"""Reads several containers' logs side by side, hands rows over as they come, sums up what went wrong."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from collectors.kubernetes import troubles
from collectors.kubernetes.client import TROUBLE, Api
from collectors.kubernetes.kubeconfig import Place
from collectors.kubernetes.logs import Budget, LogReading
from collectors.kubernetes.logstreams import Stream
from collectors.kubernetes.objects import Origin
from collectors.kubernetes.settings import NAME, KubernetesSettings
from gather_diagnostics import Gap, Request, Rows
from gather_diagnostics.model import Cause

if TYPE_CHECKING:
    import pyarrow as pa

MOST_THREADS = 8
_LEAST_BYTES = 4_096
_LAST_SECONDS = 0.25
"""How long after the end the lines are waited for that came until then."""


@dataclass
class _Lack:
    """Containers that lack their logs for the same reason."""

    why: str
    mend: str
    streams: list[str] = field(default_factory=list)


class LogPool:
    """Used once."""

    def __init__(
        self, api: Api, place: Place, settings: KubernetesSettings, request: Request, origin: Origin, end: float
    ) -> None:
        self._api, self._place, self._settings = api, place, settings
        self._request, self._origin, self._end = request, origin, end
        self._budget = Budget(settings.max_total_log_bytes)
        self._lacks: dict[tuple[Cause, str], _Lack] = {}
        self._done = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # A slow consumer holds the readers back: memory stays bounded.
        self._out: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(maxsize=16)

    def read(self, streams: Sequence[Stream]) -> Iterator[Rows | Gap]:
        """Rows of `logs`, then a gap for each sort of lack. Ends at the deadline at the latest."""
        jobs: queue.SimpleQueue[Stream] = queue.SimpleQueue()
        for stream in streams:
            jobs.put(stream)
        threads = min(MOST_THREADS, len(streams))
        for number in range(threads):
            threading.Thread(target=self._work, args=(jobs,), name=f"pod-logs-{number}", daemon=True).start()
        try:
            yield from self._handed_over(threads)
        finally:
            self._stop.set()
        yield from self._gaps()
        if left := len(streams) - self._done:
            why = f"the time ended before {left} of {len(streams)} containers' logs were read to their end"
            mend = "allow more time with --deadline"
            yield Gap(NAME, f"logs of all containers ({self._place.context})", "timeout", why, mend)

    def _handed_over(self, threads: int) -> Iterator[Rows]:
        while threads and (left := self._end + _LAST_SECONDS - time.monotonic()) > 0:
            try:
                item = self._out.get(timeout=min(left, 0.5))
            except queue.Empty:
                continue
            if item is None:
                threads -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield Rows("logs", item)

    def _work(self, jobs: queue.SimpleQueue[Stream]) -> None:
        with _Reporting(self):
            while not self._stop.is_set() and self._end > time.monotonic():
                try:
                    stream = jobs.get_nowait()
                except queue.Empty:
                    return
                self._one(stream)
                with self._lock:
                    self._done += 1

    def _one(self, stream: Stream) -> None:
        taken = self._budget.take(self._settings.max_log_bytes)
        if taken < min(_LEAST_BYTES, self._settings.max_log_bytes):
            self._budget.give_back(taken)
            limit = self._settings.max_total_log_bytes
            self._lack(stream, "truncated", f"{limit:,} bytes of log were read in all", _raise("max_total_log_bytes"))
            return
        reading = LogReading(self._api, stream, self._request, self._origin, taken, self._settings.max_log_lines)
        try:
            for batch in reading.batches():
                if not self.put(batch):
                    return
        except TROUBLE as error:
            told = troubles.gap(error, "logs", self._place)
            self._lack(stream, told.cause, told.why, told.mend)
        finally:
            self._budget.give_back(taken - reading.read)
        if reading.cut:
            why = f"{reading.cut}; the newest and those around the first error are kept"
            self._lack(stream, "truncated", why, _raise("max_log_bytes and max_log_lines"))

    def put(self, item: pa.RecordBatch | BaseException | None) -> bool:
        """Hand over; False once nobody takes any more."""
        while not self._stop.is_set():
            try:
                self._out.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def _lack(self, stream: Stream, cause: Cause, why: str, mend: str) -> None:
        with self._lock:
            self._lacks.setdefault((cause, why if cause == "truncated" else ""), _Lack(why, mend)).streams.append(
                stream.words
            )

    def _gaps(self) -> Iterator[Gap]:
        with self._lock:
            for (cause, _), lack in self._lacks.items():
                number = len(lack.streams)
                named = ", ".join(sorted(lack.streams)[:5]) + (", …" if number > 5 else "")
                what = f"logs of {number} container{'s' if number > 1 else ''} ({self._place.context})"
                yield Gap(NAME, what, cause, f"{named}: {lack.why}", lack.mend)


def _raise(settings: str) -> str:
    return f"raise sources.kubernetes.{settings}, or ask for a shorter window"


class _Reporting:
    """Ends a thread's work with a word to the consumer: None, or the bug that ended it, which is raised over there."""

    def __init__(self, pool: LogPool) -> None:
        self._pool = pool

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, value: BaseException | None, trace: TracebackType | None) -> bool:
        self._pool.put(value)
        return True
