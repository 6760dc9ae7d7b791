"""Which names a bundle holds: what its columns, keys and texts call a person, a host or a tenant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gather_diagnostics.model import Evidence
from gather_diagnostics.redaction.renaming import words
from gather_diagnostics.redaction.renaming.standins import Kind
from gather_diagnostics.tables import TABLES

_HOST = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]{0,62})(?::[0-9]{1,5})?", re.ASCII)
_POD = re.compile(r".{1,200}-(?:[0-9a-z]{4,10}-[0-9a-z]{5}|[0-9a-z]{5}|[0-9]{1,4})", re.ASCII)
"""What a Deployment, a DaemonSet and a StatefulSet call their pods."""


@dataclass
class Found:
    """Names by kind, and the words that are none."""

    names: dict[Kind, set[str]] = field(
        default_factory=lambda: {k: set() for k in ("person", "host", "tenant", "account")}
    )
    mails: dict[str, set[str]] = field(default_factory=dict)
    """A person's name to e-mail addresses."""
    services: set[str] = field(default_factory=set)
    """In small letters; they keep their names, and so do their pods."""
    vocabulary: set[str] = field(default_factory=set)
    """Further words that are part of the evidence's own language."""

    def is_name(self, name: str) -> bool:
        """Whether a word is a name at all."""
        lowered = name.casefold().strip("._-")
        is_known = lowered in words.ORDINARY or lowered in self.services or lowered in self.vocabulary
        return len(lowered) > 0 and not is_known and not name.startswith(("[redacted", "<", "$", "%", "{", "system:"))

    def is_distinct(self, name: str) -> bool:
        """Whether the word means that name wherever it stands; a number or two letters do not."""
        return self.is_name(name) and len(name) >= 3 and any(c.isalpha() for c in name)

    def add(self, kind: Kind, name: str) -> None:
        name = name.strip().rstrip(".:")
        if kind == "host":
            found = _HOST.fullmatch(name)
            if not found or self.is_pod(found["name"]) or not re.search(r"[0-9-]", found["name"]):
                return
            name = found["name"]
        if kind == "person" and (whole := words.PERSON_WITH_MAIL.fullmatch(name)):
            self.add_person(whole["name"], whole["mail"])
        elif 0 < len(name) <= 128 and "\n" not in name and self.is_name(name) and not words.MAIL.fullmatch(name):
            self.names[kind].add(name)

    def add_person(self, name: str, mail: str) -> None:
        if self.is_name(name):
            self.names["person"].add(name)
            self.mails.setdefault(name, set()).add(mail)

    def is_pod(self, name: str) -> bool:
        """A service's replica, which is called after it."""
        lowered = name.lower()
        if lowered in self.services:
            return True
        return bool(_POD.fullmatch(lowered)) and any(lowered.startswith(f"{s}-") for s in self.services)


def find(evidence: Evidence, texts: Iterable[str]) -> Found:
    """All names. `texts` are the evidence's, however they are kept."""
    found = Found()
    _learn_words(evidence, found)
    if evidence.request.owner:
        found.add("person", evidence.request.owner)
    for table, frame in evidence.tables.items():
        for column in TABLES[table]:
            if kind := words.COLUMNS.get(column.name):
                for value in frame[column.name].dropna().unique():
                    found.add(kind, str(value))
            if column.type == "json":
                for value in frame[column.name].dropna().unique():
                    _in_json(json.loads(value), found)
    if "changes" in evidence.tables:
        _mentions(evidence.tables["changes"], found)
    for text in texts:
        _in_text(text, found)
    return found


def _learn_words(evidence: Evidence, found: Found) -> None:
    request = evidence.request
    found.services |= {s.lower() for s in (request.service, *request.dependencies)}
    for frame in evidence.tables.values():
        for column in ("service", "caller", "callee"):
            if column in frame:
                found.services |= {str(v).lower() for v in frame[column].dropna().unique()}
        for column in ("metric", "stat", "unit", "kind", "reason", "level", "phase", "severity", "source"):
            if column in frame:
                found.vocabulary |= {str(v).casefold() for v in frame[column].dropna().unique()}


def _mentions(changes: Any, found: Found) -> None:
    bodies = (str(json.loads(d).get("body", "")) for d in changes["details"].dropna().unique())
    for text in (*changes["summary"].dropna().unique(), *bodies):
        for mention in words.MENTION.finditer(text):
            found.add("person", mention["name"])


def _in_json(value: Any, found: Found, key: str = "") -> None:
    match value:
        case str() | int() if not isinstance(value, bool):
            if kind := words.key_kind(key):
                found.add(kind, str(value))
        case Mapping():
            for name, inner in value.items():
                _in_json(inner, found, str(name))
        case list():
            for inner in value:
                _in_json(inner, found, key)


def _in_text(text: str, found: Found) -> None:
    if " <" in text:
        for person in words.PERSON_WITH_MAIL.finditer(text):
            found.add_person(person["name"], person["mail"])
    for kind, name in keyed(text):
        found.add(kind, name)
    for host in words.DOMAIN_NAME.finditer(text) if "." in text else ():
        found.add("host", host[0].partition(".")[0])
    for account in words.ACCOUNT.finditer(text):
        found.names["account"].add(account["name"])


def keyed(text: str) -> Iterator[tuple[Kind, str]]:
    """Kind and name of what a text says is one."""
    return ((kind, name) for kind, name, _ in keyed_at(text))


def keyed_at(text: str) -> Iterator[tuple[Kind, str, int]]:
    """The same, and where each name begins."""
    for match in words.KEYED.finditer(text):
        if (kind := words.key_kind(match["key"])) and (name := match["name"].rstrip(".:")):
            yield kind, name, match.start("name")
    for pattern in words.PERSON_IN_TEXT:
        for match in pattern.finditer(text):
            yield "person", match["name"], match.start("name")
