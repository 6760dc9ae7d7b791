"""The service as a whole: failing requests, percentiles of latency, traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gather_diagnostics.response.recovery import words
from gather_diagnostics.response.recovery.eras import Eras, Minutes, Pick, minutes
from gather_diagnostics.response.recovery.measures import LOST, failing, slow
from gather_diagnostics.response.recovery.model import Criterion
from gather_diagnostics.response.recovery.sentences import Asked
from gather_diagnostics.selection import Served

if TYPE_CHECKING:
    import pandas as pd

STATS = ("p50", "p95", "p99")


def of_requests(found: Eras) -> Iterator[Criterion]:
    """Those that the bundle's metrics allow."""
    requests = minutes(found, "metrics", _whole(found.service, "request_rate"), add="instance")
    told = [failing(Asked("error_rate", "Failing requests", words.percent), _shares(found), requests)]
    for stat in STATS:
        asked = Asked(f"latency:{stat}", f"Latency {stat}", words.length)
        told.append(slow(asked, minutes(found, "metrics", _whole(found.service, "latency", stat))))
    traffic = Asked("traffic", "Traffic", words.traffic)
    told.append(slow(traffic, requests, margin=LOST, less=True))
    yield from (one for one in told if one)


def _shares(found: Eras) -> Minutes:
    return minutes(found, "metrics", _whole(found.service, "error_rate"))


def _whole(service: str, metric: str, stat: str = "") -> Pick:
    """Samples of the whole service; where only its replicas are measured, theirs."""

    def pick(metrics: pd.DataFrame) -> pd.DataFrame:
        return Served(metrics, service).of(metric, stat)

    return pick
