"""The model's dataclasses to JSON and back.

Writing is lenient (what can't be JSON becomes null or text), since it happens in the middle of an incident.
Reading is strict, since a bundle may come from anybody.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from gather_diagnostics.errors import BundleError

if TYPE_CHECKING:
    from gather_diagnostics.model import Json

T = TypeVar("T")


def dump(value: Any) -> bytes:
    """JSON text of a dataclass, mapping or sequence: sorted keys, ASCII, times as ISO 8601 in UTC.

    ASCII, because fetched text may hold characters that play tricks with a terminal.
    """
    return (json.dumps(plain(value), indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def plain(value: Any) -> Json:
    """What JSON has: NaN and infinities become null, NumPy scalars Python's, anything unknown its `str`."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case str():
            # Lone surrogates are no UTF-8 and strict readers refuse them.
            return value.encode("utf-8", "replace").decode()
        case datetime():
            return _iso(value)
        case Mapping():
            return {plain(str(key)): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case AbstractSet():
            return sorted((plain(item) for item in value), key=repr)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return _scalar(value)


def _scalar(value: Any) -> Json:
    tolist = getattr(value, "tolist", None)
    return plain(tolist() if callable(tolist) else str(value))


def _iso(time: datetime) -> str:
    if time.tzinfo is None:
        return time.isoformat()
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def load(kind: type[T], text: bytes, where: str) -> T:
    """The value of a dataclass type that `dump` wrote. Keys it does not know are ignored.

    Raises BundleError with the first thing that does not fit; `where` names the file.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:120]
        raise BundleError(f"{where} can't be read: {f'{place}: ' if place else ''}{first['msg'][:200]}") from error
    except OverflowError as error:
        raise BundleError(f"{where} can't be read: it holds a time out of range") from error


def in_utc(time: datetime, where: str) -> datetime:
    """Raises BundleError for a time without a zone, or one that UTC can't express."""
    if time.tzinfo is None:
        raise BundleError(f"{where} can't be read: the time {time.isoformat()} has no zone")
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise BundleError(f"{where} can't be read: it holds a time out of range") from error
