"""Values beside a key whose name says secret: in JSON at any depth of escaping, YAML, logfmt, env, flags, XML, URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gather_diagnostics.redaction import patterns, quoting, values
from gather_diagnostics.redaction.spans import Span

_KEY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_LONGEST_PREFIX = 64
_BREAK = re.compile(r"\r?\n[ \t]{0,200}", re.ASCII)
_UNQUOTED = re.compile(r"[^\s\"'`;<]*", re.ASCII)
_ESCAPE = re.compile(r"\\{1,15}(?:[nrt\"'`]|u00[0-9a-fA-F])|%26", re.ASCII)
_NEXT_PAIR = re.compile(r"[&,][^=:&,\s\"']{1,64}[=:]", re.ASCII)
_BLOCK = re.compile(r"[|>][+-]?[ \t]{0,8}\r?\n", re.ASCII)
_BELOW = re.compile(
    r"[ \t]{0,8}\r?\n(?P<margin>[ \t]{1,200})(?P<value>[^\s:#-][^\s:]{2,511})[ \t]{0,8}(?:\r?\n|$)", re.ASCII
)
"""A YAML scalar on the line below its key: one word, indented deeper."""
_BLANKS = (" ", "\t")
_WORDS_AHEAD = re.compile(r"[ \t]{1,8}[A-Za-z0-9]", re.ASCII)
_CODE_GOES_ON = re.compile(r"[ \t]{1,4}[+%]|,[ \t]|\)[;:]?(?:$|[\r\n])", re.ASCII)
"""Behind the closing quote of 'password: ' in a program's source."""

_ALONE = frozenset({"token", "secret", "auth", "credential", "credentials", "cred", "creds", "pass", "pw"})
_STRONG_TOKENS = re.compile(
    r"(?:access|refresh|auth|api|id|session|bearer|security|bot|user|csrf|xsrf|oauth2?|jwt|personal|deploy|registry"
    r"|vault|github|gitlab|slack|npm|pypi|account|client|private|sas|db|admin)[_.-]?$",
    re.ASCII | re.IGNORECASE,
)
"""What makes a token a credential; others (page tokens, window tokens, parsers' tokens) have to look like one."""
_NAMING = re.compile(r"(?:pull|tls|image)[_.-]?$", re.ASCII | re.IGNORECASE)
"""imagePullSecret and its like name a secret and are none."""


class Key(NamedTuple):
    """A key's name as it stands before a value."""

    name: str
    word: str
    """Its last word in lower case."""
    start: int


def spans(text: str) -> Iterator[Span]:
    """Secrets found by their key, left to right."""
    position = 0
    while opener := patterns.OPENER.search(text, position):
        found = _span(text, opener)
        position = max(found.end, opener.end("word")) if found else opener.end("word")
        if found:
            yield found
    for pair in patterns.PAIR.finditer(text):
        if found := _paired(text, pair):
            yield found
    for suffixed in patterns.SUFFIXED.finditer(text):
        if values.is_random(suffixed["value"]) and not patterns.NO_SECRETS.match(suffixed["suffix"]):
            yield Span(*suffixed.span("value"), "secret")


def _paired(text: str, pair: re.Match[str]) -> Span | None:
    if pair["name"].lower() in patterns.HEADERS:
        quote = quoting.QUOTE.match(text, pair.end())
        start, end = quoting.inside(text, quote) if quote else _bare(text, pair.end())
        return (
            Span(start, end, "cookie" if "cookie" in pair["name"].lower() else "authorization") if end > start else None
        )
    key = named(pair["name"])
    return _value(text, pair.end(), key._replace(start=pair.start()), prose=False) if key else None


def named(name: str) -> Key | None:
    """The key of that name if it ends in a word for secrets, else None."""
    matches = [m for m in re.finditer(patterns.WORD, name, re.ASCII | re.IGNORECASE) if m.end() == len(name)]
    if not matches or not _is_word(name, matches[0].start()):
        return None
    return Key(name, matches[0][0].lower(), 0)


