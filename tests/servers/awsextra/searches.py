"""SEARCH: which metrics fit a schema and words, and the series of each.

SEARCH('{Namespace,Dim} MetricName="x" Dim="a" OR ...', 'p99', 60); words joined by AND, OR, NOT and parentheses.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from servers.awsextra.wire import AwsError

_PROPERTY = re.compile(r"\$\{PROP\('([^']+)'\)\}")
_SCHEMA = re.compile(r"\s*\{([^}]*)\}\s*(.*)", re.DOTALL)
_TERM = re.compile(r'([\w.:/-]+)\s*=\s*"([^"]*)"|([\w.:/-]+)\s*=\s*([^\s()]+)|"([^"]*)"|(\(|\))|([^\s()]+)')


@dataclass(frozen=True)
class Series:
    """One line of a graph."""

    points: Mapping[int, float]
    """Unix seconds of the period's start to value."""
    period: int
    """Seconds."""
    label: str
    properties: Mapping[str, str] = field(default_factory=dict)

    def labelled(self, label: str | None) -> str:
        """The label asked for, with ${PROP('Dim.X')} and ${LABEL} filled in; else the own one."""
        if label is None:
            return self.label
        return _PROPERTY.sub(lambda m: self.properties.get(m[1], ""), label).replace("${LABEL}", self.label)


Metric = tuple[str, str, tuple[tuple[str, str], ...]]
"""(namespace, name, sorted dimensions)."""
Read = Callable[[Mapping[str, Any]], Series]
"""A MetricStat to its series."""


def bad(why: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression: {why}")


def search(read: Read, known: set[Metric], words: str, statistic: str, period: int) -> list[Series]:
    """Every metric with exactly the schema's dimensions that the words match, by name."""
    found = _SCHEMA.fullmatch(words)
    if not found:
        raise bad(f"SEARCH without a schema in braces is not supported here: {words}")
    namespace, *dimensions = [part.strip().strip('"') for part in found[1].split(",")]
    terms = _TERM.findall(found[2])
    chosen = []
    for space, name, pairs in sorted(known):
        fits = space == namespace and sorted(dimensions) == sorted(k for k, _ in pairs)
        if fits and (not terms or _Matcher(terms, {"MetricName": name, **dict(pairs)}).matches()):
            chosen.append((name, dict(pairs)))
    return [_found(read, namespace, name, pairs, statistic, period) for name, pairs in chosen]


def _found(read: Read, namespace: str, name: str, pairs: Mapping[str, str], statistic: str, period: int) -> Series:
    dimensions = [{"Name": key, "Value": value} for key, value in pairs.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    series = read({"Metric": metric, "Stat": statistic, "Period": period})
    return replace(series, label=" ".join([*pairs.values(), name]))


class _Matcher:
    """Terms joined by AND (also by nothing), OR, NOT and parentheses; AND binds closer."""

    def __init__(self, terms: list[tuple[str, ...]], properties: Mapping[str, str]) -> None:
        self.terms, self.properties, self.at = terms, properties, 0

    def matches(self) -> bool:
        result = self._all()
        while self._take("OR"):
            result = self._all() or result
        return result

    def _all(self) -> bool:
        result = self._one()
        while self.at < len(self.terms) and self.terms[self.at][6] != "OR" and self.terms[self.at][5] != ")":
            self._take("AND")
            result = self._one() and result
        return result

    def _one(self) -> bool:
        if self._take("NOT"):
            return not self._one()
        key, exact, loose_key, loose, quoted, bracket, word = self.terms[self.at]
        self.at += 1
        if bracket == "(":
            result = self.matches()
            self.at += 1
            return result
        if key:
            return self.properties.get(key) == exact
        if loose_key:
            return loose.lower() in self.properties.get(loose_key, "").lower()
        if quoted:
            return quoted in self.properties.values()
        return any(word.lower() in value.lower() for value in self.properties.values())

    def _take(self, word: str) -> bool:
        taken = self.at < len(self.terms) and self.terms[self.at][6] == word
        self.at += taken
        return taken
