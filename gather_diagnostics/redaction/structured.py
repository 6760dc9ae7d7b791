"""JSON values: each string on its own, with the key it stands under, so that what comes out is JSON again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gather_diagnostics.redaction import keys, manifests, patterns, values

Hide = Callable[[str], str]
"""Text to text without secrets."""
Replace = Callable[[str, str], str]
"""Secret and kind to placeholder."""


def redact(text: str, hide: Hide, replace: Replace) -> str:
    """The JSON text without secrets, unchanged where there is none; what is no JSON is treated as text.

    Raises RecursionError for nesting deeper than Python's stack.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return hide(text)
    clean = _walk(value, hide, replace)
    return text if clean == value else json.dumps(clean, sort_keys=True, ensure_ascii=False)


def _walk(value: Any, hide: Hide, replace: Replace, key: str = "") -> Any:
    match value:
        case str():
            return _string(value, hide, replace, key)
        case bool() | None:
            return value
        case int():
            return _number(value, hide, replace, key)
        case Mapping():
            value = _opened(value, replace)
            return {hide(str(k)): _walk(v, hide, replace, _key_of(value, str(k), key)) for k, v in value.items()}
        case Sequence():
            return [_element(v, hide, replace, flag, key) for v, flag in zip(value, _flags(value), strict=True)]
    return value


def _opened(value: Mapping[str, Any], replace: Replace) -> Mapping[str, Any]:
    """A Kubernetes Secret with a placeholder for each of its values, whatever their keys are called."""
    if str(value.get("kind", "")).lower() != "secret":
        return value
    held = {part: value[part] for part in ("data", "stringData") if isinstance(value.get(part), Mapping)}
    return {**value, **{part: {k: _shut(v, replace) for k, v in inner.items()} for part, inner in held.items()}}


def _shut(value: Any, replace: Replace) -> Any:
    if not isinstance(value, str) or not value or values.is_mask(value) or patterns.PLACEHOLDER.search(value):
        return value
    return replace(manifests.meaning(value), manifests.KIND)


def _element(value: Any, hide: Hide, replace: Replace, flag: str, key: str) -> Any:
    """An element of a list is secret under the flag before it, or under the key that the list stands under."""
    shown = _walk(value, hide, replace, flag) if flag else value
    return _walk(value, hide, replace, key) if shown == value else shown


def _string(value: str, hide: Hide, replace: Replace, key: str) -> str:
    if key.lower() in patterns.HEADERS:
        lead = f"{key}: "
        return hide(lead + value).removeprefix(lead)
    kind = _kind_under(key, value)
    return replace(value, kind) if kind else hide(value)


def _number(value: int, hide: Hide, replace: Replace, key: str) -> int | str:
    kind = _kind_under(key, str(value))
    shown = replace(str(value), kind) if kind else hide(str(value))
    return value if shown == str(value) else shown


def _kind_under(key: str, value: str) -> str:
    """Kind of secret that the value is because of its key; empty when it is none or is replaced already."""
    named = keys.named(key) if key else None
    if named is None or patterns.PLACEHOLDER.search(value):
        return ""
    return keys.kind(named.word) if values.is_secret(value, keys.context(named, quoted=True)) else ""


def _key_of(parent: Mapping[str, Any], key: str, above: str) -> str:
    """The key a value stands under; for {"name": N, "value": V}, as Kubernetes and ECS have it, N; for a lone
    {"value": V} the key above it."""
    if key.lower() != "value":
        return key
    name = next((v for k, v in parent.items() if k.lower() in ("name", "key")), above)
    return name if isinstance(name, str) else key


def _flags(elements: Sequence[Any]) -> list[str]:
    """For each element of a list the command-line flag before it, or nothing."""
    flags = [e.lstrip("-") if isinstance(e, str) and e.startswith("-") and "=" not in e else "" for e in elements]
    return ["", *flags[:-1]][: len(elements)]
