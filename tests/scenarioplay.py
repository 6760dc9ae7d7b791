"""Plays a scenario through the real pipe and holds the bundle against what was expected."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from scenarioform import Expect, Runbooks, Scenario, Wanted
from scenarioworld import build

from gather_diagnostics import config, pipeline, runner
from gather_diagnostics.cli.asking import build_request
from gather_diagnostics.response.runbooks import library
from gather_diagnostics.response.runbooks.comparing import value_at
from gather_diagnostics.response.runbooks.conditions import clauses, holds
from gather_diagnostics.response.runbooks.matching import match
from gather_diagnostics.response.runbooks.model import Runbook


@dataclass(frozen=True)
class Played:
    """A bundle, and the moment that the scenario's times are relative to (UTC)."""

    bundle: Path
    document: Mapping[str, Any]
    """Of the bundle's evidence.json."""
    exit_code: int
    zero: datetime


def play(scenario: Scenario, folder: Path, end: datetime) -> Played:
    """From files to a bundle, by the core's own modules; the clock stands at `end` (UTC)."""
    settings = config.read(build(scenario, folder, end))
    length = f"{int(scenario.window.total_seconds())}s"
    request = build_request(settings, scenario.service, since=length, now=end)
    # Sources without a setting would look around on this machine, and git would find the checkout the tests run in.
    configured = settings.service(scenario.service).sources
    sources = runner.load_sources(settings, scenario.service, configured)
    delivered = pipeline.investigate(request, sources, folder)
    document = json.loads((delivered.folder / "evidence.json").read_text())
    return Played(delivered.folder, document, delivered.exit_code, end - scenario.zero)


def complaints(expect: Expect, played: Played) -> Iterator[str]:
    """What differs from what was expected, each in one sentence."""
    document = played.document
    yield from _onset(expect, document["onset"], played.zero)
    yield from _suspect(expect, document)
    yield from _missing(expect.findings, document["findings"])
    yield from _unwanted(expect.absent, document["findings"])
    for condition in expect.document:
        if not _fulfilled(condition, document):
            yield f"evidence.json: not {condition}: {_value(condition, document)!r}"
    yield from _runbooks(expect.runbooks, document)
    if expect.exit != played.exit_code:
        yield f"exit code {played.exit_code}, not {expect.exit}: {document['gaps']}"


def broken(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Gaps that are bugs of ours: an analyzer or a collector that raised."""
    return [gap for gap in document["gaps"] if gap["cause"] == "failed"]


def _onset(expect: Expect, onset: Mapping[str, Any], zero: datetime) -> Iterator[str]:
    if expect.onset == "any":
        return
    found = datetime.fromisoformat(onset["time"]) if onset["time"] else None
    if expect.onset == "none":
        if found:
            yield f"there is an onset: {onset['headline']}"
    elif found is None:
        yield f"there is no onset: {onset['headline']}"
    elif abs(found - (zero + expect.onset)) > expect.within:
        off = (found - zero - expect.onset) / timedelta(seconds=1)
        yield f"the onset is {off:+.0f} s off: {onset['headline']}"


def _suspect(expect: Expect, document: Mapping[str, Any]) -> Iterator[str]:
    if expect.suspect == "any":
        return
    first = document["changes"][0] if document["stands_out"] else None
    told = f"{document['verdict']} " + "; ".join(
        f"{c['id'][:40]} {c['probability']}: {[p['words'] for p in c['for'] + c['against']]}"
        for c in document["changes"][:4]
    )
    if expect.suspect == "none":
        if first:
            yield f"a change is suspected: {told}"
    elif first is None:
        yield f"no change is suspected: {told}"
    elif expect.suspect not in (first["id"], first["summary"]):
        yield f"another change is suspected: {told}"


def _missing(wanted: Wanted, findings: list[Mapping[str, Any]]) -> Iterator[str]:
    for id_, conditions in wanted.items():
        named = [f for f in findings if fnmatchcase(f["id"], id_)]
        if not named:
            there = sorted(f["id"] for f in findings if f["question"] == id_.partition(":")[0])
            yield f"no finding {id_}; there are {there}"
        elif not any(all(_fulfilled(c, f) for c in conditions) for f in named):
            failed = [f"{c} ({_value(c, named[0])!r})" for c in conditions if not _fulfilled(c, named[0])]
            yield f"finding {id_}: not {' and '.join(failed)}: {named[0]['headline']}"


def _unwanted(wanted: Wanted, findings: list[Mapping[str, Any]]) -> Iterator[str]:
    for id_, conditions in wanted.items():
        for finding in findings:
            if fnmatchcase(finding["id"], id_) and all(_fulfilled(c, finding) for c in conditions):
                yield f"finding {finding['id']} should not be: {finding['headline']}"


@functools.cache
def shipped() -> Mapping[str, Runbook]:
    """The runbooks that everybody gets, by id."""
    return library.load()


def _runbooks(expect: Runbooks, document: Mapping[str, Any]) -> Iterator[str]:
    found = match(document, shipped())
    ids = [m.runbook.id for m in found]
    told = "; ".join(f"{m.runbook.id} {m.score} ({' | '.join(b.condition for b in m.because)})" for m in found)
    if expect.first not in ("any", *(ids[:1] or ["none"])):
        yield f"the first runbook is not {expect.first}: {told or 'none matches'}"
    for id_ in expect.never:
        if id_ in ids:
            yield f"the runbook {id_} should not match: {told}"


def _fulfilled(condition: str, about: Mapping[str, Any]) -> bool:
    return holds(clauses(condition), about)


def _value(condition: str, about: Mapping[str, Any]) -> Any:
    return value_at(about, clauses(condition)[0].path)
