"""Did the service's traffic leave its baseline, up or down, since when, by how much, and who carries it?

From the metric `request_rate` alone: lines of a log are no requests, since one request writes none or many. A rise is
no harm in itself and at most 'medium'; a fall by half and more is 'high', for these requests are lost. What the same
clock hours saw a day or a week before is no surprise. Findings:

'traffic': always there. Details: unit ('1/s'); changed (bool; null where too little was counted to tell); direction
('up', 'down' or null: not changed); before (median of the baseline), after (median of the departure, else of the
incident window) and seasonal (the level that the same clock hours reached a day or a week before: the higher 90th
percentile for what rose, the lower 10th for what fell; null where no source keeps it or nothing moved), in `unit`;
ratio (after to before, or null); since, until (ISO 8601 UTC; until is when it was back at its baseline, null while it
goes on); lead (seconds by which it came before the onset, negative: after it; or null); peak, peak_time (the farthest
from the baseline: of a fall the lowest); trend (rising, falling, flat, unknown), trend_words (of the last 15 minutes).

'traffic:slice' where it changed and there are values of an endpoint, a caller, a tenant or another label to compare:
which of them carry it. Details: direction, unit, usual and now (of those that carry it, or null) and those of
`gather_diagnostics.slicing.breakdown.as_details`, where `rose` says that a value moved as the whole did, and `share`
is that of the requests before. Instances, versions and nodes are not compared: they tell who served a request, not who
sent it.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.traffic.counting import counted
from analyzers.traffic.departing import departure
from analyzers.traffic.slices import carried
from analyzers.traffic.telling import overall, sliced, unknown
from gather_diagnostics import Finding, Findings, Request, Tables, analyzer


@analyzer(needs=(), uses=("metrics",), after=("onset",))
def traffic(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """How many requests come in against the baseline and the same hours before, then which part of them carries it."""
    counts = counted(request, tables)
    if counts is None or not counts.enough:
        yield unknown(request, counts)
        return
    onset = next((f.time for f in findings["onset"] if f.time), None)
    found = departure(counts)
    whole = overall(counts, found, onset)
    yield whole
    if found and whole.details["changed"]:
        split = carried(request, tables, counts, found)
        if split.slices:
            yield sliced(counts, found, split)
