"""Which logs there are, what is asked of them, and what is kept of one. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from collectors.kubernetes import pods
from collectors.kubernetes.objects import Object, condition, items, mapping, name, namespace, text
from gather_diagnostics.logparse import Record

BEFORE, AFTER = 200, 800
"""Records kept in front of the first error and from it on, where not everything can be kept."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)(?: |$)")


@dataclass(frozen=True, slots=True)
class Stream:
    """The log of one run of one container."""

    pod: Object
    container: str
    previous: bool

    @property
    def path(self) -> str:
        where = (namespace(self.pod), name(self.pod))
        return "/api/v1/namespaces/{}/pods/{}/log".format(*(quote(w, safe="") for w in where))

    @property
    def words(self) -> str:
        return f"{name(self.pod)}/{self.container}{' (the run before)' if self.previous else ''}"


def streams(found: Iterable[Object]) -> list[Stream]:
    """Every run of every container; pods in trouble first, and of them the run before, which ended in it."""
    made: list[tuple[tuple[bool, bool, str, str], Stream]] = []
    for pod in found:
        healthy = condition(pod, "Ready").get("status") == "True"
        ran = {text(s, "name"): s for s in pods.statuses(pod)}
        for which in ("containers", "initContainers", "ephemeralContainers"):
            for container in items(pod, "spec", which):
                called = text(container, "name")
                runs = [True, False] if pods.restarted(ran.get(called, {})) else [False]
                for previous in runs:
                    key = (healthy and len(runs) == 1, which != "containers", name(pod), called)
                    made.append((key, Stream(pod, called, previous)))
    return [stream for _, stream in sorted(made, key=lambda m: m[0])]


def started(stream: Stream) -> bool:
    """Whether there can be a log: a container that waits for its first start has none."""
    status = next((s for s in pods.statuses(stream.pod) if s.get("name") == stream.container), {})
    return stream.previous or not status or not mapping(status, "state", "waiting") or pods.restarted(status)


class Stamps:
    """Takes the time off the front of each line that `timestamps=true` put there."""

    def __init__(self) -> None:
        self.lines = 0
        self.first: int | None = None
        self.last: int | None = None
        """Microseconds since 1970-01-01 UTC."""
        self._prefix = b""
        self._seconds = 0

    def taken(self, lines: Iterable[bytes]) -> Iterator[bytes | tuple[int, bytes]]:
        for line in lines:
            self.lines += 1
            match = _STAMP.match(line)
            time = self._time(match) if match else None
            if match is None or time is None:
                yield line
                continue
            if self.first is None:
                self.first = time
            self.last = time
            yield time, line[match.end() :]

    def _time(self, match: re.Match[bytes]) -> int | None:
        prefix = match[1] + match[3]
        if prefix != self._prefix:
            try:
                self._seconds = int(datetime.fromisoformat(prefix.decode()).timestamp())
            except (ValueError, OverflowError):
                return None
            self._prefix = prefix
        return self._seconds * 1_000_000 + int((match[2] or b"0")[:6].ljust(6, b"0"))


def around_first_error(records: Iterable[Record], until: int) -> Iterator[Record]:
    """The first error with its neighbours; nothing where there is none before `until` (microseconds UTC)."""
    before: deque[Record] = deque(maxlen=BEFORE)
    room = 0
    for record in records:
        if record.time_us is not None and record.time_us >= until:
            return
        if room:
            room -= 1
            yield record
            if not room:
                return
        elif record.level in ("ERROR", "CRITICAL"):
            yield from before
            yield record
            room = AFTER - 1
        else:
            before.append(record)


def rfc3339(micros: int) -> str:
    """As the API takes it: whole seconds, UTC."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
