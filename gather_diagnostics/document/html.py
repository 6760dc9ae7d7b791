"""evidence.html: one file, no script, nothing loaded from anywhere; the content security policy says so too."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gather_diagnostics.document import brief, clock, impact
from gather_diagnostics.document.chart import TITLES, draw
from gather_diagnostics.document.escaping import cut, link, visible


def to_html(document: Mapping[str, Any]) -> str:
    """The page for what `view` returned."""
    css = _css()
    # Inserted text is escaped by Jinja; only what this module made itself is Markup.
    charts = [Markup(svg) for series in document["series"] if (svg := draw(document, series))]  # noqa: S704
    template = _environment().get_template("evidence.html.j2")
    return template.render(d=document, css=Markup(css), csp=_policy(css), charts=charts)  # noqa: S704


def _css() -> str:
    return (files("gather_diagnostics.document") / "templates" / "evidence.css").read_text(encoding="utf-8")


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gather_diagnostics.document"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"brief": brief, "impact": impact, "titles": TITLES, "link": link}
    environment.filters |= {
        "clock": clock.clock,
        "date_clock": clock.date_clock,
        "local": clock.local,
        "percent": brief.percent,
        "cut": cut,
        "lines": lambda text: visible(text, lines=True),
    }
    environment.globals["span"] = clock.span
    return environment


def _shown(value: Any) -> Any:
    """Every text that goes into the page passes here before it is escaped; Markup is ours already."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value, lines=True)
