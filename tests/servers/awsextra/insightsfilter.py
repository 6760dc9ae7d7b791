"""Logs Insights' tokens, and the conditions after `filter`: and, or, not, like, =~, in, ispresent, comparisons.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Filter.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from servers.awsextra.insightsrows import Row
from servers.awsextra.wire import AwsError

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<regex>/(?:[^/\\]|\\.)+/i?)
    |(?P<mark>=~|!=|>=|<=|[|(),=<>*\[\]])|(?P<name>`[^`]+`|[@\w-][\w.@-]*)""",
    re.VERBOSE,
)
Test = Callable[[Row], bool]


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


def malformed(why: str) -> AwsError:
    return AwsError("MalformedQueryException", f"unexpected symbol found: {why}")


def _tokens(text: str) -> list[Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise malformed(f"{text[at : at + 20]} at position {at}")
        if match.lastgroup:
            found.append(Token(match.lastgroup, match[0], at, match.end()))
        at = match.end()
    return found


class Conditions:
    """Recursive descent over the tokens; or binds loosest."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, _tokens(text), 0

    def condition(self) -> Test:
        tests = [self.conjunction()]
        while self.take("or"):
            tests.append(self.conjunction())
        return lambda row: any(test(row) for test in tests)

    def conjunction(self) -> Test:
        tests = [self.negation()]
        while self.take("and"):
            tests.append(self.negation())
        return lambda row: all(test(row) for test in tests)

    def negation(self) -> Test:
        if self.take("not"):
            test = self.negation()
            return lambda row: not test(row)
        if self.take("("):
            test = self.condition()
            self.expect(")")
            return test
        return self.comparison()

    def comparison(self) -> Test:
        name = self.word()
        if name.lower() == "ispresent":
            self.expect("(")
            name = self.word()
            self.expect(")")
            return lambda row: row.get(name) is not None
        if name == "toMillis":
            # Times are milliseconds here anyway.
            self.expect("(")
            name = self.word()
            self.expect(")")
        if self.take("not"):
            test = self.comparing(name, self.next())
            return lambda row: not test(row)
        return self.comparing(name, self.next())

    def comparing(self, name: str, verb: Token) -> Test:
        match verb.text.lower():
            case "like" | "=~":
                compiled = _like(self.next())
                return lambda row: compiled.search(str(row.get(name, ""))) is not None
            case "in":
                self.expect("[")
                values = [self.value()]
                while self.take(","):
                    values.append(self.value())
                self.expect("]")
                return lambda row: any(_same(row.get(name), value) for value in values)
            case "=":
                value = self.value()
                return lambda row: _same(row.get(name), value)
            case "!=":
                value = self.value()
                return lambda row: not _same(row.get(name), value)
            case "<" | ">" | "<=" | ">=" as sign:
                limit = float(self.value())
                return lambda row: (found := number(row.get(name))) is not None and _ordered(found, sign, limit)
        raise malformed(verb.text)

    # Tokens

    def value(self) -> str:
        token = self.next()
        return unquoted(token.text) if token.kind == "string" else token.text

    def word(self) -> str:
        token = self.next()
        if token.kind != "name":
            raise malformed(token.text)
        return token.text.strip("`")

    def peek(self) -> Token:
        if self.at >= len(self.tokens):
            raise malformed("the end of the query")
        return self.tokens[self.at]

    def next(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def take(self, text: str) -> bool:
        taken = self.at < len(self.tokens) and self.tokens[self.at].text.lower() == text
        self.at += taken
        return taken

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise malformed(f"{self.peek().text} where {text} should stand")


def unquoted(text: str) -> str:
    """A string without its quotes and escapes."""
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def regex(text: str) -> re.Pattern[str]:
    """/.../ or /.../i. Raises AwsError for one that does not compile."""
    body, _, flags = text[1:].rpartition("/")
    try:
        # Insights names groups as (?<name>...), Python as (?P<name>...).
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", body), re.IGNORECASE if flags else 0)
    except re.error as error:
        raise malformed(f"{text}: {error}") from error


def _like(token: Token) -> re.Pattern[str]:
    if token.kind == "string":
        return re.compile(re.escape(unquoted(token.text)))
    if token.kind == "regex":
        return regex(token.text)
    raise malformed(token.text)


def number(value: Any) -> float | None:
    """None for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _same(found: Any, value: str) -> bool:
    left, right = number(found), number(value)
    if left is not None and right is not None:
        return left == right
    return found is not None and str(found) == value


def _ordered(found: float, sign: str, limit: float) -> bool:
    return {"<": found < limit, ">": found > limit, "<=": found <= limit, ">=": found >= limit}[sign]
