"""Signs in log lines told as observations, and the answer to the question as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from analyzers.security.bursts import Burst, compared
from analyzers.security.signs import SIGNS, Sign
from gather_diagnostics import Finding, Request, Tables
from gather_diagnostics.model import Severity
from gather_diagnostics.selection import line_times, lines_by, lines_in, support, within

QUESTION = "security"
MANY = 100
"""Failed log-ins, or refusals, from which on somebody should look soon."""


def observations(request: Request, logs: pd.DataFrame, seen: pd.DataFrame, named: pd.Series[Any]) -> Iterator[Finding]:
    """One finding for each sign that is seen more often than in the baseline. `named`: every client, as `lines.clients`
    found them."""
    before = within(logs, request.baseline)
    known = not before.empty
    usual = frozenset(named[named.index.isin(before.index)].unique())
    for number, sign in enumerate(SIGNS):
        its = seen[seen["sign"] == number]
        burst = compared(line_times(its), request.incident, request.baseline)
        # Without a log of the baseline every line would be news: then it takes many to be told, and it is said.
        if burst.count >= sign.least * (1 if known else 5) and burst.told:
            yield _finding(request, sign, its, burst, usual if known else None)


def _finding(request: Request, sign: Sign, its: pd.DataFrame, burst: Burst, usual: frozenset[str] | None) -> Finding:
    inside = within(its, request.incident)
    known = usual is not None
    earlier = (usual or frozenset()) | set(within(its, request.baseline)["address"].dropna())
    counts = lines_by(inside[inside["address"].notna()], "address")
    answered = inside["status"].between(200, 399)
    since = datetime.fromtimestamp(burst.since, UTC) if burst.since else inside["time"].min().to_pydatetime()
    top = [{"address": str(a), "lines": int(n), "new": a not in earlier} for a, n in counts.head(10).items()]
    details: dict[str, Any] = {
        "observation": sign.name,
        "lines": burst.count,
        "baseline": burst.before,
        "expected": round(burst.expected, 2),
        "chance": float(f"{burst.chance:.3g}"),
        "compared": known,
        "addresses": len(counts),
        "new_addresses": sum(a not in earlier for a in counts.index),
        "top": top,
        "answered": int(inside.loc[answered.fillna(False).astype(bool), "lines"].sum()),
        "endpoints": [str(e) for e in lines_by(inside, "endpoint").head(5).index],
        "since": since.isoformat(timespec="seconds"),
    }
    return Finding(
        f"{QUESTION}:{sign.name}",
        QUESTION,
        _headline(sign, details, since),
        0.85 if known else 0.5,
        _severity(sign, details),
        time=since,
        supports=(support("logs", _telling(inside, since, top), len(inside)),),
        details=details,
    )


def _telling(inside: pd.DataFrame, since: datetime, top: Sequence[dict[str, Any]]) -> list[Any]:
    """The first rows of the loudest addresses, then the first of all."""
    burst = inside[inside["time"] >= since]
    loudest = [i for t in top[:5] for i in burst.index[burst["address"] == t["address"]][:3]]
    return list(dict.fromkeys([*loudest, *burst.index[:10], *inside.index[:5]]))


def _severity(sign: Sign, details: dict[str, Any]) -> Severity:
    if not details["compared"]:
        return "low"
    if sign.name == "scanners":
        return "medium" if details["answered"] else "low"
    return "medium" if details["lines"] >= MANY else "low"


def _headline(sign: Sign, details: dict[str, Any], since: datetime) -> str:
    count = details["addresses"]
    new = f" ({details['new_addresses']:,} of them not in the baseline)" if details["new_addresses"] else ""
    source = f" from {count:,} address{'es' * (count != 1)}{new}" if count else ", no address told,"
    usual = f"baseline {details['baseline']:,}" if details["compared"] else "no log of the baseline to compare with"
    answered = f"; {details['answered']:,} were answered" if sign.name == "scanners" and details["answered"] else ""
    return f"{details['lines']:,} {sign.words}{source} since {since:%Y-%m-%d %H:%M} UTC, {usual}{answered}."


def summary(
    request: Request, tables: Tables, seen: pd.DataFrame | None, calls: int, findings: Sequence[Finding]
) -> Finding:
    """What was looked at, and how much of each sign there was."""
    counts = {}
    if seen is not None:
        inside = within(seen, request.incident)
        counts = {s.name: lines_in(inside[inside["sign"] == n]) for n, s in enumerate(SIGNS)}
    lines = lines_in(tables["logs"]) if "logs" in tables else 0
    return Finding(
        QUESTION,
        QUESTION,
        _overall(lines, calls, counts, findings),
        0.8 if lines else 0.5,
        details={"lines": lines, "calls": calls, "seen": counts, "told": [f.details["observation"] for f in findings]},
    )


def _overall(lines: int, calls: int, counts: dict[str, int], findings: Sequence[Finding]) -> str:
    if not lines and not calls:
        return "0 log lines and 0 API calls came in: nothing can be said about security."
    looked = f"{lines:,} log lines and {calls:,} recorded API calls were looked through"
    if findings:
        return f"{looked}; observed: {', '.join(f.details['observation'] for f in findings)}."
    some = ", ".join(f"{n:,} {next(s.words for s in SIGNS if s.name == name)}" for name, n in counts.items() if n)
    return f"{looked}, and nothing is more frequent than in the baseline{f' ({some})' if some else ''}."
