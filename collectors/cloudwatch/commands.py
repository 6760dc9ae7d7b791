"""Questions to CloudWatch: a query of Logs Insights over log groups, or the samples of one metric. Pure.

Sources: docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html for the characters of names, and
docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from collectors.cloudwatch.metricrows import Series
from collectors.cloudwatch.settings import Statistic
from gather_diagnostics import questions

FORMS = ("LOG-GROUP-OR-PATTERN | QUERY OF LOGS INSIGHTS", "metric NAMESPACE NAME STATISTIC [DIMENSION=VALUE ...]")
MOST_DIMENSIONS = 30
"""Of one metric: AWS's limit."""
_GROUP = re.compile(r"[A-Za-z0-9_./#*?\[\]{}!-]{1,512}", re.ASCII)
"""A log group's name, or a glob; '{service}' too."""
_NAMESPACE = re.compile(r"[A-Za-z0-9./_#:-][A-Za-z0-9./_#: -]{0,254}", re.ASCII)
_STATISTIC: TypeAdapter[str] = TypeAdapter(Statistic)


@dataclass(frozen=True, slots=True)
class Lines:
    """A query of Logs Insights."""

    groups: str
    """Name or glob."""
    query: str


Command = Lines | Series


def parse(query: str) -> Command:
    """Raises ValueError, with the reason in words, for what is none of FORMS."""
    begins, pipe, rest = query.partition("|")
    if pipe and not begins.strip().startswith("metric "):
        return _lines(begins.strip(), rest.strip())
    word, *words = questions.words(query)
    if word != "metric":
        raise ValueError("it is neither a metric nor log groups with a query behind '|'")
    return _series(words)


def _lines(groups: str, query: str) -> Lines:
    if not _GROUP.fullmatch(groups):
        raise ValueError(f"{groups[:60]!r} can't be the name or pattern of a log group")
    if not query:
        raise ValueError("there is no query behind '|'")
    questions.sendable(query)
    return Lines(groups, query)


def _series(words: list[str]) -> Series:
    if len(words) < 3:
        raise ValueError(f"a metric takes a namespace, a name and a statistic, here are {len(words)} words")
    namespace, name, statistic, *rest = words
    if not _NAMESPACE.fullmatch(namespace) or namespace.startswith(":"):
        raise ValueError(f"{namespace[:60]!r} can't be a namespace of CloudWatch")
    try:
        _STATISTIC.validate_python(statistic)
    except ValidationError as error:
        raise ValueError(f"{statistic[:60]!r} is no statistic: Average, Sum, Maximum, Minimum, p99, ...") from error
    return Series(namespace, _text("name", name), _dimensions(rest), statistic)


def _dimensions(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    found = dict(_dimension(word) for word in words)
    if len(found) > MOST_DIMENSIONS:
        raise ValueError(f"a metric has {MOST_DIMENSIONS} dimensions at most")
    return tuple(sorted(found.items()))


def _dimension(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign:
        raise ValueError(f"{word[:60]!r} is no dimension: write it as NAME=VALUE")
    return _text("dimension", name), _text("dimension", value)


def _text(what: str, value: str) -> str:
    if not value.strip() or len(value) > 255 or not value.isascii() or not value.isprintable():
        raise ValueError(f"{value[:60]!r} can't be the {what} of a metric")
    return value
