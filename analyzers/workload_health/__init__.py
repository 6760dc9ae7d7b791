"""Are the service's replicas well? Crash loops, OOM kills, image pulls, pending pods, probes, evictions, nodes, quotas.

Told from the replicas' state (`workloads`), the platform's events (`events`) and deployments that failed (`changes`).
Findings:

'workload_health': always there; what was checked, and how many replicas are ready. Details: replicas, ready (int or
null where no source told of replicas, or of their state at another time), restarts (int or null), events (rows looked
at), troubles (reasons of the findings below), over (reasons seen before the incident window alone), checked (reasons).

'workload_health:<reason>': one for each kind of trouble in the incident window, named as the platform names it
(`troubles.TROUBLES`). Details: reason; pods (int: how many replicas it befell; of a node those on it; null of a
controller), of (int or null: replicas there are), objects (int: pods, nodes or controllers), instances (their names,
20 at most), going_on (int: objects it still befalls), since (ISO 8601 UTC or null: not known), until (ISO 8601 UTC, or
null while it goes on), times (int: how often seen), state ('new': began in the baseline or the incident window and
goes on; 'over': did, and is no more; 'old': was there before both), earlier (int: other objects it befell before the
incident window), exit_code (int or null), exit_meaning (text), said (the platform's sentence, cut).
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.workload_health.cases import cases, replicas
from analyzers.workload_health.sightings import sightings
from analyzers.workload_health.telling import finding, order, summary
from gather_diagnostics import Finding, Request, Tables, analyzer


@analyzer(needs=(), uses=("workloads", "events", "changes"))
def workload_health(request: Request, tables: Tables) -> Iterator[Finding]:
    """What ails the replicas by the platform's own word, with the rows that prove it, the worst first."""
    pods = replicas(request, tables)
    found, over = cases(request, tables, sightings(request, tables), pods)
    findings = sorted((finding(case, pods) for case in found), key=order)
    yield summary(tables, pods, findings, over)
    yield from findings
