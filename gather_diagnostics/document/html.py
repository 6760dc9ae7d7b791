"""evidence.html: one file, nothing loaded from anywhere; its content security policy lets nothing act but its own style
sheet and script, by their hashes. Without the script only sorting, filtering and copying are gone."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from gather_diagnostics.document import brief, clock, impact
from gather_diagnostics.document.chart import TITLES, draw, lanes, sparkline
from gather_diagnostics.document.clock import when
from gather_diagnostics.document.escaping import cut, link, visible
from gather_diagnostics.document.nextsteps import escalation

View = Mapping[str, Any]
_RANKS = {name: place for place, name in enumerate(("critical", "high", "medium", "low", "info"))}


def to_html(document: View) -> str:
    """The page for what `view` returned."""
    css, script = _part("evidence.css"), _part("evidence.js")
    charts = [_made(svg) for series in document["series"] if (svg := draw(document, series))]
    return template().render(
        d=document, css=_made(css), script=_made(script), csp=_policy(css, script), charts=charts,
        lanes=_made(lanes(document)),
    )  # fmt: skip


def warm() -> None:
    """Read and compile what the page is made of."""
    template(), _part("evidence.css"), _part("evidence.js")


@functools.cache
def template() -> Template:
    """The page's template, compiled."""
    return _environment().get_template("evidence.html.j2")


@functools.cache
def _part(name: str) -> str:
    return (files("gather_diagnostics.document") / "templates" / name).read_text(encoding="utf-8")


def _made(text: str) -> Markup:
    """What this package made itself; every other text is escaped by Jinja."""
    return Markup(text)  # noqa: S704


def _policy(css: str, script: str) -> str:
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{digest(css)}'; script-src 'sha256-{digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def short(finding: View) -> str:
    """The headline for the first screen: of a stack frame only what failed, where, how often; the rest is below."""
    details = finding["details"]
    frame, name = details.get("frame"), details.get("exception")
    if finding["question"] != "stack_frames" or not isinstance(frame, Mapping) or not name or "count" not in details:
        return cut(str(finding["headline"]), 220)
    new = " (new)" if details.get("state") == "new" else ""
    place = f"{PurePosixPath(str(frame.get('path') or '')).name}:{frame.get('line')}"
    function = cut(str(frame.get("function")), 40)
    return f"{cut(str(name), 60)} in {function} ({cut(place, 60)}): {details['count']:,} times{new}."


def changed(document: View) -> str:
    """What changed: how many changes came in, and which of those ranked took effect last before the onset."""
    seen, window = document["changes_seen"], document["windows"]["changes"]
    if not seen:
        return ""
    words = f"{seen:,} change{'s' if seen != 1 else ''} came in since {clock.date_clock(window['start'])} UTC"
    onset = when(document["onset"]["time"]) if document["onset"] else None
    before = [
        (time, change)
        for change in document["changes"]
        if onset and (time := when(change["effective"]) or when(change["time"])) and time <= onset
    ]
    if not before:
        return f"{words}."
    time, last = max(before, key=lambda found: found[0])
    return f"{words}; the last before it began: {last['kind']} {cut(str(last['summary']), 40)}, {time:%H:%M:%S} UTC."


def first_steps(document: View) -> list[View]:
    """The first four things to do; empty where nothing is wrong and nothing is missing."""
    return list(document["priority_actions"][:4])


def others(document: View) -> list[View]:
    """Findings that have no section of their own, the worst first."""
    own = ("onset", "changes", "latency", "error_rate")
    found = [f for f in document["findings"] if f["question"] not in own]
    return sorted(found, key=lambda f: _RANKS.get(f["severity"], len(_RANKS)))


def person(author: str) -> str:
    """'Amara Okafor' of 'Amara Okafor <amara@shop.example>'."""
    name, bracket, _ = author.partition(" <")
    return name if bracket else author


_HASH = re.compile(r"\b[0-9a-f]{40}\b")


def hashes(text: str) -> str:
    """Text in which commits have ten digits: what stands in a table is read, not copied."""
    return _HASH.sub(lambda match: brief.revision(match[0]), text)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gather_diagnostics.document"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "brief": brief, "impact": impact, "titles": TITLES, "link": link, "span": clock.span, "short": short,
        "changed": changed, "first_steps": first_steps, "others": others, "escalation": escalation,
        "spark": lambda document, name: _made(sparkline(document, name)),
    }  # fmt: skip
    environment.filters |= {
        "clock": clock.clock,
        "date_clock": clock.date_clock,
        "local": clock.local,
        "percent": brief.percent,
        "cut": cut,
        "hashes": hashes,
        "person": person,
        # What a button copies has no line break: a shell would run the first line at once.
        "copied": lambda text: visible(str(text)),
    }
    return environment


def _shown(value: Any) -> Any:
    """Every text that goes into the page passes here before it is escaped; Markup is ours already."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value, lines=True)
