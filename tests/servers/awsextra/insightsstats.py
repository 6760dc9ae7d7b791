"""`stats` and `pattern` of Logs Insights.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from servers.awsextra.insightsrows import Millis, Row
from servers.awsextra.statistics import percentile
from servers.awsextra.wire import AwsError

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SEVERITIES = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG")


@dataclass(frozen=True)
class Aggregate:
    function: str
    field: str
    share: float | None
    """Second argument, of pct: 0-100."""
    name: str
    """Of the column."""

    def of(self, rows: Sequence[Row]) -> Any:
        """None where no row has the field. Raises AwsError for a function that is not known here."""
        present = [row for row in rows if self.field == "*" or row.get(self.field) is not None]
        match self.function:
            case "count":
                return len(present)
            case "count_distinct":
                return len({str(row[self.field]) for row in present})
            case "earliest" | "latest":
                ordered = sorted(present, key=lambda row: int(row["@timestamp"]))
                return (ordered[0 if self.function == "earliest" else -1])[self.field] if ordered else None
        return self._of_numbers([value for row in present if (value := _number(row[self.field])) is not None])

    def _of_numbers(self, values: list[float]) -> Any:
        functions: dict[str, Callable[[list[float]], float]] = {
            "sum": sum,
            "avg": lambda v: sum(v) / len(v),
            "min": min,
            "max": max,
            "pct": lambda v: percentile(sorted(v), (self.share or 0) / 100),
            "median": lambda v: percentile(sorted(v), 0.5),
        }
        if self.function not in functions:
            raise AwsError("MalformedQueryException", f"{self.function} is not a function this server knows")
        return functions[self.function](values) if values else None


def _number(value: Any) -> float | None:
    try:
        return value if isinstance(value, Millis) else float(value)
    except (TypeError, ValueError):
        return None


def bin_width(text: str) -> int:
    """'bin(5m)' to milliseconds."""
    found = re.fullmatch(r"bin\(\s*(\d+)\s*(ms|s|m|h|d)\s*\)", text)
    if not found:
        raise AwsError("MalformedQueryException", f"invalid period: {text}")
    return int(found[1]) * _UNITS[found[2]]


def binned(row: Row, width: int) -> Millis:
    """The start of the row's bin."""
    return Millis(row["@timestamp"] // width * width)


def aggregated(
    rows: Sequence[Row], aggregates: Sequence[Aggregate], groups: Sequence[tuple[str, Callable[[Row], Any]]]
) -> list[Row]:
    """A row a group, in no promised order; without `by`, one row even where no event matched."""
    members: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        members.setdefault(tuple(key(row) for _, key in groups), []).append(row)
    if not groups:
        members.setdefault((), [])
    return [_row(values, found, aggregates, [name for name, _ in groups]) for values, found in members.items()]


def _row(values: tuple[Any, ...], rows: Sequence[Row], aggregates: Sequence[Aggregate], names: Sequence[str]) -> Row:
    row = dict(zip(names, values, strict=True)) | {a.name: a.of(rows) for a in aggregates}
    return {name: value for name, value in row.items() if value is not None}


def patterns(rows: Sequence[Row], name: str) -> list[Row]:
    """@pattern, @ratio, @sampleCount and @severityLabel, most frequent first; a word with a digit in it is dynamic."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.get(name) is not None:
            found = _pattern(str(row[name]))
            counts[found] = counts.get(found, 0) + 1
    total = sum(counts.values())
    made = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"@pattern": text, "@ratio": count / total, "@sampleCount": count, "@severityLabel": _severity(text)}
        for text, count in made
    ]


def _pattern(text: str) -> str:
    words, dynamic = [], 0
    for word in text.split():
        if any(character.isdigit() for character in word):
            dynamic += 1
            word = f"<Token-{dynamic}>"
        words.append(word)
    return " ".join(words)


def _severity(text: str) -> str:
    return next((severity for severity in _SEVERITIES if severity in text.upper()), "NONE")
