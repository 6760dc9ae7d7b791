"""The whole pass over mixed logs: read, parse, redact, template, count, first and last time. For `logs.py`.

The lines: half those of `loglines.py` (JSON, logfmt, plain, access logs, Python tracebacks), half real messages behind
the fronts of log4j, logback, Python logging, RFC 3164 syslog, klog, Spark and epoch seconds; one in 150 goes on with a
Java stack trace, one in 25 with a word that never comes again. Numbers of five to nine digits and trace ids differ from
lap to lap.

The pass is the product's own over an archive (`gather_diagnostics analyze FOLDER`): a process for each core, counted
with what it takes to start them. Drain3 gets the same lines, one process, without what it does not do: it neither
parses nor redacts, nor keeps times.
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
import re
import resource
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

import loglines
import numpy as np

from gather_diagnostics import Request, Window
from gather_diagnostics.archive import alike, engines, learning, passing
from gather_diagnostics.archive import read as read_archive
from gather_diagnostics.archive.cuts import Part
from gather_diagnostics.archive.files import listed
from gather_diagnostics.progress import Silent
from gather_diagnostics.selection import lines_in

CHUNK = 1 << 20
TRIED = 1 << 26
"""Bytes on which tricks are tried."""
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
    """LAP lines and those of stack traces, with \\x01 and \\x02 where the number of the lap goes."""
    real = _real(cycle(messages))
    both = (
        line
        for pair in zip((line for _, line in loglines.stream(0, LAP, _START, timedelta(hours=1))), real, strict=False)
        for line in pair
    )
    text = "".join(f"{line}\n" for line in islice(both, LAP)).encode()
    return _NUMBER.sub(b"\\1\x01", text).replace(b'"trace_id": "000', b'"trace_id": "\x02')


def _real(messages: Iterable[str]) -> Iterator[str]:
    for number, message in enumerate(messages):
        when = _START + number * timedelta(milliseconds=36)
        front = _FRONTS[number % len(_FRONTS)]
        given = {"t": when, "ms": when.microsecond // 1000, "n": number % 40, "s": int(when.timestamp())}
        once = f" as Kq\x02Z{np.base_repr(number * 7919, 36)}" if number % 25 == 3 else ""
        yield front.format(**given) + message + once + (_JAVA if number % 150 == 0 else "")


def write(messages: Sequence[str], size: int, file: BinaryIO) -> int:
    """Whole laps until there are `size` bytes; how many bytes there are."""
    one, written, number = lap(messages), 0, 0
    while written < size:
        made = one.replace(b"\x01", b"%03d" % (number % 1000)).replace(b"\x02", b"%03x" % (number * 739 % 4096))
        written += file.write(made)
        number += 1
    file.flush()
    return written


def measure(messages: Sequence[str], size: int, folder: Path) -> None:
    """Print lines and megabytes a second of raw reading, of the pass and of Drain3, and what each trick brings."""
    one = folder / "mixed.log"
    with one.open("wb") as file:
        each = write(messages, min(size, 1 << 30), file)
    for number in range(1, round(size / each)):
        os.link(one, folder / f"mixed-{number}.log")
    files = sorted(folder.iterdir())
    size = sum(file.stat().st_size for file in files)
    started = time.perf_counter()
    lines = sum(chunk.count(b"\n") for file in files for chunk in _chunks(file))
    _print("raw reading", lines, size, time.perf_counter() - started)
    # Before and after, since other work on the machine makes either look slow.
    theirs = _drain(one)
    # In a process of its own, so that its memory is not that of what was measured before.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        ours = alone.submit(_whole, folder, lines, size).result()
    theirs = [rate for rate in (theirs, _drain(one)) if rate]
    if theirs:
        print(f"  our pass is {ours / min(theirs):.1f} and {ours / max(theirs):.1f} times as fast")
    _tricks(one)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _whole(folder: Path, lines: int, size: int) -> float:
    window = Window(_START, _START + timedelta(hours=1))
    request = Request("checkout", window.end, window, window.shifted(-window.length), window)
    started, cpu = time.perf_counter(), _cpu()
    found = read_archive(str(folder), request, engines.local, Silent(), whole=True)
    seconds, cpu = time.perf_counter() - started, _cpu() - cpu
    ours = _print("whole pass", lines, size, seconds)
    logs = found.tables["logs"]
    print(f"  {cpu:.2f} s of CPU in all processes, {cpu / lines * 1e6:.2f} us a line")
    print(f"  {logs['template'].nunique():,} patterns, {len(logs):,} rows of {lines_in(logs):,} records")
    one, child = (resource.getrusage(who).ru_maxrss / 1000 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cores = len(os.sched_getaffinity(0))
    print(f"  peak memory: {one:,.0f} MB, and {child:,.0f} MB in the largest of {cores} others", flush=True)
    return ours


def _cpu() -> float:
    """CPU seconds of this process and of its ended children (getrusage(2))."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _tricks(path: Path) -> None:
    """What one process spends on a part, and what it would without each of the tricks."""
    file = next(file for file in listed(str(path.parent)) if file.path == str(path))
    part = Part(file, 0, file.size if file.size < TRIED else TRIED)
    print(f"one process, {TRIED / 1e6:.0f} MB, the second time that it meets such lines:")
    _tried("as it is", part, ())
    unsieved = mock.patch.object(alike.Alike, "sieve", lambda self, blocks: blocks)
    _tried("each line through the parser", part, (unsieved,))
    _tried("hexadecimal words not masked", part, (mock.patch.object(learning, "without_hex", lambda texts: texts),))
    _tried("small blocks not joined", part, (mock.patch.object(alike, "JOINED", 0),))
    unsure = mock.patch.object(alike, "dated", lambda lines, context: np.zeros(len(lines), bool))
    _tried("lines before those parsed, too", part, (unsure,))
    _tried("nothing learned before", part, (), before=0)


def _tried(name: str, part: Part, patches: Iterable[Any], before: int = 1) -> None:
    work = passing.Pass("checkout", (), b"k" * 32)
    passing._known.cache_clear()
    for patch in patches:
        patch.start()
    for _ in range(before):
        work(part)
    cpu = time.process_time()
    lines = work(part).counts["lines"]
    print(f"  {name:30} {(time.process_time() - cpu) / lines * 1e6:6.2f} us of CPU a line", flush=True)
    mock.patch.stopall()


def _drain(path: Path) -> float | None:
    """Lines a second of Drain3 on the first lines, the rest assumed alike; None where it is not installed."""
    if importlib.util.find_spec("drain3") is None:
        print("Drain3 is not installed")
        return None
    with path.open("rb") as file:
        lines = [line.decode("utf-8", "replace").rstrip("\n") for line in islice(file, DRAIN_LINES)]
    miner = importlib.import_module("drain3").TemplateMiner(
        config=importlib.import_module("drain3.template_miner_config").TemplateMinerConfig()
    )
    started, cpu = time.perf_counter(), time.process_time()
    for line in lines:
        miner.add_log_message(line)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    rate = _print("Drain3", len(lines), sum(map(len, lines)), seconds)
    print(f"  {cpu:.2f} s of CPU, {cpu / len(lines) * 1e6:.2f} us a line (the first {len(lines):,} lines)")
    return rate


def _print(what: str, lines: int, size: int, seconds: float) -> float:
    print(
        f"{what:24} {lines / seconds:12,.0f} lines/s {size / seconds / 1e6:10,.1f} MB/s   {seconds:.2f} s", flush=True
    )
    return lines / seconds
