"""API calls by whom, or of a kind, that the hours before did not have: CloudTrail's write events in `changes`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from analyzers.security.signs import SENSITIVE
from gather_diagnostics import Finding, Request
from gather_diagnostics.selection import support, within
from gather_diagnostics.tables import decoded

ENOUGH = 20
"""Earlier calls from which on it can be told well what is usual."""
_TRAIL = r"^aws:[^:]*:cloudtrail:"
_VARIABLE = re.compile(r"[0-9a-f]{8,}|\d+")


def recorded(changes: pd.DataFrame) -> pd.DataFrame:
    """Rows that record an API call, with `call` (its name) and `who` (the principal; numbers of sessions masked)."""
    its = changes[changes["id"].str.contains(_TRAIL)]
    details = [d if isinstance(d, dict) else {} for d in decoded(its, "details")]
    whose = [str(d.get("identity") or author or "unknown") for d, author in zip(details, its["author"], strict=True)]
    calls = [str(d.get("event") or "unknown") for d in details]
    return its.assign(
        call=pd.Series(calls, its.index, dtype="str"), who=pd.Series(map(principal, whose), its.index, dtype="str")
    )


def principal(identity: str) -> str:
    """'Deployer/gha-#' of 'arn:aws:sts::1:assumed-role/Deployer/gha-4711': every run has a session of its own."""
    name = identity.partition(":assumed-role/")[2] or identity.rpartition("/")[2] or identity
    return _VARIABLE.sub("#", name)


def unusual(request: Request, calls: pd.DataFrame) -> Iterator[Finding]:
    """'security:api_calls' where a principal is new, or a call that nobody made in the hours before."""
    before = calls[calls["time"] < request.incident.start]
    after = within(calls, request.incident)
    after = after.assign(new_who=~after["who"].isin(before["who"]), new_call=~after["call"].isin(before["call"]))
    its = after[after["new_who"] | after["new_call"]].copy()
    if its.empty:
        return
    its["sensitive"] = its["call"].str.contains(SENSITIVE)
    its = its.sort_values(["sensitive", "new_who", "time"], ascending=[False, False, True], kind="stable")
    told = [_told(who, of) for who, of in its.groupby("who", sort=False)]
    hours = (request.incident.start - request.changes.start).total_seconds() / 3600
    yield Finding(
        "security:api_calls",
        "security",
        _headline(its, told, len(before), hours),
        0.8 if len(before) >= ENOUGH else 0.5,
        "low" if its["new_who"].any() or its["sensitive"].any() else "info",
        time=its["time"].min().to_pydatetime(),
        supports=(support("changes", its.index, len(its)),),
        details={"observation": "api_calls", "lines": len(its), "baseline": len(before), "calls": told},
    )


def _told(who: str, its: pd.DataFrame) -> dict[str, Any]:
    return {
        "who": who,
        "new": bool(its["new_who"].any()),
        "calls": {str(call): int(n) for call, n in its["call"].value_counts().sort_index().items()},
        "sensitive": sorted(its.loc[its["sensitive"], "call"].unique()),
    }


def _headline(its: pd.DataFrame, told: list[dict[str, Any]], before: int, hours: float) -> str:
    count = len(its)
    first = told[0]
    named = ", ".join(list(first["calls"])[:3])
    new = sum(t["new"] for t in told)
    whose = f"{new} principal{'s' * (new != 1)} not seen before" if new else "principals seen before"
    return (
        f"{count} API call{'s' * (count != 1)} by {whose} or of a kind not made in the {hours:.0f} hours before"
        f" ({before:,} calls then): {first['who']} made {named}."
    )
