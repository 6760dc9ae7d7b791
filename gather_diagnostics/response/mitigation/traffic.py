"""How much traffic there is, against how much there was. Pure."""

from __future__ import annotations

from gather_diagnostics.model import Evidence
from gather_diagnostics.selection import service_metric, since_onset, within

SURGE = 1.5
"""Times its baseline from which on traffic is more than usual."""


def rates(evidence: Evidence) -> tuple[float, float]:
    """Requests a second: the median of the baseline, and since the onset; zeros where nobody counted them in both."""
    metrics, request = evidence.tables.get("metrics"), evidence.request
    if metrics is None:
        return 0.0, 0.0
    rows = service_metric(metrics, "request_rate", request.service)
    rows = rows[rows["endpoint"].isna()]
    spans = (request.baseline, since_onset(request, {"onset": evidence.findings_of("onset")}))
    before, now = (float(within(rows, span)["value"].median()) for span in spans)
    return (before, now) if before == before and now == now else (0.0, 0.0)


def surge(evidence: Evidence) -> float:
    """How many times the baseline's traffic there is; 1 where it is no surge, or was not counted."""
    before, now = rates(evidence)
    return round(now / before, 1) if before > 0 and now >= SURGE * before else 1.0
