"""Selectors and clauses of PromQL."""

from __future__ import annotations

from gather_diagnostics.http.querytext import literally, matches, quote


def one_of(label: str, values: list[str]) -> str:
    return matches(label, "|".join(literally(v) for v in values))


def but(label: str, values: list[str]) -> str:
    return f"{label}!~{quote('|'.join(literally(v) for v in values))}"


def series(name: str, *matchers: str) -> str:
    """`name{a="b",c="d"}`; empty matchers are left out."""
    inner = ",".join(m for m in matchers if m)
    return f"{name}{{{inner}}}" if inner else name


def by(*labels: str) -> str:
    """The grouping clause, with a blank around it; a blank alone for no labels."""
    return f" by ({', '.join(labels)}) " if labels else " "
