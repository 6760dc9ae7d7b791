"""Who answers how fast, who is told and who comes next: the escalation matrix, and its part for one incident."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from gather_diagnostics.errors import InputError
from gather_diagnostics.response.runbooks.entries import Entries
from gather_diagnostics.response.severity import SCHEMES, rank
from gather_diagnostics.textfiles import read_text
from gather_diagnostics.windows import duration

SHIPPED = "escalation-matrix.yaml"
LARGEST = 200_000
"""Bytes of a file."""
KEYS = ("scheme", "levels", "roles")
LEVEL_KEYS = ("respond_within", "update_every", "notify", "then")


@dataclass(frozen=True, slots=True)
class Level:
    """What one severity asks for."""

    respond_minutes: int
    update_minutes: int
    """Between two updates for stakeholders."""
    notify: tuple[str, ...]
    """Roles, at once."""
    then: tuple[tuple[int, tuple[str, ...]], ...]
    """(minutes from the start, roles that are called besides), the earliest first."""


@dataclass(frozen=True, slots=True)
class Matrix:
    levels: tuple[Level, ...]
    """Four, the highest severity first."""
    roles: Mapping[str, str]
    """Name to who that is, in words for people."""


def read(path: Path | None) -> Matrix:
    """The matrix of a file; without one, the shipped one.

    Raises ConfigError that names file, line and key for one that can't be read or does not fit.
    """
    if path is None:
        return shipped()
    return parse(read_text(path, "the escalation matrix", LARGEST, "the escalation matrix"), str(path))


@functools.cache
def shipped() -> Matrix:
    return parse((files("runbooks") / SHIPPED).read_text(encoding="utf-8"), SHIPPED)


def parse(text: str, where: str) -> Matrix:
    """`text` of the file `where`. Raises ConfigError, as `read` does."""
    entries = Entries(text, where, 1)
    entries.only(KEYS)
    scheme = entries.choice("scheme", tuple(SCHEMES), "sev")
    entries.keys("roles")
    known = {str(name): str(words or "") for name, words in entries.value("roles").items()}
    there = entries.keys("levels")
    for name in there:
        if name not in SCHEMES[scheme]:
            entries.fail(("levels", name), f"is no level of this scheme; there are {', '.join(SCHEMES[scheme])}")
    for name in SCHEMES[scheme]:
        if name not in there:
            entries.fail(("levels",), f"{name} is missing: every level needs an entry")
    levels = entries.value("levels")
    return Matrix(tuple(_level(entries, name, levels[name], known) for name in SCHEMES[scheme]), known)


def plan(severity: Mapping[str, Any], matrix: Matrix, owner: str) -> dict[str, Any]:
    """The key `response.escalation` of evidence.json, for what `severity.judge` returned and the owner of the service.

    Where nothing calls for a severity nobody is called: all is empty and 0.
    """
    if not severity["level"]:
        return {"respond_minutes": 0, "update_minutes": 0, "notify": [], "owner": owner, "then": []}
    level = matrix.levels[rank(severity["level"], severity["scheme"])]
    return {
        "respond_minutes": level.respond_minutes,
        "update_minutes": level.update_minutes,
        "notify": list(level.notify),
        "owner": owner,
        "then": [{"after_minutes": after, "notify": list(notify)} for after, notify in level.then],
    }


def roles(matrix: Matrix) -> frozenset[str]:
    """Names that the key `escalation` of a runbook may have."""
    return frozenset(matrix.roles)


def _level(entries: Entries, name: str, values: Any, known: Mapping[str, str]) -> Level:
    here = ("levels", name)
    if not isinstance(values, dict):
        entries.fail(here, f"needs the keys {', '.join(LEVEL_KEYS)}")
    for key in values:
        if key not in LEVEL_KEYS:
            entries.fail((*here, key), f"there is no such key: there are {', '.join(LEVEL_KEYS)}")
    then = values.get("then") or {}
    if not isinstance(then, dict):
        entries.fail((*here, "then"), "needs lines such as '30m: [incident commander]'")
    paths = {after: (*here, "then", str(after)) for after in then}
    steps = [(_minutes(entries, path, after), _named(entries, path, known)) for after, path in paths.items()]
    return Level(
        respond_minutes=_minutes(entries, (*here, "respond_within"), values.get("respond_within")),
        update_minutes=_minutes(entries, (*here, "update_every"), values.get("update_every")),
        notify=_named(entries, (*here, "notify"), known),
        then=tuple(sorted(steps)),
    )


def _minutes(entries: Entries, path: tuple[str, ...], value: Any) -> int:
    try:
        seconds = duration(str(value), ".".join(path)).total_seconds()
    except InputError:
        entries.fail(path, f"needs a time such as 15m, 1h30m or 1d, not {value!r}")
    if seconds < 60:
        entries.fail(path, f"{value} is less than a minute")
    return int(seconds // 60)


def _named(entries: Entries, path: tuple[str, ...], known: Mapping[str, str]) -> tuple[str, ...]:
    names = entries.texts(*path)
    if not names:
        entries.fail(path, "names nobody: give a list of roles")
    for number, name in enumerate(names):
        if name not in known:
            entries.fail((*path, number), f"{name!r} is not among the roles of this file: {', '.join(known)}")
    return names
