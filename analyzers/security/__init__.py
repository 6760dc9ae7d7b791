"""What would a security engineer want to know? Observations, never accusations.

Told from log lines (`logs`) and CloudTrail's write events (`changes`). Whether lines are more than before is told by
`bursts.chance`; which lines count, by `signs.SIGNS`. Lines of every service count: sshd's are not the service's own.
Where addresses are redacted, their tokens still group. Of rows that stand for several lines the first line's address
counts. Findings:

'security': always there; what was looked at. Details: lines, calls (int), seen ({sign: lines in the incident window}),
told (observations below).

'security:failed_logins', 'security:permission_denied', 'security:scanners'. Details: observation (the sign's name),
lines and baseline (int: in the incident and the baseline window), expected (what the baseline's rate makes in the
incident window), chance (probability of so many if nothing had changed), compared (bool: there is a log of the
baseline), addresses and new_addresses (int: in the incident window, of these not in the baseline), top ([{address,
lines, new}], the loudest first, 10 at most), answered (int: lines with HTTP status 2xx or 3xx), endpoints (5 at most),
since (ISO 8601 UTC).

'security:new_sources': requests of addresses that the baseline did not have. Details: observation, lines, baseline,
expected, chance, share (of all requests), addresses, top, since.

'security:api_calls': write calls by principals, or of kinds, that the change window did not have before the incident.
Details: observation, lines (calls), baseline (calls before), calls ([{who, new, calls {name: int}, sensitive}]).
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.security.calls import recorded, unusual
from analyzers.security.lines import clients, signed
from analyzers.security.sources import new_sources
from analyzers.security.telling import observations, summary
from gather_diagnostics import Finding, Request, Tables, analyzer


@analyzer(needs=(), uses=("logs", "changes"))
def security(request: Request, tables: Tables) -> Iterator[Finding]:
    """Failed log-ins, refusals, scanners, new addresses and unusual API calls, each against what was usual."""
    found: list[Finding] = []
    seen, calls = None, 0
    if "logs" in tables:
        seen, named = signed(tables["logs"]), clients(tables["logs"])
        found += observations(request, tables["logs"], seen, named)
        found += new_sources(request, tables["logs"], named)
    if "changes" in tables:
        its = recorded(tables["changes"])
        calls = len(its)
        found += unusual(request, its)
    yield summary(request, tables, seen, calls, found)
    yield from found
