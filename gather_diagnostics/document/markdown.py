"""evidence.md: GitHub flavoured Markdown that fits an issue's or a chat's limit.

The template's own text is Markdown; whatever it inserts is escaped by Markdown's rules, unless a filter here made
Markdown of it. Jinja's `Markup` carries that difference: it is what its autoescape leaves alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gather_diagnostics.document import brief, clock, impact
from gather_diagnostics.document.clock import when
from gather_diagnostics.document.escaping import (
    cut,
    link,
    markdown_cell,
    markdown_code,
    markdown_link,
    markdown_text,
)

View = Mapping[str, Any]

_EVER = datetime.max.replace(tzinfo=UTC)
MOST = 65_536
"""Characters of an issue's body on GitHub."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of each part is shown; the least important shrink first."""

    quotes: int = 120
    timeline: int = 80
    candidates: int = 8
    gaps: int = 40
    others: int = 40
    text: int = 400
    """Characters of one inserted text."""


STEPS = (
    Limits(),
    Limits(quotes=60, timeline=60, text=300),
    Limits(quotes=20, timeline=40, candidates=5, gaps=20, others=20, text=200),
    Limits(quotes=0, timeline=20, candidates=3, gaps=10, others=10, text=160),
    Limits(quotes=0, timeline=0, candidates=2, gaps=5, others=5, text=80),
)


def to_markdown(document: View) -> str:
    """The document in at most 65,536 characters; says what was cut."""
    text = ""
    for limits in STEPS:
        text = _render(document, limits)
        if len(text) <= MOST:
            return text
    note = "\n\nThe rest was cut: see evidence.html in the bundle.\n"
    return text[: text.rindex("\n", 0, MOST - len(note))] + note


def _render(document: View, limits: Limits) -> str:
    return _environment(limits).get_template("evidence.md.j2").render(d=document, limits=limits)


@functools.cache
def _environment(limits: Limits) -> Environment:
    environment = Environment(
        loader=PackageLoader("gather_diagnostics.document"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=functools.partial(_shown, limits.text),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"brief": brief, "impact": impact, "span": clock.span, "sources": _sources}
    environment.filters |= {
        "clock": clock.clock,
        "date_clock": clock.date_clock,
        "local": clock.local,
        "percent": brief.percent,
        "near": near,
        "made": _made,  # for the template's own words only
        "cell": lambda text: _made(markdown_cell(cut(_text(text), limits.text))),
        "code": lambda text: _made(markdown_code(cut(_text(text), limits.text))),
        "codecell": lambda text: _made(markdown_code(cut(_text(text), limits.text), cell=True)),
        "reference": _reference,
        "url": lambda url: _made(f" ({markdown_link('link', url)})" if link(url) else ""),
        "evidence": lambda supports, document: _evidence(document, supports, limits),
    }
    return environment


def near(timeline: Sequence[View], onset: View | None, most: int) -> list[View]:
    """The entries nearest the onset (the latest without one), still in order."""
    centre = when(onset["time"]) if onset else None
    far = {id(e): abs(((when(e["time"]) or _EVER) - (centre or _EVER)).total_seconds()) for e in timeline}
    kept = {id(e) for e in sorted(timeline, key=lambda e: far[id(e)])[:most]}
    return [e for e in timeline if id(e) in kept]


def _reference(ref: str) -> Markup:
    """A row's `ref`: a link where it leads somewhere, else code."""
    return _made(markdown_link(markdown_code(cut(ref, 120)), ref))


def _made(text: str) -> Markup:
    """Markdown that was escaped here or is the template's own, so that it is inserted as it is."""
    return Markup(text)  # noqa: S704


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _shown(most: int, value: object) -> Markup:
    """Every inserted value passes here before autoescape, which then finds nothing left to do."""
    return value if isinstance(value, Markup) else _made(markdown_text(cut(_text(value), 3 * most)))


def _evidence(document: View, supports: Any, limits: Limits) -> Markup:
    """' ([logs 12](#logs-12), ...)' for the rows that the appendix quotes; plain words where it was cut."""
    kept = {f"{q['table']}-{q['row']}" for q in document["quotes"][: limits.quotes]}
    links = brief.evidence_links(document, supports)
    words = [f"[{name}](#{anchor})" if anchor in kept else name for anchor, name in links]
    return _made(f" ({', '.join(words)})" if words else "")


def _sources(document: View) -> Markup:
    """The coverage strip: one line that says of every source whether it was seen."""
    marks = {"complete": "✅", "partial": "⚠️", "failed": "❌"}
    parts = []
    for covered in (c for c in document["coverage"] if c["status"] != "not_used"):
        rows = brief.rows_words(covered)
        state = markdown_text(brief.source_state(covered) + (f": {rows}" if rows else ""))
        mark = marks.get(covered["status"], "▫️") if rows or covered["status"] != "complete" else "▫️"
        parts.append(f"{mark} **{markdown_text(covered['source'])}** {state}")
    if names := brief.idle(document):
        parts.append(f"▫️ not in use: {markdown_text(names)}")
    return _made(" · ".join(parts) or "No source was asked.")
