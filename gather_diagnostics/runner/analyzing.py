"""The analyzers, in order, each seeing what it declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, get_args

from gather_diagnostics import plugins
from gather_diagnostics.errors import PluginError
from gather_diagnostics.model import Evidence, Finding, Gap, Severity
from gather_diagnostics.runner.faults import bug


def analyze(evidence: Evidence, on_bug: Callable[[BaseException], None] | None = None) -> Evidence:
    """The same evidence with its findings made anew. Gaps of earlier analyzers are replaced, the sources' kept."""
    findings: dict[str, tuple[Finding, ...]] = {}
    gaps: list[Gap] = [g for g in evidence.gaps if not g.source.startswith("analyzer:")]
    for name, function in _ordered(gaps):
        missing = [t for t in sorted(plugins.spec_of(function).needs) if not len(evidence.tables.get(t, ()))]
        if missing:
            why = f"no source delivered {' or '.join(missing)}"
            gaps.append(Gap(f"analyzer:{name}", f"the answer to {name!r}", "skipped", why))
            continue
        try:
            findings[name] = tuple(_sound(f, evidence) for f in _run(function, evidence, findings))
        except Exception as error:  # noqa: BLE001 - as in reading.py
            gaps.append(bug(f"analyzer:{name}", f"the answer to {name!r}", error))
            if on_bug:
                on_bug(error)
    return replace(evidence, findings=tuple(f for found in findings.values() for f in found), gaps=tuple(gaps))


def _run(function: Any, evidence: Evidence, findings: Mapping[str, tuple[Finding, ...]]) -> Iterable[Finding]:
    spec = plugins.spec_of(function)
    seen = {t: evidence.tables[t] for t in sorted(spec.needs | spec.uses) if len(evidence.tables.get(t, ()))}
    if not spec.after:
        return function(evidence.request, seen)  # type: ignore[no-any-return]
    return function(evidence.request, seen, {q: findings.get(q, ()) for q in spec.after})  # type: ignore[no-any-return]


def _sound(finding: Finding, evidence: Evidence) -> Finding:
    """The finding as it is. Raises PluginError for one that could not be shown, or not be traced to its rows."""
    if not 0 <= finding.confidence <= 1 or finding.severity not in get_args(Severity):
        raise PluginError(f"finding {finding.id!r}: confidence {finding.confidence}, severity {finding.severity!r}")
    for support in finding.supports:
        rows = len(evidence.tables.get(support.table, ()))
        if not support.rows or not all(0 <= row < rows for row in support.rows):
            raise PluginError(f"finding {finding.id!r} points to rows that {support.table!r} does not have")
    return finding


def _ordered(gaps: list[Gap]) -> list[tuple[str, Any]]:
    """All analyzers, each after those it builds on. One that can't be imported becomes a gap."""
    loaded: dict[str, Any] = {}
    for name in plugins.names(plugins.ANALYZERS):
        try:
            loaded[name] = plugins.load(plugins.ANALYZERS, name)
            plugins.spec_of(loaded[name])
        except Exception as error:  # noqa: BLE001 - importing a stranger's module may raise anything
            loaded.pop(name, None)
            gaps.append(bug(f"analyzer:{name}", f"the answer to {name!r}", error))
    placed: dict[str, Any] = {}

    def place(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise PluginError(f"analyzers wait for each other: {' -> '.join((*path, name))}")
        if name in loaded and name not in placed:
            for earlier in plugins.spec_of(loaded[name]).after:
                place(earlier, (*path, name))
            placed[name] = loaded[name]

    for name in loaded:
        place(name, ())
    return list(placed.items())
