"""The parts of the service that the findings named: endpoints, tenants, zones. Pure.

Versions, replicas and nodes are left out: to recover often means that they are gone. Of replicas `replicas` tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gather_diagnostics.response.recovery import words
from gather_diagnostics.response.recovery.eras import Eras, Minutes, minutes
from gather_diagnostics.response.recovery.lines import Logs, of_place
from gather_diagnostics.response.recovery.measures import failing, slow
from gather_diagnostics.response.recovery.model import Criterion
from gather_diagnostics.response.recovery.sentences import Asked
from gather_diagnostics.slicing.places import Placed, placed_samples

if TYPE_CHECKING:
    import pandas as pd

DIMENSIONS = ("endpoint", "tenant", "caller", "zone", "region")
"""Parts that stay when the service is well again."""
MOST = 8
"""Values of all dimensions that are looked at, those that carry the rise first."""
STAT = "p95"
_QUESTIONS = ("error_rate", "latency")

View = Mapping[str, Any]


def named(document: View) -> list[tuple[str, str]]:
    """(dimension, value) of the parts that the findings say got worse: those that carry the rise first."""
    findings = [f for f in document["findings"] if f["question"] in _QUESTIONS]
    slices = [f["details"] for f in findings if f["id"].endswith(":slice")]
    told = [(d["dimension"], value) for d in slices if d.get("dimension") for value in d.get("values", ())]
    told += [
        ("endpoint", f["id"].partition(":endpoint:")[2])
        for f in findings
        if ":endpoint:" in f["id"] and f["details"].get("changed")
    ]
    affected = [pair for d in slices for pair in d.get("affected", {}).items()]
    told += [(dimension, value) for dimension, rose in affected for value in rose["values"]]
    kept = [(str(d), str(v)) for d, v in told if d in DIMENSIONS]
    return list(dict.fromkeys(kept))[:MOST]


def of_places(found: Eras, logs: Logs | None, document: View) -> Iterator[Criterion]:
    """What metrics and logs say of each of them."""
    parts = named(document)
    placed = _placed(found) if parts else None
    for dimension, value in parts:
        if placed is not None and dimension in placed.dimensions:
            yield from _measured(found, placed, dimension, value)
        if logs and (one := of_place(logs, dimension, value)):
            yield one


_ERA = "recovery era"
"""A column that no source has."""


def _placed(found: Eras) -> Placed | None:
    """Samples of both eras with their places, so that a part that is silent now is still known as one."""
    import pandas as pd

    frames = {"then": found.then("metrics"), "now": found.present("metrics")}
    there = [frame.assign(**{_ERA: era}) for era, frame in frames.items() if frame is not None]
    if not there:
        return None
    rows = pd.concat(there, ignore_index=True)
    wanted = rows["metric"].isin((*_QUESTIONS, "request_rate"))
    return placed_samples(rows[wanted], found.service, found.then_tables)


def _measured(found: Eras, placed: Placed, dimension: str, value: str) -> Iterator[Criterion]:
    name = f"{dimension} {words.named(value)}"
    place = f"{dimension}:{value}"
    shares, requests, percentile = (
        _minutes(found, placed, dimension, value, *of)
        for of in (("error_rate", ""), ("request_rate", ""), ("latency", STAT))
    )
    failed = failing(Asked(f"error_rate:{place}", f"Failing requests of {name}", words.percent), shares, requests)
    delayed = slow(Asked(f"latency:{place}", f"Latency {STAT} of {name}", words.length), percentile)
    yield from (one for one in (failed, delayed) if one)


def _minutes(found: Eras, placed: Placed, dimension: str, value: str, metric: str, stat: str) -> Minutes:
    rows = placed.rows
    its = rows[(rows["metric"] == metric) & (rows[dimension] == value)]
    its = placed.narrowest(its[its["stat"] == stat] if stat else its, dimension)
    then, now = (its[its[_ERA] == era] for era in ("then", "now"))
    of = Eras(found.service, found.usual, found.ill, found.now, {"metrics": then}, {"metrics": now})
    return minutes(of, "metrics", _all)


def _all(rows: pd.DataFrame) -> pd.DataFrame:
    return rows
