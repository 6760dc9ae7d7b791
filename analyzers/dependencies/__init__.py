"""Is something we call failing first: a service, a database, a queue, a name server, a cloud service?

From metrics of our calls and of the callee itself, from what our own error lines say (connection refused, time-outs,
DNS, TLS, 5xx from upstream, throttling) and whom they name, from the callee's own error lines where they were read in
the same run, and from events about the callee. Findings:

'dependencies': always there; what was looked at. Details: looked_at (names), suspects (names of those that failed
before us or with us, the likeliest first), first (the likeliest or null), victims (those that failed after us).

'dependencies:<name>' for each that left its baseline, 10 at most. <name> is a known service, else a host, else
'address:port'; 'unnamed' for error lines that name nobody. Details: dependency; order (before, with or after our own
onset; unknown where we have none); since (ISO 8601 UTC); lead (seconds before our onset, negative: after it; or null);
itself (failing, healthy or unknown: what the callee's own metrics and lines say); system (what usually listens on the
port named, or null); signals ([{kind, time, words}], kind: error_rate, latency, dns, tls, refused, unreachable,
timeout, reset, throttled, exhausted, upstream, own_lines, event); known (bool: topology, metrics or the catalogue know
it).

A dependency that fails after us is a victim and no cause. One that fails together with us may be either: error lines
of ours that name it begin when ours do.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.dependencies.calls import from_metrics
from analyzers.dependencies.happenings import from_events
from analyzers.dependencies.judging import verdicts
from analyzers.dependencies.lines import from_logs
from analyzers.dependencies.peerlines import from_peers_logs
from analyzers.dependencies.peers import Peers, known_peers
from analyzers.dependencies.telling import finding, summary
from gather_diagnostics import Finding, Findings, Request, Tables, analyzer

MOST = 10


@analyzer(needs=(), uses=("metrics", "logs", "topology", "events"), after=("onset",))
def dependencies(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """The summary, then the dependencies that left their baseline, the likeliest cause first."""
    if not {"metrics", "logs", "topology"} & set(tables):
        return
    peers = known_peers(request, tables)
    signals, healthy = from_metrics(request, tables, peers)
    signals += [*from_logs(request, tables, peers), *from_events(request, tables, peers)]
    onset = next((f for f in findings["onset"] if f.time), None)
    named = Peers({*peers.names, *(s.dependency for s in signals)})
    signals += from_peers_logs(request, tables, named, onset)
    told = verdicts(signals, healthy, onset, peers)
    yield summary(told, peers, onset)
    for verdict in told[:MOST]:
        yield finding(verdict)
