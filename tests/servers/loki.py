"""A stand-in for Loki on loopback: the documented HTTP API over lines that a test puts in.

It understands the few forms of LogQL that the collector sends and refuses all others, as it does parameters that Loki
does not document. grafana.com/docs/loki/latest/reference/loki-http-api
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from servers.prometheus import Stub, saying, stub

PARAMETERS = {
    "labels": {"start", "end", "since", "query"},
    "values": {"start", "end", "since", "query"},
    "series": {"match[]", "start", "end", "since"},
    "stats": {"query", "start", "end"},
    "patterns": {"query", "start", "end", "step"},
    "query": {"query", "limit", "time", "direction"},
    "query_range": {"query", "limit", "start", "end", "since", "step", "interval", "direction"},
}
_STRING = r'"(?:[^"\\\n]|\\.)*"'
_MATCHER = re.compile(rf"\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*({_STRING})\s*(,|\}})")
_FILTER = re.compile(rf"\s*(\|~|!~|\|=|!=)\s*({_STRING})")
_METRIC = re.compile(r"sum by \(([\w, ]*)\) \(count_over_time\((.*) \[(\d+)(ns|ms|s|m|h)\]\)\)", re.DOTALL)
_UNITS = {"ns": 1, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_VARIABLE = re.compile(r"\S*\d\S*")


class RefusedError(Exception):
    """An answer other than 200, in plain text as Loki gives it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Line:
    time: int
    """Nanoseconds."""
    labels: Mapping[str, str]
    text: str
    metadata: Mapping[str, str]


