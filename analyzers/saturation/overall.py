"""What no metric tells, an autoscaler at its maximum, and the answer to the question as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from analyzers.saturation.judging import Verdict
from analyzers.saturation.telling import QUESTION
from gather_diagnostics import Finding, Request, Support, Tables
from gather_diagnostics.selection import support

AT_MAXIMUM = "AtMaximum"
"""The reason of the event that says so."""


def replicas(request: Request, tables: Tables) -> Iterator[Finding]:
    """'saturation:replicas' where an autoscaler has all the replicas that it may have."""
    if "events" not in tables:
        return
    events = tables["events"]
    its = events[(events["reason"] == AT_MAXIMUM) & (events["time"] <= request.asked)]
    if its.empty:
        return
    # An event without a time of its own bears the asking's: since when is not known.
    known = its.loc[its["time"] < request.asked, "time"]
    since = known.min().to_pydatetime() if len(known) else None
    old = since is not None and since < request.baseline.start
    names = sorted(its["object"].fillna("an autoscaler").unique())
    said = " ".join(str(its["message"].iloc[0] or "").split())[:160].rstrip(".")
    words = "" if since is None else f" since {since:%Y-%m-%d %H:%M} UTC"
    yield Finding(
        f"{QUESTION}:replicas",
        QUESTION,
        f"{len(names)} autoscaler{'s' * (len(names) > 1)} ({names[0]}) at the maximum{words}: {said}.",
        0.9,
        "low" if old else "medium",
        time=since,
        supports=(support("events", its.index, len(its)),),
        details={
            "resource": "replicas",
            "ratio": 1.0,
            "since": since.isoformat() if since else None,
            "old": old,
            "runs_out": None,
            "instances": names[:20],
        },
    )


def summary(verdicts: Sequence[Verdict], findings: Sequence[Finding]) -> Finding:
    """What was looked at, and how full the fullest of each is."""
    fullest: dict[str, Verdict] = {}
    for verdict in verdicts:
        name = verdict.reading.resource.name
        if verdict.reading.kind in ("share", "used") and verdict.level > _level(fullest.get(name)):
            fullest[name] = verdict
    checked = {
        name: {"series": sum(v.reading.resource.name == name for v in verdicts), "highest": _rounded(fullest.get(name))}
        for name in dict.fromkeys(v.reading.resource.name for v in verdicts)
    }
    rows = [int(v.reading.rows[v.peak]) for v in fullest.values()]
    supports: tuple[Support, ...] = (support("metrics", rows, len(rows)),) if rows else ()
    return Finding(
        QUESTION,
        QUESTION,
        _headline(verdicts, findings, fullest),
        0.9,
        supports=supports,
        details={"checked": checked, "saturated": [f.details["resource"] for f in findings]},
    )


def _headline(verdicts: Sequence[Verdict], findings: Sequence[Finding], fullest: dict[str, Verdict]) -> str:
    if not verdicts and not findings:
        return "0 series came in that tell how near a resource is to its limit: whether one is, is not known."
    looked = f"{len(verdicts)} series of {len({v.reading.resource.name for v in verdicts})} resources were looked at"
    if findings:
        named = ", ".join(dict.fromkeys(str(f.details["resource"]) for f in findings))
        return f"{looked}; near or at a limit, or on the way there: {named}."
    most = ", ".join(f"{v.reading.resource.words} at most {v.level:.0%}" for v in fullest.values())
    return f"{looked}, and none is near its limit{f': {most}' if most else ''}."


def _level(verdict: Verdict | None) -> float:
    return verdict.level if verdict else -np.inf


def _rounded(verdict: Verdict | None) -> float | None:
    return round(verdict.level, 4) if verdict else None
