"""Filter patterns of CloudWatch Logs: a pattern to a predicate over messages.

Terms (all), ?optional terms (any), -excluded ones, "phrases", %regex%, and { $.json = "..." } with && || and
parentheses. Others, such as [columns], are refused rather than guessed.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from collections.abc import Callable
from typing import Any

from servers.awsextra.wire import AwsError

Predicate = Callable[[str], bool]

_WORD = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"%]+))')
_TOKEN = re.compile(r'\s*(\$[\w.\[\]"\'*@-]+|"(?:[^"\\]|\\.)*"|%[^%]+%|&&|\|\||[()]|!=|>=|<=|=|>|<|[^\s()=<>!&|]+)')
_COMPARE = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
_ABSENT = object()


def predicate(pattern: str | None) -> Predicate:
    """Raises AwsError('InvalidParameterException') for a pattern that is not understood."""
    text = (pattern or "").strip()
    if text in ("", '""'):
        return lambda message: True
    if text.startswith("{"):
        return _json(text)
    if text.startswith("["):
        raise _invalid("patterns of columns are not supported by this server")
    return _words(text)


def _invalid(why: str) -> AwsError:
    return AwsError("InvalidParameterException", f"Invalid filter pattern: {why}")


def _words(text: str) -> Predicate:
    wanted: dict[str, list[Predicate]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(text.rstrip()):
        found = _WORD.match(text, at)
        if not found:
            raise _invalid(text[at:])
        at = found.end()
        wanted[found[1]].append(_regex(found[3]) if found[3] else _contains(found[2] or found[4]))
    required, optional, excluded = wanted[""], wanted["?"], wanted["-"]

    def matches(message: str) -> bool:
        if any(p(message) for p in excluded) or not all(p(message) for p in required):
            return False
        # Beside other terms, AWS ignores the optional ones.
        return bool(required or excluded) or any(p(message) for p in optional)

    return matches


def _contains(term: str) -> Predicate:
    plain = term.replace('\\"', '"')
    return lambda message: plain in message


def _regex(text: str) -> Predicate:
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise _invalid(f"%{text}%: {error}") from error
    return lambda message: compiled.search(message) is not None


def _json(text: str) -> Predicate:
    if not text.endswith("}"):
        raise _invalid(text)
    inner = text[1:-1].strip()
    tokens = [match[1] for match in _TOKEN.finditer(inner)]
    if "".join(tokens) != re.sub(r"\s+", "", inner) and '"' not in inner:
        raise _invalid(text)
    test = _Condition(tokens).whole()

    def matches(message: str) -> bool:
        try:
            return test(json.loads(message))
        except ValueError:
            return False

    return matches


class _Condition:
    """Recursive descent; && binds closer than ||."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def whole(self) -> Callable[[Any], bool]:
        test = self._or()
        if self.at != len(self.tokens):
            raise _invalid(" ".join(self.tokens[self.at :]))
        return test

    def _or(self) -> Callable[[Any], bool]:
        tests = [self._and()]
        while self._take("||"):
            tests.append(self._and())
        return lambda data: any(test(data) for test in tests)

    def _and(self) -> Callable[[Any], bool]:
        tests = [self._one()]
        while self._take("&&"):
            tests.append(self._one())
        return lambda data: all(test(data) for test in tests)

    def _one(self) -> Callable[[Any], bool]:
        if self._take("("):
            test = self._or()
            if not self._take(")"):
                raise _invalid("a parenthesis is open")
            return test
        selector, verb, value = [*self.tokens[self.at : self.at + 3], "", "", ""][:3]
        if not selector.startswith("$") or not value:
            raise _invalid(" ".join(self.tokens[self.at :]))
        self.at += 3
        return _comparison(selector, verb.upper(), value)

    def _take(self, token: str) -> bool:
        taken = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += taken
        return taken


def _comparison(selector: str, verb: str, value: str) -> Callable[[Any], bool]:
    match verb:
        case "NOT" if value.upper() == "EXISTS":
            return lambda data: _select(data, selector) is _ABSENT
        case "IS" if value.upper() in ("NULL", "TRUE", "FALSE"):
            constant = {"NULL": None, "TRUE": True, "FALSE": False}[value.upper()]
            return lambda data: _select(data, selector) is constant
        case "=":
            return lambda data: _equal(_select(data, selector), value)
        case "!=":
            return lambda data: (found := _select(data, selector)) is not _ABSENT and not _equal(found, value)
        case ">" | "<" | ">=" | "<=":
            limit = float(value)
            return lambda data: (
                isinstance(found := _select(data, selector), int | float) and _COMPARE[verb](found, limit)
            )
    raise _invalid(f"{selector} {verb} {value}")


def _select(data: Any, selector: str) -> Any:
    for name, index in re.findall(r"\.([\w@-]+)|\[(\d+)\]", selector):
        if name and isinstance(data, dict) and name in data:
            data = data[name]
        elif index and isinstance(data, list) and int(index) < len(data):
            data = data[int(index)]
        else:
            return _ABSENT
    return data


def _equal(found: Any, value: str) -> bool:
    if found is _ABSENT or found is None:
        return False
    if value.startswith("%"):
        return re.search(value[1:-1], str(found)) is not None
    text = value[1:-1].replace('\\"', '"') if value.startswith('"') else value
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return found == float(text)
        except ValueError:
            return False
    return fnmatch.fnmatchcase(str(found), text.replace("[", "[[]").replace("?", "[?]"))
