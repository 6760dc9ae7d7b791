"""Makes a scenario's inputs: log files, a git repository, recorded rows and a diagnostics.yaml that names them."""

from __future__ import annotations

import itertools
import json
import os
import random
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from gitworld import World
from scenarioform import Commit, Lines, LogFile, Row, Scenario, Series, Tag

STEP = timedelta(seconds=30)
LENGTH = 120
"""Lines of every source file."""


def build(scenario: Scenario, folder: Path, end: datetime) -> Path:
    """Everything below `folder`, the incident window ending at `end` (UTC); the configuration's path."""
    zero = end - scenario.zero
    sources: dict[str, Any] = {}
    if scenario.commits:
        _repository(scenario, folder / "shop", zero)
        sources["git"] = {"repo": "shop"}
    if scenario.logs:
        (folder / "logs").mkdir()
        for log in scenario.logs:
            _write_log(log, folder / "logs" / log.file, scenario, end)
        sources["logfiles"] = {"paths": ["logs/*.log"]}
    if _record(scenario, folder / "recorded", end):
        sources["recorded"] = {"folder": str(folder / "recorded")}
    service = {"dependencies": list(scenario.dependencies), "sources": sources}
    config = folder / "diagnostics.yaml"
    config.write_text(yaml.safe_dump({"timezone": "UTC", "services": {scenario.service: service}}))
    return config


def _repository(scenario: Scenario, folder: Path, zero: datetime) -> None:
    world = World(folder)
    contents: dict[str, list[str]] = {}
    steps: list[Commit | Tag] = sorted([*scenario.commits, *scenario.tags], key=lambda s: s.at)
    for number, step in enumerate(steps):
        if isinstance(step, Commit):
            world.git("config", "user.name", step.by)
            world.commit(zero + step.at, step.message, dict(_changed(step, number, contents)))
        else:
            world.tag(step.name, zero + step.at)


