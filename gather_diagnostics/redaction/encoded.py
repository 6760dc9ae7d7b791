"""Secrets inside base64 (RFC 4648, either alphabet): found by what their words look like in it, proved by decoding."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator

from gather_diagnostics.redaction.spans import Span

KIND = "encoded"
_WORDS = (
    *("password", "PASSWORD", "passwd", "secret", "SECRET", "token", "TOKEN", "api_key", "API_KEY", "apiKey"),
    *("PRIVATE KEY", "://", "AKIA", "ASIA", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-"),
    *("k_live_", "k_test_", "AIza", "eyJ", "Bearer ", "Basic ", '"auth"', "AccountKey", "npm_", "SG."),
)


def _alignments(word: str) -> Iterator[str]:
    """The three ways in which a word can stand in base64: what does not depend on its neighbours."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + word.encode()).decode()
        first = -(-offset * 8 // 6)
        yield encoded[first : (offset + len(word)) * 8 // 6]


_NEEDLES = "|".join(dict.fromkeys(re.escape(a) for word in _WORDS for a in _alignments(word)))
NEEDS = _NEEDLES
_NEEDLE = re.compile(_NEEDLES, re.ASCII)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}", re.ASCII)
_DEEPEST = 2
"""Base64 of base64 is looked through, more is not: each layer is a third longer."""


def spans(text: str, find: Callable[[str], Iterable[Span]], depth: int = 0) -> Iterator[Span]:
    """Runs of base64 whose text `find` sees a secret in. A run goes as a whole."""
    for run in _RUN.finditer(text):
        if not _NEEDLE.search(run[0]):
            continue
        plain = _decoded(run[0])
        inner = [*find(plain), *(spans(plain, find, depth + 1) if depth < _DEEPEST else ())] if plain else []
        if inner:
            only = inner[0]
            is_whole = len(inner) == 1 and (only.start, only.end) == (0, len(plain.rstrip("\n")))
            yield Span(*run.span(), only.kind if is_whole else KIND, meaning=plain.rstrip("\n"))


def _decoded(run: str) -> str:
    """The text a run is base64 of, or nothing. A cut run loses its last few characters."""
    body = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        raw = base64.b64decode(body[: len(body) - (len(body) % 4 == 1)] + "=" * (-len(body) % 4 % 3), validate=True)
    except binascii.Error:
        return ""
    text = raw.decode("utf-8", "replace")
    odd = sum(not (c.isprintable() or c in "\n\r\t") or c == "�" for c in text)
    return text if text and odd * 20 <= len(text) else ""
