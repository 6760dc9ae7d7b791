"""JSON and logfmt lines into records."""

from __future__ import annotations

import json
import re
from typing import Any

from gather_diagnostics.logparse.fields import METHOD, STATUS, normal, path_of, plan
from gather_diagnostics.logparse.levels import level_of, level_of_otel, level_of_python, level_of_status
from gather_diagnostics.logparse.records import Record
from gather_diagnostics.logparse.timestamps import Clock
from gather_diagnostics.model import Json

_DEPTH = 12
"""Objects nested deeper stay one value."""
_TEXTS = frozenset({"message", "service", "trace_id", "request_id", "tenant"})
"""Fields that take any text."""

# NaN and Infinity are no JSON: they are kept as the words they are.
_decode = json.JSONDecoder(parse_constant=str).raw_decode

_PAIR = re.compile(
    r'([A-Za-z_@][\w.@/\-]*)=("(?:[^"\\]|\\.)*+"|\'[^\']*+\'|[^\s"]*+)(?:\s++|$)|[^\s=]++(?:\s++|$)', re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
# Of a JSON line that was cut, what can still be told: the first plain values.
_REMNANT = re.compile(
    r'"([\w.@\-]{1,60})"\s{0,2}:\s{0,2}(?:"((?:[^"\\]|\\.){0,500}+)"|(-?\d{1,20}(?:\.\d{1,10})?))', re.ASCII
)


def load_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or None."""
    try:
        value, end = _decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or (end != len(text) and text[end:].strip()):
        return None
    return value


def remnant(text: str) -> dict[str, Any]:
    """Keys and plain values from the start of a JSON object that was cut or is damaged."""
    found: dict[str, Any] = {}
    for key, string, number in _REMNANT.findall(text[:8192]):
        found.setdefault(key, string or (float(number) if "." in number else int(number)) if number else string)
    return found


def logfmt(text: str) -> dict[str, Any] | None:
    """The pairs of a logfmt line: two or more, one of them a time, level or message; else None."""
    pairs: dict[str, Any] = {}
    at = bare = 0
    while match := _PAIR.match(text, at):
        at = match.end()
        if match[1] is None:
            bare += 1
            if bare > 2:
                return None
        else:
            pairs[match[1]] = _unquoted(match[2])
    if at < len(text) or len(pairs) < 2:
        return None
    telling = any(field in ("time", "level", "message") for field, _ in plan(tuple(pairs)))
    return pairs if telling else None


def _unquoted(value: str) -> str:
    if value[:1] == '"' and len(value) > 1:
        inner = value[1:-1]
        return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), inner) if "\\" in inner else inner
    return value[1:-1] if value[:1] == "'" and len(value) > 1 else value


def flatten(nested: dict[str, Any]) -> dict[str, Any]:
    """Nested objects into one, keys joined with dots. Lists, and what is nested too deep, stay as they are."""
    flat: dict[str, Any] = {}
    _flatten(nested, "", flat, _DEPTH)
    return flat


def _flatten(nested: dict[str, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    for key, value in nested.items():
        if type(value) is dict and value and depth:
            _flatten(value, f"{prefix}{key}.", flat, depth - 1)
        else:
            flat[prefix + key] = value


def fill(record: Record, fields: dict[str, Any], clock: Clock, raw: str) -> None:
    """Set the record's fields from a structured line; what has no field of its own goes to the labels."""
    for value in fields.values():
        if type(value) is dict:
            fields = flatten(fields)
            break
    used = set()
    for field, names in plan(tuple(fields)):
        for name in names:
            value = fields[name]
            if type(value) is str and value and field in _TEXTS:
                setattr(record, field, value)
            elif not _take(record, field, name, value, clock):
                continue
            used.add(name)
            break
    if len(used) < len(fields):
        labels = {k: v for k, v in fields.items() if k not in used} if used else fields
        record.labels = {**record.labels, **labels} if record.labels else labels
    if record.level is None or not record.message:
        _complete(record, fields, raw)


def _take(record: Record, field: str, name: str, value: Any, clock: Clock) -> bool:
    """Set one field from one key. False when the value does not fit, so that the next key is tried."""
    if value is None:
        return False
    if field == "time":
        return _take_time(record, name, value, clock)
    if field == "level":
        level = level_named(name, value)
        record.level = level or record.level
        return level is not None
    if type(value) is not str:
        if isinstance(value, dict | list | bool) and field != "message":
            return False
        value = value_text(value)
    if not value:
        return False
    if field == "instance" and record.instance:
        return bool(record.instance == value)
    if field == "endpoint":
        value = path_of(value)
        if value is None:
            return False
    setattr(record, field, value)
    return True


def _take_time(record: Record, name: str, value: Any, clock: Clock) -> bool:
    if name[:1] == "_" and isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)  # journald writes numbers as text
    time = clock.value(value)
    if time is None:
        return False
    if record.time_us is None:
        record.time_us = time
        record.own_time = True
    return True


def level_named(name: str, value: Any) -> str | None:
    """The level that a structured field of this name holds."""
    key = normal(name)
    if key == "levelno":
        return level_of_python(value)
    return level_of_otel(value) if key in ("severitynumber", "severity_number") else level_of(value)


def value_text(value: Json) -> str:
    """A value of a structured line as text."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return f"({type(value).__name__} that is nested too deep)"


def _complete(record: Record, fields: dict[str, Any], raw: str) -> None:
    """Structured access logs say neither level nor message: both follow from the status."""
    status = _first(fields, STATUS)
    code = int(status) if isinstance(status, int | float) or (isinstance(status, str) and _is_code(status)) else None
    if code is not None and record.level is None and 100 <= code < 600:
        record.level = level_of_status(code)
    if not record.message:
        method = _first(fields, METHOD)
        parts = [str(p) for p in (method, record.endpoint, code) if p is not None]
        record.message = " ".join(parts) if record.endpoint and len(parts) > 1 else raw


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdecimal()


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    for key, value in fields.items():
        if normal(key) in names:
            return value
    return None
