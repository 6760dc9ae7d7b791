"""Which of several values a name gets, and which values may be put into a command at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gather_diagnostics.response.facts.names import NAMES

Told = Iterable[tuple[str, object]]
"""Pairs of a name and a value; what is no fit text counts as nothing said."""

LONGEST = 512
"""Characters: names and image digests are shorter; what is longer is no name."""


@dataclass(frozen=True, slots=True)
class Known:
    values: Mapping[str, str]
    """One value each."""
    several: Mapping[str, tuple[str, ...]]
    """Names of which one source tells more than one value."""


def choose(sources: Iterable[Told]) -> Known:
    """For each name the first source that says anything fit decides. KeyError for a name that is not declared."""
    values: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    for source in sources:
        said: dict[str, set[str]] = {}
        for name, value in source:
            if fit(value):
                said.setdefault(name, set()).add(str(value))
        for name, its in said.items():
            NAMES[name]
            if name not in values and name not in several:
                if len(its) == 1:
                    values[name] = its.pop()
                else:
                    several[name] = tuple(sorted(its))
    return Known(values, several)


def fit(value: object) -> bool:
    """Whether it may stand in a command once it is quoted.

    A leading dash would be read as an option, whatever the quotes; characters that do not print may act on the terminal
    that a command is pasted into; what was redacted is no name.
    """
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST
        and not value.startswith("-")
        and value.isprintable()
        and "[redacted:" not in value
        and value == value.strip()
    )
