"""From a file to a Runbook. Every complaint is a ConfigError that begins with 'file:line:'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks import conditions
from gather_diagnostics.response.runbooks.comparing import RANKS
from gather_diagnostics.response.runbooks.conditions import Condition
from gather_diagnostics.response.runbooks.entries import Entries
from gather_diagnostics.response.runbooks.model import KINDS, Runbook, Step, When
from gather_diagnostics.response.runbooks.sections import Section, cut
from gather_diagnostics.response.runbooks.steps import step_of
from gather_diagnostics.textfiles import read_text

LARGEST = 100_000
"""Bytes of a file."""
KEYS = ("id", "title", "kind", "services", "when", "severity", "escalation", "owner", "last_reviewed")

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FENCE = re.compile(r"---[ \t]*")


def read(path: Path | Traversable) -> Runbook:
    """Raises ConfigError for a file that can't be read or is no runbook."""
    return parse(read_text(path, "the runbook", LARGEST, "a runbook", f"{path}:1:"), str(path))


def parse(text: str, where: str) -> Runbook:
    """`where` is the name that complaints begin with. Raises ConfigError for what is no runbook."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = _front_matter_ends(lines, where)
    head = Entries("\n".join(lines[1:end]), where, 2)
    intro, sections = cut(lines[end + 1 :], end + 2)
    if not sections:
        raise ConfigError(f"{where}:{len(lines)}: has no step: a heading '## ...' begins one")
    places: dict[tuple[str | int, ...], int] = dict(head.lines)
    steps = _steps(sections, where, places)
    return _runbook(head, text, places, steps, intro)


def _front_matter_ends(lines: list[str], where: str) -> int:
    """Index of the line that closes it."""
    if not _FENCE.fullmatch(lines[0]):
        raise ConfigError(f"{where}:1: a runbook begins with a line '---' and its keys (id, title, kind, when)")
    for n, line in enumerate(lines[1:], start=1):
        if _FENCE.fullmatch(line):
            return n
    raise ConfigError(f"{where}:1: the keys at the beginning need a line '---' behind them")


def _runbook(
    head: Entries, text: str, places: Mapping[tuple[str | int, ...], int], steps: tuple[Step, ...], intro: str
) -> Runbook:
    head.only(KEYS)
    id_ = head.text("id")
    if not _ID.fullmatch(id_):
        head.fail(("id",), f"{id_!r} is not made of small letters, digits and '-'")
    return Runbook(
        id=id_,
        title=head.text("title"),
        kind=head.choice("kind", KINDS),
        services=head.texts("services") or ("*",),
        when=_when(head),
        severity=head.choice("severity", RANKS, ""),
        escalation=head.text("escalation", ""),
        owner=head.text("owner", ""),
        last_reviewed=head.day("last_reviewed"),
        intro=intro,
        steps=steps,
        path=head.where,
        text=text,
        lines=places,
    )


def _when(head: Entries) -> When:
    for key in head.keys("when"):
        if key not in ("all", "any", "none"):
            head.fail(("when", key), "there is no such key: there are all, any, none")
    lists: dict[str, Any] = {}
    for key in ("all", "any", "none"):
        lists[key] = tuple(_condition(head, ("when", key, n), text) for n, text in enumerate(head.texts("when", key)))
    if not lists["all"] and not lists["any"]:
        head.fail(("when",), "needs a condition in all or any: without one the runbook fits every incident")
    return When(**lists)


def _condition(head: Entries, path: tuple[str | int, ...], text: str) -> Condition:
    try:
        return conditions.parse(text)
    except ConfigError as error:
        head.fail(path, str(error))


def _steps(sections: Iterable[Section], where: str, places: dict[tuple[str | int, ...], int]) -> tuple[Step, ...]:
    """The steps; the lines of their keys go into `places`."""
    found: dict[str, Step] = {}
    for section in sections:
        step, entries = step_of(section, where)
        if step.id in found:
            raise ConfigError(f"{where}:{section.line}: a second step has the id {step.id!r}: give it another")
        found[step.id] = step
        places[("steps", step.id)] = section.line
        places |= {("steps", step.id, *path): line for path, line in entries.lines.items()}
    return tuple(found.values())
