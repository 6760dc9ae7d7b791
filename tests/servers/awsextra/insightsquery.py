"""Logs Insights' query language, the part of it that a diagnostics collector asks for.

fields, display, filter, stats, sort, limit, parse, pattern. Everything else is a MalformedQueryException, never
silence; so is `sort` without asc or desc, whose default AWS does not document.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from servers.awsextra.insightsarithmetic import SIGNS, calculated
from servers.awsextra.insightsfilter import Conditions, malformed, number, regex, unquoted
from servers.awsextra.insightsfunctions import is_known, value
from servers.awsextra.insightsrows import Row
from servers.awsextra.insightsstats import Aggregate, aggregated, bin_width, binned, patterns

CAP = 10_000
Step = Callable[[list[Row]], list[Row]]


@dataclass
class Pipeline:
    steps: list[tuple[str, Step]] = field(default_factory=list)
    columns: list[tuple[str, str]] = field(default_factory=list)
    """(field, name it is shown under) of `fields` and `display`."""
    folded: bool = False
    """After stats or pattern a row is no log event any more."""

    def run(self, rows: list[Row]) -> tuple[list[Row], int]:
        """(rows with the columns asked for, how many events matched)."""
        matched = len(rows)
        counting = True
        for command, step in self.steps:
            rows = step(rows)
            counting = counting and command in ("filter", "parse", "fields")
            matched = len(rows) if counting else matched
        return [self._chosen(row) for row in rows[:CAP]], matched

    def _chosen(self, row: Row) -> Row:
        if self.folded and not self.columns:
            return row
        columns = self.columns or [("@timestamp", "@timestamp"), ("@message", "@message")]
        shown = {name: row[source] for source, name in columns if source in row}
        return shown if self.folded else {**shown, "@ptr": row["@ptr"]}


def parse(text: str) -> Pipeline:
    """Raises AwsError('MalformedQueryException') for what is not understood."""
    return _Parser(text).pipeline()


class _Parser(Conditions):
    """The commands; `Conditions` has what stands after `filter`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.made = Pipeline()

    def pipeline(self) -> Pipeline:
        while True:
            command = self.word().lower()
            step = getattr(self, f"do_{command}", None)
            if step is None:
                raise malformed(f"{command} is not supported by this server")
            self.made.steps.append((command, step()))
            if self.at == len(self.tokens):
                return self.made
            self.expect("|")

    # Commands

    def do_fields(self) -> Step:
        if self.calculates():
            return self.calculation()
        names = self.names()
        self.made.columns += names
        calls = [source for source, _ in names if "(" in source and not source.startswith("bin(")]
        if unknown := [call for call in calls if not is_known(call)]:
            raise malformed(unknown[0])
        return lambda rows: [row | {c: v for c in calls if (v := value(c, row)) is not None} for row in rows]

    def calculates(self) -> bool:
        """Whether this command is arithmetic: one sum or product with a name."""
        rest = self.tokens[self.at :]
        bars = [n for n, token in enumerate(rest) if token.text == "|"]
        texts = [token.text for token in rest[: bars[0] if bars else None]]
        return "strcontains" in texts or any(sign in texts for sign in SIGNS)

    def calculation(self) -> Step:
        start = self.at
        while not self.take("as"):
            self.next()
        worth, name = calculated(self.tokens[start : self.at - 1]), self.word()
        self.made.columns.append((name, name))
        return lambda rows: [row | {name: v} if (v := worth(row)) is not None else row for row in rows]

    def do_display(self) -> Step:
        self.made.columns = self.names()
        return lambda rows: rows

    def do_filter(self) -> Step:
        test = self.condition()
        return lambda rows: [row for row in rows if test(row)]

    def do_limit(self) -> Step:
        count = int(self.word())
        if not 1 <= count <= CAP:
            raise malformed(f"limit {count}: at most {CAP}")
        return lambda rows: rows[:count]

    def do_sort(self) -> Step:
        keys = []
        while True:
            name, order = self.column()[0], self.word().lower()
            if order not in ("asc", "desc"):
                raise malformed(f"sort {name} wants asc or desc here")
            keys.append((name, order == "desc"))
            if not self.take(","):
                return lambda rows: _sorted(rows, keys)

    def do_stats(self) -> Step:
        aggregates = [self.aggregate()]
        while self.take(","):
            aggregates.append(self.aggregate())
        groups = self.groups() if self.take("by") else []
        self.made.folded, self.made.columns = True, []
        return lambda rows: aggregated(rows, aggregates, groups)

    def do_parse(self) -> Step:
        name = "@message" if self.peek().kind in ("string", "regex") else self.word()
        token = self.next()
        if token.kind == "regex":
            compiled = regex(token.text)
        else:
            parts = [re.escape(part) for part in unquoted(token.text).split("*")]
            compiled = re.compile("(.*?)".join(parts[:-1]) + f"(.*?){parts[-1]}$" if len(parts) > 1 else parts[0])
        names = [shown for _, shown in self.names()] if self.take("as") else list(compiled.groupindex)
        return lambda rows: [_extracted(row, name, compiled, names) for row in rows]

    def do_pattern(self) -> Step:
        name = self.word()
        self.made.folded, self.made.columns = True, []
        return lambda rows: patterns(rows, name)

    # Parts

    def names(self) -> list[tuple[str, str]]:
        found = [self.column(alias=True)]
        while self.take(","):
            found.append(self.column(alias=True))
        return found

    def column(self, alias: bool = False) -> tuple[str, str]:
        """(field, shown name); a call such as count(*) or bin(5m) is a field by its text."""
        start, name = self.peek().start, self.word()
        if self.take("("):
            depth = 1
            while depth:
                depth += {"(": 1, ")": -1}.get(self.next().text, 0)
            name = self.text[start : self.tokens[self.at - 1].end]
        return name, (self.word() if alias and self.take("as") else name)

    def aggregate(self) -> Aggregate:
        start, function = self.peek().start, self.word().lower()
        self.expect("(")
        name = "*" if self.take("*") else self.word()
        share = float(self.word()) if self.take(",") else None
        self.expect(")")
        text = self.text[start : self.tokens[self.at - 1].end]
        return Aggregate(function, name, share, self.word() if self.take("as") else text)

    def groups(self) -> list[tuple[str, Callable[[Row], Any]]]:
        found = [self.group()]
        while self.take(","):
            found.append(self.group())
        return found

    def group(self) -> tuple[str, Callable[[Row], Any]]:
        name, shown = self.column(alias=True)
        if name.startswith("bin("):
            width = bin_width(name)
            return shown, lambda row: binned(row, width)
        if "(" in name:
            raise malformed(name)
        return shown, lambda row: row.get(name)


def _sorted(rows: list[Row], keys: list[tuple[str, bool]]) -> list[Row]:
    """In ascending order, what is no number comes before the numbers; what is missing is last in either."""
    for name, descending in reversed(keys):
        present = [row for row in rows if row.get(name) is not None]
        absent = [row for row in rows if row.get(name) is None]
        present.sort(key=lambda row, name=name: _rank(row[name]), reverse=descending)  # type: ignore[misc]
        rows = present + absent
    return rows


def _rank(value: Any) -> tuple[bool, float, str]:
    found = number(value)
    return (False, 0.0, str(value)) if found is None else (True, found, "")


def _extracted(row: Row, name: str, compiled: re.Pattern[str], names: list[str]) -> Row:
    found = compiled.search(str(row.get(name, "")))
    return {**row, **dict(zip(names, found.groups(), strict=False))} if found else row
