"""One look: everything that has to be as before, compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.response.recovery.eras import eras
from gather_diagnostics.response.recovery.lines import logs, of_lines
from gather_diagnostics.response.recovery.model import Criterion, Look, overall
from gather_diagnostics.response.recovery.patterns import of_patterns
from gather_diagnostics.response.recovery.places import of_places
from gather_diagnostics.response.recovery.replicas import Restarts, of_replicas
from gather_diagnostics.response.recovery.requests import of_requests

View = Mapping[str, Any]


def look(bundle: Evidence, document: View, now: Evidence, window: Window, earlier: Restarts | None = None) -> Look:
    """`document` is that of `document.view` of the bundle; `now` was collected for `window`; `earlier` as in
    `replicas.of_replicas`."""
    criteria = tuple(_criteria(bundle, document, now, window, earlier))
    return Look(window.end, window, criteria, overall(criteria), now.gaps)


def _criteria(
    bundle: Evidence, document: View, now: Evidence, window: Window, earlier: Restarts | None
) -> Iterator[Criterion]:
    found = eras(bundle, document, now, window)
    lines = logs(found) if found.usual else None
    if found.usual:
        yield from of_requests(found)
    if lines:
        yield of_lines(lines)
        yield from of_patterns(lines)
    if found.usual:
        yield from of_places(found, lines, document)
    if replicas := of_replicas(bundle, now, earlier):
        yield replicas
