"""Evidence built by hand for the document's tests: an incident, a healthy hour, blind spots, hostile text."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gather_diagnostics import Coverage, Evidence, Finding, Gap, Request, Support, Target, Window
from gather_diagnostics.config import Response
from gather_diagnostics.document import answered
from gather_diagnostics.response import Respond, responder
from gather_diagnostics.tables import to_batch, to_frame

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
ONSET = datetime(2026, 3, 14, 2, 57, 4, tzinfo=UTC)
INCIDENT = Window(NOW - timedelta(hours=1), NOW)
BASELINE = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1))
DEPLOY = "git:tag:checkout-v2.14.1"
OTHER = "git:tag:cart-v1.9.3"
README = "git:commit:77c1e02"
POOL = 'order could not be placed: PoolTimeout: no connection from pool "orders" within 2.0 s'
TEMPLATE = "order could not be placed: PoolTimeout: no connection from pool <*> within <*> s"


def request(**fields: Any) -> Request:
    given: dict[str, Any] = {
        "service": "checkout",
        "asked": NOW,
        "incident": INCIDENT,
        "baseline": BASELINE,
        "changes": Window(NOW - timedelta(days=1), NOW),
        "description": "CheckoutErrorBudgetBurn: 5xx ratio of checkout above 5 % for 10 minutes",
        "severity": "SEV2",
        "timezone": "Europe/Berlin",
        "owner": "team-orders",
        "runbooks": ("https://wiki.example.com/runbooks/checkout", "pool-exhaustion"),
    }
    return Request(**given | fields)


def tables(rows: Mapping[str, Sequence[Mapping[str, Any]]], source: str = "sample") -> dict[str, Any]:
    """DataFrames as the runner makes them: validated, in canonical order."""
    return {name: to_frame(name, [to_batch(name, source, list(its))]) for name, its in rows.items()}


def change_rows() -> list[dict[str, Any]]:
    def row(minutes: float, id_: str, kind: str, summary: str, author: str, **more: Any) -> dict[str, Any]:
        return {
            "time": ONSET - timedelta(minutes=minutes),
            "ref": f"raw/git/{id_.rpartition(':')[2]}.patch",
            "id": id_,
            "kind": kind,
            "summary": summary,
            "author": author,
            "service": "checkout",
        } | more

    return [
        row(640, "git:tag:checkout-v2.14.0", "deploy", "checkout-v2.14.0", "Deploy Bot", revision="a01f22c9"),
        row(95, "git:commit:5d2e9af", "commit", "Log slow requests at WARNING", "Jonas Weber", revision="5d2e9af0c1"),
        row(
            48,
            "git:commit:91ab3f7",
            "commit",
            "Give each caller its own connection pool (#851)",
            "Amara Okafor",
            revision="91ab3f77d0",
        ),
        row(41, "git:commit:c0ffee1", "commit", "Translate the receipt (#852)", "Priya Nair", revision="c0ffee1a2b"),
        row(8, OTHER, "deploy", "cart-v1.9.3", "Deploy Bot", service="cart", revision="e7d1b340"),
        row(
            3,
            DEPLOY,
            "deploy",
            "checkout-v2.14.1",
            "Deploy Bot",
            revision="b7712e4d",
            previous="a01f22c9",
            ref="https://git.example.com/shop/releases/checkout-v2.14.1",
        ),
        row(-6, README, "commit", "README: how to run the tests", "Priya Nair", revision="77c1e02fff"),
    ]


def log_rows(errors: int = 180) -> list[dict[str, Any]]:
    def row(time: datetime, level: str, message: str, template: str, number: int) -> dict[str, Any]:
        return {
            "time": time,
            "ref": f"/var/log/checkout/app.log:{number}",
            "level": level,
            "service": "checkout",
            "instance": "checkout-7d4f9",
            "message": message,
            "template": template,
            "endpoint": "/orders",
        }

    quiet = [
        row(BASELINE.start + timedelta(seconds=40 * i), "INFO", f"order {i} placed", "order <*> placed", i)
        for i in range(170)
    ]
    usual = [
        row(BASELINE.start + timedelta(minutes=17 * i), "ERROR", f"card {i} declined", "card <*> declined", 200 + i)
        for i in range(6)
    ]
    step = (NOW - ONSET) / max(errors, 1)
    new = [
        row(
            ONSET + step * i,
            "ERROR",
            f'{POOL}\nTraceback (most recent call last):\n  File "pool.py", line 7',
            TEMPLATE,
            400 + i,
        )
        for i in range(errors)
    ]
    return quiet + usual + new


def metric_rows(broken: bool = True, step: int = 30) -> list[dict[str, Any]]:
    def row(time: datetime, metric: str, stat: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
        return {
            "time": time,
            "ref": f"{metric}:{stat}",
            "metric": metric,
            "stat": stat,
            "value": value,
            "unit": unit,
            "service": "checkout",
        } | more

    rows = []
    for i in range(int(7200 / step)):
        time = BASELINE.start + timedelta(seconds=step * i)
        wave = 1 + 0.12 * math.sin(i / 7.0) + 0.07 * math.sin(i * 1.7)
        since = max(0.0, (time - ONSET).total_seconds() / 60) if broken else 0.0
        worse = min(1.0, since / 6)
        for stat, usual, peak in (("p50", 0.048, 0.11), ("p95", 0.21, 1.4), ("p99", 0.39, 2.05)):
            rows.append(row(time, "latency", stat, wave * (usual + worse * (peak - usual)), "s"))
        rows.append(row(time, "error_rate", "ratio", wave * (0.0012 + worse * 0.055 + 0.0012 * since), "ratio"))
        rows.append(row(time, "request_rate", "rate", wave * (41 - 6 * worse), "1/s"))
        rows.append(row(time, "latency", "p95", wave * (0.2 + 2 * worse), "s", endpoint="/orders"))
    return rows


def _support(frames: Mapping[str, Any], table: str, chosen: Callable[[Any], Any], most: int = 5) -> Support:
    """The rows of a table that `chosen` picks (frame to boolean Series)."""
    index = frames[table].index[chosen(frames[table])]
    return Support(table, tuple(int(i) for i in index[:most]), len(index))


def onset_finding(frames: Mapping[str, Any]) -> Finding:
    earliest = ONSET - timedelta(seconds=24)

    def signal(kind: str, what: str, seconds: int, strength: float, words: str) -> dict[str, Any]:
        time = (ONSET + timedelta(seconds=seconds)).isoformat()
        return {
            "kind": kind,
            "what": what,
            "time": time,
            "earliest": earliest.isoformat(),
            "latest": time,
            "strength": strength,
            "words": words,
        }

    signals = [
        signal(
            "log_pattern",
            TEMPLATE,
            0,
            0.98,
            f"error pattern “{TEMPLATE}” new since 02:57:04 UTC: 180 lines, 0 in the baseline",
        ),
        signal("error_rate", "error rate", 26, 0.95, "error rate rises from 0.12% to 7.10% at 02:57:30 UTC"),
        signal("latency", "p99 latency", 56, 0.91, "p99 latency rises from 391 ms to 2048 ms at 02:58:00 UTC"),
    ]
    return Finding(
        "onset",
        "onset",
        f"It began at 02:57:04 UTC (not before 02:56:40): 3 signals agree; first: {signals[0]['words']}.",
        0.9,
        time=ONSET,
        span=Window(earliest, ONSET),
        supports=(
            _support(frames, "logs", lambda f: f["template"] == TEMPLATE),
            _support(frames, "metrics", lambda f: (f["metric"] == "error_rate") & (f["time"] >= ONSET)),
        ),
        details={
            "signals": signals,
            "before_window": False,
            "isolated": [
                signal(
                    "log_pattern",
                    "card <*> declined",
                    -1500,
                    0.1,
                    "error pattern “card <*> declined” seen 3 times: too few to be a start",
                )
            ],
            "checked": ["356 log lines of which 183 errors", "error rate (240 samples)", "p99 latency (240 samples)"],
        },
    )


def no_onset() -> Finding:
    return Finding(
        "onset",
        "onset",
        "No onset between 02:20 and 03:20 UTC: nothing left its baseline in 5 kinds of signal.",
        0.7,
        details={
            "signals": [],
            "isolated": [],
            "before_window": False,
            "checked": ["176 log lines of which 3 errors", "error rate (240 samples)"],
        },
    )


def candidate(frames: Mapping[str, Any], id_: str, probability: float, **details: Any) -> Finding:
    row = next(r for r in change_rows() if r["id"] == id_)
    given = {
        "change": id_,
        "probability": probability,
        "kind": row["kind"],
        "service": row["service"],
        "summary": row["summary"],
        "author": row["author"],
        "revision": row["revision"],
        "previous": row.get("previous"),
        "time": row["time"].isoformat(),
        "finished": None,
        "effective": row["time"].isoformat(),
        "url": None,
        "for": [],
        "against": [],
        "members": [],
    } | details
    support = _support(frames, "changes", lambda f: f["id"] == id_)
    headline = f"{row['kind']} “{row['summary']}”: probability {probability:.2f}."
    return Finding(
        f"changes:{id_}", "changes", headline, probability, time=row["time"], supports=(support,), details=given
    )


def change_findings(frames: Mapping[str, Any]) -> list[Finding]:
    def part(name: str, words: str, weight: float) -> dict[str, Any]:
        return {"part": name, "words": words, "weight": weight}

    pool = {
        "id": "git:commit:91ab3f7",
        "summary": "Give each caller its own connection pool (#851)",
        "author": "Amara Okafor",
        "revision": "91ab3f77d0",
        "time": (ONSET - timedelta(minutes=48)).isoformat(),
        "for": [part("frames", "the errors point into app/db/pool.py, which it changes", 2.5)],
    }
    receipt = {
        "id": "git:commit:c0ffee1",
        "summary": "Translate the receipt (#852)",
        "author": "Priya Nair",
        "revision": "c0ffee1a2b",
        "time": (ONSET - timedelta(minutes=41)).isoformat(),
        "for": [],
    }
    verdict = Finding(
        "changes",
        "changes",
        "The likely cause is deploy “checkout-v2.14.1” by Deploy Bot, with probability 0.93.",
        0.93,
        supports=(_support(frames, "changes", lambda f: f["id"] == DEPLOY),),
        details={"stands_out": True, "first": DEPLOY, "probability": 0.93, "none_probability": 0.03, "candidates": 3},
    )
    return [
        verdict,
        candidate(
            frames,
            OTHER,
            0.04,
            **{
                "for": [part("timing", "took effect 8 min before the onset", 1.2)],
                "against": [part("place", "it changes cart, not checkout", -1.0)],
            },
        ),
        candidate(
            frames,
            DEPLOY,
            0.93,
            url="https://git.example.com/shop/releases/checkout-v2.14.1",
            members=[pool, receipt],
            **{
                "for": [
                    part("timing", "took effect 3 min before the onset", 2.2),
                    part(
                        "frames",
                        "its commit 91ab3f77d0 “Give each caller its own connection pool (#851)”: the errors"
                        " point into app/db/pool.py, which it changes",
                        2.5,
                    ),
                    part("kind", "a deploy: what it carries reached production then", 0.8),
                ],
                "against": [part("words", "one of its two commits translates a receipt: not in the errors", -0.4)],
            },
        ),
        candidate(
            frames,
            README,
            0.001,
            against=[
                part("timing", "took effect 6 min after the onset", -5.0),
                part("content", "touches documentation only", -3.5),
            ],
        ),
    ]


def health_findings(frames: Mapping[str, Any], broken: bool = True) -> list[Finding]:
    def late(metric: str, stat: str) -> Callable[[Any], Any]:
        return lambda f: (f["metric"] == metric) & (f["stat"] == stat) & f["endpoint"].isna() & (f["time"] >= ONSET)

    def rate(id_: str, name: str, incident: float, basis: str, support: Support) -> Finding:
        headline = (
            f"{name} rose from 0.12% to {incident:.2%}; peak 9.14% at 03:18:30 UTC; getting worse over the last"
            " 15 minutes."
            if broken
            else f"{name}: 0.12%, no more than the baseline's 0.12%."
        )
        return Finding(
            id_,
            "error_rate",
            headline,
            0.9,
            "high" if broken else "info",
            supports=(support,),
            details={
                "baseline": 0.0012,
                "incident": incident,
                "peak": 0.0914,
                "peak_time": NOW.isoformat(),
                "changed": broken,
                "trend": "rising" if broken else "flat",
                "basis": basis,
                "trend_words": "getting worse over the last 15 minutes"
                if broken
                else "steady over the last 15 minutes",
            },
        )

    def slow(id_: str, stat: str, before: float, after: float, support: Support) -> Finding:
        ratio = after / before if broken else 1.0
        headline = (
            f"{stat} rose from {before * 1000:.0f} ms to {after * 1000:,.0f} ms ({ratio:.1f} times); peak 2,410 ms"
            " at 03:07:30 UTC."
            if broken
            else f"{stat} is unchanged at {before * 1000:.0f} ms."
        )
        return Finding(
            id_,
            "latency",
            headline,
            0.9,
            "high" if ratio >= 5 else "medium" if broken else "info",
            supports=(support,),
            details={
                "stat": stat,
                "unit": "s",
                "baseline": before,
                "incident": after,
                "peak": 2.41,
                "peak_time": NOW.isoformat(),
                "ratio": ratio,
                "changed": broken,
            },
        )

    found = [
        rate(
            "error_rate", "Failing requests", 0.071, "metrics", _support(frames, "metrics", late("error_rate", "ratio"))
        )
    ]
    for stat, before, after in (("p50", 0.048, 0.11), ("p95", 0.21, 1.4), ("p99", 0.39, 2.05)):
        found.append(slow(f"latency:{stat}", stat, before, after, _support(frames, "metrics", late("latency", stat))))
    if broken:
        orders = _support(frames, "metrics", lambda f: (f["endpoint"] == "/orders") & (f["time"] >= ONSET))
        found.append(slow("latency:endpoint:/orders", "p95 of /orders", 0.2, 2.2, orders))
    return found


def coverage(*, metrics: str = "complete", logs: str = "partial") -> tuple[Coverage, ...]:
    def target(what: str, where: str, because: str) -> tuple[Target, ...]:
        return (Target(what, where, because),)

    return (
        Coverage(
            "git",
            target(
                "commits touching services/checkout",
                "/src/shop (branch main)",
                "the current directory is in this repository",
            ),
            {"changes": 7},
            0.41,
            "complete",
        ),
        Coverage(
            "logfiles",
            target("lines of checkout", "/var/log/checkout/*.log", "the configuration names it"),
            {"logs": 356},
            1.92,
            logs,
        ),
        Coverage(
            "prometheus",
            target(
                "latency, errors and traffic of checkout", "https://prometheus.example.com", "PROMETHEUS_URL is set"
            ),
            {"metrics": 1440} if metrics == "complete" else {},
            2.6,
            metrics,
        ),
        Coverage("kubernetes", (), {}, 0.0, "not_used"),
    )


GAPS = (
    Gap(
        "logfiles",
        "lines before 01:31",
        "truncated",
        "/var/log/checkout/app.log has 4.1 GB; the last 200 MB were read",
        "--deadline 5m, or name the rotated file with --logs",
    ),
    Gap(
        "kubernetes",
        "workloads and events",
        "not_configured",
        "no kubeconfig was found",
        "export KUBECONFIG=~/.kube/config",
    ),
)


def incident() -> Evidence:
    """A deploy broke the connection pool; logs, metrics and git saw it."""
    frames = tables({"changes": change_rows(), "logs": log_rows(), "metrics": metric_rows()})
    findings = (onset_finding(frames), *change_findings(frames), *health_findings(frames))
    told = {"bearer token": {"logs.message": 3}}
    return _answered(Evidence(request(), frames, coverage(), GAPS, findings, redactions=told))


def healthy() -> Evidence:
    """Everything was read and nothing is wrong."""
    frames = tables({"changes": change_rows(), "logs": log_rows(0), "metrics": metric_rows(broken=False)})
    verdict = Finding(
        "changes",
        "changes",
        "No change is suspected: no onset was found that one could have caused.",
        0.98,
        details={"stands_out": False, "first": None, "probability": 0.01, "none_probability": 0.98, "candidates": 1},
    )
    findings = (no_onset(), verdict, candidate(frames, OTHER, 0.02), *health_findings(frames, broken=False))
    return Evidence(request(description="", severity=""), frames, coverage(logs="complete"), (GAPS[1],), findings)


def blind() -> Evidence:
    """Prometheus refused, no log was found: nobody may take this for health."""
    frames = tables({"changes": change_rows()})
    refused = Gap(
        "prometheus",
        "latency, errors and traffic",
        "unreachable",
        "https://prometheus.example.com: connection refused",
        "set PROMETHEUS_URL to a server that answers",
    )
    none = Gap("logfiles", "log lines", "not_found", "/var/log/checkout/*.log matches no file", "--logs GLOB")
    skipped = Gap("analyzer:latency", "the answer to 'latency'", "skipped", "the table metrics is empty")
    nothing = Finding(
        "onset",
        "onset",
        "No onset can be told: neither logs nor metrics came in.",
        0.0,
        details={"signals": [], "isolated": [], "before_window": False, "checked": []},
    )
    return Evidence(
        request(),
        frames,
        coverage(metrics="failed", logs="failed")[:1]
        + tuple(replace(c, rows={}) for c in coverage(metrics="failed", logs="failed")[1:]),
        (refused, none, skipped, GAPS[1]),
        (nothing,),
        interrupted=True,
    )


EVIL = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 <script>alert(1)</script> <img src=x onerror=alert(2)> ]]> -->"
    " \u202egnp.exe\u202c [click](javascript:alert(3)) ![i](https://evil.example/x.png) `tick` ``two`` |cell|"
    " *bold* _it_ @everyone #12 GH-7 https://evil.example/phish www.evil.example {{ 7*7 }} {% raw %} \x00\x9b31m"
    " \ud800 &lt; &amp; \\\n# heading\n- item\n```"
)
"""Text as an attacker, or a careless program, puts it into a log line, a commit message or a label."""


def hostile() -> Evidence:
    """EVIL in every text that a source, a person or a plug-in can fill."""
    changes = [
        row | {"summary": EVIL, "author": EVIL, "revision": EVIL, "previous": EVIL, "ref": EVIL}
        for row in change_rows()
    ]
    logs = [row | {"message": EVIL, "template": EVIL, "instance": EVIL, "ref": EVIL} for row in log_rows()]
    metrics = [row | {"endpoint": EVIL if row.get("endpoint") else None, "ref": EVIL} for row in metric_rows(step=300)]
    events = [{"time": ONSET, "ref": EVIL, "kind": EVIL, "reason": EVIL, "message": EVIL, "object": EVIL}]
    frames = tables({"changes": changes, "logs": logs, "metrics": metrics, "events": events})
    base = incident()
    findings = tuple(
        replace(f, headline=EVIL, details=_poisoned(f.details), supports=_kept(frames, f.supports))
        for f in base.findings
    )
    other = Finding("other:" + EVIL, "other", EVIL, 0.4, "critical", supports=(Support("logs", (0, 1)),))
    sources = tuple(replace(c, targets=(Target(EVIL, EVIL, EVIL),)) for c in base.coverage)
    gaps = (Gap(EVIL, EVIL, "failed", EVIL, EVIL), *base.gaps)
    asked = request(service="check<script>out", description=EVIL, severity=EVIL, owner=EVIL, runbooks=(EVIL,))
    poisoned = Evidence(asked, frames, sources, gaps, (*findings, other), redactions={EVIL: {EVIL: 1}}, demo=EVIL)
    return replace(poisoned, response=_poisoned(base.response))


@functools.cache
def _respond() -> Respond:
    return responder(Response())


def _answered(evidence: Evidence) -> Evidence:
    """With its response, by the shipped runbooks."""
    return replace(evidence, response=_respond()(evidence, answered(evidence)))


def _kept(frames: Mapping[str, Any], supports: Sequence[Support]) -> tuple[Support, ...]:
    return tuple(replace(s, rows=tuple(r for r in s.rows if r < len(frames[s.table]))) for s in supports)


_STRUCTURE = {
    "change", "time", "earliest", "latest", "effective", "finished", "peak_time", "id", "first", "kind", "scheme",
    "name", "table",
}  # fmt: skip


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return value if key in _STRUCTURE else EVIL
    if isinstance(value, Mapping):
        return {k: _poisoned(v, k) for k, v in value.items()}
    return [_poisoned(v, key) for v in value] if isinstance(value, list) else value


def large(rows: int = 5000) -> Evidence:
    """As `incident`, with many log lines, changes and events."""
    base = incident()
    changes = change_rows() + [
        {
            "time": NOW - timedelta(minutes=i / 4),
            "ref": f"raw/git/{i}.patch",
            "id": f"git:commit:{i:07}",
            "kind": "commit",
            "summary": f"Change number {i} of many, with a sentence that says what it does and why it was wanted",
            "author": "Somebody",
            "service": "checkout",
            "revision": f"{i:010x}",
        }
        for i in range(rows)
    ]
    events = [
        {
            "time": NOW - timedelta(seconds=i),
            "ref": f"uid-{i}",
            "kind": "kubernetes",
            "reason": "BackOff",
            "object": f"pod/checkout-{i % 9}",
            "message": "Back-off restarting failed container",
            "count": i % 7,
        }
        for i in range(rows)
    ]
    frames = tables({"changes": changes, "logs": log_rows(rows), "metrics": metric_rows(step=5), "events": events})
    many = tuple(candidate(frames, DEPLOY, 0.9 / (i + 2), change=f"git:commit:{i:07}") for i in range(60))
    named = tuple(replace(f, id=f"changes:{i}") for i, f in enumerate(many))
    told = (onset_finding(frames), *change_findings(frames), *health_findings(frames), *named)
    spread = tuple(
        Finding(
            f"load:{i}",
            "load",
            f"Load of the shard number {i} rose to {i} %, three times its usual level.",
            0.5,
            "low",
            supports=(Support("logs", tuple(range(20 * i, 20 * i + 20))),),
        )
        for i in range(200)
    )
    return _answered(replace(base, tables=frames, findings=(*told, *spread)))
