"""How many log lines a second the collectors' own paths take, without any server: pods' logs and CloudWatch's events.

    python benchmarks/logpaths.py [--lines 100000] [--rounds 3] [--profile]

The lines are those of `loglines.py`, cut into chunks as they come over the network, and pages of events as botocore
hands them over. Timed apart: the collector's part (bytes or events into rows), then what the runner does with the rows
(check, redact). Printed: the best of the rounds, CPU seconds of one thread. With --profile, cProfile of one round.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loglines import lines, stream

from collectors.cloudwatch import lines as events
from collectors.cloudwatch.groups import Group
from collectors.cloudwatch.insights import Meter
from collectors.kubernetes.logs import LogReading
from collectors.kubernetes.logstreams import Stream
from collectors.kubernetes.objects import Origin
from gather_diagnostics import Request, Rows, Window
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.tables import to_batch

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUEST = Request(
    "checkout", NOW, Window(NOW - HOUR, NOW), Window(NOW - 2 * HOUR, NOW - HOUR), Window(NOW - 24 * HOUR, NOW)
)
POD = {"metadata": {"name": "checkout-7c9f6d5b8-4kxqz", "namespace": "shop", "uid": "7d1e"}}
CHUNK = 16_384


class Chunks:
    """Stands where Api stands, with one log."""

    def __init__(self, count: int) -> None:
        written = stream(0, count, NOW - 2 * HOUR, 2 * HOUR)
        whole = b"".join(f"{t:%Y-%m-%dT%H:%M:%S.%f}000Z {line}\n".encode() for t, line in written)
        self._chunks = [whole[at : at + CHUNK] for at in range(0, len(whole), CHUNK)]

    @contextmanager
    def stream(self, path: str, parameters: Any) -> Iterator[Iterator[bytes]]:
        yield iter(self._chunks)


class Pages:
    """Stands where CloudWatch's Api stands, with one group."""

    region = "eu-west-1"

    def __init__(self, count: int) -> None:
        step = 2 * HOUR / count
        all_events = [self._event(n, NOW - 2 * HOUR + n * step) for n in range(count)]
        self._pages = [{"events": all_events[at : at + 5_000]} for at in range(0, count, 5_000)]

    def _event(self, number: int, when: datetime) -> dict[str, Any]:
        millis = int(when.timestamp() * 1000)
        named = {"logStreamName": f"task/{number % 16}", "eventId": f"{number:056d}"}
        return {**named, "timestamp": millis, "message": "\n".join(lines(number, when)), "ingestionTime": millis}

    def pages(self, *_: str, startTime: int, endTime: int, **__: Any) -> Iterator[dict[str, Any]]:
        if startTime == int((NOW - HOUR).timestamp() * 1000):
            yield from self._pages


def pod_logs(count: int) -> Callable[[], list[Rows]]:
    api: Any = Chunks(count)
    origin = Origin("test", "https://10.0.0.1", "checkout", NOW)

    def read() -> list[Rows]:
        reading = LogReading(api, Stream(POD, "app", False), REQUEST, origin, 2**30, 10**6)
        return [Rows("logs", batch) for batch in reading.batches()]

    return read


def cloudwatch(count: int) -> Callable[[], list[Rows]]:
    api: Any = Pages(count)
    group = Group("/ecs/checkout", "eu-west-1")
    return lambda: [
        item
        for item in events._Reading(api, REQUEST, group, None, 2 * count, Meter(10**9)).items()
        if isinstance(item, Rows)
    ]


def checked(source: str, rows: list[Rows]) -> int:
    """What the runner does with each item; how many rows there are."""
    redactor = Redactor()
    return sum(redactor.batch(item.table, to_batch(item.table, source, item.rows)).num_rows for item in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    print(f"{'source':12} {'read':>10} {'check and redact':>18}   lines/s, best of {options.rounds}")
    for name, made in (("kubernetes", pod_logs), ("cloudwatch", cloudwatch)):
        read = made(options.lines)
        took: list[tuple[float, float]] = []
        for _ in range(options.rounds):
            started = time.process_time()
            rows = read()
            between = time.process_time()
            number = checked(name, rows)
            took.append((between - started, time.process_time() - between))
        first, second = (min(part) for part in zip(*took, strict=True))
        print(f"{name:12} {options.lines / first:10,.0f} {options.lines / second:18,.0f}   ({number:,} rows)")
        if options.profile:
            with cProfile.Profile() as profile:
                checked(name, read())
            pstats.Stats(profile).sort_stats("tottime").print_stats(28)


if __name__ == "__main__":
    main()
