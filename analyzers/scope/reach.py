"""Where it is: what the answers about failing and slow requests say of their slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gather_diagnostics import Finding, Findings, Support, Tables

MOST = 50
FEW = 0.5
"""Part of a dimension's values up to which those that got worse are some and not all."""

Spread = Literal["isolated", "several", "widespread"]


@dataclass(frozen=True)
class Reach:
    spread: Spread | None
    carried_by: Mapping[str, Any] | None
    affected: Mapping[str, Sequence[str]]
    """By dimension, the worst first."""
    instances: Mapping[str, Any] | None
    supports: tuple[Support, ...]


def broken(findings: Findings) -> bool:
    """Did anything that requests feel leave its baseline? A part of the service is enough."""
    answers = [*findings.get("error_rate", ()), *findings.get("latency", ())]
    found = any(f.time for f in findings.get("onset", ()))
    return found or any(_worse(f) for f in answers) or any(f.details.get("values") for f in answers)


def _worse(finding: Finding) -> bool:
    return bool(finding.details.get("changed")) and (finding.details.get("ratio") or 2.0) > 1.0


def reach(findings: Findings, tables: Tables) -> Reach:
    """Failing requests tell before error lines, these before slow requests."""
    answers = {f.id: f for q in ("error_rate", "latency") for f in findings.get(q, ())}
    slices = [answers[i] for i in ("error_rate:slice", "log_errors:slice", "latency:slice") if i in answers]
    first = next((f for f in slices if f.details["values"]), next(iter(slices), None))
    known = ("dimension", "values", "explains")
    return Reach(
        _spread(first, slices) if first else None,
        {key: first.details[key] for key in known} if first and first.details["values"] else None,
        _affected(slices),
        _instances(slices, tables),
        first.supports if first else (),
    )


def _spread(first: Finding, slices: Iterable[Finding]) -> Spread:
    if first.details["values"]:
        return "isolated" if len(first.details["values"]) == 1 else "several"
    counts = [d for f in slices for d in f.details["affected"].values() if d["count"]]
    # Where some values of every dimension got worse and others did not, it is not everywhere, though none carries it.
    return "several" if counts and all(d["count"] <= FEW * d["of"] for d in counts) else "widespread"


def _affected(slices: Iterable[Finding]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for finding in slices:
        for dimension, told in finding.details["affected"].items():
            found.setdefault(dimension, {}).update(dict.fromkeys(told["values"]))
    return {dimension: list(values)[:MOST] for dimension, values in found.items()}


def _instances(slices: Sequence[Finding], tables: Tables) -> dict[str, Any] | None:
    told = [f.details["affected"]["instance"] for f in slices if "instance" in f.details["affected"]]
    if not told:
        return None
    pods = int((tables["workloads"]["kind"] == "Pod").sum()) if "workloads" in tables else 0
    names = _affected(slices)["instance"]
    affected = max(len(names), *(t["count"] for t in told))
    return {"affected": affected, "of": max([pods, affected, *(t["of"] for t in told)]), "names": names}
