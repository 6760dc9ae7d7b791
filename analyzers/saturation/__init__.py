"""What is at its limit or near it, since when, and when will it run out?

Told from metrics, from limits that manifests declare (`workloads`) and from autoscalers' events. `resources.RESOURCES`
says which metrics are understood; `judging` says how they are judged. Findings:

'saturation': always there; what was looked at. Details: checked ({resource: {series: int, highest: 0..1 or null}}),
saturated (resources of the findings below).

'saturation:<resource>' for the service's own, 'saturation:<resource>:<callee>' for what it calls. Details: resource;
where (the callee or ''); kind (share, used, left, waiting or refused); metric and unit; ratio (0..1, used out of what
there may be, or null where that is not known); level, limit, usual (median of the baseline) and peak (in `unit`, or
null); since, until (ISO 8601 UTC; until is null while it goes on; since too where it will run out and is not near yet);
old (bool: it was so when the baseline window opened); runs_out, runs_out_earliest, runs_out_latest (ISO 8601 UTC or
null; the bounds of a 95 % interval, the latest null where it is open); growth (of what waits, a minute, in `unit`);
instances (names, the worst first, 20 at most), affected and of (int: instances).

'saturation:replicas': an autoscaler at its maximum. Details: resource, ratio, since, old, runs_out, instances.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.saturation.judging import verdict
from analyzers.saturation.overall import replicas, summary
from analyzers.saturation.readings import readings
from analyzers.saturation.telling import findings, order
from gather_diagnostics import Finding, Request, Tables, analyzer


@analyzer(needs=(), uses=("metrics", "workloads", "events"))
def saturation(request: Request, tables: Tables) -> Iterator[Finding]:
    """What is at or near its limit or will be within hours, the worst first; else how full the fullest is."""
    verdicts = [v for r in readings(request, tables) if (v := verdict(request, r))]
    told = sorted([*findings(verdicts), *replicas(request, tables)], key=order)
    yield summary(verdicts, told)
    yield from told
