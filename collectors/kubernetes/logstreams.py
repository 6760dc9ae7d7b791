"""Which logs there are, what is asked of them, and what is kept of one. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from collectors.kubernetes import pods
from collectors.kubernetes.objects import Object, condition, items, mapping, name, namespace, text
from gather_diagnostics.logparse import Part, Record

if TYPE_CHECKING:
    import pyarrow as pa

BEFORE, AFTER = 200, 800
"""Records kept in front of the first error and from it on, where not everything can be kept."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)(?: |$)")


_STAMPED = r"(?s)\A(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6})\d{0,3})?Z (?P<text>.*)\z"
PART = 4_096
"""Lines looked at together."""


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

    def parts(self, lines: Iterable[bytes], size: int = PART) -> Iterator[Part]:
        """The lines with their times and texts, many at once; null for times of other zones and what is no UTF-8."""
        rest = iter(lines)
        while part := list(islice(rest, size)):
            times, texts = _columns(part)
            if times.null_count:
                deque(self.taken(part), maxlen=0)
            else:
                self.lines += len(part)
                self.last = times[-1].as_py()
                self.first = times[0].as_py() if self.first is None else self.first
            yield part, times, texts

    def _time(self, match: re.Match[bytes]) -> int | None:
        prefix = match[1] + match[3]
        if prefix != self._prefix:
            try:
                self._seconds = int(datetime.fromisoformat(prefix.decode()).timestamp())
            except (ValueError, OverflowError):
                return None
            self._prefix = prefix
        return self._seconds * 1_000_000 + int((match[2] or b"0")[:6].ljust(6, b"0"))


def _columns(lines: list[bytes]) -> tuple[pa.Array, pa.Array]:
    # A quarter of a second, which other sources need not wait for.
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        found = pc.extract_regex(pa.array(lines, pa.string()), _STAMPED)
        fraction = pc.struct_field(found, "fraction")
        fraction = pc.if_else(pc.equal(fraction, ""), "0", fraction)
        stamps = pc.binary_join_element_wise(pc.struct_field(found, "second"), fraction, ".")
        return stamps.cast(pa.timestamp("us")).cast(pa.int64()), pc.struct_field(found, "text")
    except pa.ArrowInvalid:
        # A byte that is no UTF-8, or a date that is not: line by line it is found out which.
        return pa.nulls(len(lines), pa.int64()), pa.nulls(len(lines), pa.string())


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
