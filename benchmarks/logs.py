"""How well and how fast log lines are grouped into patterns.

    python benchmarks/logs.py [--data DIR] [--predictions FILE] [--accuracy-only] [--lines N] [--size 1GB]

DIR is laid out as <system>/structured.csv.gz, with the columns Content (the message) and EventId (its true group), as
loghub's labelled samples are (Zhu et al., ISSRE 2023). Grouping accuracy is the share of lines whose group holds
exactly the lines of their true group (Zhu et al., ICSE-SEIP 2019); every system is grouped by itself with the same
settings. FILE gets {system: [group of each line, in order]} as JSON.

Throughput is measured on the lines of all systems, over and over until there are N, in a file; reading that file into
lines is measured in the same run, and Drain3 beside it where it is installed. "distinct" lines end in a number of their
own, so that no two are equal. Then `logpass.py` measures the whole pass over SIZE bytes of mixed logs.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import logpass
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from gather_diagnostics.patterns import masks, merge, templates

T = TypeVar("T")
BATCH = 8_192
"""Lines masked at a time, about as many as collectors deliver."""
DRAIN_LINES = 50_000
"""As many lines does Drain3 get: its speed does not change with more."""


def read(data: Path) -> dict[str, pd.DataFrame]:
    """Content and EventId of each system. Exits with 1 where there are none."""
    files = sorted(data.glob("*/structured.csv.gz"))
    if not files:
        sys.exit(f"there is no */structured.csv.gz below {data}: give the folder of the labelled logs with --data")
    return {file.parent.name: _labelled(file) for file in files}


def _labelled(file: Path) -> pd.DataFrame:
    with gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="") as lines:
        return pd.read_csv(lines, usecols=["Content", "EventId"], dtype=str, keep_default_na=False)


def accuracy(groups: pd.Series[str], truth: pd.Series[str]) -> float:
    """Grouping accuracy, 0..1."""
    pairs = pd.DataFrame({"group": groups, "true": truth})
    alone = pairs.groupby("group")["true"].transform("nunique") == 1
    whole = pairs.groupby("true")["group"].transform("nunique") == 1
    return float((alone & whole).mean())


def grade(logs: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Print the accuracy of each system and the mean; the groups."""
    found = {system: templates(lines["Content"]) for system, lines in logs.items()}
    scores = {system: accuracy(found[system], lines["EventId"]) for system, lines in logs.items()}
    for system, lines in logs.items():
        print(
            f"{system:12} {scores[system]:.3f}  {found[system].nunique():4} groups, {lines['EventId'].nunique()} true"
        )
    print(f"{'mean':12} {statistics.mean(scores.values()):.3f}")
    return {system: groups.to_list() for system, groups in found.items()}


def race(logs: Mapping[str, pd.DataFrame], count: int) -> None:
    """Print lines a second of reading, of each pass, and of Drain3."""
    known = [text.replace("\n", " ") for lines in logs.values() for text in lines["Content"]]
    _race("repeated", islice(cycle(known), count), count)
    _race("distinct", (f"{line} {number}" for number, line in enumerate(islice(cycle(known), count))), count)


def _race(name: str, made: Iterator[str], count: int) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".log", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in made)
        file.flush()
        lines = _timed(f"{name}: raw reading", count, lambda: _lines(file.name))
    masked = _timed(f"{name}: first pass", count, lambda: pa.chunked_array([masks(batch) for batch in _batches(lines)]))
    merged = _timed(f"{name}: merging", count, lambda: merge(masked.combine_chunks()))
    print(f"{name}: {len(merged.unique())} patterns")
    _drain(f"{name}: Drain3", lines.slice(0, DRAIN_LINES).to_pylist())


def _lines(path: str) -> pa.ChunkedArray:
    plain = csv.ParseOptions(delimiter="\x01", quote_char=False)
    return csv.read_csv(path, csv.ReadOptions(column_names=["line"]), plain, _AS_TEXT)["line"]


_AS_TEXT = csv.ConvertOptions(column_types={"line": pa.string()}, strings_can_be_null=False)


def _batches(lines: pa.ChunkedArray) -> Iterator[pa.StringArray]:
    for chunk in lines.chunks:
        yield from (chunk.slice(start, BATCH) for start in range(0, len(chunk), BATCH))


def _timed(what: str, count: int, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - start
    print(f"{what:24} {count / seconds:12,.0f} lines/s, {seconds:.2f} s")
    return done


def _drain(what: str, lines: list[str]) -> None:
    if importlib.util.find_spec("drain3") is None:
        print(f"{what:24} is not installed")
        return
    miner = importlib.import_module("drain3").TemplateMiner()
    _timed(what, len(lines), lambda: [miner.add_log_message(line) for line in lines])


def _bytes(text: str) -> int:
    number, unit = text[:-2], text[-2:].upper()
    if unit not in ("KB", "MB", "GB") or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it like 500MB or 10GB")
    return int(number) * {"KB": 10**3, "MB": 10**6, "GB": 10**9}[unit]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/benchmarks/logs")
    parser.add_argument("--predictions", type=Path, help="write the groups there")
    parser.add_argument("--accuracy-only", action="store_true", help="leave the timing out")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--size", type=_bytes, default=_bytes("1GB"), help="of the mixed logs: 500MB, 10GB")
    options = parser.parse_args()
    logs = read(options.data)
    groups = grade(logs)
    if options.predictions:
        options.predictions.write_text(json.dumps(groups), encoding="utf-8")
    if not options.accuracy_only:
        race(logs, options.lines)
        messages = [text.replace("\n", " ") for lines in logs.values() for text in lines["Content"]]
        with tempfile.TemporaryDirectory() as folder:
            logpass.measure(messages, options.size, Path(folder))


if __name__ == "__main__":
    main()