@dataclass
class World:
    """What the server holds, and how it is set up."""

    lines: list[Line] = field(default_factory=list)
    detects_levels: bool = True
    """As Loki 3 does: structured metadata detected_level."""
    detects_patterns: bool = True
    has_stats: bool = True
    max_entries: int = 5_000
    tenant: str = ""
    """Asked for in X-Scope-OrgID."""

    def put(self, labels: Mapping[str, str], lines: Sequence[tuple[datetime, str]], **metadata: str) -> None:
        for time, text in lines:
            self.put_at(round(time.timestamp() * 1e6) * 1000, labels, text, **metadata)

    def put_at(self, time: int, labels: Mapping[str, str], text: str, **metadata: str) -> None:
        detected = {"detected_level": _level(text)} if self.detects_levels else {}
        self.lines.append(Line(time, dict(labels), text, {**detected, **metadata}))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(handler.path)
        try:
            if self.tenant and handler.headers.get("X-Scope-OrgID") != self.tenant:
                raise RefusedError(401, "no org id")
            flags = handler.headers.get("X-Loki-Response-Encoding-Flags", "")
            body = self._answer(asked.path, parse_qs(asked.query, strict_parsing=True), flags)
        except RefusedError as error:
            saying(error.status, f"{error}\n", "text/plain; charset=utf-8")(handler)
            return
        saying(200, json.dumps(body))(handler)

    def _answer(self, path: str, given: Mapping[str, list[str]], flags: str) -> Any:
        if not path.startswith("/loki/api/v1/"):
            raise RefusedError(404, "404 page not found")
        parts = path.removeprefix("/loki/api/v1/").split("/")
        name = parts[-1]
        absent = {"patterns": not self.detects_patterns, "stats": not self.has_stats}
        if name not in PARAMETERS or absent.get(name):
            raise RefusedError(404, "404 page not found")
        if unknown := set(given) - PARAMETERS[name]:
            raise RefusedError(400, f"unknown parameter {unknown}")
        one = {key: values[0] for key, values in given.items()}
        found: Any
        match name:
            case "labels":
                found = sorted({label for line in self._within(one) for label in line.labels})
            case "values":
                label = unquote(parts[1])
                found = sorted({line.labels[label] for line in self._within(one) if label in line.labels})
            case "series":
                chosen = selected(_wanted(one, "match[]"))[0]
                streams = {json.dumps(line.labels, sort_keys=True) for line in self._within(one) if chosen(line)}
                found = [json.loads(s) for s in sorted(streams)]
            case "stats":
                lines = self._selected(one)
                streams = {json.dumps(line.labels, sort_keys=True) for line in lines}
                size = sum(len(line.text.encode()) for line in lines)
                return {"streams": len(streams), "chunks": len(streams), "entries": len(lines), "bytes": size}
            case "patterns":
                found = self._patterns(one)
            case _:
                found = self._result(name, one, flags)
        return {"status": "success", "data": found} if found else {"status": "success"}

    def _within(self, one: Mapping[str, str]) -> Iterator[Line]:
        start, end = _time(one, "start"), _time(one, "end")
        if start >= end:
            raise RefusedError(400, "end timestamp must not be before or equal to start time")
        return (line for line in self.lines if start <= line.time < end)

    def _selected(self, one: Mapping[str, str]) -> list[Line]:
        chosen, rest = selected(_wanted(one, "query"))
        if rest.strip():
            raise RefusedError(400, "only label matchers are supported")
        return [line for line in self._within(one) if chosen(line)]

    def _patterns(self, one: Mapping[str, str]) -> list[Any]:
        step = _duration(_wanted(one, "step"))
        found: dict[str, dict[int, int]] = {}
        for line in self._selected(one):
            samples = found.setdefault(_VARIABLE.sub("<_>", line.text), {})
            at = line.time // step * step // 10**9
            samples[at] = samples.get(at, 0) + 1
        return [{"pattern": p, "samples": [list(s) for s in sorted(samples.items())]} for p, samples in found.items()]

    def _result(self, name: str, one: Mapping[str, str], flags: str) -> Any:
        query = _wanted(one, "query")
        metric = _METRIC.fullmatch(query)
        if metric:
            labels = [label.strip() for label in metric[1].split(",")]
            chosen = logs(metric[2])
            length = int(metric[3]) * _UNITS[metric[4]]
            if name == "query":
                return {"resultType": "vector", "result": self._vector(chosen, labels, length, _time(one, "time"))}
            return {"resultType": "matrix", "result": self._matrix(chosen, labels, length, one)}
        if name == "query":
            raise RefusedError(400, "log queries are not supported as an instant query type")
        return self._streams(query, one, flags)

    def _vector(self, chosen: Any, labels: Sequence[str], length: int, time: int) -> list[Any]:
        counts: dict[tuple[tuple[str, str], ...], int] = {}
        for line in self.lines:
            if time - length < line.time <= time and chosen(line):
                known = {**line.labels, **line.metadata}
                key = tuple((label, known[label]) for label in labels if label in known)
                counts[key] = counts.get(key, 0) + 1
        return [{"metric": dict(key), "value": [time / 10**9, str(n)]} for key, n in counts.items()]

    def _matrix(self, chosen: Any, labels: Sequence[str], length: int, one: Mapping[str, str]) -> list[Any]:
        start, end, step = _time(one, "start"), _time(one, "end"), _duration(_wanted(one, "step"))
        if start >= end:
            raise RefusedError(400, "end timestamp must not be before or equal to start time")
        if (end - start) // step > 11_000:
            raise RefusedError(400, "exceeded maximum resolution of 11,000 points per time series")
        series: dict[str, list[Any]] = {}
        for time in range(start, end + 1, step):
            for one_ in self._vector(chosen, labels, length, time):
                # Milliseconds are all that its times show.
                at = [time // 10**6 / 1000, one_["value"][1]]
                series.setdefault(json.dumps(one_["metric"], sort_keys=True), []).append(at)
        return [{"metric": json.loads(key), "values": values} for key, values in series.items()]

    def _streams(self, query: str, one: Mapping[str, str], flags: str) -> Any:
        chosen, limit = logs(query), int(one.get("limit", "100"))
        if limit > self.max_entries:
            said = "max entries limit per query exceeded, limit > max_entries_limit_per_query"
            raise RefusedError(400, f"{said} ({limit} > {self.max_entries})")
        if one.get("direction", "backward") not in ("forward", "backward"):
            raise RefusedError(400, f"invalid direction '{one['direction']}'")
        lines = sorted((line for line in self._within(one) if chosen(line)), key=lambda line: line.time)
        kept = lines[:limit] if one.get("direction") == "forward" else lines[::-1][:limit]
        beside = "categorize-labels" in flags
        streams: dict[str, list[Any]] = {}
        for line in kept:
            labels = dict(line.labels) if beside else {**line.labels, **line.metadata}
            more = [{"structuredMetadata": dict(line.metadata)} if line.metadata else {}] if beside else []
            values = streams.setdefault(json.dumps(labels, sort_keys=True), [])
            values.append([str(line.time), line.text, *more])
        found = [{"stream": json.loads(key), "values": values} for key, values in streams.items()]
        return {"resultType": "streams", "result": found} | ({"encodingFlags": ["categorize-labels"]} if beside else {})


def _level(text: str) -> str:
    found = re.search(r"(?i)\b(debug|info|warn|error|critical|fatal)", text)
    return found[1].lower() if found else "unknown"


def _wanted(one: Mapping[str, str], name: str) -> str:
    if name not in one:
        raise RefusedError(400, f"{name} is missing")
    return one[name]


def _time(one: Mapping[str, str], name: str) -> int:
    text = _wanted(one, name)
    if not re.fullmatch(r"\d{19}", text):
        raise RefusedError(400, f"{name}={text} is no time in nanoseconds of this century")
    return int(text)


def _duration(text: str) -> int:
    found = re.fullmatch(r"(\d+)(ns|ms|s|m|h)?", text)
    if not found or not int(found[1]):
        raise RefusedError(400, f'cannot parse "{text}" to a valid duration')
    return int(found[1]) * _UNITS[found[2] or "s"]


def unquoted(literal: str) -> str:
    """What a string literal of Go stands for, the escapes that JSON has too."""
    try:
        return str(json.loads(literal))
    except ValueError as error:
        raise RefusedError(400, f"parse error : invalid char escape: {literal}") from error


def selected(query: str) -> tuple[Any, str]:
    """(predicate over lines, what follows the selector)."""
    if not query.startswith("{"):
        raise RefusedError(400, "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER")
    tests, at, last = [], 1, ","
    while last == ",":
        found = _MATCHER.match(query, at)
        if not found:
            raise RefusedError(400, f"parse error at line 1, col {at}: syntax error")
        tests.append((found[1], found[2], unquoted(found[3])))
        at, last = found.end(), found[4]
    if not any(sign in ("=", "=~") and value for _, sign, value in tests):
        raise RefusedError(400, "queries require at least one regexp or equality matcher that is not empty")
    return lambda line: all(_holds(line.labels.get(label, ""), sign, value) for label, sign, value in tests), query[at:]


def _holds(found: str, sign: str, value: str) -> bool:
    if sign in ("=", "!="):
        return (found == value) is (sign == "=")
    return (re.fullmatch(value, found) is not None) is (sign == "=~")


def logs(query: str) -> Any:
    """The predicate of a log query: a selector, and at most some line filters."""
    chosen, rest = selected(query)
    filters = []
    while rest:
        found = _FILTER.match(rest)
        if not found or found[1] not in ("|~", "!~"):
            raise RefusedError(400, f"parse error: syntax error at {rest}")
        filters.append((found[1], re.compile(unquoted(found[2]))))
        rest = rest[found.end() :]
    return lambda line: (
        chosen(line) and all((regex.search(line.text) is not None) is (sign == "|~") for sign, regex in filters)
    )


@contextmanager
def loki(world: World) -> Iterator[Stub]:
    """The server with this in it, on a free port."""
    with stub(world.answer) as running:
        yield running