def _changed(commit: Commit, number: int, contents: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    for named in commit.files:
        path, _, lines = named.partition(":")
        first, _, last = (lines or "1-3").partition("-")
        known = contents.setdefault(path, [f"line {n}" for n in range(1, LENGTH + 1)])
        for n in range(int(first), int(last or first) + 1):
            known[n - 1] = f"line {n} as of change {number}"
        yield path, "\n".join(known) + "\n"


def _write_log(log: LogFile, path: Path, scenario: Scenario, end: datetime) -> None:
    found = [line for number, lines in enumerate(log.lines) for line in _lines(lines, number, scenario, end, log.file)]
    found.sort(key=lambda one: one[0])
    path.write_text("".join(_FORMATS[log.format](*line) + "\n" for line in found))
    # A file is not older than its last line; one that is would be told of as a clock that is wrong.
    os.utime(path, (end.timestamp(), end.timestamp()))


Line = tuple[datetime, str, str, Mapping[str, Any]]


def _lines(lines: Lines, number: int, scenario: Scenario, end: datetime, file: str) -> Iterator[Line]:
    draw = random.Random(f"{file} {number}")
    for count, time in enumerate(_times(lines, scenario, end, draw)):
        words: dict[str, object] = {"{n}": count, "{ms}": draw.randrange(18, 95), "{id}": draw.randrange(10**5, 10**6)}
        words["{ip}"] = f"203.0.113.{draw.randrange(1, 60)}"
        text = lines.text.rstrip()
        for sign, value in words.items():
            text = text.replace(sign, str(value))
        fields = {n: draw.choice(v) if isinstance(v, list) else v for n, v in lines.fields.items()}
        yield time, lines.level, text, fields


def _times(lines: Lines, scenario: Scenario, end: datetime, draw: random.Random) -> Iterator[datetime]:
    zero = end - scenario.zero
    if lines.at is not None:
        yield zero + lines.at
        return
    time = zero + lines.since if lines.since is not None else end - 2 * scenario.window
    stop = zero + lines.until if lines.until is not None else end
    # The first comes soon: what is said to begin at a time does.
    time += timedelta(seconds=draw.uniform(0, min(lines.every.total_seconds(), 2)))
    while time < stop:
        yield time
        time += timedelta(seconds=draw.expovariate(1 / lines.every.total_seconds()))


def _plain(time: datetime, level: str, text: str, fields: Mapping[str, Any]) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S},{time.microsecond // 1000:03d} {level:<7} [worker-3] {text}"


def _json(time: datetime, level: str, text: str, fields: Mapping[str, Any]) -> str:
    return json.dumps({"time": _stamp(time), "level": level.lower(), "msg": text, **fields})


def _logfmt(time: datetime, level: str, text: str, fields: Mapping[str, Any]) -> str:
    told = " ".join(f"{n}={json.dumps(str(v))}" for n, v in fields.items())
    return f"ts={_stamp(time)} level={level.lower()} msg={json.dumps(text)} {told}".rstrip()


def _stamp(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_FORMATS = {"plain": _plain, "json": _json, "logfmt": _logfmt}


def _record(scenario: Scenario, folder: Path, end: datetime) -> bool:
    """One JSON-lines file a table; whether there is any."""
    zero = end - scenario.zero
    tables: dict[str, list[dict[str, Any]]] = {
        "metrics": [row for series in scenario.metrics for row in _samples(series, scenario, end)],
        "changes": [row for one in scenario.changes for row in _rows(one, zero, {"service": scenario.service})],
        "events": [row for one in scenario.events for row in _rows(one, zero, {"kind": "kubernetes"})],
        "workloads": [row for one in scenario.workloads for row in _rows(one, zero, {"kind": "Pod"})],
        "topology": [
            {"time": end, "ref": "mesh", "caller": a, "callee": b, "weight": 1.0} for a, b in scenario.topology
        ],
        "gaps": [dict(gap) for gap in scenario.gaps],
    }
    folder.mkdir()
    for name, rows in tables.items():
        if rows:
            text = "".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text(text)
    return any(tables.values())


def _rows(row: Row, zero: datetime, usual: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number in range(row.repeat):
        columns = {
            n: v.replace("{n}", str(number)) if isinstance(v, str) else v for n, v in (row.model_extra or {}).items()
        }
        time = zero + row.at + number * row.every
        finished = {"finished": zero + row.finished} if row.finished is not None else {}
        yield {"time": time, "ref": f"record {number}", **usual, **finished, **columns}


def _samples(series: Series, scenario: Scenario, end: datetime) -> Iterator[dict[str, Any]]:
    """A list among the columns makes a series for each of its items."""
    extra = {"service": scenario.service} | (series.model_extra or {})
    several = {n: v if isinstance(v, list) else [v] for n, v in extra.items()}
    for chosen in itertools.product(*several.values()):
        columns = dict(zip(several, chosen, strict=True))
        name = f"{series.metric} {sorted(columns.items())}"
        draw = np.random.default_rng(zlib.crc32(name.encode()))
        for days in (0, 1, 7) if series.every_day else (0,):
            for time, value in _values(series, scenario, end, draw):
                same = {"metric": series.metric, "unit": series.unit, "ref": series.metric}
                yield {"time": time - timedelta(days=days), "value": value, **same, **columns}


def _values(
    series: Series, scenario: Scenario, end: datetime, draw: np.random.Generator
) -> Iterator[tuple[datetime, float]]:
    zero = end - scenario.zero
    begin, length = end - 2 * scenario.window, 2 * scenario.window
    points = sorted(series.ramp.items())
    for number in range(int(length / STEP)):
        time = begin + number * STEP
        at = time - zero
        value = next((v for t, v in sorted(series.steps.items(), reverse=True) if t <= at), series.value)
        if points:
            value = float(np.interp(at.total_seconds(), [t.total_seconds() for t, _ in points], [v for _, v in points]))
        noisy = value * float(draw.lognormal(0, series.noise))
        if (series.since is None or at >= series.since) and (series.until is None or at < series.until):
            yield time, min(noisy, 1.0) if series.unit == "ratio" else noisy
