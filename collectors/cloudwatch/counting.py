"""Lines that stay where they are: Logs Insights finds their patterns and counts them by the minute.

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs: CWL_QuerySyntax-Pattern.html (it may follow `filter`; log
groups of infrequent access have none), -operations-functions.html (strcontains gives 1 or 0, toMillis a number) and
-Stats.html. `pattern` tells no times, so a second query counts by them: a line is of the first pattern whose words it
holds, the one with most text first, and of none where it holds no pattern's. So each line is counted once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collectors.cloudwatch import insights, links, steps
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.groups import Group
from collectors.cloudwatch.insights import LEVELS, Meter, Row
from collectors.cloudwatch.remaining import Rest
from collectors.cloudwatch.spans import milliseconds
from gather_diagnostics import Window
from gather_diagnostics.logparse import parse
from gather_diagnostics.patterns import MASK

MOST_PATTERNS = 25
"""The most frequent; lines of all others are counted together."""
MOST_QUERY = 9_000
"""Characters of a query; AWS takes 10,000."""
MOST_WORDS = 6
"""Of a pattern, the longest, that a line has to hold."""
ERROR_WORDS = "|".join(word.removeprefix("?") for word in steps.ERRORS.split())
"""A line that holds one of them, be it in a longer word, counts as fetched with the errors: never is one told twice."""

_TOKEN = re.compile(r"<(?:\*|[A-Za-z][\w ]*-\d+)>")
_WORD = re.compile(r"[^\s\"'`\\<>*]{3,}")
_FRONT = re.compile(r"^(?:[\[(]?<\*>[\])]?[\s|,:;\-]*)+(?=[\[(|<]?(?:" + "|".join(LEVELS) + r")\b)", re.IGNORECASE)
_VALUE = re.compile(r"(?<=[:,\[])(\s*)<\*>(?=\s*[,}\]])")
"""A masked value of JSON that stood without quotes."""
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Pattern:
    text: str
    """As a line's message would be, its values masked."""
    level: str | None
    words: tuple[str, ...]


def read(
    api: Api, group: Group, rests: Sequence[Rest], windows: Iterable[Window], meter: Meter, service: str
) -> Iterator[list[dict[str, Any]]]:
    """Rows of `logs` for the lines of one group that are in `rests`, window by window: no row reaches over the end of
    one. Raises CallError and TooCostlyError."""
    if not rests:
        return
    whole = Window(min(r.window.start for r in rests), max(r.window.end for r in rests))
    found = patterns(insights.run(api, [group.name], f"{_filter(rests)} | pattern @message", whole, meter))
    for window in windows:
        inside = [r for rest in rests if (r := rest.within(window))]
        if inside:
            answer = insights.run(api, [group.name], query(found, inside), window, meter)
            if made := list(rows(answer, found, window, group, service)):
                yield made


def patterns(answer: Iterable[Row]) -> list[Pattern]:
    """The most frequent patterns, the one with most text first: what is general must not take what is particular."""
    told = [(_whole(row.get("@sampleCount", "")), row.get("@pattern", ""), row) for row in answer]
    most = sorted(told, key=lambda t: (-t[0], t[1]))[:MOST_PATTERNS]
    made = [_pattern(text, row.get("@severityLabel", "")) for _, text, row in most]
    return sorted((p for p in made if p.words), key=lambda p: (-sum(map(len, p.words)), p.text))


def _pattern(text: str, severity: str) -> Pattern:
    words = dict.fromkeys(w for part in _TOKEN.split(text) for w in _WORD.findall(part))
    longest = sorted(words, key=len, reverse=True)[:MOST_WORDS]
    masked = _FRONT.sub("", _TOKEN.sub(MASK, text).strip())
    # Parsed as a line would be, so that it has the message of the lines that were fetched.
    record = next(parse([(0, _VALUE.sub(r'\1"<*>"', masked).encode("utf-8", "replace"))]), None)
    level = (record.level if record else None) or LEVELS.get(severity.upper())
    return Pattern((record.message if record else "") or masked or MASK, level, tuple(longest))


def query(found: Sequence[Pattern], rests: Sequence[Rest]) -> str:
    """Lines by the minute, and of these by pattern: n0, n1, ... in the order of `found`, as many as a query takes."""
    start, sums, left = _filter(rests), "", ""
    for number, pattern in enumerate(found):
        holds = " * ".join(f'strcontains(@message, "{word}")' for word in pattern.words)
        more = f" | fields {left}{holds} as c{number}"
        more += f" | fields r{number - 1} - c{number} as r{number}" if number else " | fields 1 - c0 as r0"
        if len(start) + len(more) + len(sums) > MOST_QUERY - 200:
            break
        start += more
        sums += f", sum(c{number}) as n{number}"
        left = f"r{number} * "
    ends = "min(@timestamp) as first, max(@timestamp) as last"
    return f"{start} | stats count(*) as lines, {ends}{sums} by bin({_SECONDS}s)"


def _filter(rests: Sequence[Rest]) -> str:
    return f"filter {' or '.join(_condition(r) for r in rests)}"


def _condition(rest: Rest) -> str:
    start, end = milliseconds(rest.window.start), milliseconds(rest.window.end)
    quiet = f" and not (@message like /{ERROR_WORDS}/)" if rest.quiet else ""
    return f"(toMillis(@timestamp) >= {start} and toMillis(@timestamp) < {end}{quiet})"


def rows(
    answer: Iterable[Row], found: Sequence[Pattern], window: Window, group: Group, service: str
) -> Iterator[dict[str, Any]]:
    """Rows out of the answer to `query`; lines of no pattern are one row a minute. Pure."""
    for bin_ in answer:
        first, last, lines = _time(bin_.get("first", "")), _time(bin_.get("last", "")), _whole(bin_.get("lines", ""))
        if first is None or last is None or not lines:
            continue
        if first not in window or last not in window:
            continue
        numbers = [_whole(bin_.get(f"n{n}", "")) for n in range(len(found))]
        told: list[tuple[str, str | None, int]] = [
            (p.text, p.level, n) for p, n in zip(found, numbers, strict=True) if n
        ]
        if others := lines - sum(numbers):
            told.append((MASK, None, others))
        for text, level, count in told:
            yield _row(text, level, count, first, last, group, service)


def _row(
    text: str, level: str | None, count: int, first: datetime, last: datetime, group: Group, service: str
) -> dict[str, Any]:
    labels: Mapping[str, str] = {"log_group": group.name, "counted_by": "Logs Insights"}
    return {
        "time": first,
        "until": last,
        "count": count,
        "ref": links.log_group(group.region, group.name),
        "level": level,
        "service": service,
        "message": text,
        "labels": labels,
    }


def _whole(text: str) -> int:
    return int(float(text)) if text.replace(".", "", 1).isdigit() else 0


def _time(text: str) -> datetime | None:
    """A date as Insights shows them, or Unix milliseconds; UTC."""
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text) / 1000, UTC)
    return insights.moment(text)
