"""A run at scale: 200 pods, 2,000 events, 2 million log lines (half from pods, half from CloudWatch), 500 series.

    python benchmarks/sources.py [--scale 0.1] [--profile] [--keep FOLDER] [--only kubernetes]
    python benchmarks/sources.py --demo 9

Starts the servers that the tests start (a real kube-apiserver with etcd, moto's AWS, a real Prometheus), fills them,
and runs the product's own command in a new process with limits raised so far that every line is read. Printed: seconds,
rows and lines of each source; the whole run and what is left of it besides the slowest source, also as a share of what
the libraries take to be imported right after, since shared machines are twice as fast at one time as at another; the
largest resident set; the CPU of the command and of each server, which share the machine. Exits with 1 when memory or
time miss the goal.
With --profile, where the command's CPU goes (benchmarks/profiled.py); a profiled run is a little slower.

With --demo, `gather_diagnostics demo` instead, so often: the whole run and what is left of it after its last source.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from crowd import GROUP, SERVICE, Size, cloudwatch, cluster, history
from metering import Metered, metered

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("kubernetes", "cloudwatch", "prometheus")
MEMORY_GOAL = 500e6
"""Bytes."""
REST_GOAL = 1.0
"""Seconds that a run may take besides its slowest source."""
DEADLINE = "1200s"
LIBRARIES = "import boto3, jinja2, kubernetes.client, pandas, pyarrow.parquet, pydantic, scipy.stats"


def configuration(size: Size) -> dict[str, Any]:
    """Limits that let everything through. Insights is off: the stand-in would search a million events in Python."""
    logs = {"max_log_bytes": 2**30, "max_total_log_bytes": 2**34, "max_log_lines": 1_000_000}
    lines = {"log_groups": [GROUP], "max_log_events": min(5_000_000, 2 * size.lines), "insights": False}
    return {"sources": {"kubernetes": logs, "cloudwatch": lines, "prometheus": {"max_series": 50_000}}}


def run(size: Size, sources: list[str], profile: bool, out: Path) -> Metered:
    """Start the servers, fill them, run the command; the bundle is below `out`."""
    with ExitStack() as stack:
        environment = {"PATH": os.environ["PATH"], "HOME": str(out), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        if "kubernetes" in sources:
            environment["KUBECONFIG"] = str(stack.enter_context(cluster(size)))
        if "cloudwatch" in sources:
            environment |= stack.enter_context(cloudwatch(size))
        if "prometheus" in sources:
            environment["PROMETHEUS_URL"] = stack.enter_context(history(size))
        (out / "diagnostics.yaml").write_text(yaml.safe_dump(configuration(size)))
        module = [str(ROOT / "benchmarks" / "profiled.py")] if profile else ["-m", "gather_diagnostics"]
        asked = [f"--source={name}" for name in sources]
        middle = size.end - size.length / 2
        asked += ["--from", middle.isoformat(), "--to", size.end.isoformat(), "--deadline", DEADLINE, "--quiet"]
        return metered([sys.executable, *module, "--service", SERVICE, *asked], environment, out)


def report(found: Metered, out: Path) -> tuple[float, str]:
    """Seconds that the run takes besides its slowest source, and the table."""
    (bundle,) = (p for p in out.glob("evidence-*") if p.is_dir())
    manifest = json.loads((bundle / "manifest.json").read_text())
    lines = _lines(bundle / "tables" / "logs.parquet")
    covered = [c for c in manifest["coverage"] if c["targets"]]
    told = [f"{'source':12} {'status':9} {'seconds':>8} {'rows':>10} {'records':>10} {'records/s':>9}"]
    for c in covered:
        name, seconds = c["source"], c["seconds"]
        rate = lines.get(name, 0) / max(seconds, 1e-9)
        told.append(
            f"{name:12} {c['status']:9} {seconds:8.1f} {sum(c['rows'].values()):10,}"
            f" {lines.get(name, 0):10,} {rate:9,.0f}"
        )
    slowest = max(c["seconds"] for c in covered)
    begin = datetime.fromisoformat(manifest["request"]["asked"]).timestamp() - found.started
    rest = found.seconds - slowest
    cpu = found.cpu_until(begin + slowest)
    told += [
        f"whole run {found.seconds:.1f} s: slowest source {slowest:.1f} s, {rest:.2f} s besides: {begin:.2f} s until"
        f" the request is made, {rest - begin:.2f} s to load the collectors and after that source;"
        f" exit code {found.code}",
        f"CPU of the command {found.cpu:.1f} s: {cpu:.1f} s while sources are read, {found.cpu - cpu:.1f} s after",
        "CPU of the servers: " + ", ".join(f"{n} {s:.1f} s" for n, s in found.servers.items()),
        f"largest resident set {found.peak_bytes / 1e6:,.0f} MB, {found.largest_until(begin) / 1e6:,.0f} MB before the"
        f" sources start, {found.largest_until(begin + slowest) / 1e6:,.0f} MB while they are read;"
        f" bundle {sum(f.stat().st_size for f in bundle.rglob('*') if f.is_file()) / 1e6:,.1f} MB",
        *(f"gap: {g['source']}: {g['wanted']}: {g['why']}"[:200] for g in manifest["gaps"] if g["cause"] != "skipped"),
    ]
    return rest, "\n".join(told)


def importing() -> float:
    """Seconds of a process that imports the libraries and does nothing else: the median of five."""

    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", LIBRARIES], check=True)
        return time.perf_counter() - started

    return median(once() for _ in range(5))


def _lines(table: Path) -> dict[str, int]:
    """Source to log records; a row that stands for several says so in `count`."""
    logs = pq.read_table(table)
    ones = pa.repeat(pa.scalar(1, pa.int64()), len(logs))
    counts = pc.coalesce(logs["count"], ones) if "count" in logs.column_names else ones
    grouped = logs.append_column("n", counts).group_by("source").aggregate([("n", "sum")])
    return dict(zip(grouped["source"].to_pylist(), grouped["n_sum"].to_pylist(), strict=True))


def demo(out: Path) -> tuple[float, float]:
    """Seconds of one demo, and those of them after its last source; it says on stderr when a source has been read."""
    command = [sys.executable, "-m", "gather_diagnostics", "demo", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = last = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for _ in process.stderr:
        last = time.perf_counter()
    if process.wait():
        raise SystemExit(f"the demo ended with {process.returncode}")
    ended = time.perf_counter()
    return ended - started, ended - last


def demos(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sources-") as name:
        whole, after = zip(*(demo(Path(name)) for _ in range(rounds)), strict=True)
    for what, seconds in (("demo", whole), ("after its last source", after)):
        print(f"{what:22} median {median(seconds):.2f} s, least {min(seconds):.2f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 is a tenth of everything")
    parser.add_argument("--only", choices=SOURCES, action="append", help="leave the other sources out")
    parser.add_argument("--profile", action="store_true", help="print where the CPU of the command goes")
    parser.add_argument("--keep", type=Path, help="folder that keeps the bundle and what the command printed")
    parser.add_argument("--demo", type=int, metavar="ROUNDS", help="time the demo, so often, and nothing else")
    options = parser.parse_args()
    if options.demo:
        demos(options.demo)
        return 0
    full = {"pods": 200, "events": 2_000, "lines": 1_000_000, "series": 500}
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    size = Size(**{k: max(5, round(v * options.scale)) for k, v in full.items()}, end=end, length=timedelta(hours=2))
    with tempfile.TemporaryDirectory(prefix="sources-") as name:
        out = options.keep or Path(name)
        out.mkdir(parents=True, exist_ok=True)
        found = run(size, options.only or list(SOURCES), options.profile, out)
        peer = importing()
        rest, table = report(found, out)
        print(f"{size.pods} pods, {size.events:,} events, {size.lines:,} lines a source, {size.series} series")
        print(table)
        print(f"importing the libraries takes {peer:.2f} s now: {rest / peer:.2f} of that besides the slowest source")
        if options.profile:
            print((out / "profile.txt").read_text())
    return int(found.peak_bytes > MEMORY_GOAL or rest > REST_GOAL)


if __name__ == "__main__":
    sys.exit(main())
