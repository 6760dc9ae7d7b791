"""Secrets that are known by their own looks: vendors' tokens, headers, cookies, PEM blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gather_diagnostics.redaction import checks, patterns, rules
from gather_diagnostics.redaction.spans import Span

_ATTRIBUTES = ("expires=", "path=", "domain=", "max-age=", "samesite=")


def spans(text: str, chosen: Sequence[rules.Rule]) -> Iterator[Span]:
    """What the rules take, then cookies and PEM blocks; spans may overlap."""
    lowered = text.lower()
    hinted = [rule for rule in chosen for hint in rule.hints if hint in lowered]
    for rule in dict.fromkeys(hinted):
        yield from spans_of(text, rule)
    if "cookie" in lowered:
        yield from _cookies(text)
    if patterns.PEM_WORDS in text:
        yield from _pem_blocks(text)
    yield from _putty_keys(text)


def spans_of(text: str, rule: rules.Rule) -> Iterator[Span]:
    """What one rule takes."""
    for match in rule.compiled().finditer(text):
        if rule.check is None or rule.check(match):
            yield Span(*match.span(checks.match_group(match)), rule.kind)


def _cookies(text: str) -> Iterator[Span]:
    """Every value of a Cookie header, the first of a Set-Cookie header: names and attributes are no secrets."""
    for header in patterns.COOKIE.finditer(text):
        position = header.end()
        while pair := patterns.COOKIE_PAIR.match(text, position):
            if not pair[0].strip().lower().startswith(_ATTRIBUTES) and not patterns.PLACEHOLDER.match(pair["secret"]):
                yield Span(*pair.span("secret"), "cookie")
            position = pair.end()
            if header["set"] or not pair["more"]:
                break


def _pem_blocks(text: str) -> Iterator[Span]:
    """From BEGIN to END, its lines escaped or not. A block that was cut goes to the end of the text."""
    position = 0
    while begin := patterns.PEM_BEGIN.search(text, position):
        end = text.find(patterns.PEM_END, begin.end())
        close = text.find("-----", end + len(patterns.PEM_END)) if end >= 0 else -1
        position = close + 5 if close >= 0 else len(text)
        yield Span(begin.start(), position, "private-key")


def _putty_keys(text: str) -> Iterator[Span]:
    position = 0
    while begin := patterns.PUTTY_BEGIN.search(text, position):
        end = text.find(patterns.PUTTY_END, begin.end())
        position = end if end >= 0 else len(text)
        yield Span(begin.end(), position, "private-key")
