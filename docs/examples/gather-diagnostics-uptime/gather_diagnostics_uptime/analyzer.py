"""Did the probes from outside fail more often than before?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gather_diagnostics import Finding, Request, Support, Tables, Window, analyzer

if TYPE_CHECKING:
    import pandas as pd


@analyzer(needs=["metrics"])
def probe_failures(request: Request, tables: Tables) -> Iterator[Finding]:
    """Share of failed probes, incident against baseline, by Fisher's exact test (Fisher, 1922), one-sided.

    Details: failed, probes, failed_before, probes_before (counts), p (the test's).
    """
    from scipy.stats import fisher_exact

    metrics = tables["metrics"]
    probes = metrics[(metrics["metric"] == "probe_failed") & (metrics["service"] == request.service)]
    now, before = _within(probes, request.incident), _within(probes, request.baseline)
    if now.empty:
        return
    failed, failed_before = now[now["value"] > 0], before[before["value"] > 0]
    table = [[len(f), len(every) - len(f)] for f, every in ((failed, now), (failed_before, before))]
    p = float(fisher_exact(table, alternative="greater").pvalue)
    kept = now if failed.empty else failed
    yield Finding(
        "probe_failures",
        "probe_failures",
        f"{len(failed)} of {len(now)} probes failed; in the baseline {len(failed_before)} of {len(before)}.",
        confidence=min(0.95, max(p, 1 - p)),
        severity="high" if p < 0.01 else "info",
        span=request.incident,
        supports=(Support("metrics", tuple(int(i) for i in kept.index[:20]), len(kept)),),
        details={
            "failed": len(failed),
            "probes": len(now),
            "failed_before": len(failed_before),
            "probes_before": len(before),
            "p": p,
        },
    )


def _within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    return frame[(frame["time"] >= window.start) & (frame["time"] < window.end)]
