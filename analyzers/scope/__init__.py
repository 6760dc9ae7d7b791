"""How far does it reach, how many are hit, and is it getting worse?

One finding, 'scope', built on the answers to onset, error_rate and latency. Details (severity and runbooks read them):

spread                  'isolated' (one value of one dimension carries it: a version, an instance, an endpoint),
                        'several' (a few do), 'widespread' (all alike); null where nothing is wrong or there is nothing
                        to compare
carried_by              {dimension, values, explains} or null
share_of_requests_failing   0..1, mean since the onset, weighted by traffic where it is known; null without metrics
requests_failed         int, error rate times request rate, integrated since the onset; null where either is missing
requests_with_errors    int, different request ids (else trace ids) in error lines since the onset: at least so many,
                        since like lines are folded; null where no error line has one
users                   int, different tenants in error lines since the onset, at least; null where none has one
error_lines             int, since the onset; null without logs
endpoints, versions, zones, tenants   values that got worse, 50 at most, the worst first
instances               {affected, of} (int) and names (50 at most); null where they are not told apart
trend                   of the last 15 minutes: 'worse', 'steady', 'recovering', 'recovered' or 'unknown'; 'steady'
                        where nothing is wrong
recovered_since         ISO 8601 UTC, or null
signal                  what the trend is of: 'error_rate', 'latency', 'log_errors', or null
since                   ISO 8601 UTC: from when on it is counted; null where nothing is wrong

Of an incident that has recovered, requests, users and lines are counted up to then.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.scope.counting import count
from analyzers.scope.course import course
from analyzers.scope.reach import broken, reach
from analyzers.scope.telling import healthy, scoped
from gather_diagnostics import Finding, Findings, Request, Tables, Window, analyzer
from gather_diagnostics.selection import since_onset


@analyzer(needs=(), uses=("metrics", "logs", "workloads"), after=("onset", "error_rate", "latency"))
def scope(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """Exactly one finding, whenever metrics or logs came in."""
    if not {"metrics", "logs"} & set(tables):
        return
    window = since_onset(request, findings)
    known = broken(findings)
    run = course(request, window, tables, known)
    if not known and run.began:
        window = Window(run.began, window.end)
    if not known and not run.began:
        yield healthy(count(request, window, tables))
        return
    until = Window(window.start, run.recovered) if run.recovered and run.recovered > window.start else window
    yield scoped(until, count(request, until, tables), reach(findings, tables), run)
