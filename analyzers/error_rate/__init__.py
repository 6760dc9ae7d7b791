"""How many requests fail against the baseline, where, and is it getting worse?

From metrics where there are any (share of requests), and from error lines in logs (lines a minute). Findings:

'error_rate' for the service as a whole and 'error_rate:endpoint:<e>' for endpoints that got worse; 'log_errors' from
logs. Details: baseline, incident, peak, peak_time, changed, trend (rising, falling, flat, unknown), trend_words, basis
(metrics or logs); of log_errors also share and baseline_share (0..1, error lines out of all, null without lines).

'error_rate:slice' and 'log_errors:slice' where something rose and there are values to compare: which of them carry the
rise. Details: basis, weights and those of `gather_diagnostics.slicing.breakdown.as_details`.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.error_rate.lines import from_logs
from analyzers.error_rate.samples import from_metrics
from gather_diagnostics import Finding, Findings, Request, Tables, analyzer
from gather_diagnostics.selection import since_onset


@analyzer(needs=(), uses=("metrics", "logs", "workloads"), after=("onset",))
def error_rate(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """Failing requests since the onset (or in the whole incident window), then error lines, each with its slice."""
    window = since_onset(request, findings)
    if "metrics" in tables:
        yield from from_metrics(request, window, tables)
    if "logs" in tables:
        yield from from_logs(request, window, tables)