def kind(word: str) -> str:
    plain = re.sub(r"[-_. ]", "", word)
    return next((k for start, k in patterns.KINDS_OF_WORD.items() if start in plain), patterns.OTHER_KEY_KIND)


def context(
    key: Key, *, quoted: bool = False, prose: bool = False, spaced: bool = False, last: bool = True
) -> values.Context:
    return values.Context("strong" if _is_strong(key) else "weak", key.word, key.name, quoted, prose, spaced, last)


def _is_strong(key: Key) -> bool:
    prefix = key.name[: len(key.name) - len(key.word)]
    if key.word not in _ALONE:
        return True
    if not prefix.strip("_.-") or _NAMING.search(prefix):
        return False
    return key.word != "token" or bool(_STRONG_TOKENS.search(prefix)) or prefix.isupper()


def _is_word(name: str, start: int) -> bool:
    """'auth', 'pass' and 'pw' end many other words: 'oauth', 'bypass'. They count as words of their own only."""
    if start == 0 or name[start:].lower() not in ("auth", "pass", "pwd", "pw"):
        return True
    return name[start - 1] in "_.-" or (name[start - 1].islower() and name[start].isupper())


def _key(text: str, opener: re.Match[str]) -> Key | None:
    end, start = opener.end("word"), opener.start("word")
    floor = max(start - _LONGEST_PREFIX, 0)
    while start > floor and text[start - 1] in _KEY_CHARACTERS:
        start -= 1
    name = text[start:end]
    if not _is_word(name, opener.start("word") - start):
        return None
    return Key(name.lstrip("-"), opener["word"].lower(), start)


def _span(text: str, opener: re.Match[str]) -> Span | None:
    key = _key(text, opener)
    if key is None:
        return None
    if opener["sep"]:
        return _assigned(text, opener, key)
    if opener["tag"]:
        return _tagged(text, opener, key)
    if text.startswith("-", key.start):
        return _flagged(text, opener, key)
    return _listed(text, opener, key)


def _assigned(text: str, opener: re.Match[str], key: Key) -> Span | None:
    lead = opener[0][len(opener["word"]) :]
    is_spaced = opener["sep"] not in (":", "=>", "%3d", "%3D") and lead.startswith(_BLANKS) and lead.endswith(_BLANKS)
    is_prose = opener["sep"] == ":" and not opener["quote"] and lead.endswith(_BLANKS)
    # Pretty-printed JSON may break the line here; a YAML key without a value goes on with another key.
    line_break = _BREAK.match(text, opener.end()) if opener["quote"] else None
    at = line_break.end() if line_break else opener.end()
    found = _value(text, at, key, prose=is_prose, spaced=is_spaced)
    if found and opener["sep"] == ":" and _is_bare_number(text, opener, found):
        return found._replace(wrap=opener["quote"])
    return found


def _is_bare_number(text: str, opener: re.Match[str], found: Span) -> bool:
    return found.start == opener.end() and '"' in opener["quote"] and text[found.start : found.end].isdigit()


def _value(text: str, at: int, key: Key, *, prose: bool, spaced: bool = False) -> Span | None:
    if block := _BLOCK.match(text, at):
        return _indented(text, block.end(), key)
    if below := _BELOW.match(text, at):
        at = below.start("value") if _is_below(text, key, below) else at
    quote = quoting.QUOTE.match(text, at)
    if quote and _CODE_GOES_ON.match(text, quote.end()):
        return None
    start, end = quoting.inside(text, quote) if quote else _bare(text, at)
    found = context(
        key,
        quoted=quote is not None,
        prose=prose and quote is None,
        spaced=spaced,
        last=not _WORDS_AHEAD.match(text, end),
    )
    is_secret = end > start and values.is_secret(text[start : min(end, start + values.LONGEST_JUDGED + 1)], found)
    return Span(start, end, kind(key.word)) if is_secret else None


