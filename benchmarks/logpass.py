"""The whole pass over mixed logs: read, parse, redact, template, count, first and last time. For `logs.py`.

The lines: half those of `loglines.py` (JSON, logfmt, plain, access logs, Python tracebacks), half real messages behind
the fronts of log4j, logback, Python logging, RFC 3164 syslog, klog, Spark and epoch seconds; one in 150 goes on with a
Java stack trace. Numbers of five to nine digits differ from lap to lap.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import BinaryIO

import loglines
import pyarrow as pa

from gather_diagnostics.logparse import Context, Tally, records
from gather_diagnostics.patterns import masks, merge
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.tables import to_batch

CHUNK = 1 << 20
LAP = 200_000
"""Lines after which numbers start again, with other endings."""
DRAIN_LINES = 100_000
"""As many lines does Drain3 get: its speed does not change with more."""
_START = datetime(2026, 3, 14, 2, tzinfo=UTC)
_NUMBER = re.compile(rb"(?<![\w:.,+-])(\d{5,9})(?![\w:.-])")
_FRONTS = (
    "{t:%Y-%m-%d %H:%M:%S},{ms:03d} INFO  [main] com.shop.Cart - ",
    "{t:%Y-%m-%d %H:%M:%S}.{ms:03d}  WARN {n} --- [nio-{n}] c.s.Pay : ",
    "{t:%Y-%m-%d %H:%M:%S},{ms:03d} - shop.orders - ERROR - ",
    "{t:%b %d %H:%M:%S} host-{n} app[{n}]: ",
    "I{t:%m%d %H:%M:%S}.{ms:03d}000   {n} cart.go:71] ",
    "{t:%y/%m/%d %H:%M:%S} INFO executor.Executor: ",
    "{s}.{ms:03d} ",
    "[{t:%Y-%m-%dT%H:%M:%S}.{ms:03d}+00:00] [{n}] [info] ",
)  # fmt: skip
_JAVA = (
    "\njava.lang.IllegalStateException: no answer\n\tat com.shop.Pay.run(Pay.java:31)\n\tat a.B.c(B.java:7)"
    "\n\t... 9 more"
)


def lap(messages: Sequence[str]) -> bytes:
    """LAP lines and those of stack traces, with \\x01 where the number of the lap goes."""
    real = _real(cycle(messages))
    both = (
        line
        for pair in zip((line for _, line in loglines.stream(0, LAP, _START, timedelta(hours=1))), real, strict=False)
        for line in pair
    )
    return _NUMBER.sub(b"\\1\x01", "".join(f"{line}\n" for line in islice(both, LAP)).encode())


def _real(messages: Iterable[str]) -> Iterator[str]:
    for number, message in enumerate(messages):
        when = _START + number * timedelta(milliseconds=36)
        front = _FRONTS[number % len(_FRONTS)]
        given = {"t": when, "ms": when.microsecond // 1000, "n": number % 40, "s": int(when.timestamp())}
        yield front.format(**given) + message + (_JAVA if number % 150 == 0 else "")


def write(messages: Sequence[str], size: int, file: BinaryIO) -> int:
    """Whole laps until there are `size` bytes; how many bytes there are."""
    one, written, number = lap(messages), 0, 0
    while written < size:
        written += file.write(one.replace(b"\x01", b"%03d" % (number % 1000)))
        number += 1
    file.flush()
    return written


def read(path: Path, size: int) -> Iterator[bytes]:
    """At least `size` bytes in chunks: the file, over and over."""
    left = size
    while left > 0:
        with path.open("rb", buffering=0) as file:
            while left > 0 and (chunk := file.read(CHUNK)):
                left -= len(chunk)
                yield chunk


def measure(messages: Sequence[str], size: int, path: Path) -> None:
    """Print lines and megabytes a second of raw reading, of the pass and its parts, and of Drain3."""
    with path.open("wb") as file:
        write(messages, min(size, 1 << 30), file)
    started = time.perf_counter()
    lines = sum(chunk.count(b"\n") for chunk in read(path, size))
    _print("raw reading", lines, size, time.perf_counter() - started)
    before = _peak()
    started, cpu = time.perf_counter(), time.process_time()
    patterns, spent, tally = whole(read(path, size))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    ours = _print("whole pass", lines, size, seconds)
    print(
        "  "
        + ", ".join(f"{part} {took:.2f} s" for part, took in spent.items())
        + " (parsing goes on beside the others)"
    )
    print(f"  {cpu:.2f} s of CPU in all threads, {cpu / lines * 1e6:.2f} us a line")
    counted = sum(patterns["lines"].to_pylist())
    print(
        f"  {len(patterns):,} patterns and levels of {counted:,} records; {tally.lines:,} lines, {tally.blank:,} blank"
    )
    print(f"  peak memory {_peak() / 1e6:,.0f} MB, of which {before / 1e6:,.0f} MB before the pass")
    _race(path, ours)


def whole(chunks: Iterable[bytes]) -> tuple[pa.Table, Counter[str], Tally]:
    """The patterns (template, level, lines, first, last), wall seconds of each part, and what parsing counted."""
    redactor, tally, spent = Redactor(), Tally(), Counter[str]()
    found: list[pa.Table] = []
    context = Context(reference=datetime(2026, 3, 15, tzinfo=UTC))
    batches = records(chunks, context, tally, ref="mixed.log", service="checkout")
    at = time.perf_counter()
    for batch in batches:
        at = _spent(spent, "waiting for parsed records", at)
        clean = redactor.batch("logs", to_batch("logs", "logfiles", batch))
        at = _spent(spent, "redacting", at)
        template = masks(clean["message"])
        at = _spent(spent, "masking", at)
        one = pa.repeat(1, len(clean))
        rows = pa.table(
            {"template": template, "level": clean["level"], "lines": one, "first": clean["time"], "last": clean["time"]}
        )
        found.append(_summed(rows))
        if len(found) > 50:
            found = [_summed(pa.concat_tables(found))]
        at = _spent(spent, "counting", at)
    table = pa.concat_tables(found).combine_chunks()
    table = table.set_column(
        table.schema.get_field_index("template"), "template", merge(table["template"].combine_chunks())
    )
    table = _summed(table)
    _spent(spent, "merging", at)
    return table, spent, tally


def _summed(rows: pa.Table) -> pa.Table:
    made = rows.group_by(["template", "level"]).aggregate([("lines", "sum"), ("first", "min"), ("last", "max")])
    return made.rename_columns(
        [name.removesuffix("_sum").removesuffix("_min").removesuffix("_max") for name in made.column_names]
    )


def _spent(spent: Counter[str], part: str, since: float) -> float:
    now = time.perf_counter()
    spent[part] += now - since  # type: ignore[assignment]
    return now


def _race(path: Path, ours: float) -> None:
    """Drain3 on the first lines, text as it stands: it has neither parsing nor redaction nor times to do."""
    if importlib.util.find_spec("drain3") is None:
        print("Drain3 is not installed")
        return
    with path.open("rb") as file:
        lines = [line.decode("utf-8", "replace").rstrip("\n") for line in islice(file, DRAIN_LINES)]
    miner = importlib.import_module("drain3").TemplateMiner()
    started, cpu = time.perf_counter(), time.process_time()
    for line in lines:
        miner.add_log_message(line)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    theirs = _print("Drain3", len(lines), sum(map(len, lines)), seconds)
    print(f"  {cpu:.2f} s of CPU, {cpu / len(lines) * 1e6:.2f} us a line")
    print(f"  (the first {len(lines):,} lines, the rest assumed alike) our pass is {ours / theirs:.1f} times as fast")


def _print(what: str, lines: int, size: int, seconds: float) -> float:
    print(
        f"{what:24} {lines / seconds:12,.0f} lines/s {size / seconds / 1e6:10,.1f} MB/s   {seconds:.2f} s", flush=True
    )
    return lines / seconds


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0
