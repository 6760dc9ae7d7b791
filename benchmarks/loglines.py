"""Log lines as a service writes them, made from a number: equal numbers make equal lines, no two numbers the same line.

Of ten lines four are JSON, two logfmt, three plain with a time and a level in front, one an access log line; one in
fifty is an error, one in two hundred a Python traceback of four lines, one in a thousand holds a secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

Lines = list[str]

_PATHS = ("/cart", "/cart/items", "/checkout", "/checkout/confirm", "/orders", "/health")
_WORK = ("order placed", "payment authorised", "stock reserved", "mail queued", "session renewed")


def _json(number: int, stamp: str, level: str) -> str:
    return json.dumps(
        {
            "time": stamp, "level": level, "msg": f"{_WORK[number % 5]} in {number % 997} ms", "service": "checkout",
            "trace_id": f"{number * 2654435761 % 2**128:032x}", "path": _PATHS[number % 6], "attempt": number % 3,
        }
    )  # fmt: skip


def _logfmt(number: int, stamp: str, level: str) -> str:
    return f'time={stamp} level={level} msg="{_WORK[number % 5]}" request_id=r-{number} duration={number % 997}ms'


def _plain(number: int, stamp: str, level: str) -> str:
    who = f"[worker-{number % 16}] {_WORK[number % 5]}"
    return f"{stamp} {level.upper():5} {who}: order {number} of customer {number % 9973}"


def _access(number: int, stamp: str, level: str) -> str:
    when = datetime.fromisoformat(stamp).strftime("%d/%b/%Y:%H:%M:%S +0000")
    status = 502 if level == "error" else 200
    return (
        f'10.0.{number % 256}.7 - - [{when}] "GET {_PATHS[number % 6]}?id={number} HTTP/1.1" {status} {number % 5000}'
    )


_SHAPES: tuple[Callable[[int, str, str], str], ...] = (
    _json, _plain, _logfmt, _json, _plain, _json, _access, _logfmt, _json, _plain,
)  # fmt: skip


def lines(number: int, when: datetime) -> Lines:
    """What is written for this number: one line, or the lines of a traceback."""
    stamp = f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"
    if number % 200 == 7:
        return _traceback(number, stamp)
    line = _SHAPES[number % 10](number, stamp, "error" if number % 50 == 3 else "info")
    return [line + f" password=hunter{number}" if number % 1000 == 11 else line]


def _traceback(number: int, stamp: str) -> Lines:
    return [
        f"{stamp} ERROR [worker-{number % 16}] order {number} failed",
        "Traceback (most recent call last):",
        '  File "/app/orders.py", line 41, in place',
        f"ConnectionError: no answer from payments after {number % 997} ms",
    ]


def stream(first: int, count: int, start: datetime, length: timedelta) -> Iterator[tuple[datetime, str]]:
    """`count` lines with their times (UTC), evenly over `length`; `first` is the number of the first."""
    step = length / max(count, 1)
    made, number = 0, first
    while made < count:
        for line in lines(number, start + made * step)[: count - made]:
            yield start + made * step, line
            made += 1
        number += 1
