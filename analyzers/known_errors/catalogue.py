"""The built-in catalogue (catalogue.yaml, beside this file, which says what the keys mean) and the user's entries."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import yaml

from gather_diagnostics.model import KnownError


def _immutable(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def _built_in() -> dict[str, KnownError]:
    text = files(__package__).joinpath("catalogue.yaml").read_text(encoding="utf-8")
    # libyaml's parser takes a tenth of the time; only a PyYAML built without it has none.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries = (KnownError(**_immutable(entry)) for entry in yaml.load(text, loader))  # noqa: S506 - a safe loader
    return {entry.id: entry for entry in entries}


_BUILT_IN = _built_in()
"""Part of the code like any module. Read on import, which is while sources are waited for."""


def catalogue(own: Iterable[KnownError] = ()) -> tuple[KnownError, ...]:
    """All entries, in the catalogue's order, then the user's; one of the user's replaces the built-in of its id."""
    return tuple((_BUILT_IN | {e.id: e for e in own}).values())
