"""The document in sections, for every text form: said once here, rendered by Markdown, Jira, Slack and the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gather_diagnostics.document import answers, appendix, nextsteps
from gather_diagnostics.document.building import Building, says
from gather_diagnostics.document.clock import date_clock
from gather_diagnostics.document.firstscreen import first_screen
from gather_diagnostics.document.limits import Limits, cut_words, shortened
from gather_diagnostics.document.pieces import Block, Outline, Section

View = Mapping[str, Any]


def outline(document: View, limits: Limits) -> Outline:
    """Sections without anything to say are left out."""
    made = Building(document, limits)
    sections = []
    for name, (title, _, build) in SECTIONS.items():
        if blocks := tuple(build(made)):
            sections.append(Section(name, title, blocks))
    return Outline(
        f"{shortened(document['service'], 120)}: evidence of {date_clock(document['asked'])} UTC", tuple(sections)
    )


def summary(m: Building) -> Iterator[Block]:
    yield from first_screen(m.d, m.kept)
    if words := cut_words(m.d, m.limits):
        yield says(words)


SECTIONS: Mapping[str, tuple[str, tuple[str, ...], Callable[[Building], Iterator[Block]]]] = {
    "summary": (
        "",
        ("service", "asked", "demo", "interrupted", "description", "severity", "priority_actions"),
        summary,
    ),
    "act": ("What to do", ("response",), nextsteps.act),
    "when": ("When did it begin?", ("onset",), answers.when),
    "what": ("What is broken?", ("error_rate", "latency", "series", "log_patterns"), answers.what),
    "where": ("Where is it?", ("error_rate", "latency"), answers.where),
    "why": ("Why: which change?", ("changes", "none_probability", "stands_out", "verdict"), answers.why),
    "whys": ("Why, as far as evidence goes", ("response",), nextsteps.whys),
    "others": ("Also found", ("findings",), appendix.other),
    "runbooks": ("Runbooks", ("response", "runbooks"), nextsteps.runbooks),
    "timeline": ("Timeline", ("timeline", "timeline_omitted"), appendix.timeline),
    "evidence": ("Evidence", ("quotes",), appendix.evidence),
    "coverage": ("What was asked of whom", ("coverage",), appendix.coverage),
    "gaps": ("Gaps, and how to mend them", ("gaps",), appendix.gaps),
    "made": ("How this was made", ("tool", "windows", "tables", "redactions"), appendix.made),
}
"""Name, as `--section` takes it, to title, keys in evidence.json, and what builds it; in the order shown."""
