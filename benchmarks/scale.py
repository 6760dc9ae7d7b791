"""What Dask costs beside the single machine's own processes on an archive of logs, and what limits more workers.

    python benchmarks/scale.py [--megabytes N] [--workers N] [--archive DIR]

Made-up logs of four instances: half plain, a quarter gzip, a quarter zstd. The same archive is read by one process, by
the `local` engine (a process a core), and by Dask on loopback with N workers of one thread; the three tables are
compared row by row. Then what a bigger cluster meets: how long one part takes a worker, how big a partial is on the
wire, and how long the driver takes to merge one, which together bound the workers that a driver keeps busy. Memory is
the largest resident set of any process so far.
"""

from __future__ import annotations

import argparse
import gzip
import os
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import zstandard

from gather_diagnostics import Evidence, Request, Window
from gather_diagnostics.archive import engines, evidence, read
from gather_diagnostics.archive.counting import Partial, merged
from gather_diagnostics.archive.cuts import Part, parts
from gather_diagnostics.archive.files import listed
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.progress import Silent

START = datetime(2026, 3, 14, tzinfo=UTC)
SPAN = 2 * 3600
LINES = (
    "INFO request completed route=/api/v1/orders/{} status=200 duration_ms={} bytes={} upstream=inventory cache=miss",
    "INFO order {} placed by customer {} with {} items, payment authorised by gateway eu-west, stock reserved",
    "DEBUG cache refresh of catalogue section {} took {} ms and replaced {} entries; next refresh as scheduled",
    "WARNING heartbeat from worker {} in shard {}: queue depth {} is above the usual, no rebalance is needed yet",
    "ERROR no connection from pool primary after {} ms: {} in use of {} allowed, the request is given up",
)
FILES = ("web-1.log", "web-2.log", "web-3.log.gz", "web-4.log.zst")
CHUNK = 100_000


@dataclass(frozen=True)
class Cost:
    seconds: float
    cpu: float


def make(folder: Path, megabytes: int) -> None:
    """Write the archive; `megabytes` is its size decompressed."""
    lines = megabytes * 1_000_000 // 130 // len(FILES)
    for seed, name in enumerate(FILES):
        path = folder / name
        with _packed(path) as file:
            for chunk in _lines(np.random.default_rng(seed), lines):
                file.write(chunk)


def _packed(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return gzip.open(path, "wb", 1)
    return zstandard.open(path, "wb") if path.suffix == ".zst" else path.open("wb")  # type: ignore[no-any-return]


def _lines(draw: np.random.Generator, count: int) -> Iterator[bytes]:
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        kinds = draw.choice(len(LINES), size, p=(0.4, 0.3, 0.2, 0.08, 0.02)).tolist()
        figures = draw.integers(1, 99_999, (size, 3)).tolist()
        texts = (
            f"{(START + timedelta(seconds=SPAN * (first + n) / count)).isoformat()} {LINES[kind].format(*three)}\n"
            for n, (kind, three) in enumerate(zip(kinds, figures, strict=True))
        )
        yield "".join(texts).encode()


def alone(work: Pass, todo: Sequence[Part]) -> Iterator[Partial]:
    yield from map(work, todo)


def cluster(workers: int) -> engines.Engine:
    """Dask on loopback; starting and stopping it is part of its cost."""

    def engine(work: Pass, todo: Sequence[Part]) -> Iterator[Partial]:
        with engines.on_loopback(workers) as running:
            yield from engines.dask(running.scheduler_address)(work, todo)

    return engine


def idling(workers: int) -> None:
    """The part of Dask's cost that does not grow with the archive."""
    start, worked = time.perf_counter(), cpu()
    with engines.on_loopback(workers):
        pass
    print(f"dask, idle: started and stopped in {time.perf_counter() - start:.1f} s, CPU {cpu() - worked:.1f} s")


def timed(what: str, place: Path, engine: engines.Engine, megabytes: float) -> tuple[Evidence, Cost]:
    window = Window(START, START + timedelta(seconds=SPAN))
    request = Request("shop", window.end, window, window.shifted(-window.length), window)
    start, worked = time.perf_counter(), cpu()
    found = read(str(place), request, engine, Silent(), whole=True)
    seconds, worked = time.perf_counter() - start, cpu() - worked
    lines = found.coverage[0].rows["logs"]
    rate = f"{megabytes / seconds:6.1f} MB/s {lines / seconds:10,.0f} lines/s"
    print(f"{what:18} {seconds:6.1f} s {rate}   CPU {worked:6.1f} s", flush=True)
    return found, Cost(seconds, worked)


def cpu() -> float:
    """CPU seconds of this process and of its ended children (getrusage(2)): on a busy machine, what counts."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def largest(who: int) -> float:
    """Megabytes of the largest resident set; Linux tells kilobytes."""
    return resource.getrusage(who).ru_maxrss / 1000


def limits(place: Path, megabytes: float) -> None:
    """What the driver does for each part, measured on this archive's."""
    work = Pass("shop", (), b"k" * 32)
    todo = list(parts(listed(str(place))))
    start = time.perf_counter()
    partials = [work(part) for part in todo]
    passing = (time.perf_counter() - start) / len(todo)
    sizes = [len(pickle.dumps(partial, protocol=5)) for partial in partials]
    start = time.perf_counter()
    merged(partials, ())
    merging = (time.perf_counter() - start) / len(todo)
    rows = sum(partial.rows.num_rows for partial in partials) / len(partials)
    sent = np.mean(sizes) / 1e6
    each = f"{passing:.2f} s each, {rows:,.0f} rows, {sent:.2f} MB sent"
    print(f"{len(todo)} parts of {megabytes / len(todo):.0f} MB: {each}")
    print(f"merging one at the driver: {merging * 1000:.1f} ms; it keeps up with about {passing / merging:.0f} workers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=400, help="decompressed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--archive", type=Path, help="made there, and used again where it is")
    options = parser.parse_args()
    # Equal placeholders, so that the tables can be compared.
    evidence.secrets.token_bytes = lambda size=32: b"k" * (size or 32)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        place = options.archive or Path(folder)
        if not any(place.glob("web-*")):
            place.mkdir(parents=True, exist_ok=True)
            make(place, options.megabytes)
        size = float(options.megabytes)
        packed = sum(file.stat().st_size for file in place.iterdir()) / 1e6
        print(f"{size:.0f} MB decompressed, {packed:.0f} MB on disk; {os.cpu_count()} cores")
        one, single = timed("one process", place, alone, size)
        many, processes = timed("local: processes", place, engines.local, size)
        spread, dask = timed(f"dask: {options.workers} workers", place, cluster(options.workers), size)
        for other in (many, spread):
            assert other.tables["logs"].equals(one.tables["logs"]), "the tables differ"
        print(f"{len(one.tables['logs']):,} rows, the same from all three")
        print(f"largest process: this one {largest(resource.RUSAGE_SELF):.0f} MB, ", end="")
        print(f"a child {largest(resource.RUSAGE_CHILDREN):.0f} MB")
        for name, cost in (("one process", single), ("local processes", processes)):
            print(f"dask against {name}: {dask.seconds / cost.seconds:.2f} in time, {dask.cpu / cost.cpu:.2f} in CPU")
        idling(options.workers)
        limits(place, size)


if __name__ == "__main__":
    main()