def _bare(text: str, at: int) -> tuple[int, int]:
    """An unquoted value: to the next blank, quote, ';', tag, escaped line end, or 'next=' after a comma or '&'."""
    end = _cut(text, at, min(at + values.LONGEST_JUDGED, len(text)))
    if end - at >= values.LONGEST_JUDGED:
        end = _cut(text, at, len(text))
    run = text[at:end].rstrip(",")
    while run and run[-1] in ")]}" and run.count(run[-1]) > run.count({")": "(", "]": "[", "}": "{"}[run[-1]]):
        run = run[:-1].rstrip(",")
    return at, at + len(run)


def _cut(text: str, at: int, limit: int) -> int:
    run = _UNQUOTED.match(text, at, limit)
    end = run.end() if run else at
    for stop in (_ESCAPE, _NEXT_PAIR):
        if found := stop.search(text, at, end):
            end = found.start()
    return end


def _is_below(text: str, key: Key, below: re.Match[str]) -> bool:
    line = text.rfind("\n", 0, key.start) + 1
    margin = len(text[line : key.start]) if text[line : key.start].strip(" \t-") == "" else len(text)
    return len(below["margin"]) > margin


def _indented(text: str, at: int, key: Key) -> Span | None:
    """A YAML block scalar: the lines that are indented deeper than the key, in a diff too."""
    margin = key.start - (text.rfind("\n", 0, key.start) + 1)
    end = at
    while end < len(text):
        line_end = text.find("\n", end)
        line = text[end : len(text) if line_end < 0 else line_end]
        if line.strip() and _indent(line) <= margin:
            break
        end += len(line) + 1
    body = text[at : min(end, len(text))]
    start, stop = at + len(body) - len(body.lstrip()), at + len(body.rstrip())
    return Span(start, stop, kind(key.word)) if stop > start else None


def _indent(line: str) -> int:
    rest = line[1:] if line[0] in "+-" else line
    return len(line) - len(rest.lstrip())


def _tagged(text: str, opener: re.Match[str], key: Key) -> Span | None:
    """<password>VALUE</password>"""
    if text[key.start - 1 : key.start] != "<":
        return None
    end = text.find("<", opener.end(), opener.end() + 65536)
    value = text[opener.end() : max(end, opener.end())][: values.LONGEST_JUDGED + 1]
    is_secret = end > 0 and values.is_secret(value, context(key, quoted=True))
    return Span(opener.end(), end, kind(key.word)) if is_secret else None


def _flagged(text: str, opener: re.Match[str], key: Key) -> Span | None:
    """--password VALUE, also as two elements of a list; help texts ('--password is required') are left alone."""
    return None if text.startswith("-", opener.end()) else _value(text, opener.end(), key, prose=False)


def _listed(text: str, opener: re.Match[str], key: Key) -> Span | None:
    """("password", "VALUE") and ALTER USER .. PASSWORD 'VALUE'; a list of field names is neither."""
    if "," in opener["gap"]:
        if not opener["quote"] or not quoting.QUOTE.match(text, opener.end()):
            return None
        found = _value(text, opener.end(), key, prose=False)
        return found if found and any(c.isdigit() for c in text[found.start : found.end]) else None
    if opener["quote"]:
        return None
    if not key.word.startswith(("passw", "passphrase")):
        quote = quoting.QUOTE.match(text, opener.end()) if key.word.endswith("key") else None
        return _value(text, opener.end(), key, prose=False) if quote else None
    if text.startswith(("'", '"'), opener.end()):
        return _value(text, opener.end(), key, prose=False)
    return _said(text, opener, key)


def _said(text: str, opener: re.Match[str], key: Key) -> Span | None:
    """'the password is VALUE', `machine HOST login USER password VALUE`: only what looks like a secret."""
    said = patterns.SAID.match(text, opener.end())
    start, end = _bare(text, said.end() if said else opener.end())
    value = text[start:end].rstrip(".:!?")
    judged = context(key, prose=True)
    is_secret = values.is_word_with_digits(value) and values.is_secret(value, judged)
    return Span(start, start + len(value), kind(key.word)) if is_secret else None
