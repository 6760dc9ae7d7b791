"""Taking untrusted JSON apart: each value is of the kind it must be, or the answer is called malformed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gather_diagnostics.http.errors import MalformedError

MOST_LINE = 300
MOST_BODY = 8000

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SHA = re.compile(r"[0-9a-f]{7,64}")


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedError(f"its {what} is no object: {str(value)[:60]!r}")
    return value


def entries(value: Any, what: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; nothing for null."""
    if value is not None and not isinstance(value, list):
        raise MalformedError(f"its {what} are no list: {str(value)[:60]!r}")
    for one in value or ():
        yield mapping(one, what)


def number(document: Mapping[str, Any], key: str) -> int:
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError(f"{key!r} is no number: {str(value)[:60]!r}")
    return value


def count(document: Mapping[str, Any], key: str) -> int:
    """A number that may be absent: 0 then."""
    return number(document, key) if document.get(key) is not None else 0


def sha(document: Mapping[str, Any], key: str) -> str | None:
    """A commit's hash; None where there is none."""
    value = document.get(key)
    return value if isinstance(value, str) and _SHA.fullmatch(value) else None


def moment(document: Mapping[str, Any], key: str) -> datetime | None:
    """An ISO 8601 time as UTC; None where it is null. Raises MalformedError for what is no time."""
    value = document.get(key)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise MalformedError(f"{key!r} is no time: {str(value)[:60]!r}") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def needed(document: Mapping[str, Any], key: str) -> datetime:
    time = moment(document, key)
    if time is None:
        raise MalformedError(f"{key!r} is missing")
    return time


def line(value: Any) -> str:
    """Untrusted text as one short line: control and direction-changing characters show as U+FFFD. '' for null."""
    text = _CONTROLS.sub("\ufffd", " ".join(str(value).split(" ")).replace("\t", " ").replace("\n", " "))
    if value is None:
        return ""
    return text if len(text) <= MOST_LINE else text[: MOST_LINE - 1] + "…"


def body(value: Any) -> str:
    """The same for a text with line breaks; cut at MOST_BODY characters."""
    if value is None:
        return ""
    text = _CONTROLS.sub("\ufffd", str(value)[: 2 * MOST_BODY].replace("\r\n", "\n"))
    return text if len(text) <= MOST_BODY else text[: MOST_BODY - 1] + "…"


def link(value: Any) -> str | None:
    """An address of a page, without credentials, query and fragment; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or _CONTROLS.search(value):
        return None
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path[:1000], "", ""))


def name_of(person: Any) -> str | None:
    """A user's login or name; None where the account is gone."""
    if not isinstance(person, Mapping):
        return None
    return line(person.get("login") or person.get("username") or person.get("name")) or None
