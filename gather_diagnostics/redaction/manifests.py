"""Values of Kubernetes Secrets in printed manifests: JSON at any depth of escaping, and YAML.

What `data` holds is base64 under keys of any name, so neither the key nor its looks give it away. Where one document
lists a Secret among other objects, their `data` goes too: too much is better than too little here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import pairwise

from gather_diagnostics.redaction import quoting, values
from gather_diagnostics.redaction.spans import Span

KIND = "kubernetes-secret"
NEEDS = r"(?i:kind[\\\"']*[ \t]*:[ \t]*[\\\"']*secret)(?:[^A-Za-z0-9]|$)"
_SECRET = re.compile(
    r"(?i:kind)(?:\\{0,15}[\"'])?[ \t]{0,8}:[ \t]{0,8}(?:\\{0,15}[\"'])?(?i:secret)(?:[^A-Za-z0-9]|$)", re.ASCII
)
_DIVIDER = re.compile(r"(?m:^---)", re.ASCII)
_JSON_MAP = re.compile(r"\\{0,15}\"(?:data|stringData)\\{0,15}\"[ \t]{0,8}:[ \t]{0,8}\{", re.ASCII)
_JSON_NAME = re.compile(
    r"[\s,]{0,200}(?:\\{1,15}[nrt][ \t]{0,200}){0,2}\\{0,15}\"[^\"\\]{1,253}\\{0,15}\"[ \t]{0,8}:\s{0,8}", re.ASCII
)
_YAML_MAP = re.compile(r"(?m:^(?P<margin>[ \t+-]{0,64})[\"']?(?:data|stringData)[\"']?:[ \t]{0,8}\r?$)", re.ASCII)
_YAML_LINE = re.compile(r"(?P<margin>[ \t+-]{0,64})(?:[\"']?[A-Za-z0-9_.-]{1,253}[\"']?:[ \t]{1,8})?", re.ASCII)
_BLOCK = re.compile(r"[|>][+-]?[0-9]?", re.ASCII)


def spans(text: str) -> Iterator[Span]:
    """Every value below `data` and `stringData` of a document that is a Secret, left to right."""
    if "ecret" not in text and "ECRET" not in text:
        return
    cuts = [0, *(divider.start() for divider in _DIVIDER.finditer(text)), len(text)]
    for start, end in pairwise(cuts):
        document = text[start:end]
        if _SECRET.search(document):
            for span in (*_in_json(document), *_in_yaml(document)):
                yield span._replace(start=span.start + start, end=span.end + start)


def meaning(value: str) -> str:
    """The text that a value is base64 of; the value itself where it is none."""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8") or value
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return value


def _in_json(text: str) -> Iterator[Span]:
    for opener in _JSON_MAP.finditer(text):
        at = opener.end()
        while name := _JSON_NAME.match(text, at):
            quote = quoting.QUOTE.match(text, name.end())
            if not quote:
                break
            start, end = quoting.inside(text, quote)
            yield from _span(text, start, end)
            at = end + len(quote[1]) + 1


def _in_yaml(text: str) -> Iterator[Span]:
    for opener in _YAML_MAP.finditer(text):
        at = opener.end() + 1
        while at < len(text):
            line_end = text.find("\n", at)
            line_end = len(text) if line_end < 0 else line_end
            line = _YAML_LINE.match(text, at, line_end)
            is_blank = not text[at:line_end].strip()
            if line is None or (not is_blank and len(line["margin"]) <= len(opener["margin"])):
                break
            if not is_blank:
                yield from _scalar(text, line.end(), line_end)
            at = line_end + 1


def _scalar(text: str, start: int, end: int) -> Iterator[Span]:
    """What a line holds behind its key; a line without one is part of a block or a folded scalar."""
    value = text[start:end].rstrip().rstrip("\"'")
    lead = len(value) - len(value.lstrip("\"'"))
    if not _BLOCK.fullmatch(value) and not value.startswith("#") and not value.endswith(":"):
        yield from _span(text, start + lead, start + len(value))


def _span(text: str, start: int, end: int) -> Iterator[Span]:
    value = text[start:end]
    if value and not values.is_mask(value):
        yield Span(start, end, KIND, meaning=meaning(value))
