"""The tests' AWS server, with one log group of a million events that are made while they are asked for.

    python benchmarks/flood.py --events 1000000 --start 2026-03-14T02:00:00+00:00 --seconds 7200

Prints its URL, ends when its standard input is closed. moto would keep every event as an object and search all of them
for every page; here a page of FilterLogEvents (10,000 events, 1 MB) is computed from the number of its first event.
Only what the benchmark asks is answered so: no filter pattern; the token is the number of the next event.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from loglines import lines
from servers.awsextra import main as server
from servers.awsextra.logs import PAGE, PAGE_BYTES
from servers.awsextra.wire import Answer, Call

GROUP = "/ecs/checkout"
STREAMS = 16
PAGE_ROOM = PAGE_BYTES - 200_000
"""Bytes of messages in a page; what AWS counts besides is below the rest."""


class Flood:
    """`count` events, evenly over the time from `start`."""

    def __init__(self, count: int, start: datetime, length: timedelta) -> None:
        self.count = count
        self.start_ms = round(start.timestamp() * 1000)
        self.step = length / timedelta(milliseconds=1) / count

    def page(self, asked: dict[str, Any]) -> bytes:
        first = int(asked.get("nextToken") or self._number(asked["startTime"]))
        end = min(self.count, self._number(asked["endTime"] + 1))
        events: list[str] = []
        room, number = PAGE_ROOM, first
        while number < end and len(events) < min(asked.get("limit") or PAGE, PAGE) and room > 0:
            events.append(self._event(number))
            room -= len(events[-1]) - 160
            number += 1
        answer = f'{{"events":[{",".join(events)}],"searchedLogStreams":[]'
        return (answer + (f',"nextToken":"{number}"}}' if number < end else "}")).encode()

    def _number(self, millis: int) -> int:
        """Of the first event at or after a time."""
        number = max(0, int((millis - self.start_ms) / self.step) - 1)
        while self._time(number) < millis and number < self.count:
            number += 1
        return number

    def _time(self, number: int) -> int:
        return self.start_ms + int(number * self.step)

    def _event(self, number: int) -> str:
        time = self._time(number)
        message = json.dumps("\n".join(lines(number, datetime.fromtimestamp(time / 1000, UTC))))
        return (
            f'{{"logStreamName":"task/{number % STREAMS}","timestamp":{time},"message":{message},'
            f'"ingestionTime":{time + 900},"eventId":"{number:056d}"}}'
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--start", type=datetime.fromisoformat, required=True)
    parser.add_argument("--seconds", type=float, default=7200)
    options = parser.parse_args()
    flood = Flood(options.events, options.start, timedelta(seconds=options.seconds))

    class Flooded(server.Application):
        def _answer(self, call: Call, environ: Any) -> Answer:
            if (call.service, call.operation) != ("logs", "FilterLogEvents"):
                return super()._answer(call, environ)
            return Answer(200, {"Content-Type": "application/x-amz-json-1.1"}, flood.page(call.params))

    server.Application = Flooded  # type: ignore[misc]
    server.main()


if __name__ == "__main__":
    main()
