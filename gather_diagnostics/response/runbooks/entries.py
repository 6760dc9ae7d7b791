"""The YAML in a runbook, its front matter and its steps' blocks, with the line that each key stands in."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from gather_diagnostics.errors import ConfigError

if TYPE_CHECKING:
    import yaml

DEEPEST = 20
"""Levels of nesting; libyaml reads endless ones until the stack is used up."""


class Entries:
    """The keys of one block; every complaint names file, line and key."""

    def __init__(self, text: str, where: str, line: int) -> None:
        """Read `text`, which begins in `line` (1-based) of the file `where`. Raises ConfigError."""
        self.where = where
        self.line = line
        self.lines: dict[tuple[str | int, ...], int] = {}
        node = _composed(text, where, line)
        self._values = _built(node, where, line)
        for path, at in _places(node, where, line):
            self.lines[path] = at

    def only(self, known: Collection[str]) -> None:
        """Raises ConfigError for a key that is none of these."""
        for key in self._values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                self.fail((key,), f"there is no such key: {hint}")

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def value(self, key: str) -> Any:
        """What YAML has there, nothing asked of it; None where the key is missing."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty; without a default the key must be there."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool | int | float):
            self.fail((key,), f"{value!r} is no text: put it into quotes")
        if not isinstance(value, str) or not value.strip():
            self.fail((key,), "needs a text (in quotes, where it holds '{{', ': ' or ' #')")
        return value.strip()

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices and value != default:
            self.fail((key,), f"{value!r} is none of {', '.join(choices)}")
        return value

    def texts(self, *path: str) -> tuple[str, ...]:
        """A list of texts; empty where the key is not there."""
        value: Any = self._values
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            self.fail(path, 'needs a list of texts: ["...", "..."]')
        return tuple(one.strip() for one in value)

    def flag(self, key: str) -> bool:
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            self.fail((key,), "is true or false")
        return value

    def day(self, key: str) -> date:
        value = self._values.get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.fail((key,), "needs a day such as 2026-11-01")
        return value

    def keys(self, key: str) -> tuple[str, ...]:
        """The keys of a mapping within."""
        value = self._values.get(key)
        if not isinstance(value, Mapping):
            self.fail((key,), "needs keys of its own")
        return tuple(value)

    def fail(self, path: tuple[str | int, ...], what: str) -> NoReturn:
        """Raises ConfigError with the line of the deepest part of `path` that is there."""
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), self.line)
        raise ConfigError(f"{self.where}:{line}: {'.'.join(str(part) for part in path)}: {what}")


def _composed(text: str, where: str, line: int) -> yaml.Node | None:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_strange(yaml.parse(text, Loader=loader), where, line)
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        at = line + _lines_before(error.problem_mark or error.context_mark)
        raise ConfigError(f"{where}:{at}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise ConfigError(f"{where}:{line}: not valid YAML: {first}") from error


def _refuse_strange(events: Iterable[yaml.Event], where: str, line: int) -> None:
    """Aliases make much of little, tags make other things than text, and depth uses up libyaml's stack."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        what = ""
        if isinstance(event, yaml.AliasEvent):
            what = "YAML's aliases (*name) are not supported here; put a text that begins with '*' into quotes"
        elif getattr(event, "tag", None):
            what = "YAML's tags (!name) are not supported here; put a text that begins with '!' into quotes"
        elif depth > DEEPEST:
            what = f"nested more than {DEEPEST} levels deep"
        if what:
            raise ConfigError(f"{where}:{line + _lines_before(event.start_mark)}: {what}")


def _lines_before(mark: Any) -> int:
    """Of a place in a block; PyYAML knows it nearly always."""
    return mark.line if mark is not None else 0


def _built(node: yaml.Node | None, where: str, line: int) -> dict[str, Any]:
    """The values by key, made one by one, so that the line of one that is none can be told."""
    import yaml

    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode) or not all(isinstance(k, yaml.ScalarNode) for k, _ in node.value):
        raise ConfigError(f"{where}:{line + node.start_mark.line}: expected 'key: value' lines")
    return {key.value: _value(value, f"{where}:{line + key.start_mark.line}: {key.value}") for key, value in node.value}


def _value(node: yaml.Node, where: str) -> Any:
    import yaml
    from yaml.constructor import SafeConstructor

    try:
        return SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{where}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{where}: is no value that YAML knows: {error}") from error


def _places(node: yaml.Node | None, where: str, line: int) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Every key and list entry with its line. Raises ConfigError for a key that is there twice."""
    import yaml

    stack: list[tuple[tuple[str | int, ...], yaml.Node]] = [((), node)] if node else []
    while stack:
        path, this = stack.pop()
        if isinstance(this, yaml.SequenceNode):
            within = [((*path, n), entry, entry) for n, entry in enumerate(this.value)]
        elif isinstance(this, yaml.MappingNode):
            within = [((*path, str(key.value)), key, value) for key, value in this.value]
        else:
            continue
        seen: set[tuple[str | int, ...]] = set()
        for there, named, value in within:
            if there in seen:
                raise ConfigError(f"{where}:{line + named.start_mark.line}: {there[-1]} is there twice")
            seen.add(there)
            yield there, line + named.start_mark.line
            stack.append((there, value))
