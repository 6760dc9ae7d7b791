"""How texts of the evidence get into the draft: without persons, escaped, cut; and which rows its figures rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NewType

from gather_diagnostics.document.clock import date_clock
from gather_diagnostics.document.escaping import cut, link, markdown_cell, markdown_code, markdown_link
from gather_diagnostics.document.quotes import words_of
from gather_diagnostics.response.postmortem.accounts import Account
from gather_diagnostics.response.postmortem.names import Names
from gather_diagnostics.tables import JOURNAL

View = Mapping[str, Any]
Markdown = NewType("Markdown", str)
"""In one line; what of it was fetched or typed is escaped, for running text and for a table's cell."""

NOTHING = Markdown("")
_EACH = 3
"""Rows cited for one sentence."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of everything is told."""

    text: int = 400
    """Characters of one inserted text."""
    entries: int = 12
    """Of a list."""
    timeline: int = 80
    quotes: int = 80


LADDER = (
    Limits(),
    Limits(text=250, quotes=40),
    Limits(text=200, entries=8, timeline=40, quotes=20),
    Limits(text=120, entries=5, timeline=20, quotes=8),
    Limits(text=60, entries=3, timeline=8, quotes=0),
)
"""Everything, then step by step less, until a draft fits."""


@dataclass(frozen=True, slots=True)
class Citing:
    """Writes for one draft, and keeps in mind which rows it has cited."""

    names: Names
    is_several: bool
    """Are there several bundles, so that each row has to say of which it is?"""
    limits: Limits = field(default_factory=Limits)
    _cited: dict[tuple[str, str, int], Account] = field(default_factory=dict)

    def text(self, text: object, *, note: bool = False) -> Markdown:
        """`note`: people wrote it. Never empty, as an item of a list or a cell may be nothing else."""
        return Markdown(markdown_cell(cut(self.names.without(str(text), note=note), self.limits.text)))

    def sentence(self, text: object, *, note: bool = False) -> Markdown:
        """The same, cut later: it is made of others."""
        return replace(self, limits=replace(self.limits, text=3 * self.limits.text)).text(text, note=note)

    def code(self, text: object, *, cell: bool = False) -> Markdown:
        return Markdown(markdown_code(cut(self.names.without(str(text)), self.limits.text), cell=cell))

    def claim(self, account: Account, words: object, supports: Sequence[View]) -> Markdown:
        """A sentence of the evidence, and the rows behind it."""
        rows = self.rows(account, supports)
        return Markdown(f"{self.sentence(words)}{f' ({rows})' if rows else ''}")

    def rows(self, account: Account, supports: Sequence[View]) -> Markdown:
        """'[metrics 12](#b1-metrics-12), [logs 3](#b1-logs-3)'; empty where nothing supports it."""
        pairs = dict.fromkeys((s["table"], row) for s in supports for row in s["rows"][:_EACH])
        return Markdown(", ".join(self.row(account, table, row) for table, row in list(pairs)[:_EACH]))

    def row(self, account: Account, table: str, row: int, *, quoted: bool = True) -> Markdown:
        """A row by table and number, with a jump to where the draft quotes it. With `quoted` it will be."""
        key = (account.label, table, row)
        is_there = 0 <= row < len(account.evidence.tables.get(table, ()))
        words = f"{account.label} {table} {row}" if self.is_several else f"{table} {row}"
        if quoted and is_there and len(self._cited) < self.limits.quotes:
            self._cited.setdefault(key, account)
        return Markdown(f"[{words}](#{anchor(account, table, row)})" if key in self._cited else words)

    def quotes(self) -> list[Quote]:
        """Every row that was cited, by bundle, table and number."""
        ordered = sorted(self._cited.items(), key=lambda item: (item[1].number, item[0][1], item[0][2]))
        return [self._quote(account, table, row) for (_, table, row), account in ordered]

    def _quote(self, account: Account, table: str, row: int) -> Quote:
        record = account.evidence.tables[table].iloc[row].to_dict()
        ref = str(record["ref"])
        shown = self.code(ref)
        # raw/ and tables/ are folders of the bundle, and the draft stands elsewhere.
        outside = markdown_link(shown, ref) if (link(ref) or "").startswith("http") else shown
        return Quote(
            anchor=anchor(account, table, row),
            row=Markdown(f"{account.label} {table} {row}" if self.is_several else f"{table} {row}"),
            time=Markdown(f"{date_clock(record['time'].isoformat())} UTC"),
            what=self.code(_told(table, record)),
            ref=Markdown(outside),
        )


@dataclass(frozen=True, slots=True)
class Quote:
    """A row that a figure rests on."""

    anchor: str
    """Of HTML: '<a name="b1-metrics-12"></a>'."""
    row: Markdown
    time: Markdown
    what: Markdown
    ref: Markdown
    """Leads back to the raw record."""


def anchor(account: Account, table: str, row: int) -> str:
    return f"{account.label.lower()}-{table}-{row}"


def asked_for(what: str) -> Markdown:
    """What the evidence does not tell; `what` is a text of ours."""
    return Markdown(f"_To be filled in: {what}._")


def clock(time: datetime) -> Markdown:
    return Markdown(f"{time:%Y-%m-%d %H:%M:%S}")


def offset(time: datetime, start: datetime | None) -> Markdown:
    """'T+25 min', 'T−1 h 05 min', 'T+12 s', 'T+0'; '—' where it is not known when it began."""
    if start is None:
        return Markdown("—")
    seconds = round((time - start).total_seconds())
    sign, seconds = ("−" if seconds < 0 else "+"), abs(seconds)
    minutes = round(seconds / 60)
    days, hours = divmod(minutes // 60, 24)
    match (days, hours):
        case (0, 0):
            words = f"{minutes} min" if seconds >= 60 else f"{seconds} s" if seconds else "0"
        case (0, _):
            words = f"{hours} h {minutes % 60:02} min"
        case _:
            words = f"{days} d {hours} h"
    return Markdown(f"T{sign}{words}")


def _told(table: str, record: Mapping[Any, Any]) -> str:
    if table == JOURNAL:
        return f"{record['title']}: {record['outcome']}"
    return words_of(table, {**record, "author": None})
