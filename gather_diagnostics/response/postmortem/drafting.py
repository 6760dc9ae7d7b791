"""The draft of a post-mortem: its values, and the Markdown that a template makes of them. Pure but for the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from gather_diagnostics.document.clock import span
from gather_diagnostics.document.markdown import MOST
from gather_diagnostics.response.postmortem.accounts import Account, Incident
from gather_diagnostics.response.postmortem.actions import Action, actions
from gather_diagnostics.response.postmortem.causes import Cause, Chain, causes, chains
from gather_diagnostics.response.postmortem.citing import LADDER, NOTHING, Citing, Limits, Markdown, Quote, clock
from gather_diagnostics.response.postmortem.impact import Measure, impact, overlaps
from gather_diagnostics.response.postmortem.looking_back import lessons, poorly, well
from gather_diagnostics.response.postmortem.moments import Moment, duration, moments
from gather_diagnostics.response.postmortem.names import Names, names
from gather_diagnostics.response.postmortem.summing_up import Severity, severity, summary, title
from gather_diagnostics.response.postmortem.timeline import Timeline, timeline
from gather_diagnostics.response.updates.rendering import LONGEST, render

TEMPLATE = "postmortem.md.j2"
_ROOM = 0.8
"""Share of what a template may make that the values may have; its own words need the rest."""


@dataclass(frozen=True, slots=True)
class Bundle:
    label: Markdown
    """'B1'."""
    name: Markdown
    service: Markdown
    asked: Markdown
    window: Markdown
    severity: Markdown
    """What its evidence calls for."""
    shows: Markdown
    """'nothing wrong', or since when."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a template may use. Every text is Markdown in one line: fetched text in it is escaped, for cells as well."""

    title: Markdown
    demo: Markdown
    """Says so where the evidence is staged; else empty."""
    tool: Markdown
    services: Markdown
    severity: Severity
    duration: Markdown
    summary: tuple[Markdown, ...]
    impact: tuple[Measure, ...]
    overlaps: bool
    """Several bundles tell of one service: their numbers must not be added up."""
    moments: tuple[Moment, ...]
    causes: tuple[Cause, ...]
    services_omitted: int
    """Whose causes are left out for want of room."""
    whys: tuple[Chain, ...]
    well: tuple[Markdown, ...]
    poorly: tuple[Markdown, ...]
    actions: tuple[Action, ...]
    lessons: tuple[Markdown, ...]
    timeline: Timeline
    bundles: tuple[Bundle, ...]
    several: bool
    quotes: tuple[Quote, ...]
    """The rows that the figures above rest on."""


def written(incident: Incident, folder: str, *, typed_title: str = "", typed_severity: str = "") -> str:
    """The draft as Markdown that fits an issue (65,536 characters), by `postmortem.md.j2` of `folder` or the shipped.

    What is longer is told in less and less detail. Raises ConfigError for a template that can't be used, InputError
    for a severity that no scheme has.
    """
    known = names(a.evidence for a in incident.accounts)
    text = ""
    for limits in LADDER:
        values = asdict(draft(incident, known, limits, typed_title, typed_severity))
        if _size(values) > LONGEST * _ROOM and limits is not LADDER[-1]:
            continue
        text = _rendered(values, folder)
        if len(text) <= MOST:
            break
    return text


def draft(incident: Incident, known: Names, limits: Limits, typed_title: str, typed_severity: str) -> Draft:
    """`known`: whose names are left out."""
    citing = Citing(known, incident.is_several, limits)
    tool = incident.first.document["tool"]
    demo = " ".join(dict.fromkeys(a.evidence.demo for a in incident.accounts if a.evidence.demo))
    # In order of importance: where room for quoted rows is short, what is built first has it.
    return Draft(
        title=title(incident, typed_title, citing),
        demo=citing.text(demo) if demo else NOTHING,
        tool=citing.text(f"{tool['name']} {tool['version']}"),
        services=citing.text(", ".join(incident.services)),
        severity=severity(incident, typed_severity, citing),
        duration=duration(incident),
        summary=tuple(summary(incident, citing)),
        impact=tuple(impact(incident, citing)),
        overlaps=overlaps(incident),
        moments=tuple(moments(incident, citing)),
        causes=tuple(causes(incident, citing)),
        services_omitted=max(0, len(incident.leading) - limits.entries),
        whys=tuple(chains(incident, citing)),
        well=tuple(well(incident, citing)),
        poorly=tuple(poorly(incident, citing)),
        actions=tuple(actions(incident, citing)),
        lessons=tuple(lessons(incident)),
        timeline=timeline(incident, citing),
        bundles=tuple(_bundle(a, citing) for a in incident.accounts),
        several=incident.is_several,
        quotes=tuple(citing.quotes()),
    )


def _bundle(account: Account, citing: Citing) -> Bundle:
    window = account.document["windows"]["incident"]
    earlier = ", or earlier" if account.is_under_way else ""
    shows = f"since {clock(account.began)} UTC{earlier}" if account.began else "no onset"
    return Bundle(
        label=Markdown(account.label),
        name=citing.code(account.name, cell=True),
        service=citing.text(account.service),
        asked=clock(account.evidence.request.asked),
        window=Markdown(span(window["start"], window["end"])),
        severity=citing.text(account.response["severity"]["proposed"] or "none"),
        shows=Markdown(shows if account.is_wrong else "nothing outside its baseline"),
    )


def _rendered(values: Mapping[str, Any], folder: str) -> str:
    """A folder that is there and has no such template leaves the shipped one."""
    if folder and (not Path(folder).is_dir() or (Path(folder) / TEMPLATE).exists()):
        return render(TEMPLATE, values, folder)
    with as_file(files(__package__) / "templates") as shipped:
        return render(TEMPLATE, values, str(shipped))


def _size(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(map(_size, value.values()))
        case tuple() | list():
            return sum(map(_size, value))
    return 0
